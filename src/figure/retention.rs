//! Retention curves: the mean window kept against the logarithm of time, a panel per material, a curve per temperature.

use std::path::{Path, PathBuf};

use plotters::style::{Color, RGBAColor, RGBColor};

use super::FigureError;
use super::axis::{SMALL, TEXT};
use super::canvas::{self, Anchor, Drawing, Drawn, Page, shortened};
use super::scale::{GREY, INK, Scale, decades, power_of_ten, runs, temperature_colour};
use crate::record::CampaignRecord;
use crate::units::{YEAR_S, celsius};
use plotters::backend::DrawingBackend;

/// More panels than this are too small to read.
const MOST_PANELS: usize = 12;
/// More temperatures than this are named at intervals.
const MOST_NAMES: usize = 18;

// All lengths in points.
const PANEL: (f64, f64) = (330.0, 250.0);
const LEFT: f64 = 58.0;
const BETWEEN: f64 = 34.0;
const ABOVE: f64 = 48.0;
const BELOW: f64 = 46.0;
const TITLE: f64 = 34.0;
const LEGEND: f64 = 116.0;

const GRID: RGBColor = RGBColor(228, 228, 228);

/// Writes `STEM.png` and `STEM.svg` and returns their paths.
///
/// Each panel is a material, each curve the mean of `kept` at one temperature, coloured from cold to hot, with one standard
/// deviation to either side shaded. The dashed line is the threshold below which a cell fails. The checkpoint at t = 0, where
/// `kept` is 1 by definition, has no place on a logarithmic axis. What was not computed, or has no programmed cell, is said
/// in its panel.
///
/// # Errors
/// [`FigureError`] where the folder cannot be written, or a record has more materials than a figure holds.
pub fn retention(record: &CampaignRecord, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let found = record.label.materials.len();
    if !(1..=MOST_PANELS).contains(&found) {
        return Err(FigureError::TooMany { path: stem.to_owned(), found, limit: MOST_PANELS });
    }
    canvas::write(&Retention::new(record), stem)
}

struct Retention<'a> {
    record: &'a CampaignRecord,
    columns: usize,
    rows: usize,
    /// Exponents of ten at the ends of the time axis; none if nothing comes after t = 0.
    decades: Option<(i32, i32)>,
    /// Ends of the axis of kept.
    kept: (f64, f64),
    /// Temperature indices from cold to hot.
    order: Vec<usize>,
}

/// The rectangle of one panel, as two scales.
struct Panel {
    x: Scale,
    y: Scale,
}

impl<'a> Retention<'a> {
    fn new(record: &'a CampaignRecord) -> Self {
        let panels = record.label.materials.len();
        let columns = match panels {
            0..=3 => panels.max(1),
            4 => 2,
            _ => 3,
        };
        let mut order: Vec<usize> = (0..record.label.temperatures_k.len()).collect();
        let temperatures = &record.label.temperatures_k;
        order.sort_by(|&a, &b| temperatures[a].total_cmp(&temperatures[b]));
        let extreme = |start: f64, pick: fn(f64, f64) -> f64| {
            record.kept.mean.iter().filter(|v| v.is_finite()).fold(start, |a, &b| pick(a, b))
        };
        Retention {
            record,
            columns,
            rows: panels.div_ceil(columns),
            decades: decades(record.label.times_s.iter().copied()),
            // Kept lies between 0 and 1 unless a bake adds charge; a made-up record may hold anything.
            kept: (extreme(0.0, f64::min).max(-1.0), extreme(1.0, f64::max).min(3.0)),
            order,
        }
    }

    fn panel(&self, index: usize) -> Panel {
        let (column, row) = ((index % self.columns) as f64, (index / self.columns) as f64);
        let left = LEFT + column * (PANEL.0 + BETWEEN);
        let top = TITLE + ABOVE + row * (PANEL.1 + BELOW + ABOVE);
        let (first, last) = self.decades.unwrap_or((0, 1));
        let margin = 0.03 * (self.kept.1 - self.kept.0);
        Panel {
            x: Scale { low: f64::from(first), high: f64::from(last), from: left, to: left + PANEL.0 },
            y: Scale { low: self.kept.0 - margin, high: self.kept.1 + margin, from: top + PANEL.1, to: top },
        }
    }

