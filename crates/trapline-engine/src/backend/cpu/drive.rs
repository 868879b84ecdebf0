//! Moves sixteen cells through segments of constant bias. Twin: `shaders/drive.wgsl`.

use super::draw::{Factors, Numbers, draw_speed};
use super::lanes::{LANES, Lane, splat, thermal_escape};
use super::step::{LaneSegment, Motion, Occupancy, Uptake};
use crate::backend::tables::CellTables;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::NORMAL_TABLE_LEN;

/// What the cells are: which, how they differ, and what drives them.
pub struct Driven<'a> {
    pub tables: &'a CellTables,
    pub seed: u64,
    pub cells: &'a Numbers,
    pub factors: &'a Factors,
    pub normal_table: &'a [i32; NORMAL_TABLE_LEN],
}

/// What is recorded on the way. Its methods are those of `shaders/silent.wgsl` and `shaders/recording.wgsl`.
pub trait Record {
    fn begin_segment(
        &mut self,
        driven: &Driven,
        segment: &LaneSegment,
        rate: &Occupancy,
        speed: &Lane,
        occupancy: &Occupancy,
    );
    fn watch_substep(
        &mut self,
        driven: &Driven,
        segment: &LaneSegment,
        motion: &Motion,
        uptake: &Uptake,
        occupancy: &Occupancy,
    );
    fn end_segment(&mut self, driven: &Driven, segment: &LaneSegment, occupancy: &Occupancy);
}

/// Nothing is recorded.
pub struct Silent;

impl Record for Silent {
    #[inline(always)]
    fn begin_segment(&mut self, _: &Driven, _: &LaneSegment, _: &Occupancy, _: &Lane, _: &Occupancy) {}
    #[inline(always)]
    fn watch_substep(&mut self, _: &Driven, _: &LaneSegment, _: &Motion, _: &Uptake, _: &Occupancy) {}
    #[inline(always)]
    fn end_segment(&mut self, _: &Driven, _: &LaneSegment, _: &Occupancy) {}
}

/// Takes the cells from an occupancy through all segments.
#[inline(always)]
pub fn drive<R: Record>(driven: &Driven, occupancy: &mut Occupancy, record: &mut R) {
    let Driven { tables, seed, cells, factors, normal_table } = *driven;
    let rate = emission_per_s(tables, factors);
    let mut speed = splat(1.0);
    let mut drawn = u32::MAX;
    for row in &tables.segments {
        if tables.speed_sd > 0.0 && row.offered > 0.0 && row.cycle != drawn {
            speed = draw_speed(tables, seed, cells, row.cycle, normal_table);
            drawn = row.cycle;
        }
        drive_segment(driven, &LaneSegment::alike(row), &rate, &speed, occupancy, record);
    }
}

/// Takes the cells through one segment. `rate` is the emission of their classes, 1/s, `speed` their capture speed.
#[inline(always)]
pub fn drive_segment<R: Record>(
    driven: &Driven,
    segment: &LaneSegment,
    rate: &Occupancy,
    speed: &Lane,
    occupancy: &mut Occupancy,
    record: &mut R,
) {
    let Driven { tables, factors, .. } = *driven;
    record.begin_segment(driven, segment, rate, speed, occupancy);
    let motion = Motion::new(tables, segment, &factors.trap_filled, rate, speed);
    for _ in 0..segment.row.substeps {
        let uptake = motion.uptake(tables, segment.row.iterations, occupancy);
        record.watch_substep(driven, segment, &motion, &uptake, occupancy);
        motion.advance(tables, &uptake.average, occupancy);
    }
    record.end_segment(driven, segment, occupancy);
}

/// Emission of the cells' classes without bias, 1/s.
#[inline(always)]
pub fn emission_per_s(tables: &CellTables, factors: &Factors) -> Occupancy {
    let mut rate = [splat(0.0); MAX_CLASSES];
    for k in 0..tables.classes {
        let row = &tables.rows[k];
        for lane in 0..LANES {
            let u = factors.log_size[lane];
            let escape = thermal_escape(row.program_rate, row.program_slope, row.program_curvature, u);
            rate[k][lane] = escape + tables.program_background;
        }
    }
    rate
}
