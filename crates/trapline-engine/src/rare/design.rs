//! Where failures are most probable: points of `kept(x) = threshold` nearest to the nominal cell.
//!
//! What is kept is tabulated along rays in all directions of the grid {-1, 0, 1} of the coordinates (26 for three),
//! at all times at once. A ray on which failure begins nearer than on its neighbours starts a search: its end is
//! moved to where the gradient of `kept` points and back onto the limit, until that brings it no nearer (the
//! iteration of A. M. Hasofer and N. C. Lind, J. Eng. Mech. Div. ASCE 100, 111 (1974), with the crossing found on the
//! ray instead of from the gradient's length).

use rayon::prelude::*;

use super::SEARCHED_SD;
use super::mixture::MOST_SHIFTS;
use super::population::Population;

/// Distance of places on a ray.
const STRIDE: f64 = 0.5;
/// Directions closer than this (cosine of 60 degrees) are neighbours.
const NEIGHBOURS: f64 = 0.499;
/// A way to fail this much farther out than the nearest adds nothing: at 4 standard deviations some 1e-4 of it.
const AS_FAR: f64 = 2.0;
/// Design points nearer to each other than this share one shift: the variance grows by at most exp(0.75^2) = 1.8.
const APART: f64 = 0.75;
/// Step of the differences that make a gradient, in standard deviations.
const DIFFERENCE: f64 = 0.05;

/// What was found.
pub(super) struct Found {
    pub(super) points: Vec<Vec<f64>>,
    /// Whether the sample is to settle a time: failures (or survivors) lie within reach.
    pub(super) reached: Vec<bool>,
}

struct Ray {
    direction: Vec<f64>,
    /// What is kept, place by place, at each time.
    kept: Vec<Vec<f64>>,
}

impl Ray {
    /// Where failure begins at a time; none where it does not, or has begun at the nominal cell.
    fn begins(&self, time: usize, threshold: f64) -> Option<f64> {
        let kept = |place: usize| self.kept[place][time];
        let place = (1..self.kept.len()).find(|&place| kept(place) < threshold)?;
        let (before, after) = (kept(place - 1), kept(place));
        (before >= threshold).then(|| STRIDE * (place as f64 - (threshold - after) / (before - after)))
    }
}

pub(super) fn points(population: &Population) -> Found {
    let threshold = population.threshold();
    let rays = rays(population);
    let mut points: Vec<Vec<f64>> = Vec::new();
    let mut reached = vec![false; population.times()];
    // Nearest failure of the last time that was searched; neighbouring times have nearly the same points.
    let mut searched: Option<f64> = None;
    for time in (0..population.times()).rev() {
        let begins: Vec<_> = rays.iter().map(|ray| ray.begins(time, threshold)).collect();
        let nearest = begins.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        reached[time] = nearest.is_finite() || rays[0].kept[0][time] < threshold;
        if !nearest.is_finite() || searched.is_some_and(|before| (nearest - before).abs() < 0.5 * APART) {
            continue;
        }
        searched = Some(nearest);
        for start in starts(&rays, &begins, nearest) {
            let point = nearer(population, time, start);
            let apart = |other: &Vec<f64>| distance(other, &point) >= APART;
            if points.len() < MOST_SHIFTS && points.iter().all(apart) {
                points.push(point);
            }
        }
    }
    Found { points, reached }
}

fn rays(population: &Population) -> Vec<Ray> {
    let directions = directions(population.coordinates().len());
    let places = (SEARCHED_SD / STRIDE) as usize;
    let trace = |direction: Vec<f64>| {
        let kept = (0..=places).map(|place| population.kept_at(&scaled(&direction, STRIDE * place as f64))).collect();
        Ray { direction, kept }
    };
    directions.into_par_iter().map(trace).collect()
}

/// All of {-1, 0, 1} in so many dimensions but the origin, of length 1.
fn directions(dimensions: usize) -> Vec<Vec<f64>> {
    let all = 3usize.pow(dimensions as u32);
    let of = |mut number: usize| {
        let mut direction = vec![0.0; dimensions];
        for x in &mut direction {
            *x = (number % 3) as f64 - 1.0;
            number /= 3;
        }
        direction
    };
    (0..all).map(of).filter_map(|direction| unit(&direction)).collect()
}

/// Ends of the rays on which failure begins no farther out than on their neighbours.
fn starts(rays: &[Ray], begins: &[Option<f64>], nearest: f64) -> Vec<Vec<f64>> {
    let nearer_than = |a: &Ray, radius: f64| {
        let neighbour = |b: &Ray| dot(&a.direction, &b.direction) > NEIGHBOURS;
        !rays.iter().zip(begins).any(|(b, other)| neighbour(b) && other.is_some_and(|other| other < radius))
    };
    let ends = rays.iter().zip(begins).filter_map(|(ray, begins)| {
        let radius = (*begins)?;
        (radius <= nearest + AS_FAR && nearer_than(ray, radius)).then(|| scaled(&ray.direction, radius))
    });
    ends.collect()
}

/// Moves a point of the limit along the limit towards the nominal cell.
fn nearer(population: &Population, time: usize, start: Vec<f64>) -> Vec<f64> {
    let kept = |x: &[f64]| population.kept_at(x)[time];
    let mut point = start;
    for _ in 0..8 {
        let radius = dot(&point, &point).sqrt();
        let gradient: Vec<f64> = (0..point.len())
            .map(|i| {
                let (mut above, mut below) = (point.clone(), point.clone());
                above[i] += DIFFERENCE;
                below[i] -= DIFFERENCE;
                kept(&below) - kept(&above)
            })
            .collect();
        let Some(towards) = unit(&gradient) else { break };
        // Only a direction in which a cell as far out has failed can have a nearer one.
        if kept(&scaled(&towards, radius)) >= population.threshold() {
            break;
        }
        let (mut low, mut high) = (0.0, radius);
        for _ in 0..10 {
            let middle = 0.5 * (low + high);
            if kept(&scaled(&towards, middle)) < population.threshold() { high = middle } else { low = middle }
        }
        let gained = radius - high;
        point = scaled(&towards, high);
        if gained < 0.01 {
            break;
        }
    }
    point
}

/// Share of a standard normal population of so many dimensions, 1 to 3, that lies farther out than [`SEARCHED_SD`]: a
/// tail of the chi law.
pub(super) fn farther_out(dimensions: usize) -> f64 {
    let r = SEARCHED_SD;
    let line = libm::erfc(r * std::f64::consts::FRAC_1_SQRT_2);
    let plane = libm::exp(-0.5 * r * r);
    match dimensions {
        0 => 0.0,
        1 => line,
        2 => plane,
        _ => line + (2.0 / std::f64::consts::PI).sqrt() * r * plane,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn scaled(a: &[f64], factor: f64) -> Vec<f64> {
    a.iter().map(|x| x * factor).collect()
}

fn unit(a: &[f64]) -> Option<Vec<f64>> {
    let length = dot(a, a).sqrt();
    (length > 0.0 && length.is_finite()).then(|| scaled(a, 1.0 / length))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}
