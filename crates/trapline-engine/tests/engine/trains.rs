//! Pulses that are filled in one go: against a stiff solver, fine stepping, event by event, and backend against
//! backend.

use crate::cell_convergence;
use crate::counted::of_dots;
use crate::counted_exact::{OF_DOTS, Train, exact, moments};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_engine::backend::reference::Reference;
use trapline_model::array::{self, ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::{Factors, step, train};
use trapline_model::material::{self, MAX_CLASSES, Material};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::units::kelvin;

const SHAPE: ArrayShape = ArrayShape { rows: 40, cols: 50 };

fn pulses(pulses: u32, amplitude_v: f64) -> Part {
    Part::Pulses { pulses, amplitude_v, width_s: 1e-3, interval_s: 1e-3 }
}

fn weak(pulses: u32, amplitude_v: f64) -> Part {
    Part::Pulses { pulses, amplitude_v, width_s: 1e-7, interval_s: 1e-7 }
}

fn job_of(material: &Material, program: &[Segment], substeps: Option<u32>, electrons: Electrons) -> Job {
    let program = Program::of(program).substeps(substeps);
    let bake = Bake::at(kelvin(25.0)).checkpoints(&[1.0]);
    Job::of(material).seed(11).array(SHAPE).electrons(electrons).program(program).bake(bake).build().expect("sound")
}

/// Programmings with what they are made of: trains, and other steps.
fn programs() -> Vec<(&'static str, Vec<Segment>, (usize, usize))> {
    let sweep = Part::Sweep { sweeps: 1, sweep_to_v: 2.0, step_v: 0.25, dwell_s: 1e-3 };
    vec![
        ("pi-ws2-qd", segments(&[pulses(1, 1.5)]), (1, 0)),
        ("pi-ws2-qd", segments(&[pulses(30, 1.5)]), (1, 0)),
        // More than a dispatch of a GPU may add up, each so weak that what they fill counts them.
        ("pi-ws2-qd", segments(&[weak(5000, 1.5)]), (40, 0)),
        // Past the trap-filled limit: only their own number ends what the dots catch, and no polynomial goes there.
        ("pi-ws2-qd", segments(&[pulses(3, 5.0)]), (0, 6)),
        ("pi-ws2-qd", segments(&[pulses(10, 1.2), pulses(5, 2.0), pulses(5, 1.0)]), (3, 0)),
        // Each stair is one, those down again too, 0 V is nothing, and 0.25 V is above the onset.
        ("pi-ws2-qd", segments(&[sweep]), (15, 0)),
        ("pi-ws2-ns", segments(&[pulses(30, 0.7)]), (1, 0)),
        // What lets go is stepped, and what comes after it.
        ("pi-ws2-qd", segments(&[pulses(4, 1.5), pulses(1, -3.0), pulses(2, 1.5)]), (1, 6)),
    ]
}

#[test]
fn what_only_fills_goes_in_trains() {
    for (name, program, (trains, others)) in programs() {
        let material = material::shipped(name).expect("shipped");
        let of = |substeps| {
            let job = job_of(&material, &program, substeps, Electrons::MeanField);
            let trains = job.program().iter().filter(|step| step.train.is_some()).count();
            let steps: Vec<_> = job.program().iter().filter_map(|step| step.train).map(|t| t.steps.count).collect();
            println!("{name}: {} segments, {trains} trains of {steps:?} steps", program.len());
            (trains, job.program().len() - trains)
        };
        assert_eq!(of(None), (trains, others), "{name}");
        // Who names the substeps gets them.
        assert_eq!(of(Some(3)), (0, program.len()), "{name}");
    }
    // Where the heat empties traps meanwhile, each segment is stepped.
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let hot = Program::of(&segments(&[pulses(30, 1.5)])).at(kelvin(170.0));
    let job = Job::of(&dots).program(hot).build().expect("sound");
    assert!(job.program().iter().all(|step| step.train.is_none()) && job.trajectory().is_none());
    // Each dot by itself is followed event by event.
    let electrons = Electrons::EachDot(DotNumber::Poisson);
    let few = of_dots("pi-ws2-qd", 50.0);
    assert!(job_of(&few, &segments(&[pulses(2, 1.5)]), None, electrons).trajectory().is_none());
}

/// The nominal cell against diffsol, which solves segment by segment with what is let go.
#[test]
fn trains_are_those_of_a_stiff_solver() {
    for (name, program, _) in programs() {
        if program.len() > 100 {
            continue;
        }
        let material = material::shipped(name).expect("shipped");
        let found = job_of(&material, &program, None, Electrons::MeanField).programmed(&Factors::NOMINAL, |_| 1.0);
        let (solved, room) = cell_convergence::exact(&material, &program, kelvin(25.0), &[0.0; MAX_CLASSES]);
        for k in 0..material.classes.len() {
            let relative = (found[k] / solved[k] - 1.0).abs();
            println!("{name}, {} segments, class {k}: {relative:.1e}, the solver to {room:.1e}", program.len());
            // The reference's steps leave next to nothing; a millionth may be let go, and the solver; steps after a
            // release have their own error.
            let stepped = if program.iter().any(|s| s.bias_v < 0.0 || s.bias_v > 4.0) { 1e-3 } else { 0.0 };
            assert!(relative < 1.5e-6 + 2.0 * room / solved[k] + stepped, "{name} class {k}: {relative:e}");
        }
    }
}

/// Cells that differ, and pulses whose speeds do, against steps so short that their error, which is 5e-4 after one
/// pulse in one step and falls with the square, is below 2e-7. Control: with steps of the automatic length it is not.
#[test]
fn trains_of_cells_that_differ_are_those_of_short_steps() {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    for program in [segments(&[pulses(1, 1.5)]), segments(&[pulses(10, 1.2), pulses(7, 1.9)])] {
        let job = |substeps| job_of(&dots, &program, substeps, Electrons::MeanField);
        let filling = |job: &Job, cell: u64| {
            let factors = array::factors(job.variation(), job.seed(), cell);
            let speed = |cycle| array::capture_speed(job.variation(), job.seed(), cell, cycle);
            step::filling(&dots.classes, &job.programmed(&factors, speed))
        };
        let (trains, short, one) = (job(None), job(Some(64)), job(Some(1)));
        let worst = |other: &Job| {
            let off = |cell| (filling(&trains, cell) / filling(other, cell) - 1.0).abs();
            (0..100).map(off).fold(0.0, f64::max)
        };
        let (of_short, of_one) = (worst(&short), worst(&one));
        println!("{of_short:.1e}, {of_one:.1e} in one step");
        assert!(of_short < 6e-7 && of_one > 1e-4, "{of_short:e} {of_one:e}");
    }
}

/// Fillings after programming.
fn fillings(backend: &dyn Backend, job: &Job) -> Vec<f64> {
    let all = CellSet::run(0, job.shape().cells());
    backend.trace(job, &all).expect("runs").filling.row(0).iter().map(|x| f64::from(*x)).collect()
}

fn agree(backend: &dyn Backend) {
    for (name, program, _) in programs() {
        let material = material::shipped(name).expect("shipped");
        let job = job_of(&material, &program, None, Electrons::MeanField);
        let (found, expected) = (fillings(backend, &job), fillings(&Reference, &job));
        let off = |(a, b): (&f64, &f64)| (a / b - 1.0).abs();
        let worst = found.iter().zip(&expected).map(off).fold(0.0, |worst, x| if x <= worst { worst } else { x });
        println!("{name}, {} segments: {worst:.1e}", program.len());
        // The reference takes eight times as many steps. Doses: a sum of speeds, each to some 3 roundings of f32, of
        // which the filling sees a part; steps, and a polynomial to 2e-7; classes summed up. Steps after a release:
        // those of the step.
        let stepped = if program.iter().any(|s| s.bias_v < 0.0 || s.bias_v > 4.0) { 1e-5 } else { 0.0 };
        assert!(worst < 1.5e-6 + stepped, "{name}, {} segments: {worst:e}", program.len());
        // Control: another cell is seen.
        assert!(off((&found[1], &expected[0])) > 1e-5, "{} {}", found[1], expected[0]);
    }
}

#[test]
fn the_cpu_fills_as_the_reference() {
    agree(&Cpu::open(None, None).expect("opens"));
}

#[test]
fn the_gpu_fills_as_the_reference() {
    agree(&Gpu::open(None, None).expect("an adapter"));
}

/// Jobs that share their programming are computed in one go, and each is what it is alone, bit for bit.
fn together_is_each_alone(backend: &dyn Backend) {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let erased = segments(&[pulses(3, 1.5), pulses(1, -3.0)]);
    for (electrons, program) in [
        (Electrons::MeanField, segments(&[pulses(30, 1.5)])),
        (Electrons::MeanField, erased),
        (Electrons::Counted(DotNumber::Poisson), segments(&[pulses(5, 1.5)])),
    ] {
        let job = |celsius: f64, seed: u64, bins: usize| {
            let bake = Bake::at(kelvin(celsius)).checkpoints(&[1e2, 1e4, 2e4]);
            let of = Job::of(&dots).seed(seed).array(ArrayShape { rows: 30, cols: 41 }).electrons(electrons);
            of.program(Program::of(&program)).bake(bake).bins(bins).build().expect("sound")
        };
        let jobs = [job(85.0, 1, 64), job(150.0, 1, 16), job(170.0, 1, 64)];
        assert!(jobs[0].shares_programming(&jobs[1]) && !jobs[0].shares_programming(&job(85.0, 2, 64)));
        let done = std::sync::atomic::AtomicU64::new(0);
        let progress = |cells| _ = done.fetch_add(cells, std::sync::atomic::Ordering::Relaxed);
        let together = backend.statistics_together(&jobs.each_ref(), &progress).expect("runs");
        assert_eq!(done.into_inner(), 3 * 30 * 41);
        for (job, of) in jobs.iter().zip(&together) {
            assert_eq!(*of, backend.statistics(job, &|_| ()).expect("runs"));
        }
        assert_ne!(together[0].counts.row(1), together[2].counts.row(1));
        // Cells of their own are told apart.
        let apart = [job(85.0, 1, 64), job(85.0, 2, 64)];
        let of_apart = backend.statistics_together(&apart.each_ref(), &|_| ()).expect("runs");
        assert_eq!(of_apart[1], backend.statistics(&apart[1], &|_| ()).expect("runs"));
        assert_ne!(of_apart[0], of_apart[1]);
        assert!(backend.statistics_together(&[], &|_| ()).expect("nothing to do").is_empty());
    }
}

#[test]
fn programmed_once_each_job_is_what_it_is_alone() {
    together_is_each_alone(&Cpu::open(None, None).expect("opens"));
    together_is_each_alone(&Reference);
    together_is_each_alone(&Gpu::open(None, None).expect("an adapter"));
}

/// Speeds that differ by half from pulse to pulse: steps are enough for cells far from the nominal one.
#[test]
fn cells_that_catch_far_more_are_stepped_as_finely() {
    let mut dots = material::shipped("pi-ws2-qd").expect("shipped");
    dots.variation.capture_speed = 0.4;
    let job = job_of(&dots, &segments(&[pulses(1, 2.0)]), None, Electrons::MeanField);
    let filling = |job: &Job, speed: f64| step::filling(&dots.classes, &job.programmed(&Factors::NOMINAL, |_| speed));
    for speed in [0.3, 1.0, 2.6, 4.7] {
        let train = job.program()[0].train.expect("one");
        let drive = &job.program()[0].drive;
        // The reference takes eight times as many steps; here as many as the other backends take.
        let trajectory = job.trajectory().expect("there");
        let limit = (2.0 - 0.2) / (4.0 - 0.2);
        let dose = train::dose(drive) * speed;
        let found = train::fill(0.5552, limit, 0.0, dose, &train.steps, |f, _| trajectory.ready(f));
        let relative = -limit * libm::expm1(-found.feedback) / filling(&job, speed) - 1.0;
        println!("{speed}: {relative:.1e} in {} steps", train.steps.count);
        assert!(relative.abs() < 4e-6, "{speed}: {relative:e}");
    }
}

/// Very many weak pulses, counted: draws are far apart, and a GPU still does no more at once than it may.
#[test]
fn very_many_counted_pulses_are_the_same_on_all_backends() {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let blocks: Vec<Part> = (0..64).map(|i| weak(1024, if i % 2 == 0 { 0.6 } else { 0.61 })).collect();
    let job = |electrons| job_of(&dots, &segments(&blocks), None, electrons);
    let counted = job(Electrons::Counted(DotNumber::Poisson));
    let mean = |backend: &dyn Backend, job: &Job| {
        let found = fillings(backend, job);
        found.iter().sum::<f64>() / found.len() as f64
    };
    let cpu = Cpu::open(None, None).expect("opens");
    let gpu = Gpu::open(None, None).expect("an adapter");
    let expected = mean(&cpu, &job(Electrons::MeanField));
    let (of_cpu, of_gpu) = (mean(&cpu, &counted), mean(&gpu, &counted));
    println!("{of_cpu:e} {of_gpu:e}, mean field {expected:e}");
    // 2,000 cells of some hundred electrons.
    assert!((of_cpu / expected - 1.0).abs() < 0.02 && (of_gpu / of_cpu - 1.0).abs() < 1e-3, "{of_cpu:e} {of_gpu:e}");
}

/// Counted electrons against the exact simulation: mean to 5e-4, variance to 5 %, beside what chance leaves open.
fn counts_as_event_by_event(backend: &dyn Backend, cells: u64) {
    const TRAINS: [Train; 3] =
        [OF_DOTS, Train { dots: 50.0, ..OF_DOTS }, Train { dots: 500.0, bias_v: 2.5, looks: &[1, 10], ..OF_DOTS }];
    for train in &TRAINS {
        let cells = if train.dots > 1000.0 { cells / 4 } else { cells };
        let material = of_dots(train.name, train.dots);
        let events = exact(train, cells);
        for (look, pulses_so_far) in train.looks.iter().enumerate() {
            let program = segments(&[pulses(*pulses_so_far as u32, train.bias_v)]);
            let job = Job::of(&material)
                .variation(false)
                .electrons(Electrons::Counted(DotNumber::Fixed))
                .array(ArrayShape { rows: 1, cols: cells })
                .program(Program::of(&program))
                .build()
                .expect("sound");
            assert!(job.trajectory().is_some());
            let (of_events, of_trains) =
                (moments(events.row(look).as_slice().expect("one row")), moments(&fillings(backend, &job)));
            let (mean, variance) = (of_events.value[0], of_events.value[1]);
            println!(
                "{} dots, {} V, {pulses_so_far} pulses: mean {mean:.5} {:.5}, variance over binomial {:.3} {:.3}",
                train.dots,
                train.bias_v,
                of_trains.value[0],
                variance * train.dots / mean / (1.0 - mean),
                of_trains.value[1] * train.dots / mean / (1.0 - mean),
            );
            let room = [5e-4 * mean + 0.16 / train.dots / train.dots.sqrt(), 0.05 * variance];
            for (m, room) in room.into_iter().enumerate() {
                let error = of_events.error[m].hypot(of_trains.error[m]);
                let off = (of_events.value[m] - of_trains.value[m]).abs();
                assert!(off <= 4.5 * error + room, "{pulses_so_far} pulses, moment {}: {off:e} {error:e}", m + 1);
            }
        }
    }
}

#[test]
fn counted_trains_are_the_exact_simulation() {
    counts_as_event_by_event(&Cpu::open(None, None).expect("opens"), 20_000);
}

#[test]
fn counted_trains_of_the_gpu_are_the_exact_simulation() {
    counts_as_event_by_event(&Gpu::open(None, None).expect("an adapter"), 4_000);
}
