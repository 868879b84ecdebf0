//! What several tests share: jobs to run, and comparisons that can fail.
#![allow(dead_code)]

pub mod twins;

use trapline_engine::backend::job::{Bake, Job, JobBuilder, Program};
use trapline_model::array::ArrayShape;
use trapline_model::material::{self, Material, TrapClass};
use trapline_model::protocol::{Leg, Part, Profile, Segment, segments};
use trapline_model::units::{YEAR_S, kelvin};

/// Thirty 1 ms pulses, 1 ms apart.
pub fn thirty_pulses(amplitude_v: f64) -> Vec<Segment> {
    segments(&[Part::Pulses { pulses: 30, amplitude_v, width_s: 1e-3, interval_s: 1e-3 }])
}

/// Two points an octave from 1 s to ten years.
pub fn octaves() -> Vec<f64> {
    (0..).map(|i| 2f64.powf(f64::from(i) / 2.0)).take_while(|t| *t <= 10.0 * YEAR_S).collect()
}

/// A small campaign point.
pub fn job_of(material: &Material, program: &[Segment], celsius: f64, rows: u64, cols: u64, seed: u64) -> Job {
    built(point(material, program, celsius, seed, &octaves()).array(ArrayShape { rows, cols }))
}

/// A job whose every value is within its limits.
#[track_caller]
pub fn built(point: JobBuilder) -> Job {
    point.build().unwrap_or_else(|error| panic!("{error}"))
}

/// A point of one cell, to be changed.
pub fn point<'a>(
    material: &'a Material,
    program: &[Segment],
    celsius: f64,
    seed: u64,
    times_s: &[f64],
) -> JobBuilder<'a> {
    let bake = Bake::at(kelvin(celsius)).checkpoints(times_s);
    Job::of(material).seed(seed).program(Program::of(program)).bake(bake)
}

/// The bake of a profile at 150 C: legs of (degrees Celsius or the point's own, seconds), run through `cycles` times.
pub fn profile_bake(legs: &[(Option<f64>, f64)], cycles: Option<u64>, times_s: &[f64]) -> Bake {
    let legs = legs.iter().map(|&(celsius, for_s)| Leg { temperature_k: celsius.map(kelvin), for_s });
    let profile = Profile::new(legs.collect(), cycles).expect("within its limits");
    Bake::at(kelvin(150.0)).along(profile).checkpoints(times_s)
}

/// A point whose temperature changes with time, to be changed: see [`profile_bake`].
pub fn profile_point<'a>(
    material: &'a Material,
    legs: &[(Option<f64>, f64)],
    cycles: Option<u64>,
    times_s: &[f64],
    seed: u64,
) -> JobBuilder<'a> {
    point(material, &thirty_pulses(1.5), 150.0, seed, times_s)
        .array(ArrayShape { rows: 93, cols: 111 })
        .bake(profile_bake(legs, cycles, times_s))
}

/// A point whose temperature changes with time.
pub fn profile_job(
    material: &Material,
    legs: &[(Option<f64>, f64)],
    cycles: Option<u64>,
    times_s: &[f64],
    seed: u64,
) -> Job {
    built(profile_point(material, legs, cycles, times_s, seed))
}

/// An hour at 150 C and ten minutes at 25 C, again and again.
pub const HOURS: [(Option<f64>, f64); 2] = [(None, 3600.0), (Some(25.0), 600.0)];

/// The campaign's point of a shipped material.
pub fn shipped_job(name: &str, celsius: f64, rows: u64, cols: u64, seed: u64) -> Job {
    let material = material::shipped(name).expect("shipped materials are sound");
    let amplitude_v = if name == "pi-ws2-ns" { 0.7 } else { 1.5 };
    job_of(&material, &thirty_pulses(amplitude_v), celsius, rows, cols, seed)
}

/// A material with one class of a known depth and nothing else that lets go.
pub fn single_class(depth_ev: f64) -> Material {
    let class = TrapClass { weight: 1.0, depth_ev, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
    material::shipped("pi-ws2-qd").expect("shipped materials are sound").with_thermal_classes(vec![class])
}

/// Fails unless `found` is within `relative` of `expected` (or within `absolute`); NaN fails. Says which element.
#[track_caller]
pub fn assert_close(what: &str, found: f64, expected: f64, relative: f64, absolute: f64) {
    let difference = (found - expected).abs();
    assert!(
        difference <= relative * expected.abs() + absolute,
        "{what}: found {found:e}, expected {expected:e}, off by {difference:e} (relative {:e}); allowed {relative:e} relative or {absolute:e}",
        difference / expected.abs()
    );
}

/// Largest relative distance of two numbers over elements, NaN if any is.
pub fn worst_relative(
    found: impl IntoIterator<Item = f64>,
    expected: impl IntoIterator<Item = f64>,
    floor: f64,
) -> f64 {
    found.into_iter().zip(expected).fold(0.0, |worst: f64, (f, e)| {
        let distance = (f - e).abs() / e.abs().max(floor);
        // `max` would drop a NaN.
        if distance.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(distance) }
    })
}
