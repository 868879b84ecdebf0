//! Figures of currents against bias.

use super::super::measure::Raw;
use super::super::measure::current::{Curve as Points, SET_SHARES, between, branches, fitted, law, set_voltages};
use super::chart;
use ndarray::s;
use trapline_model::dataset::DatasetError;
use trapline_report::figure::{Axis, Chart, Colour, Curve, Mark, Panel, Plate, Style};

type Drawn = Result<Plate, DatasetError>;

fn bias() -> Axis {
    Axis::linear("Bias (V)")
}

fn current() -> Axis {
    Axis::log("Current (A)")
}

/// A whole sweep with its start at the first point, as one line.
fn whole(raw: &Raw, group: &str, cell: usize) -> Result<Points, DatasetError> {
    let (v, i) = (raw.numbers(group, "bias_v")?, raw.numbers(group, "current_a")?);
    Ok((0..v.len()).map(|p| (v[[p]], i[[cell, p]])).collect())
}

pub fn fig_2a(raw: &Raw) -> Drawn {
    let curves = vec![
        Curve::line("WS2 quantum dots, 50 %", whole(raw, "iv/qd_25c", 0)?),
        Curve::line("polyimide", whole(raw, "iv/pi_25c", 0)?),
    ];
    let marks = vec![Mark::Vertical { at: 4.0, label: "paper: set voltage 4 V".to_owned() }];
    Ok(Plate::of(Chart { marks, ..chart("Figure 2a: 0 to 5 to 0 V at 25 °C", bias(), current(), curves) }))
}

/// Thirty sweeps of both signs.
fn small_sweeps(raw: &Raw, celsius: u32, numbers: [&str; 2]) -> Drawn {
    let mut panels = Vec::new();
    for (sign, number) in ["positive", "negative"].into_iter().zip(numbers) {
        let group = format!("sweeps/{sign}_{celsius}c");
        let (v, i) = (raw.numbers(&group, "bias_v")?, raw.numbers(&group, "current_a")?);
        let sweeps = i.shape()[0];
        let shown = [0, 4, 9, 14, 19, 29];
        let curves = shown.iter().enumerate().filter(|(_, sweep)| **sweep < sweeps).map(|(rank, &sweep)| {
            let points = (0..v.len()).map(|p| (v[[p]], i[[sweep, p]] * 1e12)).collect();
            Curve::line(format!("sweep {}", sweep + 1), points).coloured(Colour::ordered(rank, shown.len()))
        });
        let title = format!("Figure {number}: 30 {sign} sweeps at {celsius} °C");
        panels.push(Panel::Chart(chart(title, bias(), Axis::linear("Current (pA)"), curves.collect())));
    }
    Ok(Plate { title: None, panels, columns: 2 })
}

pub fn fig_2d(raw: &Raw) -> Drawn {
    small_sweeps(raw, 25, ["2d", "2e"])
}

pub fn fig_4a(raw: &Raw) -> Drawn {
    small_sweeps(raw, 100, ["4a", "4b"])
}

pub fn fig_3a(raw: &Raw) -> Drawn {
    let curves = vec![
        Curve::line("quantum dots", whole(raw, "iv/qd_100c", 0)?),
        Curve::line("nanosheets", whole(raw, "iv/ns_100c", 0)?),
    ];
    Ok(Plate::of(chart("Figure 3a: 0 to 5 to 0 V at 100 °C", bias(), current(), curves)))
}

/// Points of a law with the line through them, natural logarithms.
fn with_line(title: &str, curve: &[(f64, f64)], law: fn((f64, f64)) -> (f64, f64), x: &str, y: &str) -> Chart {
    let line = fitted(curve, law);
    let points: Points = curve.iter().map(|&p| law(p)).collect();
    let ends = [points.first(), points.last()].into_iter().flatten();
    let drawn = ends.map(|p| (p.0, line.intercept + line.slope * p.0)).collect();
    Chart {
        subtitle: Some(format!("R² = {:.5}, slope {:.3}", line.r_squared, line.slope)),
        ..chart(
            title,
            Axis::linear(x),
            Axis::linear(y),
            vec![
                Curve::line("simulated", points).styled(Style::Dots),
                Curve::line("line", drawn).styled(Style::Dashed),
            ],
        )
    }
}

pub fn fig_3b(raw: &Raw) -> Drawn {
    let forward = branches(raw, "iv/ns_100c", 0)?.0;
    let hopping = with_line(
        "Figure 3b: nanosheets, 2.5 to 4.1 V, 100 °C",
        &between(&forward, 2.5, 4.1),
        law::hopping,
        "Root of the bias (V^½)",
        "ln(I/V) (I/V in S)",
    );
    let tunnelling = with_line(
        "Inset of 3b: 4.2 to 5 V",
        &between(&forward, 4.2, 5.0),
        law::tunnelling,
        "1/Bias (1/V)",
        "ln(I/V²) (I/V² in A/V²)",
    );
    Ok(Plate { title: None, panels: vec![Panel::Chart(hopping), Panel::Chart(tunnelling)], columns: 2 })
}

