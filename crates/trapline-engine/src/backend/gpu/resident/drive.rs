//! Moves resident cells through segments: all of them or those at some places, alike or each under its own bias and
//! temperature.
//!
//! Rows of the segments go to the device, and what is recorded comes back, in pieces of a bounded size.

use super::Resident;
use crate::backend::BackendError;
use crate::backend::exposure::Exposed;
use crate::backend::gpu::layout::{self, Params};
use crate::backend::gpu::runs;
use crate::backend::gpu::source::{Carriers, Driving, Kernel};
use crate::backend::gpu::stimulate::{PIECE_BYTES, write_responses};
use crate::backend::stimulus::{RESPONSE_QUANTITIES, Response};
use crate::backend::tables::CellTables;
use ndarray::Array1;

/// What cells are driven by.
pub(super) struct Driven<'a> {
    pub classes: Vec<layout::ClassRow>,
    pub tables: CellTables,
    /// Rows of the response.
    pub rows: usize,
    /// Where cells differ in bias or temperature.
    pub apart: Option<&'a Exposed>,
}

impl Resident<'_> {
    /// Moves all cells, or some, under an exposure.
    pub(super) fn drive_exposed(
        &mut self,
        exposed: &Exposed,
        places: Option<&[u32]>,
    ) -> Result<Response, BackendError> {
        let tables = CellTables::of_exposed(exposed);
        let mut classes = layout::classes(&tables);
        for (row, class) in classes.iter_mut().zip(&exposed.material.classes) {
            // The shaders divide by kT of each cell.
            (row.program_slope, row.program_curvature) = (class.depth_slope_ev as f32, class.depth_curvature_ev as f32);
        }
        self.drive(&Driven { classes, tables, rows: usize::from(exposed.recorded), apart: Some(exposed) }, places)
    }

    /// Moves all cells, or some, through segments.
    pub(super) fn drive(&mut self, driven: &Driven, places: Option<&[u32]>) -> Result<Response, BackendError> {
        let Driven { classes, tables, rows, apart } = driven;
        let segments = layout::segments(tables);
        let cells = self.population.numbers.len();
        let count = places.map_or(cells, <[u32]>::len);
        let mut response = Response::unwritten(*rows, count);
        if count == 0 {
            return Ok(response);
        }
        let of_cell = 4 * (rows * RESPONSE_QUANTITIES) as u64;
        let piece = PIECE_BYTES.checked_div(of_cell).map_or(count, |cells| count.min(cells.max(1) as usize));
        let driving = match (apart, rows) {
            (None, 0) => Driving::Silent,
            (None, _) => Driving::Recorded,
            (Some(_), 0) => Driving::ApartSilent,
            (Some(_), _) => Driving::ApartRecorded,
        };
        let kernel = Kernel::drive(driving, Carriers::of(tables));
        let fixed = self.params(layout::cell_params(self.population.seed, tables), piece as u64);
        let word = |number: usize| 4 * (number * cells) as u64;
        let bits = |values: &Array1<f64>| -> Vec<f32> { values.iter().map(|value| *value as f32).collect() };
        let laws = apart.map(|exposed| (layout::laws(&exposed.tables), exposed));
        self.on_device(
            |device, work| {
                work.reserve(device, "segments", size_of_val(segments.as_slice()) as u64)?;
                if let Some((headers, exposed)) = &laws {
                    work.uniform(device, "laws", size_of_val(headers) as u64)?;
                    work.reserve(device, "tables", size_of_val(exposed.tables.quads()) as u64)?;
                }
                if of_cell > 0 { work.reserve(device, "responses", of_cell * piece as u64) } else { Ok(()) }
            },
            |running| {
                running.upload("classes", bytemuck::cast_slice(classes))?;
                running.upload("segments", bytemuck::cast_slice(&segments))?;
                if let Some(places) = places {
                    running.upload_at("cell_numbers", word(2), bytemuck::cast_slice(places))?;
                }
                if let Some((headers, exposed)) = &laws {
                    running.upload("laws", bytemuck::cast_slice(headers))?;
                    running.upload("tables", bytemuck::cast_slice(exposed.tables.quads()))?;
                    running.upload_at("cell_numbers", word(3), bytemuck::cast_slice(&bits(&exposed.bias_v)))?;
                    running.upload_at("cell_numbers", word(4), bytemuck::cast_slice(&bits(&exposed.temperature_k)))?;
                }
                for first in (0..count).step_by(piece) {
                    let now = piece.min(count - first);
                    let params = Params {
                        count: now as u32,
                        first_place: first as u32,
                        chosen: u32::from(places.is_some()),
                        ..fixed
                    };
                    if of_cell > 0 {
                        // Responses are added to.
                        running.clear("responses")?;
                    }
                    for run in runs::of_stimulus(tables, |start| running.loops(now as u64, start)) {
                        let params = Params { first_segment: run.range.start, last_segment: run.range.end, ..params };
                        running.dispatch(&kernel, &params, run.loops)?;
                    }
                    if of_cell > 0 {
                        let back = running.download(&[("responses", of_cell * now as u64)])?;
                        write_responses(&bytemuck::pod_collect_to_vec::<u8, f32>(&back[0]), first, now, &mut response);
                    }
                }
                Ok(())
            },
        )?;
        Ok(response)
    }
}
