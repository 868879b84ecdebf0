//! Moves chosen cells, each under its own bias and at its own temperature, which it reads from tables. Twin:
//! `shaders/drive.wgsl` with `shaders/apart.wgsl`.

use super::counted::Counted;
use super::draw::{self, Factors, Numbers};
use super::drive::{Carriers, Driven, MeanField, Silent, drive_segment};
use super::lanes::{LANES, Lane, splat, thermal_escape};
use super::record::{Recorder, Seen};
use super::step::{LaneSegment, Occupancy};
use super::{Cpu, InstructionSet};
use crate::backend::BackendError;
use crate::backend::exposure::Exposed;
use crate::backend::stimulus::Response;
use crate::backend::tables::{CellTables, MOST_EVENTS, SegmentRow};
use ndarray::Array2;
use rayon::prelude::*;
use trapline_model::cell::counted;
use trapline_model::cell::tabulated::LawTables;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::Counts;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

/// What every group reads.
struct Context<'a> {
    tables: &'a CellTables,
    counts: &'a Counts,
    laws: &'a LawTables,
    /// Slope and curvature of each class's depth by ln(size), eV.
    depth_slope_ev: [f32; MAX_CLASSES],
    depth_curvature_ev: [f32; MAX_CLASSES],
    row: SegmentRow,
    seed: u64,
    normal_table: &'a [i32; NORMAL_TABLE_LEN],
}

/// Sixteen cells: their numbers, biases in V and temperatures in K.
struct Group {
    numbers: Numbers,
    bias_v: Lane,
    temperature_k: Lane,
}

per_instruction_set! {
    /// Moves sixteen cells; gives the rows of their response.
    fn group = group_body(context: &Context, of: &Group, occupancy: &mut Occupancy) -> Vec<Seen>
}

/// The segment as each cell sees it.
#[inline(always)]
fn segment<'a>(context: &'a Context, of: &Group) -> LaneSegment<'a> {
    let Context { tables, laws, row, .. } = context;
    let mut seen = LaneSegment { bias_v: of.bias_v, ..LaneSegment::alike(row) };
    for lane in 0..LANES {
        let (bias_v, temperature_k) = (of.bias_v[lane], of.temperature_k[lane]);
        seen.overdrive_v[lane] = bias_v.abs() - tables.onset_v;
        seen.injected_a[lane] = laws.injected_a(bias_v, temperature_k);
        seen.hopping_a[lane] = laws.hopping_a(bias_v, temperature_k);
        let (offered, field) = (laws.offered_per_s(bias_v, temperature_k), laws.field_per_s(bias_v));
        seen.offered[lane] = (offered * row.step_s).min(MOST_EVENTS);
        seen.field[lane] = (field * row.step_s).min(MOST_EVENTS);
    }
    seen
}

/// Emission of each cell's classes at its own temperature, 1/s.
#[inline(always)]
fn emission_per_s(context: &Context, of: &Group, log_size: &Lane) -> Occupancy {
    let Context { tables, laws, depth_slope_ev, depth_curvature_ev, .. } = context;
    let mut rate = [splat(0.0); MAX_CLASSES];
    for lane in 0..LANES {
        let temperature_k = of.temperature_k[lane];
        let (per_ev, background) = (laws.per_ev(temperature_k), laws.background_per_s(temperature_k));
        for k in 0..tables.classes {
            let nominal = laws.thermal_per_s(k, temperature_k);
            let (slope, curvature) = (depth_slope_ev[k] * per_ev, depth_curvature_ev[k] * per_ev);
            rate[k][lane] = thermal_escape(nominal, slope, curvature, log_size[lane]) + background;
        }
    }
    rate
}

