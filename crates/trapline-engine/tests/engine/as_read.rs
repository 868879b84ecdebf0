//! Cells that are judged by noisy readings, against closed forms and against each other.

use crate::support::{HOURS, built, point, profile_bake, thirty_pulses};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::Population;
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::gpu::{DispatchLimits, Gpu};
use trapline_engine::backend::job::{Job, JobBuilder};
use trapline_engine::backend::reference::Reference;
use trapline_engine::rare;
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::read::{Judging, noise_a};
use trapline_model::cell::{Factors, conductance_s};
use trapline_model::material::{self, Material};

use crate::counted::of_dots;

const FIRST: Judging = Judging::Reading { integration_s: 1e-2, first: true };
const THIS: Judging = Judging::Reading { integration_s: 1e-2, first: false };
const POISSON: Electrons = Electrons::Counted(DotNumber::Poisson);
/// A reading of 10 ms has a noise of 1.2 % of the window: a standard deviation above what is kept first, then below.
const THRESHOLD: f64 = 0.985;
/// Chains of doublings where failing has no order.
const TIMES_S: [f64; 9] = [1.0, 1e3, 2e3, 4e3, 3e4, 6e4, 6e5, 1.2e6, 1e7];

fn dots() -> Material {
    material::shipped("pi-ws2-qd").expect("shipped")
}

fn cpu() -> Cpu {
    Cpu::open(None, None).expect("opens")
}

fn gpu() -> Gpu {
    Gpu::open(None, None).expect("an adapter")
}

/// Thirty pulses of cells at 85 C, to be changed.
fn baked(material: &Material, electrons: Electrons, judged: Judging, rows: u64) -> JobBuilder<'_> {
    let of = point(material, &thirty_pulses(1.5), 85.0, 3, &TIMES_S);
    of.electrons(electrons).judged(judged).fails_below(THRESHOLD).array(ArrayShape { rows, cols: 100 })
}

/// The same in a bake of two temperatures.
fn cycled(material: &Material, electrons: Electrons, judged: Judging, rows: u64) -> JobBuilder<'_> {
    baked(material, electrons, judged, rows).bake(profile_bake(&HOURS, None, &TIMES_S))
}

/// Chance of a standard normal above x.
fn upper(x: f64) -> f64 {
    0.5 * libm::erfc(x / std::f64::consts::SQRT_2)
}

fn failed(backend: &dyn Backend, job: &Job) -> Vec<u64> {
    backend.statistics(job, &|_| ()).expect("runs").outcome(job).failed.to_vec()
}

/// Standard deviations that counts lie from what is expected of independent cells, each with a chance of its own; the
/// largest over the checkpoints.
fn off(failed: &[u64], chances: &[Vec<f64>]) -> f64 {
    let of = |(&count, chances): (&u64, &Vec<f64>)| {
        let mean: f64 = chances.iter().sum();
        let sd = chances.iter().map(|p| p * (1.0 - p)).sum::<f64>().sqrt();
        (count as f64 - mean).abs() / sd.max(1.0)
    };
    failed.iter().zip(chances).map(of).fold(0.0, f64::max)
}

/// From the chances of each reading to those of having failed by it.
fn so_far(chances: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut sound = vec![1.0; chances[0].len()];
    let passed = |of: Vec<f64>| -> Vec<f64> {
        sound.iter_mut().zip(of).for_each(|(sound, p)| *sound *= 1.0 - p);
        sound.iter().map(|sound| 1.0 - sound).collect()
    };
    chances.into_iter().map(passed).collect()
}

/// Cells alike: chances from the current's equation and the noise's, of nothing else in the engine but what the nominal
/// cell holds.
#[test]
fn cells_alike_fail_by_the_normal_law() {
    let material = dots();
    // 0.1 V, as where nothing is said.
    let read_v = 0.1;
    for (judged, first) in [(THIS, false), (FIRST, true)] {
        let job = built(baked(&material, Electrons::MeanField, judged, 2000).variation(false));
        let siemens = |filling| conductance_s(&material, &Factors::NOMINAL, read_v, job.read_k(), filling);
        let at: Vec<f64> = job.nominal().iter().map(|seen| siemens(seen.filling)).collect();
        let window_s = at[0] - siemens(0.0);
        let chances = |times: f64| -> Vec<Vec<f64>> {
            let of = |&now_s: &f64| {
                let noise = times * noise_a(now_s * read_v, read_v, job.read_k(), 1e-2) / read_v / window_s;
                vec![upper(((now_s - siemens(0.0)) / window_s - THRESHOLD) / noise); 200_000]
            };
            let each = at.iter().map(of).collect();
            if first { so_far(each) } else { each }
        };
        let found = failed(&cpu(), &job);
        println!("{judged:?}: {found:?}");
        // Ten counts, most of them within 3 standard deviations; with 4.5 one in 15,000 seeds fails.
        assert!(off(&found, &chances(1.0)) < 4.5, "{found:?}");
        // Controls: a noise 3 % off, and none.
        assert!(off(&found, &chances(1.03)) > 6.0 && off(&found, &chances(0.97)) > 6.0);
        let kept = failed(&cpu(), &built(baked(&material, Electrons::MeanField, Judging::Kept, 2000).variation(false)));
        assert!(off(&kept, &chances(1.0)) > 100.0, "{kept:?}");
    }
}

