//! The format as a table: axes, datasets, units. Writer, reader, description and the tests all follow this list.

use trapline_model::outcome::Merit;

/// What the root attribute `file_type` says of a whole campaign.
pub const CAMPAIGN_FILE_TYPE: &str = "trapline campaign";
/// Its value for one point.
pub const POINT_FILE_TYPE: &str = "trapline point";
/// Its value for an experiment.
pub const EXPERIMENT_FILE_TYPE: &str = "trapline experiment";

/// Its value for a campaign in progress, which holds the axes and links to the points.
pub const UNFINISHED_FILE_TYPE: &str = "trapline campaign in progress";

/// Major and minor version. A reader refuses a newer major version and reads older ones; a minor version only adds.
///
/// 2.0 has sweeps (axes before the material's), the settings of each point, and campaigns in progress; 2.1 virtual
/// datasets; 2.2 how electrons are taken, whose cells stand at a temperature, and what failing goes by; 2.3 what arrays
/// are worth through their wires.
pub const FORMAT_VERSION: [i32; 2] = [2, 7];

/// Group of a campaign in progress that holds the links to its points.
pub(crate) const POINTS_GROUP: &str = "points";

/// Longest name of an axis, in ASCII letters.
pub const MAX_AXIS_NAME: usize = 63;

/// Points per sub-folder: folders of a hundred thousand files are slow on the file systems of clusters.
pub(crate) const POINTS_PER_FOLDER: usize = 1000;

/// Side of the square pieces that a plane of a cell dump is stored in: 256 KiB of f32, HDF5's cache holds four.
pub(crate) const DUMP_CHUNK: usize = 256;

/// Deflate level of histograms and dumps: 4 makes records of small points 2 % smaller, and merging them 1.6 times as
/// long.
pub(crate) const DEFLATE: u8 = 1;

/// A dimension scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Material,
    Temperature,
    Time,
    Bin,
    Row,
    Col,
    CircuitTime,
}

impl Axis {
    /// Dataset name, which is also the dimension's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Axis::Material => "material",
            Axis::Temperature => "temperature",
            Axis::Time => "time",
            Axis::Bin => "bin",
            Axis::Row => "row",
            Axis::Col => "col",
            Axis::CircuitTime => "circuit_time",
        }
    }

    pub(crate) fn units(self) -> &'static str {
        match self {
            Axis::Temperature => "K",
            Axis::Time | Axis::CircuitTime => "s",
            Axis::Material | Axis::Bin | Axis::Row | Axis::Col => "1",
        }
    }

    pub(crate) fn long_name(self) -> &'static str {
        match self {
            Axis::Material => "material of the point",
            Axis::Temperature => "bake temperature",
            Axis::Time => "time after programming",
            Axis::Bin => "histogram bin, counted from 0",
            Axis::Row => "row of the array, counted from 0",
            Axis::Col => "column of the array, counted from 0",
            Axis::CircuitTime => "time after programming at which the array is read through its wires",
        }
    }
}

/// Axes of a quantity with one value per point: none but those of the points (sweeps, material, temperature), which
/// all have.
pub(crate) const PER_POINT: &[Axis] = &[];
/// One value per point and checkpoint.
pub(crate) const PER_TIME: &[Axis] = &[Axis::Time];
pub(crate) const PER_BIN: &[Axis] = &[Axis::Time, Axis::Bin];
/// One value per point and time of reading through wires.
pub(crate) const PER_CIRCUIT_TIME: &[Axis] = &[Axis::CircuitTime];
pub(crate) const PER_CELL: &[Axis] = &[Axis::Time, Axis::Row, Axis::Col];

/// Name of the dataset of a figure of merit.
pub(crate) fn of_merit(merit: &Merit) -> String {
    format!("circuit_{}", merit.name)
}

/// A quantity that has moments.
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) units: &'static str,
    pub(crate) units_squared: &'static str,
    pub(crate) long_name: &'static str,
}

