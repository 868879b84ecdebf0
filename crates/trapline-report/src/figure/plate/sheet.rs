//! Where the panels of a page lie.

use std::path::Path;

use plotters::backend::DrawingBackend;
use plotters::style::Color;
use serde_json::{Value, json};

use super::super::FigureError;
use super::super::axis::Margins;
use super::super::canvas::{self, Anchor, Drawing, Drawn, Page};
use super::super::chart::{self, Chart};
use super::super::frame::Frame;
use super::super::look::Look;
use super::super::map;
use super::super::scale::INK;
use super::{Panel, Plate};

enum Ready<'a> {
    Chart(Box<chart::Ready<'a>>),
    Map(Box<map::Ready<'a>>),
    Blank,
}

impl Ready<'_> {
    fn size(&self) -> (f64, f64) {
        match self {
            Ready::Chart(chart) => chart.size(),
            Ready::Map(map) => map.size(),
            Ready::Blank => (0.0, 0.0),
        }
    }

    fn margins(&self) -> Margins {
        match self {
            Ready::Chart(chart) => chart.margins(),
            Ready::Map(map) => map.margins(),
            Ready::Blank => Margins::default(),
        }
    }
}

/// What pictures that share a bar of colours have in common; none where the range is the picture's own.
fn colours(panel: &Panel) -> Option<((f64, f64), bool, &str)> {
    match panel {
        Panel::Map(map) => Some((map.range?, map.log, &map.value_label)),
        Panel::Chart(Chart { heat: Some(heat), .. }) => Some((heat.range?, heat.log, &heat.label)),
        _ => None,
    }
}

/// Where a column or a row of frames begins, and how long they may be.
struct Track {
    from: f64,
    length: f64,
}

pub(super) struct Sheet<'a> {
    title: Vec<String>,
    /// Each with its number on the plate.
    panels: Vec<(usize, Ready<'a>)>,
    columns: Vec<Track>,
    rows: Vec<Track>,
    pub(super) size: (f64, f64),
}

/// Sizes of frames in points, and how they are laid out.
#[derive(Debug, Clone, Copy)]
struct Layout {
    chart: (f64, f64),
    map_height: f64,
    /// With one column.
    narrow: bool,
    /// With legends below their charts.
    legends_below: bool,
}

impl<'a> Sheet<'a> {
    const EDGE: f64 = 8.0;
    const GAP: f64 = 10.0;
    const TITLE: f64 = 14.0;
    /// Side of the largest page, in points.
    const LARGEST: f64 = 3600.0;
    /// Dots of the largest bitmap: drawn with twice as many each way it takes 310 MB.
    const MOST_DOTS: f64 = 2.6e7;

    /// Frames smaller than these show nothing.
    const LEAST_CHART: (f64, f64) = (90.0, 62.0);
    const LEAST_MAP: f64 = 40.0;

    /// As large as its panels are.
    pub(super) fn new(plate: &'a Plate) -> Self {
        Sheet::laid(plate, Layout::usual(columns(plate), false))
    }

    /// With one column, and legends below their charts.
    pub(super) fn narrow(plate: &'a Plate) -> Self {
        Sheet::laid(plate, Layout::usual(1, true))
    }

