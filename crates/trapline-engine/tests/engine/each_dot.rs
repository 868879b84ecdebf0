//! Cells whose dots are taken one by one, which the counted mode and the mean field are held against.

use trapline_engine::backend::cells::Population;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::job::{Bake, Job, JobError, Program};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::{self, Material};
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;

use crate::counted::of_dots;

const EACH_DOT: Electrons = Electrons::EachDot(DotNumber::Poisson);
const COUNTED: Electrons = Electrons::Counted(DotNumber::Poisson);

/// Pulses of a material, and a bake.
struct Case<'a> {
    material: &'a Material,
    variation: bool,
    pulses: u32,
    celsius: f64,
    times_s: &'a [f64],
    fails_below: f64,
}

impl Case<'_> {
    fn job(&self, electrons: Electrons, rows: u64, cols: u64) -> Result<Job, JobError> {
        let pulse = Part::Pulses { pulses: self.pulses, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 };
        Job::of(self.material)
            .variation(self.variation)
            .electrons(electrons)
            .array(ArrayShape { rows, cols })
            .program(Program::of(&segments(&[pulse])))
            .bake(Bake::at(kelvin(self.celsius)).checkpoints(self.times_s))
            .fails_below(self.fails_below)
            .build()
    }

    /// Of each checkpoint the mean and the standard deviation of what is kept, and the share that fails.
    fn kept(&self, backend: &dyn Backend, electrons: Electrons, rows: u64) -> Vec<[f64; 3]> {
        let job = self.job(electrons, rows, 32).expect("sound");
        let trace = backend.trace(&job, &CellSet::run(0, rows * 32)).expect("runs");
        let of = |checkpoint: usize| {
            let kept: Vec<f64> = trace.kept.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
            let n = kept.len() as f64;
            let mean = kept.iter().sum::<f64>() / n;
            let sd = (kept.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            [mean, sd, kept.iter().filter(|x| **x < self.fails_below).count() as f64 / n]
        };
        (0..=self.times_s.len()).map(of).collect()
    }
}

/// Counted by classes and dot by dot are one population: means, spreads and failed shares of what is kept, for many
/// dots and few, small losses and large ones.
#[test]
fn classes_of_dots_are_the_dots_one_by_one() {
    let cpu = Cpu::open(None, None).expect("opens");
    let shipped = material::shipped("pi-ws2-qd").expect("shipped");
    let few = of_dots("pi-ws2-qd", 2000.0);
    let sheets = of_dots("pi-ws2-ns", 3000.0);
    let cases = [
        (
            Case {
                material: &shipped,
                variation: true,
                pulses: 1,
                celsius: 125.0,
                times_s: &[3e6, 5.8e7],
                fails_below: 0.97,
            },
            24,
        ),
        (
            Case {
                material: &few,
                variation: false,
                pulses: 10,
                celsius: 85.0,
                times_s: &[1e4, 1e7],
                fails_below: 0.99,
            },
            96,
        ),
        (
            Case {
                material: &few,
                variation: true,
                pulses: 30,
                celsius: 155.0,
                times_s: &[1e2, 1e3, 1e4],
                fails_below: 0.9,
            },
            96,
        ),
        (
            Case {
                material: &sheets,
                variation: false,
                pulses: 1,
                celsius: 100.0,
                times_s: &[1e2, 1e4],
                fails_below: 0.5,
            },
            64,
        ),
    ];
    for (case, rows) in &cases {
        let each = case.kept(&Reference, EACH_DOT, *rows);
        // As many cells as make their own error small.
        let counted = case.kept(&cpu, COUNTED, 8 * rows);
        for (checkpoint, (each, counted)) in each.iter().zip(&counted).enumerate().skip(1) {
            println!(
                "{} dots, {} C, {checkpoint}: {each:?} {counted:?}",
                case.material.capture.unwrap().traps,
                case.celsius
            );
            let cells = (rows * 32) as f64;
            let error = counted[1] * (1.125 / cells).sqrt();
            assert!((each[0] - counted[0]).abs() < 4.5 * error + 5e-5, "mean: {each:?} {counted:?}");
            // Of nearly normal values a standard deviation is known to 1/sqrt(2 n); a third more for their tails.
            let share = 1.33 * (1.125 / (2.0 * cells)).sqrt();
            assert!((each[1] / counted[1] - 1.0).abs() < 4.5 * share, "deviation: {each:?} {counted:?}");
            let failed = counted[2];
            let error = (failed * (1.0 - failed) * 1.125 / cells).sqrt() + 0.5 / cells;
            assert!((each[2] - failed).abs() < 4.5 * error, "failed: {each:?} {counted:?}");
        }
    }
}

