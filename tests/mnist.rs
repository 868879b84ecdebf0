//! Digits learnt on every backend: made-up ones, and MNIST where `TRAPLINE_MNIST_DIR` names its folder.

use ndarray::Array2;
use std::path::Path;
use std::time::Instant;
use trapline::backend::Backend;
use trapline::backend::cpu::Cpu;
use trapline::backend::gpu::Gpu;
use trapline::experiment::mnist::{Digits, Learning, Mnist, Pairs, Plain, Scheme, idx, learn};
use trapline::material::{Material, shipped};
use trapline::units::kelvin;

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

/// A full run; the band is that of the claim `mnist-trained`.
fn a_full_run(scheme: Scheme, band: std::ops::Range<f64>) {
    let (material, data, start) = (dots(), mnist(), Instant::now());
    let learnt = learn(&cpu(), &learning(&material, scheme, 60_000), &data, &|_| ()).expect("learns");
    let last = learnt.stages.last().expect("never empty");
    println!(
        "{:?}, {:?}, preparation {:?}, {:?}",
        learnt.curve().collect::<Vec<_>>(),
        last.spent,
        learnt.preparation,
        start.elapsed()
    );
    assert!(band.contains(&last.tested.accuracy), "{}", last.tested.accuracy);
    let untrained = learnt.stages[0].tested.accuracy;
    assert!((0.05..0.20).contains(&untrained), "{untrained}");
}

#[test]
#[ignore = "needs TRAPLINE_MNIST_DIR with the four files of MNIST"]
fn the_plain_scheme_reaches_the_papers_rate() {
    a_full_run(Scheme::Plain(Plain::default()), 0.8363..0.8763);
}

#[test]
#[ignore = "needs TRAPLINE_MNIST_DIR with the four files of MNIST"]
fn pairs_reach_more() {
    a_full_run(Scheme::Pairs(Pairs::default()), 0.905..0.925);
}