    /// In a look, and how many points there are on paper for each of the sheet's. Letters are as large as the look has
    /// them, and smaller where a page of its size would not hold the panels.
    pub(super) fn looking(plate: &'a Plate, look: &Look) -> (Self, f64) {
        let columns = columns(plate);
        let (width, height) = look.size_pt(columns);
        let Some(width) = width else { return (Sheet::new(plate), look.zoom()) };
        let mut zoom = look.zoom();
        loop {
            let room = (width / zoom, height.map(|height| height / zoom));
            let fits = |sheet: &Sheet<'_>| {
                sheet.size.0 <= room.0 + 0.5 && room.1.is_none_or(|height| sheet.size.1 <= height + 0.5)
            };
            let (beside, wide) = Sheet::filling(plate, columns, room, false);
            if fits(&beside) && wide >= Self::LEAST_SHARE * room.0 / columns as f64 {
                return (beside.within(room), zoom);
            }
            let (below, wider) = Sheet::filling(plate, columns, room, true);
            match (fits(&beside), fits(&below)) {
                (true, true) if wider > wide => return (below.within(room), zoom),
                (true, _) => return (beside.within(room), zoom),
                (_, true) => return (below.within(room), zoom),
                _ if zoom < Self::LEAST_ZOOM => return (beside.within(room), zoom),
                _ => zoom *= 0.93,
            }
        }
    }

    /// Letters are never made smaller than by this.
    const LEAST_ZOOM: f64 = 0.15;
    /// Legends stand below their charts where frames would take less than this of their columns.
    const LEAST_SHARE: f64 = 0.55;

    /// With frames that fill so much room, as far as the least ones do; and how wide those of charts are.
    fn filling(plate: &'a Plate, columns: usize, room: (f64, Option<f64>), legends_below: bool) -> (Self, f64) {
        let rows = plate.panels.len().div_ceil(columns).max(1) as f64;
        let usual = Layout { legends_below, ..Layout::usual(columns, false) };
        let shape = usual.chart.1 / usual.chart.0;
        let mut layout = usual;
        // Margins change little with the frames: a few steps end within a point.
        for _ in 0..8 {
            let sheet = Sheet::laid(plate, layout);
            let wider = (room.0 - sheet.size.0) / columns as f64;
            let higher = room.1.map(|height| (height - sheet.size.1) / rows);
            let (chart, map) = (layout.chart, layout.map_height);
            layout.chart.0 = (chart.0 + wider).max(Self::LEAST_CHART.0);
            layout.chart.1 = match higher {
                Some(higher) => (chart.1 + higher).max(Self::LEAST_CHART.1),
                None => (shape * layout.chart.0).max(Self::LEAST_CHART.1),
            };
            layout.map_height = (map + higher.map_or(wider, |higher| higher.min(wider))).max(Self::LEAST_MAP);
        }
        // The last step may have gone a hair too far.
        let mut sheet = Sheet::laid(plate, layout);
        for _ in 0..8 {
            let over = (sheet.size.0 - room.0).max(room.1.map_or(0.0, |height| sheet.size.1 - height));
            if over <= 0.5 {
                break;
            }
            layout.chart.0 = (layout.chart.0 - over).max(Self::LEAST_CHART.0);
            layout.chart.1 = (layout.chart.1 - over * shape).max(Self::LEAST_CHART.1);
            layout.map_height = (layout.map_height - over).max(Self::LEAST_MAP);
            sheet = Sheet::laid(plate, layout);
        }
        (sheet, layout.chart.0)
    }

    /// In the middle of a page that may be larger.
    fn within(mut self, room: (f64, Option<f64>)) -> Self {
        let shift = |tracks: &mut [Track], by: f64| tracks.iter_mut().for_each(|track| track.from += by);
        let (aside, below) =
            ((room.0 - self.size.0).max(0.0), room.1.map_or(0.0, |height| (height - self.size.1).max(0.0)));
        shift(&mut self.columns, aside / 2.0);
        shift(&mut self.rows, below / 2.0);
        self.size = (self.size.0 + aside, self.size.1 + below);
        self
    }

    fn laid(plate: &'a Plate, layout: Layout) -> Self {
        let Layout { chart: frame, map_height: height, narrow, legends_below } = layout;
        let numbered = plate.panels.iter().enumerate();
        let (numbers, panels): (Vec<usize>, Vec<&'a Panel>) =
            numbered.filter(|(_, panel)| !narrow || **panel != Panel::Blank).unzip();
        let count = if narrow { 1 } else { columns(plate) };
        let one = |(number, panel): (usize, &'a Panel)| {
            // The last of its row has the bar of all that share it; a row that ends early has the bar of the row above.
            let next = match (number + 1) % count {
                0 => None,
                _ if number + 1 < panels.len() => panels.get(number + 1).copied(),
                _ => (number / count * count).checked_sub(1).and_then(|above| panels.get(above).copied()),
            };
            let bar = colours(panel).is_some() && colours(panel) != next.and_then(colours);
            // A legend may reach down beside the panels below it, as far as these have none and no bar.
            let free = |panel: &&Panel| match panel {
                Panel::Chart(chart) => !chart.has_legend() && chart.heat.is_none(),
                Panel::Map(_) => false,
                Panel::Blank => true,
            };
            let below =
                (number..panels.len()).step_by(count).skip(1).filter_map(|at| panels.get(at)).take_while(|of| free(of));
            let room = match legends_below {
                true => chart::LegendRoom::Below,
                false => chart::LegendRoom::Beside(frame.1 * (1 + below.count()) as f64),
            };
            match panel {
                Panel::Chart(chart) => {
                    let own = bar || chart.heat.as_ref().is_some_and(|heat| heat.range.is_none());
                    Ready::Chart(Box::new(chart::Ready::new(chart, frame, own, room)))
                }
                Panel::Map(map) => Ready::Map(Box::new(map::Ready::new(map, height, bar || map.range.is_none()))),
                Panel::Blank => Ready::Blank,
            }
        };
        let panels: Vec<Ready<'a>> = panels.iter().copied().enumerate().map(one).collect();
        let of = |pick: &dyn Fn(&Ready<'_>) -> f64, chosen: &dyn Fn(usize) -> bool| {
            let values = panels.iter().enumerate().filter(|(number, _)| chosen(*number)).map(|(_, panel)| pick(panel));
            values.fold(0.0, f64::max)
        };
        let mut columns = Vec::new();
        let mut x = Self::EDGE;
        for column in 0..count {
            let here = |number: usize| number % count == column;
            let from = x + of(&|p| p.margins().left, &here);
            let length = of(&|p| p.size().0, &here);
            x = from + length + of(&|p| p.margins().right, &here) + Self::GAP;
            columns.push(Track { from, length });
        }
        let width = (x - Self::GAP + Self::EDGE).max(160.0);
        let title = canvas::lines(plate.title.as_deref().unwrap_or_default(), Self::TITLE * 1.12, width - 20.0, 2);
        let mut y = Self::EDGE + title.len() as f64 * (Self::TITLE + 6.0) + if title.is_empty() { 0.0 } else { 6.0 };
        let mut rows = Vec::new();
        for row in 0..panels.len().div_ceil(count) {
            let here = |number: usize| number / count == row;
            let from = y + of(&|p| p.margins().top, &here);
            let length = of(&|p| p.size().1, &here);
            y = from + length + of(&|p| p.margins().bottom, &here) + Self::GAP;
            rows.push(Track { from, length });
        }
        let panels = numbers.into_iter().zip(panels).collect();
        Sheet { title, panels, columns, rows, size: (width, y - Self::GAP + Self::EDGE) }
    }

    /// Whether a page of so many points for each of the sheet's can be drawn.
    pub(super) fn check(&self, path: &Path, zoom: f64) -> Result<(), FigureError> {
        let (width, height) = (self.size.0 * zoom, self.size.1 * zoom);
        if width.max(height) <= Self::LARGEST {
            return Ok(());
        }
        let found = format!("the page would be {width:.0} by {height:.0} points, and may be {0} by {0}", Self::LARGEST);
        Err(FigureError::draw(path, format!("{found}; draw fewer panels on one page, or it smaller")))
    }

    /// Dots per inch of its bitmap: those that are wanted, or as many as memory holds.
    pub(super) fn dots_per_inch(&self, zoom: f64, wanted: f64) -> f64 {
        let square_inches = self.size.0 * self.size.1 * zoom * zoom / (72.0 * 72.0);
        wanted.min((Self::MOST_DOTS / square_inches.max(1e-9)).sqrt())
    }
}