    fn axes<DB: DrawingBackend>(&self, page: &Page<'_, DB>, panel: &Panel, index: usize) -> Drawn {
        let Panel { x, y } = panel;
        let (ink, grey, grid) = (INK.to_rgba(), GREY.to_rgba(), GRID.to_rgba());
        let (bottom, top) = (y.from, y.to);
        let exponents = x.low as i32..=x.high as i32;
        // Labels need 30 points each.
        let every = (exponents.clone().count() as f64 * 30.0 / PANEL.0).ceil().max(1.0) as i32;
        for exponent in exponents {
            let at = x.place(f64::from(exponent));
            page.line(&[(at, top), (at, bottom)], grid, 0.6)?;
            page.line(&[(at, bottom), (at, bottom + 4.0)], ink, 0.8)?;
            if (exponent - x.low as i32) % every == 0 {
                page.text(&power_of_ten(exponent), (at, bottom + 7.0), TEXT, Anchor::Below, ink)?;
            }
            for minor in (2..10).filter(|_| exponent < x.high as i32 && every == 1) {
                let at = x.place(f64::from(exponent) + f64::from(minor).log10());
                page.line(&[(at, bottom), (at, bottom + 2.2)], ink, 0.5)?;
            }
        }
        for tick in ticks(y.low, y.high) {
            let at = y.place(tick);
            page.line(&[(x.from, at), (x.to, at)], grid, 0.6)?;
            page.line(&[(x.from - 4.0, at), (x.from, at)], ink, 0.8)?;
            if index.is_multiple_of(self.columns) {
                page.text(&format!("{tick:.1}"), (x.from - 7.0, at), TEXT, Anchor::Right, ink)?;
            }
        }
        for (seconds, name) in
            [(60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "1 d"), (YEAR_S, "1 y"), (10.0 * YEAR_S, "10 y")]
        {
            let at = seconds.log10();
            if self.decades.is_some() && (x.low..=x.high).contains(&at) && every == 1 {
                let at = x.place(at);
                page.line(&[(at, top), (at, top - 3.5)], grey, 0.8)?;
                page.text(name, (at, top - 5.0), SMALL, Anchor::Above, grey)?;
            }
        }
        let frame = [(x.from, top), (x.to, top), (x.to, bottom), (x.from, bottom), (x.from, top)];
        page.line(&frame, ink, 0.8)?;
        let middle = (x.from + x.to) / 2.0;
        page.text("time after programming (s)", (middle, bottom + 26.0), TEXT, Anchor::Below, ink)?;
        if index.is_multiple_of(self.columns) {
            let at = (x.from - 42.0, (top + bottom) / 2.0);
            page.text("mean window kept (1)", at, TEXT, Anchor::Turned, ink)?;
        }
        let (name, _) = &self.record.label.materials[index];
        page.bold(&shortened(name, 44), (middle, top - 24.0), 12.5, Anchor::Above, ink)
    }

    fn curves<DB: DrawingBackend>(&self, page: &Page<'_, DB>, panel: &Panel, material: usize) -> Drawn {
        let record = self.record;
        let places = |t: usize, sigmas: f64| -> Vec<Option<(f64, f64)>> {
            let checkpoints = record.label.times_s.iter().enumerate();
            checkpoints
                .map(|(k, &time)| {
                    let at = [material, t, k];
                    let value = record.kept.mean[at] + sigmas * record.kept.variance[at].sqrt();
                    let there = time > 0.0 && value.is_finite();
                    let value = value.clamp(panel.y.low, panel.y.high);
                    there.then(|| (panel.x.place(time.log10()), panel.y.place(value)))
                })
                .collect()
        };
        // All shades first, so that none dims a curve.
        for (rank, &t) in self.order.iter().enumerate() {
            let colour = temperature_colour(rank, self.order.len()).mix(0.16);
            let (upper, lower) = (places(t, 1.0), places(t, -1.0));
            let both: Vec<_> = upper.into_iter().zip(lower).map(|(u, l)| u.zip(l)).collect();
            for run in runs(&both) {
                let visible = run.iter().any(|(u, l)| l.1 - u.1 > 0.8);
                if visible && run.len() > 1 {
                    let outline: Vec<_> = run.iter().map(|p| p.0).chain(run.iter().rev().map(|p| p.1)).collect();
                    page.area(&outline, colour)?;
                } else if visible {
                    page.line(&[run[0].0, run[0].1], colour, 3.0)?;
                }
            }
        }
        let threshold = record.label.kept_threshold;
        if (panel.y.low..=panel.y.high).contains(&threshold) {
            let at = panel.y.place(threshold);
            page.dashes(&[(panel.x.from, at), (panel.x.to, at)], GREY.to_rgba(), 1.0)?;
        }
        let mut drawn = false;
        for (rank, &t) in self.order.iter().enumerate() {
            let colour = temperature_colour(rank, self.order.len());
            for run in runs(&places(t, 0.0)) {
                drawn = true;
                if run.len() > 1 {
                    page.line(&run, colour, 1.6)?;
                } else {
                    page.dot(run[0], 2.6, colour)?;
                }
            }
        }
        if !drawn {
            let middle = ((panel.x.from + panel.x.to) / 2.0, (panel.y.from + panel.y.to) / 2.0);
            page.text(self.why_empty(material), middle, TEXT, Anchor::Centre, GREY.to_rgba())?;
        }
        Ok(())
    }

