//! Digits learnt on every backend: made-up ones, and MNIST where `TRAPLINE_MNIST_DIR` names its folder.

use ndarray::{Array2, Axis, Ix4};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use trapline::array::CellSet;
use trapline::backend::cells::{Cells, HostCells, Population};
use trapline::backend::cpu::Cpu;
use trapline::backend::gpu::Gpu;
use trapline::backend::job::Job;
use trapline::backend::reference::Reference;
use trapline::backend::stimulus::{Response, Stimulus};
use trapline::backend::tally::Tally;
use trapline::backend::{Backend, BackendError, Progress, Trace};
use trapline::cell::counted::Electrons;
use trapline::dataset::Values;
use trapline::experiment::mnist::{Digits, Learning, Mnist, Pairs, Plain, Scheme, after_bake, idx, learn};
use trapline::material::{Material, shipped};
use trapline::outcome::Identity;
use trapline::paper::claims::Verdict;
use trapline::paper::raw::Laboratory;
use trapline::paper::{claims, digits, judge};
use trapline::units::kelvin;

/// Rates of runs of 2,000 digits: on the CPU backend, 20 seeds have a mean of 0.670 and a standard deviation of
/// 0.015. Eight of them to either side leave room for another set of material values.
const PLAIN_AFTER_2000: std::ops::Range<f64> = 0.55..0.79;
/// The same for pairs: 0.754 and 0.012.
const PAIRS_AFTER_2000: std::ops::Range<f64> = 0.66..0.85;

fn dots() -> Material {
    shipped("pi-ws2-qd").expect("shipped")
}

fn cpu() -> Cpu {
    Cpu::open(None, None).expect("opens")
}

fn gpu() -> Gpu {
    Gpu::open(None, None).unwrap_or_else(|error| panic!("{error}; Debian: apt-get install mesa-vulkan-drivers"))
}

fn learning(material: &Material, scheme: Scheme, presentations: u32) -> Learning<'_> {
    Learning {
        material,
        variation: true,
        seed: 1,
        ambient_k: kelvin(100.0),
        read_v: 0.1,
        read_s: 1e-2,
        read_noise: true,
        electrons: Electrons::MeanField,
        scheme,
        presentations,
        stages: Vec::new(),
    }
}

/// Four patterns on 16 pixels: the lines of a square, each with one pixel too many or too few in turn.
fn lines(count: usize) -> Digits {
    let images = Array2::from_shape_fn((count, 16), |(n, pixel)| {
        let odd = (n * 7 + n / 4) % 16 == pixel;
        let ink = pixel / 4 == n % 4;
        if ink != odd { 220 } else { 10 }
    });
    Digits { images, labels: (0..count).map(|n| (n % 4) as u8).collect() }
}

fn lines_are_learnt(backend: &dyn Backend) {
    let (material, data) = (dots(), Mnist { train: lines(120), test: lines(40) });
    // So few digits call for small batches.
    for scheme in [Scheme::Plain(Plain::default()), Scheme::Pairs(Pairs { batch: 8, ..Pairs::default() })] {
        let learnt = learn(backend, &learning(&material, scheme, 600), &data, &|_| ()).expect("learns");
        let curve: Vec<_> = learnt.curve().collect();
        assert!(curve.last().is_some_and(|(_, accuracy)| *accuracy >= 0.95), "{scheme:?}: {curve:?}");
        let spent = learnt.stages[1].spent;
        assert!(spent.caught_share > 0.0 && spent.caught_share < 1.0, "{spent:?}");
    }
}

