//! Many writes of a pattern: what is asked for, and what is said of them.

use clap::Args;
use serde_json::json;
use trapline::analysis::Table;
use trapline::experiment::array_write::{Endurance, Endured, Reached, SHARES, WriteError};
use trapline::figure::{Axis, Chart, Curve, Panel, Style};

use super::super::scientific;

/// Writes that are not all stepped.
#[derive(Debug, Args)]
pub(super) struct EnduranceAsked {
    /// Writes the pattern so often, up to 1e6, each with one pulse: few are stepped, the others by their envelope,
    /// whose error the tolerance bounds; needs --electrons mean-field
    #[arg(long, value_name = "N", conflicts_with_all = ["count", "levels"], allow_hyphen_values = true)]
    writes: Option<f64>,
    /// Numbers of writes to report the cells at, rising [default: 1,2,5,10,20,50 and so on]
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "writes", allow_hyphen_values = true)]
    at: Vec<f64>,
}

impl EnduranceAsked {
    /// Whether anything is.
    pub(super) fn is_asked(&self) -> bool {
        self.writes.is_some()
    }

    /// What is asked for, if it is.
    pub(super) fn asked(&self) -> Result<Option<Endurance>, WriteError> {
        self.writes.map(|writes| Endurance::new(writes, &self.at)).transpose()
    }
}

pub(super) fn summary(endured: &Endured) -> Table {
    let mut table = Table::new(
        ["writes", "filling, most", "error", "window (S)", "worst disturb (%)", "error (%)", "row", "column"],
        0,
    );
    for moved in endured.reported() {
        let row = endured.at.iter().position(|number| *number == moved.writes).unwrap_or(0);
        let most =
            |of: &ndarray::Array3<f64>| of.index_axis(ndarray::Axis(0), row).iter().fold(0.0, |m: f64, v| m.max(*v));
        let (cell_row, cell_col) =
            moved.cell.map_or(("-".to_owned(), "-".to_owned()), |(r, c)| (r.to_string(), c.to_string()));
        table.row([
            moved.writes.to_string(),
            scientific(most(&endured.filling)),
            format!("{:.1e}", most(&endured.filling_error)),
            scientific(moved.window_s),
            format!("{:.3}", 100.0 * moved.worst),
            format!("{:.1e}", 100.0 * moved.error),
            cell_row,
            cell_col,
        ]);
    }
    table
}

pub(super) fn remark(endured: &Endured) -> String {
    let writes = endured.at.last().copied().unwrap_or(0);
    let mut lines = vec![format!(
        "{writes} writes by {} that were stepped: {} leaps over the others, {} found too long, which leave every filling within \
         {:.1e} of the largest change",
        endured.stepped, endured.leaps, endured.refused, endured.worst_error
    )];
    if endured.moved.iter().any(|moved| moved.cell.is_some()) {
        lines.extend(SHARES.map(|share| match endured.reached(share) {
            Reached { between: (0, first), writes: Some(_), .. } => format!(
                "the worst of the other cells has moved by {} % of the window within {}",
                100.0 * share,
                if first == 1 { "the first write".to_owned() } else { format!("the first {first} writes") }
            ),
            Reached { writes: Some(at), between: (from, to), .. } => format!(
                "the worst of the other cells has moved by {} % of the window after {at:.3e} writes (between {from} and \
                 {to})",
                100.0 * share
            ),
            Reached { between: (_, last), .. } => format!(
                "the worst of the other cells has not moved by {} % of the window within {last} writes",
                100.0 * share
            ),
        }));
    }
    lines.push("cells do not wear in this model: no write breaks a bond, makes a trap or changes a barrier".to_owned());
    lines.join("\n")
}

pub(super) fn panel(endured: &Endured) -> Panel {
    let points = endured.moved.iter().map(|moved| (moved.writes as f64, 100.0 * moved.worst)).collect();
    Panel::Chart(Chart {
        title: "Worst disturb".to_owned(),
        x: Axis::log("Writes"),
        y: Axis::linear("Over the window (%)"),
        curves: vec![Curve::line("cells beside the pattern", points).styled(Style::Dots)],
        ..Chart::default()
    })
}

pub(super) fn as_json(endured: &Endured) -> serde_json::Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
    let reported: Vec<_> = endured
        .reported()
        .map(|moved| {
            json!({ "writes": moved.writes, "window_s": number(moved.window_s), "worst_disturb": number(moved.worst),
                    "worst_disturb_error": number(moved.error), "cell": moved.cell.map(|(row, col)| [row, col]) })
        })
        .collect();
    let reached: Vec<_> = SHARES
        .map(|share| endured.reached(share))
        .iter()
        .map(|of| json!({ "share": of.share, "writes": of.writes, "between": [of.between.0, of.between.1] }))
        .collect();
    json!({ "stepped": endured.stepped, "leaps": endured.leaps, "leaps_refused": endured.refused,
            "worst_error": number(endured.worst_error), "at": reported,
            "reached": reached })
}
