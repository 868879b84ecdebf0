//! Cells whose electrons are counted, in f64: the equations of [`mod@trapline_model::cell::counted`].

use crate::backend::job::Job;
use trapline_model::array;
use trapline_model::cell;
use trapline_model::cell::counted::{CountedCell, Draws, Electrons};
use trapline_model::cell::each_dot::DotByDot;
use trapline_model::cell::read::Observables;
use trapline_model::cell::step::Occupancy;
use trapline_model::material::classes::Singles;
use trapline_model::material::{Material, Variation};
use trapline_model::rng::counts::Counts;

/// An empty cell; nothing where electrons are not counted, or the material has no traps.
pub(super) fn drawn(
    material: &Material,
    variation: &Variation,
    electrons: Electrons,
    draws: &Draws,
) -> Option<CountedCell> {
    let Electrons::Counted(number) = electrons else { return None };
    material.capture?;
    let factors = array::factors(&electrons.beside_chance(material, variation), draws.seed, draws.cell);
    Some(CountedCell::draw(material, number, &factors, draws))
}

/// A cell programmed by a job.
pub(super) fn programmed(job: &Job, mut cell: CountedCell, draws: &Draws) -> CountedCell {
    let emission = cell::emission_per_s(&job.material, &cell.factors, job.program_k);
    for part in &job.program {
        let (material, drive, settling) = (&job.material, &part.drive, part.settling);
        let of_cycle = |cycle| array::capture_speed(&job.variation, job.seed, draws.cell, cycle);
        let speed = part.cycles().map(of_cycle).sum();
        match (&part.train, &job.trajectory) {
            (Some(train), Some(trajectory)) => {
                let steps = &train.steps;
                cell::apply_train_counted(material, trajectory, &mut cell, drive, steps, speed, draws, settling);
            }
            _ => {
                cell::apply_counted(material, &mut cell, &emission, drive, 0, speed, draws, settling);
            }
        }
    }
    cell
}

/// A cell at every checkpoint of the bake: its filling at the beginning, and the readings.
pub(super) fn baked(job: &Job, mut cell: CountedCell, draws: &Draws) -> (f64, Vec<Observables<f64>>) {
    let draws = Draws { seed: job.bake_seed(), ..*draws };
    let emissions = job.emissions_per_s(&cell.factors, draws.cell);
    let (start, area) = (cell.filling(), cell.factors.area);
    let electrons = cell.electrons();
    let mut before_s = vec![0.0; emissions.len()];
    let mut readings = Vec::with_capacity(job.times_s.len());
    for (checkpoint, stays_s) in job.stays.for_s.rows().into_iter().enumerate() {
        let emptied: Occupancy = std::array::from_fn(|k| {
            emissions.iter().zip(stays_s).zip(&before_s).map(|((per_s, s), before)| per_s[k] * (s - before)).sum()
        });
        cell.lose(&emptied, &draws, checkpoint as u32);
        before_s.iter_mut().zip(stays_s).for_each(|(to, from)| *to = *from);
        let gone = f64::from(electrons - cell.electrons());
        let lost = if electrons > 0 { gone / f64::from(electrons) } else { 0.0 };
        readings.push(job.read.read(area, start, lost));
    }
    (start, readings)
}

/// A cell dot by dot, programmed and baked by a job: its filling at the beginning, and the readings.
pub(super) fn dot_by_dot(job: &Job, singles: &Singles, counts: &Counts, cell: u64) -> (f64, Vec<Observables<f64>>) {
    let number = job.electrons.dot_number().unwrap_or_default();
    let factors = array::factors(&job.electrons.beside_chance(&job.material, &job.variation), job.seed, cell);
    let mut of_cell = DotByDot::draw(&job.material, singles, number, &factors, counts, (job.seed, cell));
    let speed = |cycle| array::capture_speed(&job.variation, job.seed, cell, cycle);
    let drives = job.program.iter().map(|part| (&part.drive, speed(part.cycle)));
    of_cell.program(&job.material, drives, job.program_k);
    let (start, electrons) = (of_cell.filling(), of_cell.electrons());
    let rows = job.stays.for_s.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>();
    let rows = rows.iter().map(Vec::as_slice);
    let warmer_k = job.warmer_k().map_or(0.0, |of| of[cell as usize]);
    let temperatures_k: Vec<f64> = job.stays.temperatures_k.iter().map(|bake_k| bake_k + warmer_k).collect();
    let left = of_cell.bake(&job.material, &temperatures_k, rows, job.bake_seed());
    let lost = |left: usize| if electrons > 0 { (electrons - left) as f64 / electrons as f64 } else { 0.0 };
    (start, left.into_iter().map(|left| job.read.read(of_cell.factors.area, start, lost(left))).collect())
}

/// Whose electrons.
pub(super) fn draws<'a>(counts: &'a Counts, seed: u64, cell: u64) -> Draws<'a> {
    Draws { counts, seed, cell }
}
