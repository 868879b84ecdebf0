//! How long the crossbar solver takes, as a table: lines, ratio of wire to cell, iterations, seconds, bytes.
//!
//!     cargo run --release --workspace --example circuit_speed -- --lines 256,512,1024 --ratios 1e-6,1e-5,1e-3,1e-1
//!
//! `--cells dots` takes cells with the I(V) of the shipped quantum dots in the place of linear ones, `--volts` the
//! voltage of the rows, `--runs` how often each is solved (the quickest counts), `--nodes` the voltages of all nodes and
//! the currents of all cells too. Currents are to be within 1e-9 of what flows in all; with `--each-column` each within
//! 1e-9 of itself. `--save FOLDER` keeps conductances and column currents as NumPy arrays, for
//! `benches/peers/crossbar.py`. `docs/performance.md` has what it printed.

mod arrays;

use arrays::{Case, Cells, Dots, cells_s};
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use trapline_engine::circuit::Accuracy;

struct Arguments {
    lines: Vec<usize>,
    ratios: Vec<f64>,
    cells: Cells,
    volts: f64,
    runs: usize,
    nodes: bool,
    accuracy: Accuracy,
    save: Option<PathBuf>,
}

/// A list of numbers with commas.
fn list<T: std::str::FromStr>(flag: &str, text: &str) -> Result<Vec<T>, String> {
    let number = |one: &str| one.trim().parse().map_err(|_| format!("{flag} {text}: {one:?} is no number for it"));
    text.split(',').map(number).collect()
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        lines: vec![256, 512, 1024],
        ratios: vec![1e-6, 1e-5, 1e-3, 1e-1],
        cells: Cells::Linear,
        volts: 0.1,
        runs: 3,
        nodes: false,
        accuracy: Accuracy::of_total(1e-9),
        save: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--lines" => found.lines = list(&flag, &value()?)?,
            "--ratios" => found.ratios = list(&flag, &value()?)?,
            "--volts" => found.volts = list(&flag, &value()?)?[0],
            "--runs" => found.runs = list::<usize>(&flag, &value()?)?[0].max(1),
            "--cells" => {
                found.cells = match value()?.as_str() {
                    "linear" => Cells::Linear,
                    "dots" => Cells::Dots,
                    other => return Err(format!("--cells {other}: give linear or dots")),
                }
            }
            "--nodes" => found.nodes = true,
            "--each-column" => found.accuracy = Accuracy::of_each_column(1e-9),
            "--save" => found.save = Some(value()?.into()),
            other => return Err(format!("{other} is unknown: the top of this file says what can be given")),
        }
    }
    Ok(found)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    println!(
        "lines,ratio,cells,volts,threads,iterations,newton_steps,bound_passes,seconds,processor_seconds,peak_bytes,bound"
    );
    for &lines in &arguments.lines {
        let cells = cells_s(lines);
        let law = Dots::new(cells.clone(), arguments.volts)?;
        if let Some(folder) = &arguments.save {
            fs::create_dir_all(folder)?;
            save(&folder.join(format!("cells-{lines}.npy")), &format!("({lines}, {lines})"), cells.iter())?;
        }
        for &ratio in &arguments.ratios {
            let Arguments { cells: kind, volts: read_v, accuracy, nodes, .. } = arguments;
            let case = Case { cells: kind, ratio, read_v, accuracy, nodes };
            let (mut seconds, mut processor, mut last) = (f64::INFINITY, f64::INFINITY, None);
            forget_peak();
            for _ in 0..arguments.runs {
                let (start, start_processor) = (Instant::now(), processor_s());
                let currents = case.solve(&cells, &law)?;
                seconds = seconds.min(start.elapsed().as_secs_f64());
                processor = processor.min(processor_s() - start_processor);
                last = Some(currents);
            }
            let Some(currents) = last else { continue };
            let (method, bound) = (currents.method, currents.certificate.relative());
            let kind = if kind == Cells::Dots { "dots" } else { "linear" };
            let threads = std::thread::available_parallelism()?;
            let peak = peak_bytes().map_or(String::new(), |bytes| bytes.to_string());
            println!(
                "{lines},{ratio:e},{kind},{read_v},{threads},{},{},{},{seconds:.6},{processor:.6},{peak},{bound:.2e}",
                method.iterations, method.newton_steps, method.bound_passes
            );
            if let Some(folder) = &arguments.save {
                let name = format!("currents-{kind}-{lines}-{ratio:e}-{read_v}.npy");
                save(&folder.join(name), &format!("({lines},)"), currents.column_a.iter())?;
            }
        }
    }
    Ok(())
}

/// Writes numbers as NumPy's own format has them (version 1.0: magic, length of the header, header, data).
fn save<'a>(path: &Path, shape: &str, numbers: impl Iterator<Item = &'a f64>) -> io::Result<()> {
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for number in numbers {
        file.write_all(&number.to_le_bytes())?;
    }
    file.flush()
}

/// Time of all threads on a processor so far, s; not a number where the system does not tell.
fn processor_s() -> f64 {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
    }
    #[cfg(not(unix))]
    f64::NAN
}

/// Largest resident memory since [`forget_peak`], bytes; none where the system is not Linux.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.split_whitespace().next()?.parse::<u64>().ok()?)
}

/// Lets the largest resident memory start again, where the system can.
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
