//! Why a network is not built or not solved: one line each, with what, where, the value, the limit and the fix.

/// Least and largest conductance of a cell that is not open, S.
pub const CONDUCTANCE_S: (f64, f64) = (1e-30, 1e9);
/// Least and largest resistance of a segment of a wire, ohm.
pub const SEGMENT_OHM: (f64, f64) = (1e-9, 1e15);
/// Largest resistance between a line and its source, ohm.
pub const MOST_END_OHM: f64 = 1e18;
/// Largest voltage of a source, V.
pub const MOST_END_V: f64 = 1e6;

/// A number as people write it: with a power of ten where it would be mostly zeros.
fn written(value: f64) -> String {
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) || !value.is_finite() {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// Which lines are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Word lines, one a row.
    Word,
    /// Bit lines, one a column.
    Bit,
}

impl std::fmt::Display for Axis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Axis::Word => "word",
            Axis::Bit => "bit",
        })
    }
}

/// Why a network is refused. Rows, columns, lines and segments count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NetworkError {
    #[error("an array has {rows} rows and {cols} columns; it must have at least one of each")]
    Empty { rows: usize, cols: usize },
    #[error(
        "the cell at row {row}, column {col} conducts {} S; it must be 0 (open) or {:e} to {:e} S",
        written(*siemens),
        CONDUCTANCE_S.0,
        CONDUCTANCE_S.1
    )]
    Conductance { row: usize, col: usize, siemens: f64 },
    #[error(
        "segment {segment} of the {axis} lines has {} ohm; it must have {:e} to {:e} ohm",
        written(*ohm),
        SEGMENT_OHM.0,
        SEGMENT_OHM.1
    )]
    Segment { axis: Axis, segment: usize, ohm: f64 },
    #[error(
        "{found} segments are given for the {axis} lines; with {cells} cells a line has {}: one before the \
        first cell, one between neighbours, one after the last",
        cells + 1
    )]
    Segments { axis: Axis, found: usize, cells: usize },
    #[error("{found} ends are given for {lines} {axis} lines; give one for each, or one for all")]
    Ends { axis: Axis, found: usize, lines: usize },
    #[error("{axis} line {line} is driven at {} V; it must be -{MOST_END_V:e} to {MOST_END_V:e} V", written(*volts))]
    Volts { axis: Axis, line: usize, volts: f64 },
    #[error(
        "{axis} line {line} is driven through {} ohm; it must be 0 to {MOST_END_OHM:e} ohm, or the end floating",
        written(*ohm)
    )]
    EndOhm { axis: Axis, line: usize, ohm: f64 },
    #[error("{found} voltages are given for {lines} {axis} lines; give one for each")]
    Inputs { axis: Axis, found: usize, lines: usize },
    #[error("row {row}, column {col} is selected in an array of {rows} rows and {cols} columns; both count from 0")]
    Selected { row: usize, col: usize, rows: usize, cols: usize },
    #[error("the cell at row {row}, column {col} is open; its conductance cannot change in a solver: make a new one")]
    Open { row: usize, col: usize },
    #[error("a law of cells is given for {rows} rows and {cols} columns, the array has {of_rows} and {of_cols}")]
    Shape { rows: usize, cols: usize, of_rows: usize, of_cols: usize },
}

/// Why a law of cells or selectors is refused. Points count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LawError {
    #[error("the {what} scale of a law is {value}; it must be more than 0 and finite")]
    Scale { what: &'static str, value: f64 },
    #[error("a table has {volts} voltages and {amperes} currents; it must have as many of both, and 2 at least")]
    Points { volts: usize, amperes: usize },
    #[error("point {point} of a table is {amperes} A at {volts} V; both must be finite")]
    Point { point: usize, volts: f64, amperes: f64 },
    #[error(
        "point {point} of a table is at {volts} V after {before_v} V; voltages must ascend: a selector that \
        snaps back has more than one state at a voltage, and is refused"
    )]
    Snapback { point: usize, volts: f64, before_v: f64 },
    #[error(
        "point {point} of a table is {amperes} A after {before_a} A; the current must not fall while the voltage rises"
    )]
    Falls { point: usize, amperes: f64, before_a: f64 },
    #[error("a table passes {amperes} A at 0 V; it must pass none: give the point (0 V, 0 A)")]
    NotThroughZero { amperes: f64 },
    #[error("the factor of the cell at row {row}, column {col} is {factor}; it must be 0 or more, and finite")]
    Factor { row: usize, col: usize, factor: f64 },
}

/// Why a network has no solution that keeps its promise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Device(String),
    #[error("the relative accuracy of currents is {0:?}; it must be 1e-14 to 0.1")]
    Accuracy(f64),
    #[error(
        "the currents are known to {bound_a:.1e} A only, of {total_a:.1e} A that flow, of which {floor_a:.1e} A are \
        rounding; {target_a:.1e} A were asked for ({iterations} iterations): {}look for cells that conduct far better \
        than wires, or ends that conduct far worse",
        if *floor_a > 0.1 * bound_a { "ask for less, or " } else { "" }
    )]
    NotConverged { bound_a: f64, floor_a: f64, total_a: f64, target_a: f64, iterations: usize },
    #[error(
        "{steps} Newton steps leave a residual of {residual_a:.1e} A, of which {floor_a:.1e} A are rounding, where \
        {target_a:.1e} A were asked for: ask for less{}",
        if *floor_a > 0.5 * residual_a { "" } else { ", or make the cells' law less steep" }
    )]
    Newton { steps: usize, residual_a: f64, floor_a: f64, target_a: f64 },
    #[error(
        "the law of the cell at row {row}, column {col} gives {current_a} A and a slope of {slope_s} S at \
        {volts} V; both must be finite, the slope 0 or more"
    )]
    Law { row: usize, col: usize, volts: f64, current_a: f64, slope_s: f64 },
}
