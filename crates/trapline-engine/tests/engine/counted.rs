//! Cells whose electrons are counted: what backends must agree on, closed forms, and what is refused. Held against
//! exact simulation in `counted_exact.rs`.

use crate::counted_exact::moments;
use ndarray::Array2;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::Population;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::{DispatchLimits, Gpu, source};
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::Stimulus;
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::step::{self, StepDrive};
use trapline_model::cell::{self, Factors, capture};
use trapline_model::material::draft::Draft;
use trapline_model::material::{self, MAX_CLASSES, Material, Variation};
use trapline_model::protocol::{Leg, Part, Profile, Segment, segments};
use trapline_model::units::kelvin;

pub(super) const FIXED: Electrons = Electrons::Counted(DotNumber::Fixed);
const POISSON: Electrons = Electrons::Counted(DotNumber::Poisson);

/// A shipped material with so many dots a cell.
pub(crate) fn of_dots(name: &str, dots: f64) -> Material {
    let (_, text) = material::SHIPPED.into_iter().find(|(shipped, _)| *shipped == name).expect("shipped");
    let nominal = material::shipped(name).expect("reads").capture.expect("has traps").traps;
    let mut draft = Draft::new(text, name).expect("TOML");
    let area = draft.number("film.area").expect("there") * dots / nominal;
    draft.set("film.area", area);
    material::parse(&draft.text(), name).expect("reads")
}

/// A shipped material with so many trap classes.
fn of_classes(name: &str, classes: usize) -> Material {
    let (_, text) = material::SHIPPED.into_iter().find(|(shipped, _)| *shipped == name).expect("shipped");
    let text = text.replace("[traps]", &format!("[traps]\nclasses = {classes}"));
    material::parse(&text, name).expect("reads")
}

/// How many cells of two backends hold the same electrons in every class after so many pulses of the shipped dots.
fn same_cells(one: &dyn Backend, other: &dyn Backend, pulses: u32, cells: u64) -> f64 {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let of = |backend: &dyn Backend| {
        let population = Population::new(&dots, dots.variation, 5, (0..cells).collect()).electrons(POISSON);
        let mut of_cells = backend.cells(population).expect("opens");
        let segments: Vec<_> =
            (0..pulses).map(|cycle| (Segment { bias_v: 1.5, dwell_s: 1e-3, cycle }, false)).collect();
        let stimulus = of_cells.population().stimulus(kelvin(25.0), &segments);
        of_cells.advance(&stimulus, None).expect("runs");
        of_cells.download().expect("there")
    };
    let (one, other) = (of(one), of(other));
    let same = |i: usize| one.row(i).iter().zip(other.row(i)).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1e-3));
    (0..cells as usize).filter(|&i| same(i)).count() as f64 / cells as f64
}

#[test]
fn backends_part_where_a_probability_does() {
    let cpu = Cpu::open(None, None).expect("opens");
    for pulses in [1, 3] {
        let same = same_cells(&cpu, &Reference, pulses, 2000);
        println!("{pulses}: {same}");
        // Eight classes' dots and draws of some thousands, each with a chance of a few roundings of f32.
        assert!(same > 0.97 && same < 1.0, "{same}");
    }
}

