//! The kernels of a network: the files each is made of, the buffers it binds, and the lines it walks along.
//!
//! Names of buffers and their WGSL types are in [`BINDINGS`], which every kernel's text declares in full; a kernel
//! binds at most eight of them. What a dispatch is told is [`NetworkParams`], one structure for the host and WGSL.

use crate::backend::gpu::layout::Access;
use crate::backend::rows::device_struct;
use std::fmt::Write;

device_struct! {
    /// What a dispatch is told.
    NetworkParams {
        rows: u32, cols: u32,
        /// Chunks of a line, and the cells of each.
        word_chunks: u32, word_length: u32, bit_chunks: u32, bit_length: u32,
        coarse_rows: u32, coarse_cols: u32,
        /// Sums of workgroups that `multiply` leaves.
        products: u32,
        iteration: u32,
        /// Product r.z, and its ratio to the one before.
        product: f32, beta: f32,
    }
}

/// Buffers by number: name, access, WGSL type.
pub const BINDINGS: [(&str, Access, &str); 17] = [
    ("network", Access::Uniform, "NetworkParams"),
    ("cells", Access::Read, "array<f32>"),
    ("wires", Access::Read, "array<f32>"),
    ("hats", Access::Read, "array<u32>"),
    ("inverse", Access::ReadWrite, "array<f32>"),
    ("ends", Access::ReadWrite, "array<f32>"),
    ("right", Access::ReadWrite, "array<f32>"),
    ("r", Access::ReadWrite, "array<f32>"),
    ("q", Access::ReadWrite, "array<f32>"),
    ("p", Access::ReadWrite, "array<f32>"),
    ("ap", Access::ReadWrite, "array<f32>"),
    ("x", Access::ReadWrite, "array<f32>"),
    ("pulled", Access::ReadWrite, "array<f32>"),
    ("strips", Access::ReadWrite, "array<f32>"),
    ("nodes", Access::ReadWrite, "array<f32>"),
    ("scalars", Access::ReadWrite, "array<f32>"),
    ("references", Access::ReadWrite, "array<f32>"),
];
/// What workgroups sum up, behind the others.
const PARTIALS: (u32, &str) = (BINDINGS.len() as u32, "partials");

/// Along which lines a kernel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    Words,
    Bits,
    /// An invocation a cell, a coarse node of each column, or a coarse node.
    Cells,
    Strips,
    Nodes,
    /// One workgroup.
    Once,
}

/// A kernel: its text and what it binds.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    pub name: &'static str,
    pub(super) along: Along,
    parts: &'static [&'static str],
    body: &'static str,
    /// Names of [`BINDINGS`] and `partials`.
    pub buffers: &'static [&'static str],
}

const NETWORK: &str = include_str!("../../../../../../shaders/network.wgsl");
const HATS: &str = include_str!("../../../../../../shaders/network_hats.wgsl");
const LINE: &str = include_str!("../../../../../../shaders/network_line.wgsl");
const SOLVE: &str = include_str!("../../../../../../shaders/network_solve.wgsl");
const HOLD: &str = include_str!("../../../../../../shaders/network_hold.wgsl");
const FACTOR: &str = include_str!("../../../../../../shaders/network_factor.wgsl");