    fn why_empty(&self, material: usize) -> &'static str {
        let record = self.record;
        if record.computed.row(material).iter().all(|&c| !c) {
            "not computed"
        } else if record.programmed.row(material).iter().all(|&n| n == 0) {
            "no cell was programmed"
        } else if self.decades.is_none() {
            "no checkpoint after t = 0"
        } else {
            "no defined value"
        }
    }

    fn legend<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Drawn {
        const STEP: f64 = 17.0;
        let ink = INK.to_rgba();
        let left = f64::from(self.size().0) - LEGEND;
        let mut y = TITLE + ABOVE + 4.0;
        page.bold("temperature", (left, y), TEXT, Anchor::Left, ink)?;
        let count = self.order.len();
        let every = count.div_ceil(MOST_NAMES);
        // Hot on top, as the curves lie below in that order.
        for rank in (0..count).rev().filter(|rank| rank % every == 0 || rank + 1 == count) {
            y += STEP;
            let colour = temperature_colour(rank, count);
            page.line(&[(left, y), (left + 20.0, y)], colour, 2.2)?;
            let temperature = celsius(self.record.label.temperatures_k[self.order[rank]]);
            let text = format!("{temperature:.1}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            page.text(&format!("{text} °C"), (left + 27.0, y), TEXT, Anchor::Left, ink)?;
        }
        y += 1.4 * STEP;
        page.dashes(&[(left, y), (left + 20.0, y)], GREY.to_rgba(), 1.0)?;
        let threshold = format!("fails below {}", self.record.label.kept_threshold);
        page.text(&threshold, (left + 27.0, y), TEXT, Anchor::Left, ink)?;
        y += STEP;
        let shade: RGBAColor = temperature_colour(count / 2, count).mix(0.25);
        page.area(&[(left, y - 5.0), (left + 20.0, y - 5.0), (left + 20.0, y + 5.0), (left, y + 5.0)], shade)?;
        page.text("±1 sd of cells", (left + 27.0, y), TEXT, Anchor::Left, ink)
    }
}

impl Drawing for Retention<'_> {
    fn size(&self) -> (u32, u32) {
        let width = LEFT + self.columns as f64 * (PANEL.0 + BETWEEN) + LEGEND;
        let named = self.order.len().min(MOST_NAMES + 1) as f64;
        let panels = TITLE + self.rows as f64 * (ABOVE + PANEL.1 + BELOW);
        // The legend may be taller than one row of panels.
        let legend = TITLE + ABOVE + 17.0 * (named + 4.0);
        (width as u32, panels.max(legend) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Drawn {
        let label = &self.record.label;
        let points = self.record.computed.iter().filter(|&&c| c).count();
        let missing = match self.record.computed.len() - points {
            0 => String::new(),
            n => format!(", {n} of {} points not computed", points + n),
        };
        let title = format!(
            "Retention, {}: {} × {} cells, seed {}{missing}",
            shortened(&label.name, 40),
            label.rows,
            label.cols,
            label.seed
        );
        page.bold(&title, (LEFT, 22.0), 14.0, Anchor::Left, INK.to_rgba())?;
        for index in 0..label.materials.len() {
            let panel = self.panel(index);
            self.axes(page, &panel, index)?;
            self.curves(page, &panel, index)?;
        }
        self.legend(page)
    }
}

/// Round numbers on an axis of kept.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let step = if high - low > 1.6 { 0.5 } else { 0.2 };
    let first = (low / step).ceil() as i32;
    let last = (high / step).floor() as i32;
    (first..=last).map(|i| f64::from(i) * step).collect()
}