#[test]
fn lines_are_learnt_on_the_cpu() {
    lines_are_learnt(&cpu());
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn lines_are_learnt_on_the_gpu() {
    let gpu = gpu();
    assert_eq!(gpu.identity().backend, "gpu");
    lines_are_learnt(&gpu);
}

fn mnist() -> Mnist {
    let folder = std::env::var_os("TRAPLINE_MNIST_DIR").expect("TRAPLINE_MNIST_DIR names the folder of MNIST");
    idx::load(Path::new(&folder)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs TRAPLINE_MNIST_DIR with the four files of MNIST"]
fn claims_on_digits_pass_on_the_cpu() {
    let (cpu, data, start) = (cpu(), mnist(), Instant::now());
    let lab = Laboratory::new(&cpu, 1, Electrons::MeanField).expect("shipped");
    let mut raw = vec![digits::untrained(&lab, &data).expect("answers")];
    raw.extend(digits::learnt(&lab, &data, &|_| ()).expect("learns"));
    println!("{:.0} s", start.elapsed().as_secs_f64());
    raw.iter().for_each(|d| d.check().unwrap_or_else(|e| panic!("{e}")));
    let claims = claims::parse(claims::TEXT).expect("embedded");
    let found = judge(&claims, &raw);
    let of = |id: &str| found.iter().find(|f| f.claim.id == id).expect("known");
    for id in ["mnist-initial", "mnist-trained", "charge-balance"] {
        let finding = of(id);
        println!("{id}: {:?}", finding.measured);
        assert_eq!(finding.verdict(), Verdict::Met, "{finding:?}");
    }
    // The better scheme is better, by far more than seeds differ.
    let trained = of("mnist-trained").measured.as_ref().expect("measured");
    let beside = |name: &str| trained.beside.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, v)| *v);
    let pairs = beside("scheme of pairs, mean");
    assert!(pairs > trained.value + 0.03 && pairs < 0.95, "{pairs}");
    // Arrays that have not learnt do not pass for such that have.
    for d in &mut raw {
        if d.name == "mnist/plain" {
            let fresh = d.counted::<Ix4>("confusion").expect("there").index_axis(Axis(1), 0).to_owned();
            let counts = d.variables.iter_mut().find(|v| v.name == "confusion").expect("there");
            let Values::Count(all) = &mut counts.values else { panic!("counts") };
            let end = all.len_of(Axis(1)) - 1;
            all.index_axis_mut(Axis(1), end).assign(&fresh.into_dyn());
        }
    }
    let found = judge(&claims, &raw);
    let fresh = found.iter().find(|f| f.claim.id == "mnist-trained").map(|f| f.verdict());
    assert_eq!(fresh, Some(Verdict::Contradicted));
}

/// Cells on the GPU backend, and the same cells under the same pulses on the reference.
struct Beside<'a> {
    gpu: &'a Gpu,
    followed: Mutex<Followed>,
}

struct Followed {
    /// State of the reference's cells; axes (cell, class).
    occupancy: Array2<f64>,
    /// Pulses and readings so far of each cell.
    stimuli: Vec<u32>,
    /// Largest error of a cell's conductance, over what is allowed and as it is.
    worst: [f64; 2],
    /// A cell whose reference leaves out this pulse.
    deaf: Option<(u64, u32)>,
    calls: u32,
}

impl Beside<'_> {
    fn new(gpu: &Gpu, cells: usize, classes: usize, deaf: Option<(u64, u32)>) -> Beside<'_> {
        let occupancy = Array2::zeros((cells, classes));
        let followed = Followed { occupancy, stimuli: vec![0; cells], worst: [0.0; 2], deaf, calls: 0 };
        Beside { gpu, followed: Mutex::new(followed) }
    }
}

/// Allowed relative error of a conductance after so many pulses.
///
/// A pulse adds to an occupancy below 1, which is rounded once: 2^-25 = 3e-8; and its step, at most 0.03, is right to
/// some ten roundings, the cell's own factors included: 0.03 x 10 x 6e-8 = 2e-8. Pulses never increase a difference
/// between two states of a cell, so errors add up at worst. A filling changes the conductance by (1 - theta0)/(1 -
/// (1 - theta0) F) < 1 relative to it. The reading itself has the area and the sum over eight classes: less than 20
/// roundings of 6e-8.
fn allowed(stimuli: u32) -> f64 {
    1.2e-6 + 5e-8 * f64::from(stimuli)
}

impl Backend for Beside<'_> {
    fn identity(&self) -> Identity {
        self.gpu.identity()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        self.gpu.statistics(job, progress)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        self.gpu.trace(job, cells)
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        let found = self.gpu.stimulate(stimulus, cells, occupancy)?;
        let mut followed = self.followed.lock().expect("nobody panicked");
        followed.calls += 1;
        let rows: Vec<usize> = cells.iter().map(|cell| *cell as usize).collect();
        let mut part = followed.occupancy.select(Axis(0), &rows);
        let expected = Reference.stimulate(stimulus, cells, &mut part)?;
        for (i, row) in rows.into_iter().enumerate() {
            followed.stimuli[row] += 1;
            if followed.deaf != Some((row as u64, followed.stimuli[row])) {
                followed.occupancy.row_mut(row).assign(&part.row(i));
            }
            let end = stimulus.rows - 1;
            let error = (found.current_a[[end, i]] / expected.current_a[[end, i]] - 1.0).abs();
            let over = error / allowed(followed.stimuli[row]);
            // NaN is the worst of all, and stays.
            for (worst, new) in followed.worst.iter_mut().zip([over, error]) {
                *worst = if worst.is_nan() || new.is_nan() { f64::NAN } else { worst.max(new) };
            }
        }
        Ok(found)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        Ok(Box::new(HostCells::new(self, population)))
    }
}