pub fn fig_3c(raw: &Raw) -> Drawn {
    let window = between(&branches(raw, "iv/qd_100c", 0)?.0, 4.0, 5.0);
    let title = "Figure 3c: quantum dots, 4 to 5 V, 100 °C";
    let mut chart = with_line(title, &window, law::hopping, "Root of the bias (V^½)", "ln(I/V) (I/V in S)");
    let line = fitted(&window, law::hopping);
    chart.subtitle = Some(format!(
        "R² = {:.5}, residual {:.2} % of the span: a line, where the paper finds none (claim qd-no-hopping)",
        line.r_squared,
        100.0 * line.relative_residual
    ));
    Ok(Plate::of(chart))
}

pub fn fig_3d(raw: &Raw) -> Drawn {
    let (forward, back) = branches(raw, "iv/qd_100c", 0)?;
    let mut curves = vec![
        Curve::line("forward", forward.clone()).styled(Style::LineAndDots),
        Curve::line("return", back).styled(Style::Dashed),
    ];
    for (low, high, says) in [(1.0, 2.0, "1.2"), (2.0, 4.0, "2.5"), (4.0, 5.0, "3.62")] {
        let window = between(&forward, low, high);
        let line = fitted(&window, law::power);
        let drawn: Points =
            window.iter().map(|(v, _)| (*v, (line.intercept + line.slope * v.ln()).exp() * 1.6)).collect();
        curves.push(Curve::line(format!("slope {:.2} (paper: {says})", line.slope), drawn));
    }
    let marks = vec![Mark::Vertical { at: 4.0, label: "paper: all dots full at 4 V".to_owned() }];
    let title = "Figure 3d: quantum dots at 100 °C";
    Ok(Plate::of(Chart { marks, ..chart(title, Axis::log("Bias (V)"), current(), curves) }))
}

pub fn fig_s3(raw: &Raw) -> Drawn {
    let (mut sequences, mut distributions) = (Vec::new(), Vec::new());
    for share in SET_SHARES {
        let label = format!("at {:.0} %", 100.0 * share);
        let mut found = set_voltages(raw, share)?;
        let numbered = found.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, *v)).collect();
        sequences.push(Curve::line(&label, numbered).styled(Style::Dots));
        found.sort_by(f64::total_cmp);
        let count = found.len() as f64;
        let below = found.iter().enumerate().map(|(i, v)| (*v, 100.0 * (i as f64 + 1.0) / count)).collect();
        distributions.push(Curve::line(&label, below));
    }
    let marks = vec![Mark::Horizontal { at: 4.0, label: "paper: about 4 V".to_owned() }];
    let subtitle = Some("where a share of the return current is reached; the claim takes 95 %".to_owned());
    let sequence = Chart {
        marks,
        subtitle,
        ..chart(
            "Figure S3: set voltage of 200 sweeps, 25 °C",
            Axis::linear("Sweep"),
            Axis::linear("Set voltage (V)"),
            sequences,
        )
    };
    let distribution =
        chart("Distribution", Axis::linear("Set voltage (V)"), Axis::linear("Sweeps at or below (%)"), distributions);
    Ok(Plate { title: None, panels: vec![Panel::Chart(sequence), Panel::Chart(distribution)], columns: 2 })
}

pub fn fig_s4(raw: &Raw) -> Drawn {
    let mut curves = Vec::new();
    for share in [10, 20, 30, 40, 50] {
        curves.push(Curve::line(format!("{share} % dots"), whole(raw, &format!("iv/concentration_{share}"), 0)?));
    }
    Ok(Plate::of(chart("Figure S4: concentration of dots, 25 °C", bias(), current(), curves).ordered()))
}

pub fn fig_s5(raw: &Raw) -> Drawn {
    let cells = raw.numbers("iv/uniformity", "current_a")?.slice(s![.., 0]).len();
    let mut curves = Vec::new();
    for cell in 0..cells {
        let label = if cell == 0 { format!("{cells} cells") } else { String::new() };
        curves.push(Curve::line(label, whole(raw, "iv/uniformity", cell)?).coloured(Colour::distinct(0)));
    }
    Ok(Plate::of(chart("Figure S5: 25 cells, 25 °C", bias(), current(), curves)))
}

pub fn fig_s8(raw: &Raw) -> Drawn {
    let mut panels = Vec::new();
    for (part, group, name) in [("a", "iv/qd_100c", "quantum dots"), ("b", "iv/ns_100c", "nanosheets")] {
        let forward = branches(raw, group, 0)?.0;
        let points: Points = between(&forward, 0.2, 5.0).iter().map(|&p| law::tunnelling(p)).collect();
        let marks = vec![Mark::Vertical { at: 1.0, label: "1 V: direct tunnelling below".to_owned() }];
        let r_squared = fitted(&between(&forward, 0.2, 1.0), law::direct).r_squared;
        panels.push(Panel::Chart(Chart {
            subtitle: Some(format!("0.2 to 1 V on ln(1/V): R² = {r_squared:.4}")),
            marks,
            ..chart(
                format!("Figure S8{part}: {name}, 100 °C"),
                Axis::log("1/Bias (1/V)"),
                Axis::linear("ln(I/V²) (I/V² in A/V²)"),
                vec![Curve::line("simulated", points).styled(Style::LineAndDots)],
            )
        }));
    }
    Ok(Plate { title: None, panels, columns: 2 })
}