/// Cells that differ: the chances of each from what a trace of it shows without noise.
fn chances_of(backend: &dyn Backend, job: &Job, first: bool) -> Vec<Vec<f64>> {
    let cells = job.shape().cells();
    let trace = backend.trace(job, &CellSet::run(0, cells)).expect("runs");
    let of = |checkpoint: usize| {
        let chance = |i: usize| {
            let [start, now, kept] =
                [trace.filling[[0, i]], trace.conductance[[checkpoint, i]], trace.kept[[checkpoint, i]]].map(f64::from);
            let window = job.read().window(start, f64::from(trace.conductance[[0, i]]));
            upper((kept - THRESHOLD) / (job.reading_noise() * now.sqrt() / window))
        };
        (0..cells as usize).map(chance).collect()
    };
    let each = (0..job.times_s().len()).map(of).collect();
    if first { so_far(each) } else { each }
}

#[test]
fn cells_that_differ_fail_each_by_its_own_noise() {
    let (material, few) = (dots(), of_dots("pi-ws2-qd", 2000.0));
    let each_dot = Electrons::EachDot(DotNumber::Poisson);
    let (cpu, gpu) = (cpu(), gpu());
    for (judged, first) in [(THIS, false), (FIRST, true)] {
        let jobs: [(&dyn Backend, Job); 8] = [
            (&cpu, built(baked(&material, Electrons::MeanField, judged, 200))),
            (&cpu, built(cycled(&material, Electrons::MeanField, judged, 200))),
            (&cpu, built(baked(&material, POISSON, judged, 200))),
            (&cpu, built(cycled(&material, POISSON, judged, 200))),
            (&Reference, built(baked(&material, Electrons::MeanField, judged, 30))),
            (&Reference, built(baked(&material, POISSON, judged, 30))),
            (&Reference, built(baked(&few, each_dot, judged, 10))),
            (&gpu, built(baked(&material, Electrons::MeanField, judged, 30))),
        ];
        for (backend, job) in jobs {
            let (found, chances) = (failed(backend, &job), chances_of(backend, &job, first));
            let off = off(&found, &chances);
            println!("{} {:?} {judged:?}: {off:.2}", backend.identity().backend, job.electrons());
            assert!(off < 4.5, "{}: {found:?}", backend.identity().backend);
            if first {
                assert!(found.is_sorted(), "{found:?}");
            }
        }
    }
}

/// Nothing but the failed cells is judged otherwise.
#[test]
fn what_is_kept_stays_without_noise() {
    let material = dots();
    for backend in [&cpu() as &dyn Backend, &Reference, &gpu()] {
        for (electrons, judged) in [(Electrons::MeanField, THIS), (POISSON, FIRST)] {
            let tally = |judged| {
                let job = built(baked(&material, electrons, judged, 20));
                backend.statistics(&job, &|_| ()).expect("runs")
            };
            let (kept, read) = (tally(Judging::Kept), tally(judged));
            assert_eq!((&kept.partials, &kept.shifts), (&read.partials, &read.shifts));
            let failed_at = kept.counts.ncols() - 2;
            for (checkpoint, (a, b)) in kept.counts.rows().into_iter().zip(read.counts.rows()).enumerate() {
                for (counter, (a, b)) in a.iter().zip(b).enumerate() {
                    assert!(a == b || counter == failed_at, "{checkpoint} {counter}: {a} {b}");
                }
            }
            assert_ne!(kept.counts, read.counts);
        }
    }
}

/// The same noise on every backend: counts are apart by cells beside the threshold alone.
#[test]
fn backends_see_the_same_readings() {
    let material = dots();
    let (cpu, gpu) = (cpu(), gpu());
    for judged in [THIS, FIRST] {
        let jobs = [
            (built(baked(&material, Electrons::MeanField, judged, 40)), false),
            (built(cycled(&material, Electrons::MeanField, judged, 40)), false),
            (built(baked(&material, POISSON, judged, 40)), true),
        ];
        for (job, counted) in jobs {
            let expected = failed(&Reference, &job);
            for found in [failed(&cpu, &job), failed(&gpu, &job)] {
                for (checkpoint, (a, b)) in found.iter().zip(&expected).enumerate() {
                    // What is kept is the same within 4e-6, and so is a reading. Of a normal of 0.012 at most 33 in a
                    // unit lie there: of 4000 cells 1 at each reading, and at each of those before; 10 readings are at
                    // most 11 on average, 25 at 4.5 deviations. Where electrons are counted the probabilities' last
                    // bits move an electron in 3 % of the cells, a two-hundredth of the noise: no further cell.
                    let most = if counted { 40 } else { 25 };
                    assert!(a.abs_diff(*b) <= most, "{judged:?} {checkpoint}: {found:?} {expected:?}");
                }
            }
        }
        // Control: another seed is farther off.
        let other = built(baked(&material, Electrons::MeanField, judged, 40).seed(4));
        let same = failed(&Reference, &built(baked(&material, Electrons::MeanField, judged, 40)));
        assert!(failed(&cpu, &other).iter().zip(&same).any(|(a, b)| a.abs_diff(*b) > 25));
    }
}

