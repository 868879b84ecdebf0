//! The crossbar solver: one reading of a square array, all rows driven, all columns sensed, from the conductances to the
//! column currents, within 1e-9 of what flows in all.
//!
//! `circuit` has linear cells, uniform in resistance between R and 10 R, over lines and the ratio of a segment of wire to
//! R; `circuit_dots` the same cells with the I(V) of the shipped quantum dots beside linear ones, read where the dots are
//! nearly linear (0.1 V) and where they are not (5 V). Cells per second; iterations are printed beside them. Peers and a
//! table: `benches/peers/crossbar.py` and the example `circuit_speed`. Nothing here asserts a time.

#[path = "../crates/trapline-engine/examples/circuit_speed/arrays.rs"]
mod arrays;

use arrays::{Case, Cells, Dots, cells_s};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use trapline::circuit::Accuracy;

const RATIOS: [f64; 4] = [1e-6, 1e-5, 1e-3, 1e-1];

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group
}

/// Times one case under a name.
fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, case: &Case, lines: usize) {
    let cells = cells_s(lines);
    let law = Dots::new(cells.clone(), case.read_v).expect("the law is the model's");
    let currents = case.solve(&cells, &law).expect("a sound reading");
    println!("{name}: {:?}, bound {:.1e}", currents.method, currents.certificate.relative());
    group.throughput(Throughput::Elements((lines * lines) as u64));
    group.bench_function(name, |b| b.iter(|| black_box(case.solve(&cells, &law).expect("it was solved before"))));
}

fn linear(c: &mut Criterion) {
    let mut group = group(c, "circuit");
    for lines in [256, 512, 1024] {
        for ratio in RATIOS {
            let case = Case { cells: Cells::Linear, ratio, read_v: 0.1, accuracy: Accuracy::default(), nodes: false };
            time(&mut group, &format!("{lines}/{ratio:e}"), &case, lines);
        }
    }
    group.finish();
}

fn dots(c: &mut Criterion) {
    let mut group = group(c, "circuit_dots");
    let lines = 512;
    for read_v in [0.1, 5.0] {
        for ratio in RATIOS {
            for (name, cells) in [("linear", Cells::Linear), ("dots", Cells::Dots)] {
                let case = Case { cells, ratio, read_v, accuracy: Accuracy::default(), nodes: true };
                time(&mut group, &format!("{read_v}_V/{ratio:e}/{name}"), &case, lines);
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = linear, dots
}
criterion_main!(benches);
