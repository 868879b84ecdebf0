//! Retention, all backends side by side, and C peers beside them, in cell-checkpoints per second.
//!
//! `retention` runs the bake kernel on cells in memory: the CPU backend with each instruction set, against the C of
//! `peers/retention.c`, with exp at every checkpoint and with the doubling recurrence. `points` runs whole campaign
//! points (draw, program, bake, statistics) on every backend. Threads: 1 and all, or those in `TRAPLINE_BENCH_THREADS`
//! (`1,2`). Before anything is timed, the kernels must agree to 1e-5. Nothing here asserts a time.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use trapline::array::{self, ArrayShape};
use trapline::backend::cpu::{Cpu, InstructionSet};
use trapline::backend::job::{Bake, Job, Program};
use trapline::backend::tables::Tables;
use trapline::backend::{Backend, Choice, Options, open};
use trapline::cell::Factors;
use trapline::material;
use trapline::units::kelvin;

/// Cells of the kernel benchmark, and checkpoints whose times double.
const CELLS: usize = 1 << 20;
const CHECKPOINTS: usize = 16;
/// `1 - theta0`, as in the published figures.
const OPEN: f64 = 0.88;

/// Eight classes in memory.
struct Input {
    job: Job,
    /// Axes (class, cell).
    occupancy: Vec<f32>,
    log_size: Vec<f32>,
}

impl Input {
    fn new() -> Input {
        let (_, text) = material::SHIPPED[0];
        let text = text.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 8");
        let mut material = material::parse(&text, "eight").expect("shipped materials are sound");
        assert_eq!(material.classes.len(), 8, "the peer has eight classes");
        material.injection.free_share = 1.0 - OPEN;
        // The peer's classes have their own way out only.
        material.matrix = None;
        let times_s: Vec<f64> = (0..CHECKPOINTS).map(|i| 1e3 * 2f64.powi(i as i32)).collect();
        let job = Job::of(&material)
            .seed(7)
            .array(ArrayShape { rows: 1024, cols: (CELLS / 1024) as u64 })
            .program(Program::of(&support::thirty_pulses(1.5)))
            .bake(Bake::at(kelvin(150.0)).checkpoints(&times_s));
        let job = support::built(job);
        let programmed = job.programmed(&Factors::NOMINAL, |_| 1.0);
        let log_size: Vec<f32> =
            (0..CELLS as u64).map(|cell| array::factors(job.variation(), job.seed(), cell).log_size as f32).collect();
        let occupancy = (0..8).flat_map(|k| log_size.iter().map(move |u| (programmed[k] as f32) * (1.0 + u))).collect();
        Input { job, occupancy, log_size }
    }

    /// In the layout `peers/retention.c` reads.
    fn write(&self, path: &Path) -> io::Result<()> {
        let tables = Tables::new(&self.job);
        let rows = &tables.cell.rows[..8];
        let mut file = io::BufWriter::new(std::fs::File::create(path)?);
        file.write_all(&(CELLS as u32).to_le_bytes())?;
        file.write_all(&(CHECKPOINTS as u32).to_le_bytes())?;
        let columns = [|r| r.weight, |r| r.bake_rate, |r| r.bake_slope, |r| r.bake_curvature]
            as [fn(&trapline::backend::tables::ClassRow) -> f32; 4];
        let head = [tables.cell.open, tables.visit_rows[1].time];
        let constants = columns.iter().flat_map(|column| rows.iter().map(column));
        let numbers = head.into_iter().chain(constants).chain(self.log_size.iter().copied());
        for number in numbers.chain(self.occupancy.iter().copied()) {
            file.write_all(&number.to_le_bytes())?;
        }
        file.flush()
    }

    /// Means of 1/(1 - q F) out of the backend's conductances.
    fn means(&self, cpu: &Cpu) -> Vec<f64> {
        let read = self.job.read();
        let found =
            cpu.bake_means(&self.job, &self.occupancy, &self.log_size).expect("one occupancy per class and cell");
        found.iter().map(|g| (g - read.hopping) / read.direct).collect()
    }
}

/// The compiled peer and its input.
struct Peer {
    _folder: TempDir,
    program: PathBuf,
    input: PathBuf,
}

impl Peer {
    /// Compiles with `$CC` or `cc`. `None`, with a line that says why, where that fails: no compiler, or none that
    /// takes gcc's options.
    fn build(input: &Input) -> Option<Peer> {
        let folder = TempDir::new().expect("a temporary folder");
        let (program, data) = (folder.path().join("retention"), folder.path().join("input"));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/retention.c");
        let status = Command::new(&compiler)
            .args(["-O3", "-march=native", "-ffast-math", "-fopenmp", "-o"])
            .args([&program, &source])
            .arg("-lm")
            .status();
        if !status.as_ref().is_ok_and(|s| s.success()) {
            eprintln!("NOT MEASURED: the C peers ({compiler}: {status:?})");
            return None;
        }
        input.write(&data).expect("room for the peer's input");
        Some(Peer { _folder: folder, program, input: data })
    }

