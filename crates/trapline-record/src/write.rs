//! Writing one point: into a file of its own, or into its place in a campaign file.

use std::path::{Path, PathBuf};

use ndarray::{ArrayViewD, arr0};

use super::error::RecordError;
use super::hdf::{Explain, unicode};
use super::layout::{self, POINT_FILE_TYPE, POINTS_PER_FOLDER};
use super::output::{Output, Slot};
use super::pending::Stored;
use trapline_model::files::commit;
use trapline_model::outcome::{
    CampaignLabel, HistogramSeries, MERITS, MomentSeries, PointLabel, PointOutcome, Provenance,
};

/// Where the point of this number lies under the folder of a campaign's points.
pub fn point_path(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("{:06}", number / POINTS_PER_FOLDER)).join(format!("point-{number:06}.h5"))
}

/// Commits one point as its own file under `dir` (see [`point_path`]) and returns its path.
///
/// # Errors
/// [`RecordError::Unwritable`] where the outcome does not have the shape the campaign says, [`RecordError::Commit`] and
/// [`RecordError::Hdf5`] where the disk refuses. Nothing is left under the final name then.
pub fn write_point(
    dir: &Path,
    campaign: &CampaignLabel,
    point: &PointLabel,
    provenance: &Provenance,
    outcome: &PointOutcome,
) -> Result<PathBuf, RecordError> {
    check_point(campaign, point)?;
    let path = point_path(dir, point.number);
    commit::create_folder(commit::folder_of(&path))?;
    let label = campaign.only(point.number);
    commit::atomic_write(&path, |temporary| {
        let output = Output::create(temporary, &path, POINT_FILE_TYPE, &label, provenance, &[])?;
        let root = output.root();
        root.scalar("point_number", &(point.number as u64))?;
        root.scalar("material_index", &(point.material_index as u64))?;
        root.scalar("temperature_index", &(point.temperature_index as u64))?;
        let places: Vec<u64> = point.sweep_index.iter().map(|&i| i as u64).collect();
        root.array("sweep_index", &places)?;
        output.point(0, point, provenance, outcome)?;
        output.close()
    })?;
    Ok(path)
}

fn check_point(campaign: &CampaignLabel, point: &PointLabel) -> Result<(), RecordError> {
    let points = campaign.points();
    if point.number >= points || campaign.settings.len() != points {
        let limit = format!("less than {points}, one of the campaign's");
        return Err(RecordError::unwritable("the point's number", point.number, limit));
    }
    let planned = campaign.point(point.number);
    if (&planned.material, planned.material_index) != (&point.material, point.material_index) {
        let found = format!("{} at {}", point.material, point.material_index);
        let limit = format!("{} at {}, as the point's number says", planned.material, planned.material_index);
        return Err(RecordError::unwritable("the point's material", found, limit));
    }
    if planned.temperature_index != point.temperature_index
        || planned.temperature_k.to_bits() != point.temperature_k.to_bits()
    {
        let found = format!("{} K at {}", point.temperature_k, point.temperature_index);
        let limit = format!("{} K at {}, as its number says", planned.temperature_k, planned.temperature_index);
        return Err(RecordError::unwritable("the point's temperature", found, limit));
    }
    if planned.sweep_index != point.sweep_index {
        let found = format!("{:?}", point.sweep_index);
        let limit = format!("{:?}, as its number says", planned.sweep_index);
        return Err(RecordError::unwritable("the point's place on the sweeps", found, limit));
    }
    Ok(())
}

