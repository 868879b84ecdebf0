use super::*;
use crate::experiment::probe::Conditions;
use crate::experiment::pulse::POTENTIATION;
use trapline_engine::backend::reference::Reference;
use trapline_model::material::shipped;
use trapline_model::units::kelvin;

#[test]
fn patterns_that_cannot_be_are_told_why() {
    for (text, needed) in
        [("", "has no cell"), ("101\n11", "row 2 has 2 cells, the first has 3"), ("101\n1x1", "row 2 holds 'x'")]
    {
        let error = Pattern::parse("mine", text).expect_err(text).to_string();
        assert!(error.contains(needed), "{error}");
    }
    assert!(Pattern::letter("Q").is_err());
    let (plain, spaced) = (Pattern::parse("p", "101\n010"), Pattern::parse("p", "1 0 1\r\n\n0, 1, 0\n"));
    assert_eq!(plain.expect("sound"), spaced.expect("sound"));
    let h = Pattern::letter("h").expect("known");
    assert!(h.on(ArrayShape { rows: 4, cols: 9 }).expect_err("too large").to_string().contains("5 x 5"));
    assert_eq!(h.on(ArrayShape { rows: 6, cols: 7 }).expect("fits").iter().filter(|w| **w).count(), 13);
}

/// Half-selected cells fill, and with a switch at every cell nothing outside the pattern does: what the schemes
/// are for.
#[test]
fn only_a_scheme_that_shows_bias_to_others_disturbs_them() {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let shape = ArrayShape { rows: 5, cols: 5 };
    let conditions = Conditions { variation: true, ..Conditions::nominal(kelvin(25.0)) };
    let outside = |scheme| {
        let lesson = Lesson {
            pattern: Pattern::letter("H").expect("known"),
            train: POTENTIATION,
            scheme,
            stages: vec![0, 30],
            later_s: vec![1e3],
        };
        let mut probes = [Probe::new(&Reference, &qd, conditions, (0..25).collect()).expect("cells")];
        let d = letter_run(&mut probes, shape, &lesson);
        let g = d.numbers("conductance_s").expect("there").clone();
        // Row 0, column 1 is outside the H and shares lines with written cells.
        g[[0, 1, 0, 1]] / g[[0, 0, 0, 1]] - 1.0
    };
    assert!(outside(Scheme::Isolated).abs() < 1e-9);
    assert!(outside(Scheme::Half) > 1e-3, "{}", outside(Scheme::Half));
}

/// Cells are written one after the other: each gets, stroke by stroke, what it would by itself. Pulses that empty,
/// which what comes after one's own fills again.
#[test]
fn what_others_show_a_cell_comes_in_its_turn() {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let shape = ArrayShape { rows: 3, cols: 3 };
    let train = Train { amplitude_v: -5.5, ..POTENTIATION };
    let conditions = Conditions::nominal(kelvin(100.0));
    let probe = || Probe::new(&Reference, &qd, conditions, (0..9).collect()).expect("cells");
    for scheme in [Scheme::Half, Scheme::Third] {
        let pattern = Pattern::parse("corner", "110\n010\n001").expect("sound");
        let lesson = Lesson { pattern, train, scheme, stages: vec![3], later_s: Vec::new() };
        let written = lesson.pattern.on(shape).expect("fits");
        let mut taught = probe();
        teach(&mut taught, &written, &lesson, 3).expect("runs");
        // One cell and one stroke at a time; `first` is whose stroke a cell sees before all others, if it is its own.
        let by_hand = |own_first: bool| {
            let mut cells = probe();
            let strokes: Vec<(usize, usize)> = written.indexed_iter().filter(|(_, w)| **w).map(|(at, _)| at).collect();
            let (beside, elsewhere) = scheme.shares();
            for cycle in 0..3 {
                for (place, (at, _)) in written.indexed_iter().enumerate() {
                    let mut in_turn = strokes.clone();
                    if own_first {
                        in_turn.sort_by_key(|stroke| *stroke != at);
                    }
                    for stroke in in_turn {
                        let share = match (stroke.0 == at.0, stroke.1 == at.1) {
                            (true, true) => 1.0,
                            (false, false) => elsewhere,
                            _ => beside,
                        };
                        let bias_v = share * train.amplitude_v;
                        let segment = (Segment { bias_v, dwell_s: train.width_s, cycle }, true);
                        cells.drive_some(&[place as u32], &[segment]).expect("runs");
                    }
                    let rest = (Segment { bias_v: 0.0, dwell_s: train.interval_s, cycle }, false);
                    cells.drive_some(&[place as u32], &[rest]).expect("runs");
                }
            }
            cells.filling().expect("cells")
        };
        let (found, expected, wrong) = (taught.filling().expect("cells"), by_hand(false), by_hand(true));
        let most = expected.iter().copied().fold(0.0, f64::max);
        let apart = |other: &Array1<f64>| {
            found
                .iter()
                .zip(other)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, |most: f64, d| if d.is_nan() { f64::NAN } else { most.max(d) })
        };
        // A segment by itself is taken in other steps than one of many, which are known to some 1e-6.
        assert!(apart(&expected) < 1e-6 * most, "{scheme:?}: {}", apart(&expected));
        assert!(apart(&wrong) > 1e-2 * most, "control, {scheme:?}: {}", apart(&wrong));
    }
}

fn letter_run(probes: &mut [Probe], shape: ArrayShape, lesson: &Lesson) -> Dataset {
    run(probes, "letter", shape, lesson).expect("runs")
}