/// The failed fraction of `docs/rare.md`: after one pulse a cell holds 1,900 electrons, and 57 lost are a failure.
/// An independent program has, for each cell's electrons lost as one binomial of the continuum's share, 8.1e-3, 2.2e-2
/// and 6.8e-2 at 3e7, 4e7 and 5.8e7 s. Without counting 5.1e-10, 1.9e-7 and 9.5e-5.
#[test]
fn single_electrons_decide_which_cells_of_few_fail() {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let pulse = segments(&[Part::Pulses { pulses: 1, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let times_s = [3e7, 4e7, 5.8e7];
    let failed = |backend: &dyn Backend, electrons, rows| -> Vec<f64> {
        let job = Job::of(&dots)
            .electrons(electrons)
            .array(ArrayShape { rows, cols: 256 })
            .program(Program::of(&pulse))
            .bake(Bake::at(kelvin(125.0)).checkpoints(&times_s))
            .fails_below(0.97);
        let job = job.build().expect("sound");
        let outcome = backend.statistics(&job, &|_| ()).expect("runs").outcome(&job);
        outcome.failed.iter().skip(1).map(|&failed| failed as f64 / outcome.programmed as f64).collect()
    };
    let cpu = Cpu::open(None, None).expect("opens");
    let counted = failed(&cpu, POISSON, 512);
    println!("{counted:?} {:?}", failed(&Reference, POISSON, 32));
    for (found, expected) in counted.iter().zip([8.1e-3, 2.2e-2, 6.8e-2]) {
        // Two figures of the source, which takes every cell to hold as many electrons: averaged over how many they hold
        // it has 6 % less.
        assert!((found / expected - 1.0).abs() < 0.09, "{found} {expected}");
    }
    let mean_field = failed(&cpu, Electrons::MeanField, 512);
    assert!(mean_field[0] == 0.0 && mean_field[2] < 3e-4, "{mean_field:?}");
}

/// The same draws, cell by cell, wherever the probabilities have the same bits; elsewhere the same law.
#[test]
fn the_gpu_draws_what_the_cpu_draws() {
    let (cpu, gpu) = (Cpu::open(None, None).expect("opens"), Gpu::open(None, None).expect("an adapter"));
    for pulses in [1, 3] {
        let same = same_cells(&gpu, &cpu, pulses, 1000);
        println!("{pulses}: {same}");
        assert!(same > 0.99, "{same}");
    }
}

/// A job of counted cells: pulses, a bake hot enough to lose much, and a profile in the second.
fn job_of(electrons: Electrons, seed: u64, profile: bool) -> Job {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let pulses = segments(&[Part::Pulses { pulses: 8, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let times_s: Vec<f64> = (0..12).map(|i| 10.0 * 4f64.powi(i)).collect();
    let mut bake = Bake::at(kelvin(150.0)).checkpoints(&times_s);
    if profile {
        let legs =
            vec![Leg { temperature_k: None, for_s: 3600.0 }, Leg { temperature_k: Some(kelvin(25.0)), for_s: 600.0 }];
        bake = bake.along(Profile::new(legs, Some(5)).expect("sound"));
    }
    let job = Job::of(&dots).electrons(electrons).seed(seed).array(ArrayShape { rows: 20, cols: 100 });
    job.program(Program::of(&pulses)).bake(bake).build().expect("sound")
}

/// Everything of a point that is counted, not summed.
fn counts_of(backend: &dyn Backend, job: &Job) -> Vec<u64> {
    backend.statistics(job, &|_| ()).expect("runs").counts.iter().copied().collect()
}

#[test]
fn statistics_do_not_depend_on_tiles_threads_or_instruction_sets() {
    let all = Cpu::open(None, None).expect("opens");
    let one = Cpu::open(Some(1), Some("sse2")).expect("opens");
    let gpu = Gpu::open(None, None).expect("an adapter");
    let narrow = DispatchLimits { groups_across: 2, work: 1 << 14, batch: 2 };
    let small = Gpu::open(None, Some(24 << 20)).expect("an adapter").limited(narrow);
    for (profile, electrons) in [(false, POISSON), (true, FIXED)] {
        let job = job_of(electrons, 3, profile);
        let expected = counts_of(&all, &job);
        assert_eq!(counts_of(&one, &job), expected);
        let on_gpu = counts_of(&gpu, &job);
        assert_eq!(counts_of(&small, &job), on_gpu);
        // A probability whose last bit differs moves an electron in one cell of a hundred at most.
        let apart: u64 = on_gpu.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).sum();
        let checkpoints = job.times_s().len() as u64;
        assert!(apart <= 2 * checkpoints * 4 * 20, "{apart}");
        // Another seed is told apart.
        let other = counts_of(&all, &job_of(electrons, 4, profile));
        assert!(other.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).sum::<u64>() > 5 * apart + 1000);
    }
}

#[test]
fn resident_cells_are_those_of_the_statistics() {
    let (cpu, gpu) = (Cpu::open(None, None).expect("opens"), Gpu::open(None, None).expect("an adapter"));
    let job = job_of(POISSON, 3, false);
    let pulses = segments(&[Part::Pulses { pulses: 8, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let program: Vec<_> = pulses.iter().map(|segment| (*segment, false)).collect();
    for backend in [&cpu as &dyn Backend, &gpu, &Reference] {
        let population = Population::array(job.material(), *job.variation(), 3, job.shape()).electrons(POISSON);
        let mut cells = backend.cells(population).expect("opens");
        let stimulus = cells.population().stimulus(job.program_k(), &program);
        cells.program(&job).expect("runs");
        let expected = backend.statistics(&job, &|_| ()).expect("runs");
        let found = cells.reduce(&job).expect("runs");
        assert_eq!(found.counts, expected.counts, "{}", backend.identity().backend);
        // Going back and up and down changes nothing: electrons are whole.
        let (now, state) = (cells.snapshot().expect("there"), cells.download().expect("there"));
        cells.upload(&state).expect("fits");
        assert_eq!(cells.reduce(&job).expect("runs").counts, expected.counts);
        cells.advance(&stimulus, None).expect("runs");
        assert_ne!(cells.reduce(&job).expect("runs").counts, expected.counts);
        cells.restore(&now).expect("fits");
        assert_eq!(cells.reduce(&job).expect("runs").counts, expected.counts);
        // The same pulses again are not the same draws.
        let mut again = cells.fork().expect("opens");
        again.empty().expect("runs");
        again.program(&job).expect("runs");
        assert_ne!(again.download().expect("there"), state);
    }
}

/// Law of what is left in a bake: binomial at each checkpoint, whatever checkpoints come before.
#[test]
fn a_bake_is_one_thinning_however_many_checkpoints_there_are() {
    let cpu = Cpu::open(None, None).expect("opens");
    let dots = Material { variation: Variation::OFF, ..of_dots("pi-ws2-qd", 400.0) };
    let pulse = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let lost = |times_s: &[f64], seed| -> Vec<f64> {
        let job = Job::of(&dots).electrons(FIXED).seed(seed).array(ArrayShape { rows: 100, cols: 100 });
        let job =
            job.program(Program::of(&pulse)).bake(Bake::at(kelvin(150.0)).checkpoints(times_s)).build().expect("sound");
        let trace = cpu.trace(&job, &CellSet::run(0, 10_000)).expect("runs");
        trace.lost.row(times_s.len()).iter().map(|lost| f64::from(*lost)).collect()
    };
    let many: Vec<f64> = (0..40).map(|i| 10f64.powf(f64::from(i) / 8.0)).chain([1e5]).collect();
    let (once, often) = (moments(&lost(&[1e5], 1)), moments(&lost(&many, 2)));
    for m in 0..3 {
        let error = once.error[m].hypot(often.error[m]);
        assert!((once.value[m] - often.value[m]).abs() < 4.5 * error, "{m}: {once:?} {often:?}");
    }
    // One electron of some 120 is a hundredth: the spread is that of single electrons.
    assert!(once.value[1] > 0.5 * once.value[0] / 120.0, "{once:?}");
}

/// The rates of one class of dots at a bias and temperature, per s, at the filling where as many electrons are caught
/// as let go: that filling, what an empty dot catches, what a full one lets go, and by how much an electron too many
/// lowers what all others catch.
fn at_rest(material: &Material, bias_v: f64, temperature_k: f64) -> (f64, f64, f64, f64) {
    let capture_of = material.capture.expect("has traps");
    let drive = StepDrive {
        open: 1.0 - material.injection.free_share,
        offered: capture::offered_per_s(material, bias_v, temperature_k),
        space_charge_limit: capture::space_charge_limit(&capture_of, 1.0, bias_v),
        emission: [0.0; material::MAX_CLASSES],
    };
    let emission = cell::emission_per_s(material, &Factors::NOMINAL, temperature_k)[0];
    let speed = material.classes[0].speed;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let f = 0.5 * (low + high);
        let net = speed * step::uptake(&drive, f).0 * (1.0 - f) - emission * f;
        *(if net > 0.0 { &mut low } else { &mut high }) = f;
    }
    let (uptake, slope) = step::uptake(&drive, low);
    (low, speed * uptake, emission, -speed * slope * (1.0 - low))
}

/// Cells held at a bias fluctuate as the sum of telegraph signals does: the number of their electrons is correlated
/// over a time t by `exp(-lambda t)`, a spectrum of Lorentz's shape with its corner at `lambda/(2 pi)`. Dots that know
/// nothing of each other have `lambda = c + e`; here an electron too many lowers what the others catch, which adds
/// `-s (1 - F) u'(F)`, and makes the number's variance `N F (1 - F) (c + e)/lambda`: as many electrons come as go,
/// `e n` a second each, and the variance of a linear birth and death process is half of both together over lambda.
#[test]
fn fluctuations_at_rest_have_one_rate() {
    const CELLS: u64 = 40_000;
    const LAGS: usize = 6;
    // Much hotter than the matrix stands: there dots let go of electrons about as fast as 4 V fills them.
    let (bias_v, temperature_k) = (4.0, kelvin(195.0));
    let cpu = Cpu::open(None, None).expect("opens");
    // Drawn every substep, and drawn where the way becomes too long.
    for dots in [500.0, 8000.0] {
        let mut material = of_dots("pi-ws2-qd", dots);
        material.classes = of_classes("pi-ws2-qd", 1).classes;
        let (filling, caught, freed, feedback) = at_rest(&material, bias_v, temperature_k);
        let lambda = caught + freed + feedback;
        // All three count.
        assert!([caught, freed, feedback].iter().all(|rate| *rate > 0.2 * lambda), "{caught} {freed} {feedback}");

        let population = Population::new(&material, Variation::OFF, 5, (0..CELLS).collect()).electrons(FIXED);
        let mut cells = cpu.cells(population).expect("opens");
        cells.upload(&Array2::from_elem((CELLS as usize, 1), filling)).expect("fits");
        // From the mean alone a variance is there but for exp(-2 lambda t): after 3.2 of these, 0.2 %.
        let lag = 0.4;
        let segment = |cycle| Segment { bias_v, dwell_s: lag / lambda, cycle };
        let segments: Vec<_> = (0..8 + LAGS as u32 + 1).map(|n| (segment(n), n >= 8)).collect();
        let stimulus = cells.population().stimulus(temperature_k, &segments);
        let found = cells.advance(&stimulus, None).expect("runs").filling;

        let root = (CELLS as f64).sqrt();
        let of = |lag: usize| moments(found.row(lag).as_slice().expect("in order")).value;
        let [mean, variance, _] = of(0);
        // The bend of the drift moves the mean by some 1/N.
        let allowed = 4.5 * variance.sqrt() / root + 1.0 / dots;
        assert!((mean - filling).abs() < allowed, "{dots} dots: {mean} {filling}");
        // A variance of as many cells is known to sqrt(2/CELLS); 1 % is for the bend of the drift. That cells which
        // are drawn seldom are narrower as if they filled would take 4 to 5 %.
        let binomial = filling * (1.0 - filling) / dots;
        let expected = binomial * (caught + freed) / lambda;
        let room = 3.0 * 2f64.sqrt() / root + 0.01;
        println!("{dots} dots: variance over expected {:.4}", variance / expected);
        assert!((variance / expected - 1.0).abs() < room, "{dots} dots: {variance:e} {expected:e}");
        assert!((variance / binomial - 1.0).abs() > 2.0 * room, "the control is no control");

        // The first lag that a rate does not explain.
        let off = |rate: f64| {
            (1..=LAGS).find(|&k| {
                let [other, spread, _] = of(k);
                let products =
                    found.row(0).iter().zip(found.row(k)).map(|(a, b)| (a - mean) * (b - other)).sum::<f64>();
                let correlation = products / CELLS as f64 / (variance * spread).sqrt();
                let wanted = (-rate / lambda * lag * k as f64).exp();
                // Of a correlation of normal numbers, and 2 % of the rate for the substeps.
                let error = (1.0 - wanted * wanted) / root;
                let allowed = 4.5 * error + 0.02 * lag * k as f64 * wanted;
                println!("{dots} dots, {k}: {correlation:.4} {wanted:.4} +- {error:.4}");
                let explained = (correlation - wanted).abs() <= allowed;
                !explained
            })
        };
        assert_eq!(off(lambda), None, "{dots} dots");
        // Controls: a third off, and dots that do not know of each other.
        for rate in [lambda * 4.0 / 3.0, lambda * 2.0 / 3.0, caught + freed] {
            assert!(off(rate).is_some(), "{dots} dots: {rate} explains it as well as {lambda}");
        }
    }
}

/// A cell that is fuller than its bias would fill it catches nothing, and loses a binomial number: nobody gives
/// electrons back or takes more.
#[test]
fn cells_too_full_to_catch_lose_a_binomial_number() {
    const CELLS: u64 = 20_000;
    const DOTS: f64 = 8000.0;
    let (bias_v, temperature_k, filling) = (1.0, kelvin(195.0), 0.9);
    let mut material = of_dots("pi-ws2-qd", DOTS);
    material.classes = of_classes("pi-ws2-qd", 1).classes;
    let capture_of = material.capture.expect("has traps");
    assert!(capture::space_charge_limit(&capture_of, 1.0, bias_v) < 0.5 * filling);
    assert!(capture::offered_per_s(&material, bias_v, temperature_k) > 0.0);
    let emission = cell::emission_per_s(&material, &Factors::NOMINAL, temperature_k)[0];
    let segment = |cycle| Segment { bias_v, dwell_s: 0.02 / emission, cycle };
    let segments: Vec<_> = (0..10).map(|n| (segment(n), n == 9)).collect();
    let cpu = Cpu::open(None, None).expect("opens");
    for backend in [&Reference as &dyn Backend, &cpu] {
        let cells = if backend.identity().backend == "cpu" { CELLS } else { CELLS / 10 };
        let population = Population::new(&material, Variation::OFF, 5, (0..cells).collect()).electrons(FIXED);
        let mut of_cells = backend.cells(population).expect("opens");
        of_cells.upload(&Array2::from_elem((cells as usize, 1), filling)).expect("fits");
        let stimulus = of_cells.population().stimulus(temperature_k, &segments);
        let found = of_cells.advance(&stimulus, None).expect("runs").filling;
        let of = moments(found.row(0).as_slice().expect("in order"));
        let kept = (-0.2f64).exp();
        let variance = filling * kept * (1.0 - kept) / DOTS;
        assert!((of.value[0] - filling * kept).abs() < 4.5 * of.error[0], "{} {}", of.value[0], filling * kept);
        assert!((of.value[1] - variance).abs() < 4.5 * of.error[1], "{:e} {variance:e}", of.value[1]);
    }
}

#[test]
fn cells_without_dots_have_no_memory() {
    let cpu = Cpu::open(None, None).expect("opens");
    let gpu = Gpu::open(None, None).expect("an adapter");
    let few = of_dots("pi-ws2-qd", 2.0);
    let pulse = segments(&[Part::Pulses { pulses: 3, amplitude_v: 4.0, width_s: 1e-2, interval_s: 1e-3 }]);
    let job = Job::of(&few).electrons(POISSON).array(ArrayShape { rows: 32, cols: 32 });
    let job = job.program(Program::of(&pulse)).bake(Bake::at(kelvin(25.0)).checkpoints(&[1e3])).build().expect("sound");
    for backend in [&cpu as &dyn Backend, &gpu, &Reference] {
        let outcome = backend.statistics(&job, &|_| ()).expect("runs").outcome(&job);
        // Of a Poisson number of mean 2 none is exp(-2), 0.135; of the others some stay empty.
        let share = outcome.programmed as f64 / outcome.cells as f64;
        assert!(share < 0.88 && share > 0.7, "{share}");
        assert!(outcome.conductance_s.mean.iter().all(|g| g.is_finite() && *g > 0.0));
        assert!(outcome.kept.mean.iter().all(|kept| kept.is_finite()));
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let built = |dots: f64| {
        let of = of_dots("pi-ws2-qd", dots);
        Job::of(&of).electrons(POISSON).build().map(|_| ()).map_err(|error| error.to_string())
    };
    let small = built(0.5).expect_err("less than one");
    assert!(small.contains("0.5") && small.contains('1') && small.contains("mean-field"), "{small}");
    let large = built(1e9).expect_err("more than can be counted");
    assert!(large.contains("2097152") && large.contains("mean-field"), "{large}");
    assert!(built(1.0).is_ok() && built(1.5e6).is_ok());
    // And where there is no job.
    let cpu = Cpu::open(None, None).expect("opens");
    let of = of_dots("pi-ws2-qd", 3e6);
    let refused = cpu.cells(Population::new(&of, of.variation, 1, vec![0]).electrons(POISSON)).err().expect("too many");
    assert!(refused.to_string().contains("2097152"), "{refused}");
}

/// Every cell has the dots it should have, whatever the classes; and what nobody lost is not lost.
#[test]
fn dots_are_as_many_as_they_should_be() {
    let (cpu, gpu) = (Cpu::open(None, None).expect("opens"), Gpu::open(None, None).expect("an adapter"));
    for (name, amplitude_v) in [("pi-ws2-qd", 1.5), ("pi-ws2-ns", 0.7)] {
        for dots in [7.0, 500.0, 40_000.0, 100_036.0] {
            let of = Material { variation: Variation::OFF, ..of_dots(name, dots) };
            let pulse = segments(&[Part::Pulses { pulses: 5, amplitude_v, width_s: 1e-3, interval_s: 1e-3 }]);
            let filling = |backend: &dyn Backend, electrons| {
                let job = Job::of(&of).electrons(electrons).array(ArrayShape { rows: 20, cols: 40 });
                let bake = Bake::at(kelvin(25.0)).checkpoints(&[1e-3]);
                let job = job.program(Program::of(&pulse)).bake(bake).build().expect("sound");
                let outcome = backend.statistics(&job, &|_| ()).expect("runs").outcome(&job);
                assert_eq!(outcome.lost_fraction.max[0], 0.0);
                assert!(outcome.lost_fraction.variance.iter().all(|variance| variance.is_finite()));
                outcome.filling.mean[0]
            };
            let mean_field = filling(&cpu, Electrons::MeanField);
            for backend in [&cpu as &dyn Backend, &gpu] {
                for electrons in [FIXED, POISSON] {
                    // 800 cells: five standard errors of a binomial's, or of the number of dots.
                    let found = filling(backend, electrons);
                    let room =
                        5.0 * ((mean_field / dots).sqrt() + mean_field / dots.sqrt()) / 28.0 + 0.4 * mean_field / dots;
                    assert!(
                        (found - mean_field).abs() < room + 1e-3 * mean_field,
                        "{name} {dots}: {found} {mean_field}"
                    );
                }
            }
        }
    }
}

#[test]
fn loops_of_counted_cells_stay_below_what_the_host_reckons() {
    let gpu = Gpu::open(None, None).expect("an adapter");
    for (profile, electrons) in [(false, POISSON), (true, FIXED)] {
        for (kernel, counted, reckoned) in gpu.count_loops(&job_of(electrons, 3, profile)).expect("counts") {
            assert!(counted <= reckoned && reckoned < 65_535, "{kernel}: {counted} {reckoned}");
            // The bound is one: what is counted is some of it wherever anything is drawn.
            assert!(!kernel.contains("counted") || kernel.starts_with("draw") || counted > 100, "{kernel}: {counted}");
        }
    }
    let sheets = material::shipped("pi-ws2-ns").expect("shipped");
    let stiff: Vec<_> = (0..3).map(|cycle| (Segment { bias_v: 4.0, dwell_s: 1e-2, cycle }, cycle == 2)).collect();
    let stimulus = Stimulus::of(&sheets, sheets.variation, POISSON, 1, kelvin(100.0), &stiff);
    let (counted, reckoned) = gpu.count_stimulus_loops(&stimulus).expect("counts");
    assert!(counted > 100 && counted <= reckoned && reckoned < 65_535, "{counted} {reckoned}");
    // As many classes as there may be, hot, so that the charge of each pulse is taken in pieces while little is caught
    // from draw to draw: a way of many segments, each of many loops.
    let classes = of_classes("pi-ws2-qd", MAX_CLASSES);
    for (bias_v, celsius) in [(0.5, 250.0), (1.5, 250.0), (3.0, 100.0), (0.05, 300.0)] {
        let pulses: Vec<_> = (0..40)
            .flat_map(|cycle| [bias_v, 0.0].map(|bias_v| (Segment { bias_v, dwell_s: 1e-3, cycle }, cycle == 39)))
            .collect();
        let stimulus = Stimulus::of(&classes, classes.variation, POISSON, 1, kelvin(celsius), &pulses);
        let (counted, reckoned) = gpu.count_stimulus_loops(&stimulus).expect("counts");
        println!("{bias_v} V, {celsius} C: {counted} of {reckoned} loops");
        assert!(counted > 100 && counted <= reckoned && reckoned <= source::MAX_LOOPS, "{counted} {reckoned}");
    }
}

#[test]
fn a_snapshot_of_other_dots_is_refused_and_readings_use_no_draws() {
    let gpu = Gpu::open(None, None).expect("an adapter");
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let of = |seed, electrons| {
        let population = Population::new(&dots, dots.variation, seed, (0..64).collect()).electrons(electrons);
        gpu.cells(population).expect("opens")
    };
    let snapshot = of(1, POISSON).snapshot().expect("there");
    assert!(of(1, POISSON).restore(&snapshot).is_ok());
    for (seed, electrons) in [(2, POISSON), (1, Electrons::MeanField), (1, FIXED)] {
        assert!(of(seed, electrons).restore(&snapshot).is_err(), "{seed} {electrons:?}");
    }
    let pulse = (Segment { bias_v: 1.5, dwell_s: 1e-3, cycle: 0 }, false);
    let cpu = Cpu::open(None, None).expect("opens");
    for backend in [&cpu as &dyn Backend, &gpu, &Reference] {
        let after = |reads: bool| {
            let population = Population::new(&dots, dots.variation, 1, (0..64).collect()).electrons(POISSON);
            let mut cells = backend.cells(population).expect("opens");
            for _ in 0..2 {
                let stimulus = cells.population().stimulus(300.0, &[pulse]);
                cells.advance(&stimulus, None).expect("runs");
                if reads {
                    cells.read(0.1, 300.0).expect("reads");
                }
            }
            cells.download().expect("there")
        };
        assert_eq!(after(true), after(false));
    }
}
