//! Where failures are most probable: points of `kept(x) = threshold` nearest to the nominal cell.
//!
//! What is kept is tabulated along rays in all directions of the grid {-1, 0, 1} of the coordinates (26 for three),
//! at all times at once. A ray on which failure begins nearer than on its neighbours starts a search: its end is
//! moved to where the gradient of `kept` points and back onto the limit, until that brings it no nearer (the
//! iteration of A. M. Hasofer and N. C. Lind, J. Eng. Mech. Div. ASCE 100, 111 (1974), with the crossing found on the
//! ray instead of from the gradient's length).

use rayon::prelude::*;

use super::mixture::MOST_SHIFTS;
use super::population::Population;
use super::{SEARCHED_SD, SEARCHED_SD_COUNTED};

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
/// Distance of places on a ray where chances are tabulated: they are smooth.
const STRIDE_OF_CHANCES: f64 = 1.0;
/// Step of the differences of chances, in standard deviations.
const DIFFERENCE_OF_CHANCES: f64 = 0.25;
/// A way to fail this much less probable (ln of the density) than the most probable one adds nothing.
const AS_RARE: f64 = 9.0;

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

/// Where failed cells are most probable if each fails by chance: maxima of `ln h(x) - x^2/2`, h being the chance. Where
/// more than half of the nominal cells fail, survivors are looked for.
///
/// It is tabulated along the same rays. Places above those at the same and the next distances on their own and on
/// neighbouring rays start a search, by Newton's steps coordinate by coordinate.
pub(super) fn most_probable(population: &Population) -> Found {
    let directions = directions(population.coordinates().len());
    let places = (SEARCHED_SD_COUNTED / STRIDE_OF_CHANCES) as usize;
    let at: Vec<(usize, usize)> = (0..directions.len()).flat_map(|ray| (0..=places).map(move |at| (ray, at))).collect();
    // The nominal cell is a place of all rays.
    let nominal = population.chances_at(&vec![0.0; population.coordinates().len()]);
    let chance = |&(ray, place): &(usize, usize)| {
        let at = scaled(&directions[ray], STRIDE_OF_CHANCES * place as f64);
        if place == 0 { nominal.clone() } else { population.chances_at(&at) }
    };
    let chances: Vec<Vec<[f64; 2]>> = at.par_iter().map(chance).collect();
    // 0 for failures, 1 for survivors.
    let rarer: Vec<usize> = nominal.iter().map(|[failed, survived]| usize::from(failed > survived)).collect();
    let density = |ray: usize, place: usize, time: usize| {
        let radius = STRIDE_OF_CHANCES * place as f64;
        ln(chances[ray * (places + 1) + place][time][rarer[time]]) - 0.5 * radius * radius
    };
    let mut points: Vec<Vec<f64>> = Vec::new();
    let mut reached = vec![false; population.times()];
    // Where searches of later times started: neighbouring times have nearly the same points.
    let mut started: Vec<(usize, usize)> = Vec::new();
    for time in (0..population.times()).rev() {
        let all = at.iter().map(|&(ray, place)| density(ray, place, time));
        let most = all.fold(f64::NEG_INFINITY, f64::max);
        reached[time] = most > libm::log(LEAST_CHANCE);
        if !reached[time] {
            continue;
        }
        let is_highest = |ray: usize, place: usize| {
            let here = density(ray, place, time);
            let near = |other: usize| ray == other || dot(&directions[ray], &directions[other]) > NEIGHBOURS;
            here > most - AS_RARE
                && (0..directions.len()).filter(|other| near(*other)).all(|other| {
                    (place.saturating_sub(1)..=(place + 1).min(places)).all(|at| density(other, at, time) <= here)
                })
        };
        let highest = |&&(ray, place): &&(usize, usize)| (place > 0 || ray == 0) && is_highest(ray, place);
        for &(ray, place) in at.iter().filter(highest) {
            if started.contains(&(ray, place)) {
                continue;
            }
            started.push((ray, place));
            let start = scaled(&directions[ray], STRIDE_OF_CHANCES * place as f64);
            let point = more_probable(population, time, rarer[time], start);
            let apart = |other: &Vec<f64>| distance(other, &point) >= APART;
            if points.len() < MOST_SHIFTS && points.iter().all(apart) {
                points.push(point);
            }
        }
    }
    Found { points, reached }
}

/// Below this density over the nominal one no failure counts.
const LEAST_CHANCE: f64 = 1e-20;

/// ln of a chance, down to the smallest number.
fn ln(chance: f64) -> f64 {
    libm::log(chance.max(f64::MIN_POSITIVE))
}

/// Moves a point uphill in the density of failed cells, or of survivors.
fn more_probable(population: &Population, time: usize, side: usize, start: Vec<f64>) -> Vec<f64> {
    let density = |x: &[f64]| ln(population.chances_at(x)[time][side]) - 0.5 * dot(x, x);
    let (mut point, mut here) = (start.clone(), density(&start));
    for _ in 0..6 {
        let step: Vec<f64> = (0..point.len())
            .map(|i| {
                let (mut above, mut below) = (point.clone(), point.clone());
                above[i] += DIFFERENCE_OF_CHANCES;
                below[i] -= DIFFERENCE_OF_CHANCES;
                let (above, below) = (density(&above), density(&below));
                let slope = (above - below) / (2.0 * DIFFERENCE_OF_CHANCES);
                let curvature = (above - 2.0 * here + below) / (DIFFERENCE_OF_CHANCES * DIFFERENCE_OF_CHANCES);
                // At most a curvature of 1/2, half that of the nominal density; and no farther than the rays are apart.
                (slope / (-curvature).max(0.5)).clamp(-1.0, 1.0)
            })
            .collect();
        let length = dot(&step, &step).sqrt();
        let tried = [1.0, 0.5, 0.25].map(|share| {
            let to: Vec<f64> = point.iter().zip(&step).map(|(x, step)| x + share * step).collect();
            (density(&to), to)
        });
        let Some((higher, to)) = tried.into_iter().find(|(higher, _)| *higher > here) else { break };
        (point, here) = (to, higher);
        if length < 0.1 {
            break;
        }
    }
    point
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

/// Share of a standard normal population of so many dimensions, up to 4, that lies farther out than `r`: a tail of the
/// chi law.
pub(super) fn farther_out(dimensions: usize, r: f64) -> f64 {
    let line = libm::erfc(r * std::f64::consts::FRAC_1_SQRT_2);
    let plane = libm::exp(-0.5 * r * r);
    match dimensions {
        0 => 0.0,
        1 => line,
        2 => plane,
        3 => line + (2.0 / std::f64::consts::PI).sqrt() * r * plane,
        _ => plane * (1.0 + 0.5 * r * r),
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