/// 2,000 digits on the GPU with the reference beside it; gives the cell that gets most pulses.
fn cell_by_cell(gpu: &Gpu, learning: &Learning, data: &Mnist, rates: std::ops::Range<f64>) -> u64 {
    let (cells, start) = (idx::PIXELS * learning.scheme.columns(), Instant::now());
    let beside = Beside::new(gpu, cells, learning.material.classes.len(), None);
    assert_eq!(beside.identity().backend, "gpu");
    let learnt = learn(&beside, learning, data, &|_| ()).expect("learns");
    let Followed { occupancy, stimuli, worst: [over, error], calls, .. } =
        beside.followed.into_inner().expect("nobody panicked");
    let last = &learnt.stages[1];
    let (raised, lowered) = (last.spent.raising, last.spent.lowering);
    println!(
        "{calls} calls, {raised} pulses up and {lowered} down, worst error {error:e}, {over:.2} of what is allowed, {:?}",
        start.elapsed()
    );
    assert!(over <= 1.0, "{error:e}");
    assert!(raised > 10_000 && (lowered > 10_000 || matches!(learning.scheme, Scheme::Plain(_))));
    // The two arrays answer alike but for pictures whose best two outputs are closer than the errors: of 10,000, with
    // outputs apart by some percent and errors of some 1e-6, a handful.
    let same = after_bake(&Reference, learning, &occupancy, learning.ambient_k, 0.0, &data.test).expect("answers");
    let rate = last.tested.accuracy;
    assert!((rate - same.accuracy).abs() <= 1e-3, "{rate} {}", same.accuracy);
    assert!(rates.contains(&rate), "{rate}");
    (0..cells as u64).max_by_key(|cell| stimuli[*cell as usize]).expect("there are cells")
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
#[cfg_attr(not(trapline_skip_gpu), ignore = "needs TRAPLINE_MNIST_DIR with the four files of MNIST")]
fn digits_on_the_gpu_are_those_of_the_reference_cell_by_cell() {
    let (gpu, material, data) = (gpu(), dots(), mnist());
    // Fresh cells of the plain scheme are below their reference for some 3,000 digits: until then nothing is lowered.
    // Pairs lower from the first update on.
    let pairs = learning(&material, Scheme::Pairs(Pairs::default()), 2000);
    cell_by_cell(&gpu, &pairs, &data, PAIRS_AFTER_2000);
    let plain = learning(&material, Scheme::Plain(Plain::default()), 2000);
    let most = cell_by_cell(&gpu, &plain, &data, PLAIN_AFTER_2000);

    // A reference that misses one pulse of one cell is seen.
    let few = Learning { presentations: 200, ..plain };
    let cells = idx::PIXELS * plain.scheme.columns();
    let deaf = Beside::new(&gpu, cells, material.classes.len(), Some((most, 3)));
    learn(&deaf, &few, &data, &|_| ()).expect("learns");
    assert!(deaf.followed.into_inner().expect("nobody panicked").worst[0] > 10.0);
}

/// Code and last line on the standard error of a call that does not get far.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let called = std::process::Command::new(env!("CARGO_BIN_EXE_trapline"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("runs");
    assert!(called.stdout.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "{arguments:?} left something");
    (called.status.code(), String::from_utf8(called.stderr).expect("text"))
}

#[test]
fn what_needs_mnist_says_so_in_a_line() {
    let calls: [(&[&str], &[&str]); 7] = [
        (&["paper", "--figure", "5b"], &["--mnist DIR", "5b"]),
        (&["paper", "--figure", "2a", "--mnist", "."], &["needs no MNIST"]),
        (&["paper", "--mnist", "nowhere"], &["nowhere", "train-images-idx3-ubyte", "https://"]),
        (&["mnist", "--data", ".", "--gain", "3"], &["--gain", "--scheme pairs"]),
        (&["mnist", "--data", ".", "--raise-width", "-1"], &["the width of the raising pulse", "-1", "above 0"]),
        (&["mnist", "--data", ".", "--lower-bias", "1.5"], &["the bias of the lowering pulse", "1.5", "at most 0 V"]),
        (&["mnist", "--data", ".", "--read-time", "0"], &["--read-time", "between"]),
    ];
    for (arguments, words) in calls {
        let (code, text) = refused(arguments);
        assert!(code == Some(2) && text.lines().count() == 1, "{code:?} {text}");
        words.iter().for_each(|word| assert!(text.contains(word), "{word:?} is not in {text}"));
    }
}