#[test]
fn nothing_depends_on_tiles_threads_instruction_sets_or_dispatches() {
    let material = dots();
    let wide = gpu();
    // Two chunks of cells, the last block not full.
    let jobs = |judged| {
        [
            built(baked(&material, Electrons::MeanField, judged, 93)),
            built(cycled(&material, Electrons::MeanField, judged, 93)),
            built(baked(&material, POISSON, judged, 93)),
        ]
    };
    for (first, job) in
        [false, true].into_iter().flat_map(|first| jobs(if first { FIRST } else { THIS }).map(|j| (first, j)))
    {
        let expected = cpu().statistics(&job, &|_| ()).expect("runs");
        for set in InstructionSet::available() {
            for threads in [1, 3] {
                let found = Cpu::open(Some(threads), Some(set.name())).expect("available").statistics(&job, &|_| ());
                assert_eq!(found.expect("runs"), expected, "{set:?} {threads}");
            }
        }
        let before = wide.dispatches();
        let on_gpu = wide.statistics(&job, &|_| ()).expect("runs");
        let dispatches = wide.dispatches() - before;
        // Visits in dispatches of their own, workgroups too, and tiles of one chunk.
        let narrow = DispatchLimits { groups_across: 3, work: 1 << 14, batch: 2 };
        let of_mib = |mib: u64| Gpu::open(None, Some(mib << 20)).expect("an adapter").limited(narrow);
        let small = (1..64).map(of_mib).find(|gpu| gpu.tile_cells(&job).is_ok()).expect("one of these");
        assert!(small.tile_cells(&job).expect("fits") < job.shape().cells());
        assert_eq!(small.statistics(&job, &|_| ()).expect("runs"), on_gpu, "{first}");
        assert!(small.dispatches() > 4 * dispatches, "{} {dispatches}", small.dispatches());
    }
}

#[test]
fn resident_cells_are_judged_as_those_of_the_statistics() {
    let material = dots();
    let (cpu, gpu) = (cpu(), gpu());
    for (judged, electrons) in
        [(FIRST, Electrons::MeanField), (FIRST, POISSON), (THIS, Electrons::MeanField), (THIS, POISSON)]
    {
        let job = built(baked(&material, electrons, judged, 12));
        let program: Vec<_> = thirty_pulses(1.5).iter().map(|segment| (*segment, false)).collect();
        for backend in [&cpu as &dyn Backend, &gpu, &Reference] {
            let population = Population::array(&material, material.variation, 3, job.shape()).electrons(electrons);
            let mut cells = backend.cells(population).expect("opens");
            let stimulus = cells.population().stimulus(job.program_k(), &program);
            cells.program(&job).expect("runs");
            let expected = backend.statistics(&job, &|_| ()).expect("runs");
            let found = cells.reduce(&job).expect("runs");
            assert_eq!(found.counts, expected.counts, "{} {judged:?}", backend.identity().backend);
            // Once more, and after another job: nothing of a bake is left for the next.
            let kept = built(baked(&material, electrons, Judging::Kept, 12));
            let unread = cells.reduce(&kept).expect("runs");
            assert_eq!(unread.counts, backend.statistics(&kept, &|_| ()).expect("runs").counts);
            assert_eq!(cells.reduce(&job).expect("runs").counts, expected.counts);
            assert_ne!(unread.counts, expected.counts);
            // And the cells go on as if they had not been baked.
            cells.advance(&stimulus, None).expect("runs");
            assert_ne!(cells.reduce(&job).expect("runs").counts, expected.counts);
        }
    }
}

#[test]
fn rare_failures_are_not_estimated_of_readings() {
    let material = dots();
    let job = built(baked(&material, Electrons::MeanField, FIRST, 1));
    let request = rare::Request { precision: 0.1, confidence: 0.95, max_samples: 4096, seed: 1, stream: 0 };
    let said = rare::estimate(&job, &request).expect_err("refused").to_string();
    assert!(said.contains("failure.as_read") && said.contains("trapline run") && !said.contains('\n'), "{said}");
}
