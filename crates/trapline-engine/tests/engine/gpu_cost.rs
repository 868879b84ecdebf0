//! The table of the example `gpu_cost`: what it takes for worse, and for a table.

#[path = "../../examples/gpu_cost/table.rs"]
mod table;

use table::{COUNTED, Difference, Row, TableError, compare, from_csv, to_csv, to_text};

fn row(kernel: &str, classes: u32, changes: &[(&str, u64)]) -> Row {
    let mut counted = [0; COUNTED.len()];
    for (column, count) in [("vgprs", 40), ("waves", 12), ("instructions", 900)].iter().chain(changes) {
        let place = COUNTED.iter().position(|(known, _)| known == column).expect("a column");
        counted[place] = *count;
    }
    Row { family: "navi21".into(), driver: "Mesa 22.3.6".into(), kernel: kernel.into(), classes, counted }
}

fn differ(table: &[Row], found: &[Row]) -> Difference {
    compare(table, found, "costs.csv")
}

#[test]
fn a_table_is_written_and_read_back() {
    let rows = vec![row("bake", 8, &[("spilled_sgprs", 3)]), row("reduce", 0, &[("code_bytes", u64::MAX)])];
    assert_eq!(from_csv(&to_csv(&rows)), Ok(rows.clone()));
    assert_eq!(from_csv("kernel,waves\n"), Err(TableError::Header));
    let text = to_csv(&rows);
    let short = text.replace(",bake,8", ",bake");
    assert_eq!(from_csv(&short), Err(TableError::Values { line: 2, found: 14 }));
    let words = text.replace(",reduce,0,40", ",reduce,0,forty");
    assert_eq!(from_csv(&words), Err(TableError::Number { line: 3, value: "forty".into() }));
    assert_eq!(to_text(&rows).lines().count(), 4, "a heading of two lines, and two kernels");
}

#[test]
fn spills_and_lost_waves_are_worse_and_say_both_numbers() {
    let table = [row("bake", 8, &[]), row("bake", 16, &[("spilled_vgprs", 2)])];
    assert_eq!(differ(&table, &table), Difference::default());
    // More registers and instructions are not worse as long as as many waves fit.
    let grown = [row("bake", 8, &[("vgprs", 42), ("instructions", 2000)]), table[1].clone()];
    assert_eq!(differ(&table, &grown), Difference::default());
    let lost = differ(&table, &[row("bake", 8, &[("waves", 10), ("vgprs", 48)]), table[1].clone()]);
    assert_eq!(lost.worse.len(), 1);
    assert!(lost.worse[0].starts_with("navi21, bake of 8 classes: 10 waves a SIMD, costs.csv says 12"), "{lost:?}");
    let spilt = differ(&table, &[table[0].clone(), row("bake", 16, &[("spilled_vgprs", 2), ("spilled_sgprs", 1)])]);
    assert!(spilt.worse.len() == 1 && spilt.worse[0].contains("spills 2 VGPRs and 1 SGPRs"), "{spilt:?}");
    assert!(spilt.worse[0].contains("says 2, 0 and 0"), "{spilt:?}");
    let scratch = differ(&table, &[row("bake", 8, &[("scratch_bytes", 64)]), table[1].clone()]);
    assert!(scratch.worse.len() == 1 && scratch.worse[0].contains("64 B of scratch"), "{scratch:?}");
    // What is better is worth a note, and so is a kernel that is gone.
    let better = differ(&table, &[row("bake", 8, &[("waves", 16)])]);
    assert!(better.worse.is_empty() && better.notes.len() == 2, "{better:?}");
}

#[test]
fn a_kernel_the_table_does_not_know_is_named() {
    let table = [row("bake", 8, &[])];
    let found = [table[0].clone(), row("anneal", 8, &[])];
    let new = differ(&table, &found);
    assert!(new.worse.len() == 1 && new.worse[0].starts_with("navi21, anneal of 8 classes: not in costs.csv"));
    // A table of other families says nothing of this one.
    let other = Row { family: "vega10".into(), ..table[0].clone() };
    assert_eq!(differ(&[other], &table).worse.len(), 1);
}

#[test]
fn against_another_driver_only_spills_count() {
    let newer = |of: Row| Row { driver: "Mesa 25.0.1".into(), ..of };
    let table = [row("bake", 8, &[]), row("bake", 16, &[])];
    let fewer = differ(&table, &[newer(row("bake", 8, &[("waves", 3)])), newer(row("bake", 16, &[("waves", 3)]))]);
    assert!(fewer.worse.is_empty() && fewer.notes.len() == 1, "{fewer:?}");
    assert!(fewer.notes[0].contains("is of Mesa 22.3.6, this is Mesa 25.0.1"), "{fewer:?}");
    let spilt = differ(&table, &[newer(row("bake", 8, &[("spilled_vgprs", 1)])), table[1].clone()]);
    assert_eq!(spilt.worse.len(), 1, "{spilt:?}");
}
