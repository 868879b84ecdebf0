//! Moves sixteen cells through segments of constant bias. Twin: `shaders/drive.wgsl`.

use super::draw::{Factors, Numbers, draw_speed};
use super::lanes::{LANES, Lane, fraction_lost, splat, thermal_escape};
use super::step::{Classes, LaneSegment, Motion, Nominal, Occupancy, Uptake, Weights};
use super::train::{self, Filled};
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
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        rate: &Occupancy,
        speed: &Lane,
        occupancy: &Occupancy,
    );
    fn watch_substep(
        &mut self,
        driven: &Driven,
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        motion: &Motion,
        uptake: &Uptake,
        occupancy: &Occupancy,
    );
    fn end_segment(
        &mut self,
        driven: &Driven,
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        occupancy: &Occupancy,
    );
}

/// Nothing is recorded.
pub struct Silent;

impl Record for Silent {
    #[inline(always)]
    fn begin_segment(
        &mut self,
        _: &Driven,
        _: &Classes<impl Weights>,
        _: &LaneSegment,
        _: &Occupancy,
        _: &Lane,
        _: &Occupancy,
    ) {
    }
    #[inline(always)]
    fn watch_substep(
        &mut self,
        _: &Driven,
        _: &Classes<impl Weights>,
        _: &LaneSegment,
        _: &Motion,
        _: &Uptake,
        _: &Occupancy,
    ) {
    }
    #[inline(always)]
    fn end_segment(&mut self, _: &Driven, _: &Classes<impl Weights>, _: &LaneSegment, _: &Occupancy) {}
}

/// How the electrons of the cells are taken.
pub trait Carriers {
    /// The classes with the cells' weights.
    fn classes<'a>(&'a self, tables: &'a CellTables) -> Classes<'a, impl Weights>;

    /// Moves the occupancies through a substep of known uptake, in the mean.
    fn advance(&mut self, driven: &Driven, motion: &Motion, uptake: &Uptake, occupancy: &mut Occupancy);

    /// Moves the occupancies through a train of known uptake, in the mean.
    fn take_up(&mut self, tables: &CellTables, filled: &Filled, occupancy: &mut Occupancy);

    /// Draws what moved since the last draw; `draw` numbers it among all of the cells.
    fn settle(&mut self, _driven: &Driven, _draw: u32, _occupancy: &mut Occupancy) {}
}

/// As real numbers.
pub struct MeanField;

impl Carriers for MeanField {
    #[inline(always)]
    fn classes<'a>(&'a self, tables: &'a CellTables) -> Classes<'a, impl Weights> {
        Classes { tables, weights: Nominal }
    }

    #[inline(always)]
    fn advance(&mut self, driven: &Driven, motion: &Motion, uptake: &Uptake, occupancy: &mut Occupancy) {
        motion.advance(driven.tables, &uptake.average, occupancy);
    }

    #[inline(always)]
    fn take_up(&mut self, tables: &CellTables, filled: &Filled, occupancy: &mut Occupancy) {
        for k in 0..tables.classes {
            let speed = tables.rows[k].speed;
            for lane in 0..LANES {
                let f = occupancy[k][lane];
                occupancy[k][lane] = (f + (1.0 - f) * fraction_lost(speed * filled.uptake[lane])).min(1.0);
            }
        }
    }
}

/// Takes the cells from an occupancy through all segments.
#[inline(always)]
pub fn drive<C: Carriers, R: Record>(driven: &Driven, carriers: &mut C, occupancy: &mut Occupancy, record: &mut R) {
    let Driven { tables, seed, cells, factors, normal_table, .. } = *driven;
    let rate = emission_per_s(tables, factors);
    let mut speed = splat(1.0);
    let mut drawn = u32::MAX;

    for row in &tables.segments {
        if row.pulses > 0 {
            let filled = train::fill(driven, &carriers.classes(tables), row, occupancy);
            carriers.take_up(tables, &filled, occupancy);
            if row.settles != 0 {
                carriers.settle(driven, row.settled_before, occupancy);
            }
            continue;
        }
        if tables.speed_sd > 0.0 && row.offered > 0.0 && row.cycle != drawn {
            speed = draw_speed(tables, seed, cells, row.cycle, normal_table);
            drawn = row.cycle;
        }
        drive_segment(driven, carriers, &LaneSegment::alike(row), &rate, &speed, occupancy, record);
    }
}

/// Takes the cells through one segment. `rate` is the emission of their classes, 1/s, `speed` their capture speed.
#[inline(always)]
pub fn drive_segment<C: Carriers, R: Record>(
    driven: &Driven,
    carriers: &mut C,
    segment: &LaneSegment,
    rate: &Occupancy,
    speed: &Lane,
    occupancy: &mut Occupancy,
    record: &mut R,
) {
    let Driven { tables, factors, .. } = *driven;
    record.begin_segment(driven, &carriers.classes(tables), segment, rate, speed, occupancy);
    let motion = Motion::new(tables, segment, &factors.trap_filled, rate, speed);
    for _ in 0..segment.row.substeps {
        let classes = carriers.classes(tables);
        let uptake = motion.uptake(&classes, segment.row.iterations, occupancy);
        record.watch_substep(driven, &classes, segment, &motion, &uptake, occupancy);
        carriers.advance(driven, &motion, &uptake, occupancy);
    }
    if segment.row.settles != 0 {
        carriers.settle(driven, segment.row.settled_before, occupancy);
    }
    record.end_segment(driven, &carriers.classes(tables), segment, occupancy);
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
