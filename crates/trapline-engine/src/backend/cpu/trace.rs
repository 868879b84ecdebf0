//! What is read of single cells, checkpoint by checkpoint: no sums, no counts.

use super::bake::Bake;
use super::baking::{Baking, Begin, Context, Given};
use super::constant::Constant;
use super::counted::CountedBake;
use super::lanes::{Lane, splat};
use super::profile::Profile;
use super::{InstructionSet, read};
use trapline_model::array::CellSet;
use trapline_model::cell::read::QUANTITIES;

per_instruction_set! {
    /// Readings of cells `first` to `first + LANES` of a set, checkpoint by checkpoint: conductance, filling, lost,
    /// kept.
    pub(super) fn trace_group = trace_body(context: &Context, cells: &CellSet, first: u64) -> Vec<[Lane; QUANTITIES]>
}

#[inline(always)]
fn trace_body(context: &Context, cells: &CellSet, first: u64) -> Vec<[Lane; QUANTITIES]> {
    trace_from(context, cells, first)
}

per_instruction_set! {
    /// The same of cells that begin with given occupancies.
    pub(super) fn trace_given = given_body(context: &Context, given: &Given, first: u64) -> Vec<[Lane; QUANTITIES]>
}

#[inline(always)]
fn given_body(context: &Context, given: &Given, first: u64) -> Vec<[Lane; QUANTITIES]> {
    trace_from(context, given, first)
}

#[inline(always)]
fn trace_from<B: Begin>(context: &Context, cells: &B, first: u64) -> Vec<[Lane; QUANTITIES]> {
    match (context.tables.cell.electrons.are_counted(), context.tables.has_profile()) {
        (false, false) => trace_of::<Bake<Constant>, B>(context, cells, first),
        (false, true) => trace_of::<Bake<Profile>, B>(context, cells, first),
        (true, false) => trace_of::<CountedBake<Constant>, B>(context, cells, first),
        (true, true) => trace_of::<CountedBake<Profile>, B>(context, cells, first),
    }
}

#[inline(always)]
fn trace_of<T: Baking, B: Begin>(context: &Context, cells: &B, first: u64) -> Vec<[Lane; QUANTITIES]> {
    let tables = context.tables;
    let mut bake = T::EMPTY;
    let (numbers, held) = cells.held::<T>(context, first);
    let area = bake.begin_with(context, &numbers, &held);
    let mut readings = vec![[splat(f32::NAN); QUANTITIES]; tables.nominal.len()];
    for visit in tables.visits() {
        let lost = bake.go_to(context, visit);
        readings[visit[0].checkpoint as usize] = read::read(tables, &area, bake.start(), &lost).array();
    }
    readings
}