#[inline(always)]
fn group_body(context: &Context, of: &Group, occupancy: &mut Occupancy) -> Vec<Seen> {
    let Context { tables, counts, seed, normal_table, .. } = *context;
    let mut factors = draw::draw(tables, seed, &of.numbers, normal_table);
    if tables.electrons.are_counted() {
        let mut carriers = Counted::draw(tables, counts, seed, &of.numbers, &mut factors);
        carriers.fill(tables.classes, occupancy);
        return moved(context, of, &factors, &mut carriers, occupancy);
    }
    moved(context, of, &factors, &mut MeanField, occupancy)
}

#[inline(always)]
fn moved<C: Carriers>(
    context: &Context,
    of: &Group,
    factors: &Factors,
    carriers: &mut C,
    occupancy: &mut Occupancy,
) -> Vec<Seen> {
    let Context { tables, row, seed, normal_table, .. } = *context;
    let rate = emission_per_s(context, of, &factors.log_size);
    let seen = segment(context, of);
    let mut speed = splat(1.0);
    if tables.speed_sd > 0.0 {
        speed = draw::draw_speed(tables, seed, &of.numbers, row.cycle, normal_table);
    }
    let driven = Driven { tables, seed, cells: &of.numbers, factors, normal_table };
    if row.row != 0 {
        drive_segment(&driven, carriers, &seen, &rate, &speed, occupancy, &mut Silent);
        return Vec::new();
    }
    let mut recorder = Recorder::new(1);
    drive_segment(&driven, carriers, &seen, &rate, &speed, occupancy, &mut recorder);
    recorder.seen
}

/// See [`crate::backend::Backend::expose`].
pub(super) fn expose(
    cpu: &Cpu,
    exposed: &Exposed,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    let tables = CellTables::of_exposed(exposed);
    let counts = counted::tables(&exposed.material, &exposed.variation, exposed.electrons);
    let depth = |of: fn(&trapline_model::material::TrapClass) -> f64| {
        let mut all = [0.0; MAX_CLASSES];
        all.iter_mut().zip(&exposed.material.classes).for_each(|(to, class)| *to = of(class) as f32);
        all
    };
    let context = Context {
        tables: &tables,
        counts: &counts,
        laws: &exposed.tables,
        depth_slope_ev: depth(|class| class.depth_slope_ev),
        depth_curvature_ev: depth(|class| class.depth_curvature_ev),
        row: tables.segments[0],
        seed: exposed.seed,
        normal_table: normal_table(),
    };
    let before = &*occupancy;
    let moved = |start: usize| {
        let mut numbers = [0; LANES];
        let mut state = [splat(0.0); MAX_CLASSES];
        let (mut bias_v, mut temperature_k) = (splat(0.0), splat(0.0));
        for lane in 0..LANES {
            // Past the end the last cell again.
            let cell = (start + lane).min(cells.len() - 1);
            numbers[lane] = cells[cell];
            bias_v[lane] = exposed.bias_v[cell] as f32;
            temperature_k[lane] = exposed.temperature_k[cell] as f32;
            for k in 0..tables.classes {
                state[k][lane] = before[[cell, k]] as f32;
            }
        }
        let of = Group { numbers: Numbers::new(numbers), bias_v, temperature_k };
        let seen = group(cpu.set, &context, &of, &mut state);
        (state, seen)
    };
    let starts: Vec<usize> = (0..cells.len()).step_by(LANES).collect();
    let groups: Vec<_> = cpu.pool.install(|| starts.par_iter().map(|&start| moved(start)).collect());
    let mut response = Response::unwritten(usize::from(exposed.recorded), cells.len());
    let mut arrays = response.arrays();
    for (start, (state, seen)) in starts.into_iter().zip(&groups) {
        for lane in 0..LANES.min(cells.len() - start) {
            for k in 0..tables.classes {
                occupancy[[start + lane, k]] = f64::from(state[k][lane]);
            }
            for (row, quantities) in seen.iter().enumerate() {
                for (array, quantity) in arrays.iter_mut().zip(quantities) {
                    array[[row, start + lane]] = f64::from(quantity[lane]);
                }
            }
        }
    }
    Ok(response)
}
