//! The array with the time at which each cell failed.

use ndarray::Array2;

use super::super::plate::{Panel, Plate};
use super::super::{FigureError, Map};
use super::{LifetimeFigure, Scene, celsius, counted, drawn, filled, grid, sentences, some_drawn, spread_out};
use crate::analysis::cells::{failure_times, free_share};
use crate::analysis::report::Group;
use trapline_model::cell::read::Judging;
use trapline_model::units::spoken_time;

/// Squares along a side; of larger windows each is the first failure of several cells.
const MOST_SQUARES: usize = 64;

/// Failure times at one temperature.
struct Failed {
    index: usize,
    times: Array2<f64>,
}

impl Failed {
    /// Cells that failed, and all that were programmed.
    fn counts(&self) -> (u64, u64) {
        let of = |holds: fn(f64) -> bool| self.times.iter().filter(|&&time| holds(time)).count() as u64;
        (of(f64::is_finite), of(|time| !time.is_nan()))
    }

    /// Cells that had failed at 0 s, before the bake.
    fn at_programming(&self) -> u64 {
        self.times.iter().filter(|&&time| time == 0.0).count() as u64
    }

    /// Whether all cells had failed by this time.
    fn all_by(&self, time_s: f64) -> bool {
        self.counts().1 > 0 && self.times.iter().all(|&time| time.is_nan() || time <= time_s)
    }
}