pub(super) const FACTOR_WORDS: Kernel = Kernel {
    name: "network_factor_words",
    along: Along::Words,
    parts: &[NETWORK, LINE],
    body: FACTOR,
    buffers: &["network", "cells", "wires", "inverse", "ends"],
};
pub(super) const FACTOR_BITS: Kernel = Kernel { name: "network_factor_bits", along: Along::Bits, ..FACTOR_WORDS };
pub(super) const CONDENSE: Kernel = Kernel {
    name: "network_condense",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../../shaders/network_condense.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "r", "q"],
};
pub(super) const DESCEND: Kernel = Kernel {
    name: "network_descend",
    along: Along::Bits,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../../shaders/network_descend.wgsl"),
    buffers: &["network", "wires", "inverse", "ends", "r", "q", "scalars", "partials"],
};
pub(super) const RESTRICT_ROWS: Kernel = Kernel {
    name: "network_restrict_rows",
    along: Along::Strips,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../../shaders/network_restrict_rows.wgsl"),
    buffers: &["network", "cells", "hats", "q", "strips"],
};
pub(super) const RESTRICT_COLS: Kernel = Kernel {
    name: "network_restrict_cols",
    along: Along::Nodes,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../../shaders/network_restrict_cols.wgsl"),
    buffers: &["network", "hats", "strips", "nodes"],
};
pub(super) const EXPAND_COLS: Kernel = Kernel {
    name: "network_expand_cols",
    along: Along::Strips,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../../shaders/network_expand_cols.wgsl"),
    buffers: &["network", "hats", "strips", "nodes"],
};
pub(super) const PULL: Kernel = Kernel {
    name: "network_pull",
    along: Along::Cells,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../../shaders/network_pull.wgsl"),
    buffers: &["network", "cells", "hats", "r", "strips", "pulled"],
};
pub(super) const ASCEND: Kernel = Kernel {
    name: "network_ascend",
    along: Along::Bits,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../../shaders/network_ascend.wgsl"),
    buffers: &["network", "wires", "inverse", "ends", "pulled", "q"],
};
pub(super) const ADVANCE: Kernel = Kernel {
    name: "network_advance",
    along: Along::Cells,
    parts: &[NETWORK],
    body: include_str!("../../../../../../shaders/network_advance.wgsl"),
    buffers: &["network", "q", "p", "ap", "x", "pulled", "scalars"],
};
pub(super) const MULTIPLY: Kernel = Kernel {
    name: "network_multiply",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../../shaders/network_multiply.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "p", "ap", "q", "partials"],
};
pub(super) const CURVATURE: Kernel = Kernel {
    name: "network_curvature",
    along: Along::Once,
    parts: &[NETWORK],
    body: include_str!("../../../../../../shaders/network_curvature.wgsl"),
    buffers: &["network", "scalars", "partials"],
};
pub(super) const SETTLE: Kernel = Kernel {
    name: "network_settle",
    along: Along::Cells,
    parts: &[NETWORK],
    body: include_str!("../../../../../../shaders/network_settle.wgsl"),
    buffers: &["network", "p", "x", "scalars"],
};
pub(super) const FINISH: Kernel = Kernel {
    name: "network_finish",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../../shaders/network_finish.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "x", "q"],
};

pub(super) const DROPS_OF_WORDS: Kernel = Kernel {
    name: "network_drops_words",
    along: Along::Words,
    parts: &[NETWORK, LINE, SOLVE],
    body: include_str!("../../../../../../shaders/network_drops.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "x", "q", "references"],
};
pub(super) const DROPS_OF_BITS: Kernel = Kernel { name: "network_drops_bits", along: Along::Bits, ..DROPS_OF_WORDS };

/// All kernels.
pub const KERNELS: [Kernel; 16] = [
    FACTOR_WORDS,
    FACTOR_BITS,
    CONDENSE,
    DESCEND,
    RESTRICT_ROWS,
    RESTRICT_COLS,
    EXPAND_COLS,
    PULL,
    ASCEND,
    ADVANCE,
    MULTIPLY,
    CURVATURE,
    SETTLE,
    FINISH,
    DROPS_OF_WORDS,
    DROPS_OF_BITS,
];

impl Kernel {
    /// The whole text.
    pub fn wgsl(&self) -> String {
        let mut text = String::from("// Generated: constants and buffers that host and shaders share.\n");
        let _ = writeln!(text, "const ALONG_WORDS: bool = {};", self.along == Along::Words);
        let _ = writeln!(text, "const HUGE: f32 = 3e38f;");
        text.push_str(NetworkParams::WGSL);
        let all = BINDINGS.iter().map(|(name, access, kind)| (*name, *access, *kind));
        for (number, (name, access, kind)) in all.chain([(PARTIALS.1, Access::ReadWrite, "array<f32>")]).enumerate() {
            let space = match access {
                Access::Uniform => "uniform",
                Access::Read => "storage, read",
                Access::ReadWrite => "storage, read_write",
            };
            let _ = writeln!(text, "@group(0) @binding({number}) var<{space}> {name}: {kind};");
        }
        for part in self.parts.iter().chain([&self.body]) {
            text.push('\n');
            text.push_str(part);
        }
        text
    }

    /// Numbers, names and accesses of what it binds.
    pub(in crate::backend::gpu) fn bound(&self) -> Vec<(u32, &'static str, Access)> {
        let number = |name: &'static str| {
            let known = BINDINGS.iter().position(|(known, _, _)| *known == name);
            known.map_or((PARTIALS.0, name, Access::ReadWrite), |at| (at as u32, name, BINDINGS[at].1))
        };
        self.buffers.iter().copied().map(number).collect()
    }

    /// The buffer behind a name of its bindings.
    pub(super) fn buffer(&self, name: &'static str) -> &'static str {
        match (name, self.along) {
            ("inverse", Along::Bits) => "bit_inverse",
            ("inverse", _) => "word_inverse",
            ("right", Along::Bits) => "bit_right",
            ("ends", Along::Bits) => "bit_ends",
            ("ends", _) => "word_ends",
            _ => name,
        }
    }
}