    /// Time of some iterations, and the means.
    fn run(&self, variant: &str, threads: usize, iterations: u64) -> (Duration, Vec<f64>) {
        let mut command = Command::new(&self.program);
        command.arg(variant).args([threads.to_string(), iterations.to_string()]).arg(&self.input);
        let output = command.output().expect("the peer was just built");
        assert!(output.status.success(), "the peer failed: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let mut numbers = text.lines().map(|line| line.parse::<f64>().expect("the peer prints numbers"));
        let seconds = numbers.next().expect("the peer prints its time");
        (Duration::from_secs_f64(seconds), numbers.collect())
    }
}

/// Numbers of threads to run with.
fn threads() -> Vec<usize> {
    let all = std::thread::available_parallelism().map_or(1, |n| n.get());
    match std::env::var("TRAPLINE_BENCH_THREADS") {
        Ok(list) => list.split(',').map(|n| n.trim().parse().expect("TRAPLINE_BENCH_THREADS: 1,2")).collect(),
        Err(_) if all == 1 => vec![1],
        Err(_) => vec![1, all],
    }
}

fn cpu(threads: usize, set: InstructionSet) -> Cpu {
    Cpu::open(Some(threads), Some(set.name())).expect("an available instruction set")
}

/// The bake kernel on cells in memory.
fn kernel(c: &mut Criterion) {
    let input = Input::new();
    let peer = Peer::build(&input);
    let reference = input.means(&cpu(1, InstructionSet::Baseline));
    let mut group = c.benchmark_group("retention");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(20)
        .throughput(Throughput::Elements((CELLS * CHECKPOINTS) as u64));
    for threads in threads() {
        for variant in ["exp", "recurrence"] {
            let Some(peer) = &peer else { continue };
            for (found, expected) in peer.run(variant, threads, 1).1.iter().zip(&reference) {
                assert!((found / expected - 1.0).abs() < 1e-5, "C {variant}: {found}, cpu: {expected}");
            }
            group.bench_function(format!("c_{variant}/{threads}"), |b| {
                b.iter_custom(|iterations| peer.run(variant, threads, iterations).0);
            });
        }
        for set in InstructionSet::available() {
            let cpu = cpu(threads, set);
            group.bench_function(format!("cpu_{}/{threads}", set.name()), |b| {
                b.iter(|| black_box(cpu.bake_means(&input.job, &input.occupancy, &input.log_size)));
            });
        }
    }
    group.finish();
}

/// Whole points.
fn points(c: &mut Criterion) {
    let mut group = c.benchmark_group("points");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    let gpu = open(&Options { choice: Choice::Gpu, ..Options::default() });
    match &gpu {
        Ok(gpu) => println!("gpu: {:?}", gpu.identity()),
        Err(why) => println!("NOT MEASURED: gpu ({why})"),
    }
    for name in ["pi-ws2-qd", "pi-ws2-ns"] {
        let point = |rows, cols| support::shipped_job(name, 150.0, rows, cols, 7);
        let (small, large) = (point(16, 64), point(256, 256));
        let cell_checkpoints = |job: &Job| Throughput::Elements(job.shape().cells() * job.times_s().len() as u64);
        let mut run = |label: String, backend: &dyn Backend, job: &Job| {
            group.throughput(cell_checkpoints(job));
            group.bench_function(format!("{name}/{label}"), |b| {
                b.iter(|| black_box(backend.statistics(job, &|_| ()).expect("the point ran before")));
            });
        };
        run("reference".to_owned(), &trapline::backend::reference::Reference, &small);
        for threads in threads() {
            for set in InstructionSet::available() {
                run(format!("cpu_{}/{threads}", set.name()), &cpu(threads, set), &large);
            }
        }
        // One pulse: nearly all of it is the bake and its statistics.
        let material = material::shipped(name).expect("shipped materials are sound");
        let pulse = &support::thirty_pulses(if name == "pi-ws2-ns" { 0.7 } else { 1.5 })[..1];
        let bake = support::job_of(&material, pulse, 150.0, 256, 256, 7);
        for threads in threads() {
            let set = InstructionSet::available().pop().unwrap_or(InstructionSet::Baseline);
            run(format!("bake_cpu_{}/{threads}", set.name()), &cpu(threads, set), &bake);
        }
        if let Ok(gpu) = &gpu {
            run("gpu".to_owned(), gpu.as_ref(), &large);
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = kernel, points
}
criterion_main!(benches);