pub(super) fn figure(scene: &Scene<'_>) -> Result<LifetimeFigure, FigureError> {
    let caption = "When each cell of the window failed, in colour on a logarithmic scale, interpolated between the checkpoints; grey: it \
                   had not failed by the last one, or was not programmed."
        .to_owned();
    let none = LifetimeFigure {
        name: "failures",
        title: "Failure map of the array",
        caption,
        left_out: Vec::new(),
        plate: None,
    };
    let Some(window) = scene.record.label.dump else {
        let why = "No failure map: the campaign recorded statistics only, not each cell. A [dump] table with first_row, first_col, rows and \
                   cols in the campaign file records the cells of a part of the array.";
        return Ok(LifetimeFigure { left_out: vec![why.to_owned()], ..none });
    };
    let step = window.rows.max(window.cols).div_ceil(MOST_SQUARES as u64).max(1);
    let computed = |group: &Group| group.populations.iter().any(|of| of.computed > 0);
    let (groups, mut left_out) = drawn(&scene.report.groups, computed, "nothing was computed");
    let (each, columns) = grid(groups.len());
    let first = scene.record.label.times_s.iter().copied().find(|time| *time > 0.0).unwrap_or(0.0);
    let mut panels = Vec::new();
    for group in groups {
        let maps = match failed(scene, group)? {
            Ok(maps) => maps,
            Err(why) => {
                left_out.push((group.name.clone(), why));
                continue;
            }
        };
        let some: Vec<&Failed> = maps.iter().filter(|of| of.counts().0 > 0 && !of.all_by(first)).collect();
        let texts = celsius(group);
        let names = |holds: &dyn Fn(&Failed) -> bool| {
            let all = maps.iter().filter(|of| holds(of)).map(|of| format!("{} °C", texts[of.index]));
            Some(all.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
        };
        if let Some(names) = names(&|of| of.counts().0 == 0) {
            left_out.push((group.name.clone(), format!("no cell of the window failed at {names}")));
        }
        if let Some(names) = names(&|of| of.all_by(0.0)) {
            let what = format!("all cells of the window had failed at programming, before the bake, at {names}");
            left_out.push((group.name.clone(), what));
        }
        if let Some(names) = names(&|of| of.all_by(first) && !of.all_by(0.0)) {
            let what = format!("all cells of the window had failed by the first checkpoint at {names}");
            left_out.push((group.name.clone(), what));
        }
        let chosen = spread_out(&some, each);
        left_out.extend(some_drawn(group, &chosen.iter().map(|of| of.index).collect::<Vec<_>>(), some.len()));
        panels.extend(chosen.into_iter().map(|of| Panel::Map(map(scene, group, of, step))));
        if each > 1 {
            panels = filled(panels, columns);
        }
    }
    let mut left_out = sentences(left_out);
    if scene.report.groups.iter().flat_map(|group| &group.populations).any(|of| of.computed > 1) {
        left_out.push("Of points that are pooled, the array of the first is drawn.".to_owned());
    }
    if step > 1 {
        left_out.push(format!("Each square is the first failure of {step} × {step} cells."));
    }
    let title = Some(format!("Failed cells in the array, {}", scene.report.campaign));
    let columns = panels.len().min(columns).max(1);
    Ok(LifetimeFigure { left_out, plate: (!panels.is_empty()).then_some(Plate { title, panels, columns }), ..none })
}

/// Failure times of the first computed point of each temperature, or why there are none.
fn failed(scene: &Scene<'_>, group: &Group) -> Result<Result<Vec<Failed>, String>, FigureError> {
    let (record, mut maps) = (scene.record, Vec::new());
    if group.judged != Judging::Kept {
        // The dump holds what cells keep, not what was read.
        let why = "cells are judged by noisy readings, which the dump does not hold";
        return Ok(Err(format!("no failure map, because {why}")));
    }
    for (index, of) in group.populations.iter().enumerate() {
        let Some(&place) = of.places.first() else { continue };
        let Some(share) = free_share(&record.label, place) else {
            let why = "its file in the record has no injection.free_share, which turns charge into conductance";
            return Ok(Err(format!("no failure map, because {why}")));
        };
        if let Some(dump) = scene.details.dump(place)? {
            let times = failure_times(&dump, &record.label.times_s, group.kept_threshold, share);
            maps.push(Failed { index, times });
        }
    }
    Ok(if maps.is_empty() { Err("nothing was computed".to_owned()) } else { Ok(maps) })
}

fn map(scene: &Scene<'_>, group: &Group, of: &Failed, step: u64) -> Map {
    let window = scene.record.label.dump.unwrap_or(trapline_model::outcome::CellWindow {
        first_row: 0,
        first_col: 0,
        rows: 0,
        cols: 0,
    });
    let (failed, all) = of.counts();
    let first = of.times.iter().copied().filter(|time| *time > 0.0).fold(f64::INFINITY, f64::min);
    let first_s = scene.record.label.times_s.iter().copied().find(|time| *time > 0.0).unwrap_or(f64::NAN);
    // No colour of a logarithmic scale is 0 s: such cells have that of the first checkpoint, and are told.
    let times = of.times.mapv(|time| if time == 0.0 { first_s } else { time });
    let early = Some(of.at_programming()).filter(|cells| *cells > 0).map(|cells| format!("{cells} before the bake"));
    let later = first.is_finite().then(|| format!("the first after {}", spoken_time(first)));
    let when: Vec<String> = early.into_iter().chain(later).collect();
    let degrees = &celsius(group)[of.index];
    Map {
        title: format!("{}, {degrees} °C", group.name),
        subtitle: Some(format!("{failed} of {} failed, {}", counted(all, "cell"), when.join(", "))),
        x_label: "column".to_owned(),
        y_label: "row".to_owned(),
        first: (window.first_row, window.first_col),
        step,
        values: first_of_blocks(&times, step as usize),
        value_label: "time to failure (s)".to_owned(),
        log: true,
        ..Map::default()
    }
}

/// The least of each square of so many rows and columns; those at the far sides may be smaller.
fn first_of_blocks(times: &Array2<f64>, step: usize) -> Array2<f64> {
    let (rows, columns) = times.dim();
    Array2::from_shape_fn((rows.div_ceil(step), columns.div_ceil(step)), |(row, column)| {
        let cells = (row * step..rows.min((row + 1) * step))
            .flat_map(|r| (column * step..columns.min((column + 1) * step)).map(move |c| times[[r, c]]));
        cells.fold(f64::INFINITY, f64::min)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_shows_its_first_failure() {
        let none = f64::INFINITY;
        let times = ndarray::arr2(&[[9.0, 3.0, none], [none, f64::NAN, none], [5.0, 6.0, 2.0]]);
        assert_eq!(first_of_blocks(&times, 1)[[0, 1]], 3.0);
        assert_eq!(first_of_blocks(&times, 2), ndarray::arr2(&[[3.0, none], [5.0, 2.0]]));
        assert_eq!(first_of_blocks(&times, 7), ndarray::arr2(&[[2.0]]));
    }
}
