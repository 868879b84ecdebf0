//! The table of what kernels cost: its rows, its file, and how two of them compare.

use std::fmt::Write;
use thiserror::Error;

/// What is counted: the column of the file, and the driver's name for it.
pub const COUNTED: [(&str, &str); 11] = [
    ("vgprs", "VGPRs"),
    ("sgprs", "SGPRs"),
    ("spilled_vgprs", "Spilled VGPRs"),
    ("spilled_sgprs", "Spilled SGPRs"),
    ("scratch_bytes", "Scratch size"),
    ("workgroup_bytes", "LDS size"),
    ("waves", "Subgroups per SIMD"),
    ("instructions", "Instructions"),
    ("code_bytes", "Code size"),
    ("latency", "Latency"),
    ("inverse_throughput", "Inverse Throughput"),
];
/// Places in [`COUNTED`].
const VGPRS: usize = 0;
const SGPRS: usize = 1;
const SPILLED_VGPRS: usize = 2;
const SPILLED_SGPRS: usize = 3;
const SCRATCH: usize = 4;
const WORKGROUP: usize = 5;
const WAVES: usize = 6;
const INSTRUCTIONS: usize = 7;
const THROUGHPUT: usize = 10;
/// What names a row, before what is counted.
const NAMES: [&str; 4] = ["family", "driver", "kernel", "classes"];

/// How to make the table anew.
const ANEW: &str = "make gpu-cost";

/// What a driver says of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The GPU's, as the driver names it.
    pub family: String,
    /// The driver and its version.
    pub driver: String,
    pub kernel: String,
    /// 0 of a kernel that knows no classes.
    pub classes: u32,
    /// In the order of [`COUNTED`].
    pub counted: [u64; COUNTED.len()],
}

impl Row {
    fn same_kernel(&self, other: &Row) -> bool {
        (&self.family, &self.kernel, self.classes) == (&other.family, &other.kernel, other.classes)
    }

    fn spilled(&self) -> u64 {
        self.counted[SPILLED_VGPRS] + self.counted[SPILLED_SGPRS]
    }

    /// Memory that stands in for registers: of spilled ones, and of arrays whose index is known only as they run.
    fn scratch(&self) -> u64 {
        self.counted[SCRATCH]
    }

    fn waves(&self) -> u64 {
        self.counted[WAVES]
    }

    fn name(&self) -> String {
        match self.classes {
            0 => format!("{}, {}", self.family, self.kernel),
            classes => format!("{}, {} of {classes} classes", self.family, self.kernel),
        }
    }
}

/// A file that is no such table.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TableError {
    #[error("the first line is not `{}`: {ANEW} writes such a file", header())]
    Header,
    #[error("line {line}: {found} values, not {}", NAMES.len() + COUNTED.len())]
    Values { line: usize, found: usize },
    #[error("line {line}: `{value}` is not a whole number")]
    Number { line: usize, value: String },
}

fn header() -> String {
    NAMES.into_iter().chain(COUNTED.map(|(column, _)| column)).collect::<Vec<_>>().join(",")
}

/// The file.
pub fn to_csv(rows: &[Row]) -> String {
    let mut text = header() + "\n";
    for row in rows {
        let counted = row.counted.map(|count| count.to_string()).join(",");
        let _ = writeln!(text, "{},{},{},{},{counted}", row.family, row.driver, row.kernel, row.classes);
    }
    text
}

/// The rows of a file.
pub fn from_csv(text: &str) -> Result<Vec<Row>, TableError> {
    let mut lines = text.lines();
    if lines.next() != Some(&header()) {
        return Err(TableError::Header);
    }
    lines.enumerate().map(|(number, line)| row_of(line, number + 2)).collect()
}

fn row_of(text: &str, line: usize) -> Result<Row, TableError> {
    let values: Vec<&str> = text.split(',').collect();
    let [family, driver, kernel, classes, counts @ ..] = &values[..] else {
        return Err(TableError::Values { line, found: values.len() });
    };
    if counts.len() != COUNTED.len() {
        return Err(TableError::Values { line, found: values.len() });
    }
    let no_number = |value: &str| TableError::Number { line, value: value.to_owned() };
    let mut counted = [0; COUNTED.len()];
    for (to, value) in counted.iter_mut().zip(counts) {
        *to = value.parse().map_err(|_| no_number(value))?;
    }
    Ok(Row {
        family: (*family).to_owned(),
        driver: (*driver).to_owned(),
        kernel: (*kernel).to_owned(),
        classes: classes.parse().map_err(|_| no_number(classes))?,
        counted,
    })
}