impl Sheet<'_> {
    /// The frame of a panel on this sheet.
    fn frame(&self, place: usize) -> Frame {
        let (column, row) = (&self.columns[place % self.columns.len()], &self.rows[place / self.columns.len()]);
        let (width, height) = self.panels[place].1.size();
        // In the middle of its column, and at the top of its row.
        let left = (2.0 * (column.from + (column.length - width) / 2.0)).round() / 2.0;
        let top = (2.0 * row.from).round() / 2.0;
        Frame { left, right: left + width, top, bottom: top + height }
    }

    /// What lies where on this sheet and, if there is one, on another of the same plate.
    pub(super) fn told(&self, other: Option<&Sheet<'_>>) -> Value {
        let frame = |sheet: &Sheet<'_>, number: usize| {
            let place = sheet.panels.iter().position(|(own, _)| *own == number)?;
            let Frame { left, right, top, bottom } = sheet.frame(place);
            Some([left, top, right, bottom])
        };
        let panel = |(number, panel): &(usize, Ready<'_>)| {
            let mut told = match panel {
                Ready::Chart(chart) => chart.told(),
                Ready::Map(map) => map.told(),
                Ready::Blank => json!({}),
            };
            told["number"] = json!(number);
            told["frames"] = json!([frame(self, *number), other.and_then(|other| frame(other, *number))]);
            told
        };
        json!({ "panels": self.panels.iter().map(panel).collect::<Vec<_>>() })
    }
}

impl Drawing for Sheet<'_> {
    fn size(&self) -> (u32, u32) {
        (self.size.0.ceil() as u32, self.size.1.max(40.0).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Drawn {
        let mut y = Self::EDGE + Self::TITLE / 2.0;
        for line in &self.title {
            page.bold(line, (self.size.0 / 2.0, y), Self::TITLE, Anchor::Centre, INK.to_rgba())?;
            y += Self::TITLE + 6.0;
        }
        for (place, (number, panel)) in self.panels.iter().enumerate() {
            let frame = self.frame(place);
            match panel {
                Ready::Chart(chart) => chart.draw(page, &frame, *number)?,
                Ready::Map(map) => map.draw(page, &frame)?,
                Ready::Blank => {}
            }
        }
        Ok(())
    }
}

impl Layout {
    /// As on a screen: panels get smaller from three columns on.
    fn usual(columns: usize, narrow: bool) -> Layout {
        let chart = match columns {
            1 | 2 => (300.0, 210.0),
            3 => (240.0, 170.0),
            _ => (200.0, 140.0),
        };
        Layout { chart, map_height: if columns > 3 { 112.0 } else { chart.1 }, narrow, legends_below: narrow }
    }
}

/// Columns of panels that a plate has.
fn columns(plate: &Plate) -> usize {
    plate.columns.clamp(1, plate.panels.len().max(1))
}
