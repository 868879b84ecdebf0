//! A figure read back from its SVG: texts, lines in a colour, and the numbers that places have by the texts of an axis.

use trapline::figure::lifetime::LifetimeFigure;
use trapline::figure::{Colour, plate_svg};

pub fn svg(figure: &LifetimeFigure) -> String {
    let svg = plate_svg(figure.plate.as_ref().unwrap()).unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", figure.name);
    svg
}

pub fn attribute(tag: &str, name: &str) -> Option<f64> {
    tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok()
}

/// Texts of an SVG with their places.
pub fn texts(svg: &str) -> Vec<(String, f64, f64)> {
    let inside = svg.split("</text>").filter_map(|part| part.rsplit_once("<text").and_then(|(_, t)| t.split_once('>')));
    inside
        .map(|(tag, text)| (text.trim().to_owned(), attribute(tag, "x").unwrap(), attribute(tag, "y").unwrap()))
        .collect()
}

pub fn has(svg: &str, wanted: &[&str]) {
    let texts = texts(svg);
    for wanted in wanted {
        assert!(texts.iter().any(|(text, ..)| text == wanted), "{wanted} is not in {texts:?}");
    }
}

pub fn hex(colour: Colour) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Points of the lines in this colour, line by line, samples of a legend left out.
pub fn lines(svg: &str, colour: Colour) -> Vec<Vec<(f64, f64)>> {
    let stroke = format!("stroke=\"{}\"", hex(colour));
    let of = svg.split("<polyline").skip(1).map(|rest| rest.split("/>").next().unwrap());
    let found = of.filter(|tag| tag.contains(&stroke) && !tag.contains("opacity"));
    let points = found.map(|tag| tag.split("points=\"").nth(1).unwrap().split('"').next().unwrap());
    let point = |p: &str| p.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()));
    points.map(|points| points.split_whitespace().filter_map(point).collect()).collect()
}

/// The numbers of places on an axis, from two of its texts; the others must agree with them.
pub struct Scale {
    value: f64,
    place: f64,
    per_place: f64,
}

impl Scale {
    /// `named`: texts and the numbers they stand for, drawn in about this column (y axis) or row (x axis).
    pub fn of(svg: &str, vertical: bool, named: &[(&str, f64)]) -> Scale {
        let texts = texts(svg);
        let place = |name: &str| {
            let (_, x, y) = texts.iter().find(|(text, ..)| text == name).unwrap_or_else(|| panic!("{name}: {texts:?}"));
            if vertical { *y } else { *x }
        };
        let (first, last) = (named[0], named[named.len() - 1]);
        let per_place = (last.1 - first.1) / (place(last.0) - place(first.0));
        let scale = Scale { value: first.1, place: place(first.0), per_place };
        for (name, value) in named {
            // Places are whole tenths of a point.
            let apart = (scale.at(place(name)) - value).abs();
            assert!(apart <= 1.5 * scale.per_place.abs(), "{name} is {} and not {value}", scale.at(place(name)));
        }
        scale
    }

    pub fn at(&self, place: f64) -> f64 {
        self.value + (place - self.place) * self.per_place
    }
}

/// Least-squares slope, and the largest distance from that line.
pub fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let xy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = xy / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>();
    let off = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).abs()).fold(0.0, f64::max);
    (slope, off)
}

pub fn ordinate(share: f64) -> f64 {
    (-(-share).ln_1p()).ln()
}

pub const DECADES: [(&str, f64); 2] = [("10³", 3.0), ("10⁵", 5.0)];