pub(crate) const CONDUCTANCE: Quantity =
    Quantity { name: "conductance", units: "S", units_squared: "S2", long_name: "conductance at the read bias" };
pub(crate) const FILLING: Quantity =
    Quantity { name: "filling", units: "1", units_squared: "1", long_name: "filling of the traps" };
pub(crate) const LOST_FRACTION: Quantity = Quantity {
    name: "lost_fraction",
    units: "1",
    units_squared: "1",
    long_name: "fraction of the programmed charge lost, programmed cells",
};
pub(crate) const KEPT: Quantity = Quantity {
    name: "kept",
    units: "1",
    units_squared: "1",
    long_name: "window over its value right after programming, programmed cells",
};

/// The four moments: name suffix, words before the quantity, and whether the unit is squared.
pub(crate) const MOMENTS: [(&str, &str, bool); 4] = [
    ("mean", "mean of the", false),
    ("variance", "population variance of the", true),
    ("min", "smallest", false),
    ("max", "largest", false),
];

/// The datasets of a quantity's histogram: name suffix, words before the quantity.
pub(crate) const HISTOGRAM: (&str, &str) = ("_histogram", "number of cells per bin of the");
pub(crate) const BELOW: (&str, &str) = ("_histogram_below", "number of cells below the first bin of the");
pub(crate) const ABOVE: (&str, &str) =
    ("_histogram_above", "number of cells at or above the end of the last bin of the");
pub(crate) const LOW: (&str, &str) = ("_histogram_low", "lower edge of the first bin of the");
pub(crate) const HIGH: (&str, &str) = ("_histogram_high", "upper edge of the last bin of the");

/// Name and words of a quantity of the cells of a dump.
pub(crate) fn of_cells(quantity: &Quantity) -> (String, String) {
    (format!("cell_{}", quantity.name), format!("{}, cell by cell", quantity.long_name))
}

/// A dataset of one value per point, stored whole: name, units, long name.
pub(crate) struct PointDataset {
    pub(crate) name: &'static str,
    pub(crate) units: &'static str,
    pub(crate) long_name: &'static str,
}

pub(crate) const COMPUTED: PointDataset = PointDataset {
    name: "computed",
    units: "1",
    long_name: "1 where the point was computed, 0 where this file has no values for it",
};
pub(crate) const CELLS: PointDataset =
    PointDataset { name: "cells", units: "1", long_name: "number of cells simulated" };
pub(crate) const PROGRAMMED: PointDataset =
    PointDataset { name: "programmed", units: "1", long_name: "number of cells that held charge after programming" };
pub(crate) const FRESH: PointDataset = PointDataset {
    name: "fresh_conductance",
    units: "S",
    long_name: "conductance of the nominal cell without charge, at the read bias",
};
pub(crate) const FAILED: PointDataset = PointDataset {
    name: "failed",
    units: "1",
    long_name: "number of programmed cells that keep less than the threshold, or do so as they are read",
};

/// The temperatures once more, over their axis.
pub(crate) const CELSIUS: PointDataset =
    PointDataset { name: "temperature_celsius", units: "degC", long_name: "bake temperature" };

/// Settings of a point, which sweeps may change. Files before 2.0 have root attributes in their place.
pub(crate) const ROWS: PointDataset =
    PointDataset { name: "point_rows", units: "1", long_name: "number of rows of the array" };
pub(crate) const COLS: PointDataset =
    PointDataset { name: "point_cols", units: "1", long_name: "number of columns of the array" };
pub(crate) const SEED: PointDataset =
    PointDataset { name: "point_seed", units: "1", long_name: "seed of the random numbers" };
pub(crate) const READ_BIAS: PointDataset =
    PointDataset { name: "point_read_bias", units: "V", long_name: "bias at which conductance is read" };
pub(crate) const READ_TEMPERATURE: PointDataset =
    PointDataset { name: "point_read_temperature", units: "K", long_name: "temperature at which conductance is read" };
pub(crate) const PROGRAM_TEMPERATURE: PointDataset =
    PointDataset { name: "point_program_temperature", units: "K", long_name: "temperature of the programming" };
