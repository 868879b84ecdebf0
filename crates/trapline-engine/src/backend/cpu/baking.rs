//! Sixteen cells in a bake: where they begin, and how their electrons are taken.
//!
//! Cells begin with what the job programs or with occupancies that are given ([`Begin`]); their electrons are real
//! numbers or are counted ([`Baking`]). Whoever goes through a bake is written once for all of these.

use super::bake::{Bake, Decay};
use super::counted::{Counted, CountedBake, HeldElectrons};
use super::draw::{self, Factors, Numbers};
use super::drive::{self, Driven, MeanField, Silent};
use super::lanes::{LANES, Lane, splat};
use super::step::Occupancy;
use crate::backend::job::Job;
use crate::backend::tables::{Tables, VisitRow};
use ndarray::ArrayView2;
use trapline_model::array::CellSet;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::Counts;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

/// Everything a kernel reads.
pub(super) struct Context<'a> {
    pub tables: &'a Tables,
    pub counts: &'a Counts,
    pub seed: u64,
    /// Of what happens in the bake where electrons are counted.
    pub bake_seed: u64,
    pub normal_table: &'a [i32; NORMAL_TABLE_LEN],
    /// Checkpoints at which the filling of every cell is handed over; of statistics alone.
    pub kept: &'a [usize],
}

impl<'a> Context<'a> {
    pub fn new(job: &Job, tables: &'a Tables, counts: &'a Counts) -> Context<'a> {
        let (seed, bake_seed) = (job.seed, job.bake_seed());
        Context { tables, counts, seed, bake_seed, normal_table: normal_table(), kept: &[] }
    }

    /// The same, handing over fillings at these checkpoints.
    pub fn keeping(self, kept: &'a [usize]) -> Context<'a> {
        Context { kept, ..self }
    }
}

/// Numbers of sixteen cells of a set; past its end the last cell again.
#[inline(always)]
pub(super) fn numbers(cells: &CellSet, first: u64) -> Numbers {
    let mut found = [0; LANES];
    for (lane, number) in found.iter_mut().enumerate() {
        *number = cells.number((first + lane as u64).min(cells.count - 1));
    }
    Numbers::new(found)
}

/// Cells of a chunk, and what they hold when their bake begins.
pub(super) trait Begin {
    fn count(&self) -> u64;
    /// Numbers of sixteen cells from the `first` on, and what these hold; past the end the last cell again.
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held);
}

/// Programmed by the job.
impl Begin for CellSet {
    #[inline(always)]
    fn count(&self) -> u64 {
        self.count
    }

    #[inline(always)]
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held) {
        let numbers = numbers(self, first);
        (numbers, T::programmed(context, &numbers))
    }
}

/// From occupancies that are given; axes (cell, class).
pub(super) struct Given<'a> {
    pub numbers: &'a [u64],
    pub occupancy: ArrayView2<'a, f64>,
}

impl Begin for Given<'_> {
    #[inline(always)]
    fn count(&self) -> u64 {
        self.numbers.len() as u64
    }

    #[inline(always)]
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held) {
        let tables = context.tables;
        let mut numbers = [0; LANES];
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        for lane in 0..LANES {
            let cell = (first as usize + lane).min(self.numbers.len() - 1);
            numbers[lane] = self.numbers[cell];
            for k in 0..tables.cell.classes {
                occupancy[k][lane] = self.occupancy[[cell, k]] as f32;
            }
        }
        let numbers = Numbers::new(numbers);
        (numbers, T::given(context, &numbers, occupancy))
    }
}

/// Sixteen cells in a bake, however their electrons are taken.
pub(super) trait Baking {
    /// Empty cells'.
    const EMPTY: Self;
    /// What cells hold after their programming.
    type Held;

    /// Programs cells.
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held;

    /// Cells with given occupancies.
    fn given(context: &Context, cells: &Numbers, occupancy: Occupancy) -> Self::Held;

    /// Starts the bake of cells. Gives the areas.
    fn begin_with(&mut self, context: &Context, cells: &Numbers, held: &Self::Held) -> Lane;

    /// Goes to a checkpoint; gives the fraction of the cells' charge lost by then.
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane;

    /// Filling right after programming.
    fn start(&self) -> &Lane;
}

impl<D: Decay> Baking for Bake<D> {
    const EMPTY: Self = Bake::<D>::EMPTY;
    type Held = (Factors, Occupancy);

    #[inline(always)]
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held {
        let Context { tables, seed, normal_table, .. } = *context;
        let factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        let driven = Driven { tables: &tables.cell, seed, cells, factors: &factors, normal_table };
        drive::drive(&driven, &mut MeanField, &mut occupancy, &mut Silent);
        (factors, occupancy)
    }

    #[inline(always)]
    fn given(context: &Context, cells: &Numbers, occupancy: Occupancy) -> Self::Held {
        (draw::draw(&context.tables.cell, context.seed, cells, context.normal_table), occupancy)
    }

    #[inline(always)]
    fn begin_with(&mut self, context: &Context, _: &Numbers, (factors, occupancy): &Self::Held) -> Lane {
        self.begin(context.tables, factors, occupancy);
        factors.area
    }

    #[inline(always)]
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane {
        self.visit(context.tables, visit)
    }

    #[inline(always)]
    fn start(&self) -> &Lane {
        &self.start
    }
}

impl<D: Decay> Baking for CountedBake<D> {
    const EMPTY: Self = CountedBake::<D>::EMPTY;
    type Held = (Factors, HeldElectrons);

    #[inline(always)]
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held {
        let Context { tables, counts, seed, normal_table, .. } = *context;
        let mut factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut carriers = Counted::draw(&tables.cell, counts, seed, cells, &mut factors);
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        let driven = Driven { tables: &tables.cell, seed, cells, factors: &factors, normal_table };
        drive::drive(&driven, &mut carriers, &mut occupancy, &mut Silent);
        (factors, carriers.held())
    }

    #[inline(always)]
    fn given(context: &Context, cells: &Numbers, mut occupancy: Occupancy) -> Self::Held {
        let Context { tables, counts, seed, normal_table, .. } = *context;
        let mut factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut carriers = Counted::draw(&tables.cell, counts, seed, cells, &mut factors);
        carriers.fill(tables.cell.classes, &mut occupancy);
        (factors, carriers.held())
    }

    #[inline(always)]
    fn begin_with(&mut self, context: &Context, cells: &Numbers, (factors, held): &Self::Held) -> Lane {
        self.begin(context.tables, cells, factors, held);
        factors.area
    }

    #[inline(always)]
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane {
        self.visit(context.tables, context.counts, context.bake_seed, visit)
    }

    #[inline(always)]
    fn start(&self) -> &Lane {
        &self.start
    }
}
