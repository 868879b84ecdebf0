//! Rows of the tables: structures that the CPU reads, the GPU reads, and whose WGSL is generated from here.

use trapline_model::cell::read::QUANTITIES;

/// A structure in Rust and in WGSL; fields are `u32` or `f32`, which have the same size and alignment in both.
macro_rules! device_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ident),* $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl $name {
            /// The structure in WGSL.
            pub const WGSL: &'static str =
                concat!("struct ", stringify!($name), " {\n", $("    ", stringify!($field), ": ", stringify!($kind), ",\n",)* "}\n");
            /// Fields and their offsets in bytes.
            pub const OFFSETS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field))),*];
        }
    };
}
#[cfg(feature = "gpu")]
pub(super) use device_struct;

device_struct! {
    /// One trap class. Of a profile there is one for each temperature; they differ in what the bake reads.
    ClassRow {
        weight: f32,
        speed: f32,
        /// Thermal escape of the nominal cell at the programming temperature, 1/s.
        program_rate: f32,
        /// The same at the bake temperature, per longest checkpoint.
        bake_rate: f32,
        /// Slope and curvature of the depth by ln(size), over kT of the programming and of the bake.
        program_slope: f32,
        program_curvature: f32,
        bake_slope: f32,
        bake_curvature: f32,
    }
}

device_struct! {
    /// One segment of a programming or of a stimulus.
    SegmentRow {
        /// Electrons offered per trap in one substep.
        offered: f32,
        /// |V| - V_on, V.
        overdrive_v: f32,
        /// Field release in one substep, class of speed 1.
        field: f32,
        /// One substep, s.
        step_s: f32,
        substeps: u32,
        iterations: u32,
        cycle: u32,
        /// Row of the response this segment counts towards; [`NOT_RECORDED`] where it counts towards none.
        row: u32,
        /// Bias, and the injected and hopping current of the nominal cell at it; only a stimulus has these.
        bias_v: f32,
        injected_a: f32,
        hopping_a: f32,
        /// Pieces its charge is taken in, or how else, and iterations of each: see `StimulusStep`.
        pieces: u32,
        piece_iterations: u32,
        /// Where electrons that are counted are drawn: at its end where not 0, and how many draws come before it. See
        /// `Settling`.
        settles: u32,
        settled_before: u32,
        /// Pulses of a train, which is filled in one go; 0 of a segment that is stepped. Of a train `offered` is one
        /// pulse's, and it has no substeps.
        pulses: u32,
        /// Steps of a train, the first one's share of the whole, and how each grows on the one before.
        train_steps: u32,
        first_share: f32,
        growth: f32,
        padding_0: u32,
    }
}

/// See [`SegmentRow::row`].
pub const NOT_RECORDED: u32 = u32::MAX;

device_struct! {
    /// One visit of the bake, at one temperature: of a profile a visit is as many rows as there are temperatures.
    VisitRow {
        checkpoint: u32,
        /// 1 where it doubles the time of the visit before; 0 where it is computed from its own.
        chained: u32,
        /// Time spent at the temperature by the checkpoint, over the longest checkpoint.
        time: f32,
        /// How many times the background, which empties all traps alike, has emptied each by the checkpoint: the same
        /// in all rows of a visit, and of a profile only.
        background: f32,
    }
}

impl VisitRow {
    /// Whether it is computed from its time, not from the visit before.
    pub fn is_direct(&self) -> bool {
        self.chained == 0
    }
}

device_struct! {
    /// The nominal cell at a checkpoint, and one over the scales of the differences from it.
    NominalRow {
        conductance: f32,
        filling: f32,
        lost: f32,
        kept: f32,
        conductance_scale: f32,
        filling_scale: f32,
        lost_scale: f32,
        kept_scale: f32,
    }
}

impl NominalRow {
    /// From values and one over the scales, in the order of [`QUANTITIES`].
    pub fn new(nominal: [f32; QUANTITIES], inverse_scale: [f32; QUANTITIES]) -> NominalRow {
        let [conductance, filling, lost, kept] = nominal;
        let [conductance_scale, filling_scale, lost_scale, kept_scale] = inverse_scale;
        NominalRow { conductance, filling, lost, kept, conductance_scale, filling_scale, lost_scale, kept_scale }
    }
}