/// Controls of the comparison: it tells the mean field by its spread, and six classes by their mean.
#[test]
fn the_mean_field_and_too_few_classes_are_told_from_the_dots() {
    let cpu = Cpu::open(None, None).expect("opens");
    let shipped = material::shipped("pi-ws2-qd").expect("shipped");
    let (_, text) = material::SHIPPED[0];
    let six = material::parse(&text.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 6"), "six").expect("sound");
    let of =
        |material| Case { material, variation: true, pulses: 1, celsius: 125.0, times_s: &[5.8e7], fails_below: 0.97 };
    let (each, cells) = (of(&shipped).kept(&Reference, EACH_DOT, 16)[1], 16.0 * 32.0_f64);
    let mean_field = of(&shipped).kept(&cpu, Electrons::MeanField, 128)[1];
    assert!((each[1] / mean_field[1] - 1.0).abs() > 4.5 * 1.33 / (2.0 * cells).sqrt(), "{each:?} {mean_field:?}");
    let few = of(&six).kept(&cpu, COUNTED, 128)[1];
    assert!((each[0] - few[0]).abs() > 4.5 * few[1] / cells.sqrt(), "{each:?} {few:?}");
    assert!(each[2] > 0.02 && each[2] < 0.2, "some fail: {each:?}");
}

/// Failed shares of `docs/rare.md`'s example, dot by dot; an independent program has 8.1e-3, 2.2e-2 and 6.8e-2 of the
/// continuum of sizes at 3e7, 4e7 and 5.8e7 s.
#[test]
fn few_electrons_fail_as_dots_do() {
    let cpu = Cpu::open(None, None).expect("opens");
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let case = Case {
        material: &dots,
        variation: true,
        pulses: 1,
        celsius: 125.0,
        times_s: &[3e7, 4e7, 5.8e7],
        fails_below: 0.97,
    };
    let each = case.kept(&Reference, EACH_DOT, 128);
    let counted = case.kept(&cpu, COUNTED, 2048);
    for ((each, counted), independent) in each[1..].iter().zip(&counted[1..]).zip([8.1e-3, 2.2e-2, 6.8e-2]) {
        println!("{} {} {independent}", each[2], counted[2]);
        let error = (independent * (1.0 - independent) / 4096.0_f64).sqrt();
        assert!((each[2] - independent).abs() < 4.0 * error, "{each:?}");
        // Two digits are printed; and what the independent figures leave out is a twentieth of them.
        assert!((counted[2] / independent - 1.0).abs() < 0.08, "{counted:?}");
    }
}

#[test]
fn what_cannot_be_taken_dot_by_dot_is_refused() {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let case = Case { material: &dots, variation: true, pulses: 1, celsius: 125.0, times_s: &[1.0], fails_below: 0.97 };
    let error = case.job(EACH_DOT, 1024, 1024).expect_err("too many");
    assert!(matches!(error, JobError::EachDot { .. }), "{error}");
    assert!(error.to_string().contains("1048576 cells") && error.to_string().contains("fewer rows"), "{error}");
    // Dots that fill and empty again and again for a year.
    let erase = Part::Pulses { pulses: 1, amplitude_v: -5.5, width_s: 3e7, interval_s: 1e-3 };
    let job = Job::of(&dots).electrons(EACH_DOT).array(ArrayShape { rows: 1, cols: 1 });
    let error = job.program(Program::of(&segments(&[erase]))).build().expect_err("too long");
    assert!(matches!(error, JobError::EachDotEvents { .. }), "{error}");
    let cpu = Cpu::open(None, None).expect("opens");
    let job = case.job(EACH_DOT, 1, 1).expect("sound");
    assert!(matches!(cpu.statistics(&job, &|_| ()), Err(BackendError::EachDot)));
    assert!(matches!(cpu.trace(&job, &CellSet::run(0, 1)), Err(BackendError::EachDot)));
    let population = Population::new(&dots, dots.variation, 1, vec![0]).electrons(EACH_DOT);
    assert!(matches!(Reference.cells(population).err(), Some(BackendError::EachDot)));
}