impl Output<'_> {
    /// Writes everything known of a point in the place of this number in the file: the point's own in a campaign
    /// file, 0 in a file of the point alone.
    pub(super) fn point(
        &self,
        number: usize,
        point: &PointLabel,
        provenance: &Provenance,
        outcome: &PointOutcome,
    ) -> Result<(), RecordError> {
        let same_times = outcome.times_s.len() == self.label.times_s.len()
            && outcome.times_s.iter().zip(&self.label.times_s).all(|(a, b)| a.to_bits() == b.to_bits());
        if !same_times {
            let found = format!("{} checkpoints", outcome.times_s.len());
            return Err(RecordError::unwritable("the time axis of a point", found, "the campaign's"));
        }
        let Some(histograms) = &outcome.histograms else {
            return Err(RecordError::unwritable("the list of a point's histograms", "empty", "three"));
        };
        let at = number;
        self.moments(at, layout::CONDUCTANCE.name, &outcome.conductance_s)?;
        self.moments(at, layout::FILLING.name, &outcome.filling)?;
        self.moments(at, layout::LOST_FRACTION.name, &outcome.lost_fraction)?;
        self.moments(at, layout::KEPT.name, &outcome.kept)?;
        self.counts(at, layout::CONDUCTANCE.name, &histograms.conductance)?;
        self.counts(at, layout::FILLING.name, &histograms.filling)?;
        self.counts(at, layout::KEPT.name, &histograms.kept)?;
        self.put(layout::FAILED.name, at, outcome.failed.view().into_dyn())?;
        self.put_one(layout::CELLS.name, at, outcome.cells)?;
        self.put_one(layout::PROGRAMMED.name, at, outcome.programmed)?;
        self.put_one(layout::FRESH.name, at, outcome.fresh_conductance_s)?;
        self.circuit(at, outcome)?;
        self.dump(at, outcome)?;
        for flag in &point.flags {
            if flag.is_empty() || flag.contains('\n') {
                return Err(RecordError::unwritable("a flag", format!("{flag:?}"), "one line of text"));
            }
        }
        let identity = &provenance.identity;
        let flags = point.flags.join("\n");
        let texts: [&str; layout::POINT_STRINGS.len()] = [
            &flags,
            &provenance.started_utc,
            &provenance.ended_utc,
            &identity.backend,
            &identity.adapter,
            &identity.driver,
            &identity.instruction_set,
            &provenance.program_version,
            &provenance.commit,
        ];
        for (dataset, value) in layout::POINT_STRINGS.iter().zip(texts) {
            let text = unicode(dataset.name, value)?;
            self.slot(dataset.name)?.pending.borrow_mut().put_text(self.label.points(), number, text);
        }
        self.put_one(layout::POINT_SOFTWARE.name, at, u8::from(identity.software))?;
        self.put_one(layout::COMPUTED.name, at, 1_u8)
    }

    fn moments(&self, at: usize, name: &str, series: &MomentSeries) -> Result<(), RecordError> {
        let all = [&series.mean, &series.variance, &series.min, &series.max];
        for ((suffix, _, _), values) in layout::MOMENTS.into_iter().zip(all) {
            self.put(&format!("{name}_{suffix}"), at, values.view().into_dyn())?;
        }
        Ok(())
    }

    fn counts(&self, at: usize, name: &str, series: &HistogramSeries) -> Result<(), RecordError> {
        self.put(&format!("{name}_histogram"), at, series.counts.view().into_dyn())?;
        self.put(&format!("{name}_histogram_below"), at, series.below.view().into_dyn())?;
        self.put(&format!("{name}_histogram_above"), at, series.above.view().into_dyn())?;
        self.put_one(&format!("{name}_histogram_low"), at, series.low)?;
        self.put_one(&format!("{name}_histogram_high"), at, series.high)
    }

    fn circuit(&self, at: usize, outcome: &PointOutcome) -> Result<(), RecordError> {
        let times_s = outcome.circuit.as_ref().map_or(&[][..], |of| of.times_s.as_slice().unwrap_or_default());
        let planned_s = &self.label.circuit_times_s;
        let same = times_s.len() == planned_s.len() && times_s.iter().zip(planned_s).all(|(a, b)| a == b);
        if !same {
            let found = format!("{} times", times_s.len());
            let limit = format!("{}, the campaign's", planned_s.len());
            return Err(RecordError::unwritable("the times of reading through wires", found, limit));
        }
        let Some(circuit) = &outcome.circuit else { return Ok(()) };
        for (merit, values) in MERITS.iter().zip(circuit.values.columns()) {
            self.put(&layout::of_merit(merit), at, values.into_dyn())?;
        }
        Ok(())
    }

    fn dump(&self, at: usize, outcome: &PointOutcome) -> Result<(), RecordError> {
        let found = outcome.dump.as_ref().map(|d| d.window);
        if found != self.label.dump {
            let limit = format!("{:?}, the campaign's", self.label.dump);
            return Err(RecordError::unwritable("the window of a cell dump", format!("{found:?}"), limit));
        }
        let Some(dump) = &outcome.dump else {
            return Ok(());
        };
        for (quantity, values) in [
            (layout::CONDUCTANCE, &dump.conductance_s),
            (layout::FILLING, &dump.filling),
            (layout::LOST_FRACTION, &dump.lost_fraction),
        ] {
            self.put(&format!("cell_{}", quantity.name), at, values.view().into_dyn())?;
        }
        Ok(())
    }

    fn put_one<T: Stored>(&self, name: &str, point: usize, value: T) -> Result<(), RecordError> {
        self.put(name, point, arr0(value).view().into_dyn())
    }

    /// Takes the values of one point for a dataset.
    fn put<T: Stored>(&self, name: &str, point: usize, values: ArrayViewD<'_, T>) -> Result<(), RecordError> {
        let slot = self.slot(name)?;
        let shape = self.inner_shape(slot.inner);
        if values.shape() != shape {
            let found = format!("{:?}", values.shape());
            let limit = format!("{shape:?}, as the campaign says");
            return Err(RecordError::unwritable(format!("the shape of {name}"), found, limit));
        }
        if self.is_linked(slot.inner) {
            return Ok(());
        }
        let doing = format!("write the dataset {name}");
        let mut pending = slot.pending.borrow_mut();
        pending.put(&slot.dataset, &self.label.shape(), point, values).writing(self.shown, &doing)
    }

    fn slot(&self, name: &str) -> Result<&Slot, RecordError> {
        self.datasets.get(name).ok_or_else(|| RecordError::unwritable("a dataset", name, "one of the format's"))
    }
}