/// The table to read: a heading for each GPU, a line for each kernel.
pub fn to_text(rows: &[Row]) -> String {
    let widest = rows.iter().map(|row| row.kernel.len()).max().unwrap_or(0).max(6);
    let mut text = String::new();
    let mut last: Option<&Row> = None;
    for row in rows {
        if last.is_none_or(|last| (&last.family, &last.driver) != (&row.family, &row.driver)) {
            let _ = writeln!(
                text,
                "{}{}, {}\n{:widest$}  classes  VGPRs  SGPRs  spilled  scratch B  workgroup B  waves/SIMD  \
                 instructions  inverse throughput",
                if last.is_some() { "\n" } else { "" },
                row.family,
                row.driver,
                "kernel",
            );
        }
        let count = row.counted;
        let classes = if row.classes == 0 { "-".to_owned() } else { row.classes.to_string() };
        let _ = writeln!(
            text,
            "{:widest$}  {classes:>7}  {:>5}  {:>5}  {:>7}  {:>9}  {:>11}  {:>10}  {:>12}  {:>18}",
            row.kernel,
            count[VGPRS],
            count[SGPRS],
            row.spilled(),
            row.scratch(),
            count[WORKGROUP],
            row.waves(),
            count[INSTRUCTIONS],
            count[THROUGHPUT],
        );
        last = Some(row);
    }
    text
}

/// How what was found differs from a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What must not be, a line each.
    pub worse: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Holds what was found against a table, `file`: kernels that spill more than they did, that fewer waves of fit on a
/// SIMD, or that the table does not know. Another driver allots registers in another way: against it only spills count.
pub fn compare(table: &[Row], found: &[Row], file: &str) -> Difference {
    let mut difference = Difference::default();
    let mut note = |text: String| {
        if !difference.notes.contains(&text) {
            difference.notes.push(text);
        }
    };
    for row in found {
        let name = row.name();
        let Some(known) = table.iter().find(|known| known.same_kernel(row)) else {
            difference.worse.push(format!("{name}: not in {file} yet: run `{ANEW}` and commit the file"));
            continue;
        };
        let same_driver = known.driver == row.driver;
        if !same_driver {
            note(format!(
                "{}: {file} is of {}, this is {}: only spills are compared",
                row.family, known.driver, row.driver
            ));
        }
        let [now, did] = [row, known].map(|row| row.counted);
        if row.spilled() > known.spilled() || same_driver && row.scratch() > known.scratch() {
            difference.worse.push(format!(
                "{name}: spills {} VGPRs and {} SGPRs, with {} B of scratch memory; {file} says {}, {} and {}: keep \
                 fewer values alive at once, or, where it is worth them, run `{ANEW}` and commit the file",
                now[SPILLED_VGPRS],
                now[SPILLED_SGPRS],
                now[SCRATCH],
                did[SPILLED_VGPRS],
                did[SPILLED_SGPRS],
                did[SCRATCH],
            ));
        }
        if same_driver && row.waves() < known.waves() {
            difference.worse.push(format!(
                "{name}: {} waves a SIMD, {file} says {} (VGPRs {}, were {}; workgroup memory {} B, was {} B): use \
                 less of what grew, or, where it is worth them, run `{ANEW}` and commit the file",
                row.waves(),
                known.waves(),
                now[VGPRS],
                did[VGPRS],
                now[WORKGROUP],
                did[WORKGROUP],
            ));
        }
        if same_driver && (row.waves() > known.waves() || row.spilled() < known.spilled()) {
            note(format!("{name}: better than {file} says: `{ANEW}` writes it anew"));
        }
    }
    for known in table.iter().filter(|known| found.iter().any(|row| row.family == known.family)) {
        if !found.iter().any(|row| row.same_kernel(known)) {
            note(format!("{}: in {file}, and no longer a kernel: `{ANEW}` writes it anew", known.name()));
        }
    }
    difference
}