pub(crate) const KEPT_THRESHOLD: PointDataset =
    PointDataset { name: "point_kept_threshold", units: "1", long_name: "kept below this is failed" };

/// Since 2.2; before, electrons were not counted.
pub(crate) const ELECTRONS: PointDataset = PointDataset {
    name: "point_electrons",
    units: "1",
    long_name: "how electrons are taken: 0 mean-field, 1 counted, 3 each dot by itself; 2 and 4 with a fixed number of dots",
};
pub(crate) const DOTS: PointDataset =
    PointDataset { name: "point_dots", units: "1", long_name: "traps of the nominal cell" };
/// Since 2.2; before, they were.
pub(crate) const SAME_CELLS: PointDataset = PointDataset {
    name: "point_same_cells",
    units: "1",
    long_name: "1 where the cells of a seed are the same at every temperature, 0 where each has its own",
};

/// Since 2.2; before, cells were judged by what they keep.
pub(crate) const JUDGED: PointDataset = PointDataset {
    name: "point_judged",
    units: "1",
    long_name: "what failing goes by: 0 what a cell keeps, 1 this reading, 2 the first failing reading",
};
pub(crate) const READING: PointDataset = PointDataset {
    name: "point_reading_s",
    units: "s",
    long_name: "time of a reading that judges cells, 0 where none does",
};

/// Strings per point; the order is the order of the columns the writer and the reader use.
pub(crate) const POINT_STRINGS: [PointDataset; 9] = [
    text("flags", "remarks on the validity of the model at this point, one per line"),
    text("point_started_utc", "start of the computation of the point, RFC 3339, UTC"),
    text("point_ended_utc", "end of the computation of the point, RFC 3339, UTC"),
    text("point_backend", "backend that computed the point"),
    text("point_adapter", "adapter or processor that computed the point"),
    text("point_driver", "driver of the adapter"),
    text("point_instruction_set", "instruction set or graphics interface used"),
    text("point_program_version", "version of trapline that computed the point"),
    text("point_commit", "commit of that program"),
];

pub(crate) const POINT_SOFTWARE: PointDataset = PointDataset {
    name: "point_software",
    units: "1",
    long_name: "1 where a GPU interface implemented on the host processor computed the point",
};

const fn text(name: &'static str, long_name: &'static str) -> PointDataset {
    PointDataset { name, units: "1", long_name }
}

/// Whether a dataset of the format has this name, so that no sweep's axis may have it.
pub fn is_taken(name: &str) -> bool {
    let axes = [Axis::Material, Axis::Temperature, Axis::Time, Axis::Bin, Axis::Row, Axis::Col].map(Axis::name);
    let points = [COMPUTED, CELLS, PROGRAMMED, FRESH, FAILED, POINT_SOFTWARE].map(|of| of.name);
    let settings = [
        ROWS,
        COLS,
        SEED,
        READ_BIAS,
        READ_TEMPERATURE,
        PROGRAM_TEMPERATURE,
        KEPT_THRESHOLD,
        ELECTRONS,
        DOTS,
        SAME_CELLS,
        JUDGED,
        READING,
    ]
    .map(|of| of.name);
    let quantities = [CONDUCTANCE, FILLING, LOST_FRACTION, KEPT].map(|of| of.name);
    let of_quantity = |quantity: &str| {
        name.strip_prefix(quantity).is_some_and(|rest| {
            rest.starts_with("_histogram")
                || MOMENTS.iter().any(|(suffix, _, _)| rest.strip_prefix('_') == Some(suffix))
        })
    };
    axes.contains(&name)
        || points.contains(&name)
        || settings.contains(&name)
        || POINT_STRINGS.iter().any(|of| of.name == name)
        || quantities.into_iter().any(of_quantity)
        || name.starts_with("cell_")
        || name.starts_with("circuit_")
        // The last is the axis of temperatures in Python.
        || [CELSIUS.name, POINTS_GROUP, "celsius"].contains(&name)
}
