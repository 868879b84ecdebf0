//! Cells under test: what every experiment on single cells and small arrays does with a backend.
//!
//! A reading is a current at the read bias, averaged over the reading time, with the noise of
//! [`noise_a`].
//!
//! # Practice
//! A [`Probe`] holds its cells, whose state stays where the backend computes, and counts cycles and readings on, so
//! that every draw of cycle-to-cycle variation and of noise is a new one; it lives as long as the experiment. Noise
//! is added here, in f64, from the backend's noise-free current: the same draws on every backend.

use super::ExperimentError;
use ndarray::{Array1, Array2};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::{Cells, Population};
use trapline_engine::backend::exposure::{Each, Exposure};
use trapline_engine::backend::stimulus::{Response, larger};
use trapline_model::array;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::read::{PROGRAMMED_FILLING, lost_fraction, noise_a};
use trapline_model::cell::{self, step, validity};
use trapline_model::material::{MAX_CLASSES, Material, Variation};
use trapline_model::protocol::{Part, Segment};
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};

/// How cells are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    pub ambient_k: f64,
    pub seed: u64,
    /// Cell-to-cell and cycle-to-cycle variation, as the material has it.
    pub variation: bool,
    pub read_noise: bool,
    /// How the electrons of cells are taken.
    pub electrons: Electrons,
    /// Bias of a reading, V, and the time it takes, s.
    pub read_v: f64,
    pub read_s: f64,
}

impl Conditions {
    /// Nominal cells of very many electrons, without noise, at a temperature, read at 0.1 V for 10 ms.
    pub fn nominal(ambient_k: f64) -> Conditions {
        Conditions {
            ambient_k,
            seed: 1,
            variation: false,
            read_noise: false,
            electrons: Electrons::MeanField,
            read_v: 0.1,
            read_s: 1e-2,
        }
    }

    /// The same with variation, counted electrons and read noise.
    pub fn real(ambient_k: f64, seed: u64) -> Conditions {
        let electrons = Electrons::Counted(DotNumber::Poisson);
        Conditions { seed, variation: true, read_noise: true, electrons, ..Conditions::nominal(ambient_k) }
    }
}

/// Cells with their state.
pub struct Probe<'a> {
    cells: Box<dyn Cells<'a> + 'a>,
    pub conditions: Conditions,
    /// Cycles and readings so far.
    cycle: u32,
    reading: u32,
    /// Strongest bias so far, V.
    strongest_v: f64,
    /// Largest ratio of electrons caught to electrons injected in a recorded segment so far.
    caught_share: f64,
}

impl<'a> Probe<'a> {
    /// Empty cells of a material, by their numbers.
    ///
    /// # Errors
    /// What the backend says.
    pub fn new(
        backend: &'a dyn Backend,
        material: &Material,
        conditions: Conditions,
        numbers: Vec<u64>,
    ) -> Result<Probe<'a>, ExperimentError> {
        let variation = if conditions.variation { material.variation } else { Variation::OFF };
        let population = Population::new(material, variation, conditions.seed, numbers);
        let cells = backend.cells(population.electrons(conditions.electrons))?;
        Ok(Probe { cells, conditions, cycle: 0, reading: 0, strongest_v: 0.0, caught_share: 0.0 })
    }

    /// The same cells in the same state once more, with cycles and readings counted on from here.
    ///
    /// # Errors
    /// What the backend says.
    pub fn fork(&self) -> Result<Probe<'a>, ExperimentError> {
        Ok(Probe { cells: self.cells.fork()?, ..*self })
    }

    /// The same cells in the same state once more, each of which catches at its own median speed in every cycle: without
    /// the variation from cycle to cycle.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn steady(&self, backend: &'a dyn Backend) -> Result<Probe<'a>, ExperimentError> {
        let mut population = self.cells.population().clone();
        population.variation.capture_speed = 0.0;
        let mut cells = backend.cells(population)?;
        cells.upload(&self.cells.download()?)?;
        Ok(Probe { cells, ..*self })
    }

    /// The cells with their state.
    pub(super) fn into_cells(self) -> Box<dyn Cells<'a> + 'a> {
        self.cells
    }

    /// The same cells once more with the same occupancies, whose electrons are taken in the mean field from there on:
    /// what is expected of cells whose electrons are counted.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn expected(&self, backend: &'a dyn Backend) -> Result<Probe<'a>, ExperimentError> {
        let population = self.cells.population().clone().electrons(Electrons::MeanField);
        let mut cells = backend.cells(population)?;
        cells.upload(&self.cells.download()?)?;
        Ok(Probe { cells, ..*self })
    }

    /// What the cells are made of.
    pub fn material(&self) -> &Material {
        &self.cells.population().material
    }

    /// Numbers of the cells.
    pub fn numbers(&self) -> &[u64] {
        &self.cells.population().numbers
    }

    /// Occupancy of each class; axes (cell, class).
    ///
    /// # Errors
    /// What the backend says.
    pub fn occupancy(&self) -> Result<Array2<f64>, ExperimentError> {
        Ok(self.cells.download()?)
    }

    /// Replaces the occupancies; axes (cell, class). Backends of single precision round them.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn put(&mut self, occupancy: &Array2<f64>) -> Result<(), ExperimentError> {
        Ok(self.cells.upload(occupancy)?)
    }

    /// Variation of the cells, as the conditions have it.
    pub(super) fn variation(&self) -> &Variation {
        &self.cells.population().variation
    }

    /// Drives all cells through segments, whose cycles are counted on from here; those with `true` are recorded.
    ///
    /// # Errors
    /// What the backend says.
    pub fn drive(&mut self, segments: &[(Segment, bool)]) -> Result<Response, ExperimentError> {
        let response = self.drive_from(self.cycle, None, segments)?;
        self.cycle = after(self.cycle, segments);
        Ok(response)
    }

    /// Drives some of the cells, by their places (ascending, none twice), in the cycles that come next. The cycles
    /// are not counted: other cells may be driven in the same ones ([`Probe::skip_cycles`]).
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn drive_some(
        &mut self,
        places: &[u32],
        segments: &[(Segment, bool)],
    ) -> Result<Response, ExperimentError> {
        self.drive_from(self.cycle, Some(places), segments)
    }

    /// Programs some of the cells, which are empty, by their places, as a campaign does. Cycles count as in
    /// [`Probe::drive_some`].
    ///
    /// # Errors
    /// What a campaign would refuse, and what the backend says.
    pub(super) fn program_some(&mut self, places: &[u32], segments: &[Segment]) -> Result<(), ExperimentError> {
        let first = self.cycle;
        let counted: Vec<_> = segments.iter().map(|s| Segment { cycle: s.cycle.saturating_add(first), ..*s }).collect();
        for segment in &counted {
            if segment.bias_v.abs() > self.strongest_v.abs() {
                self.strongest_v = segment.bias_v;
            }
        }
        let stimulus = self.cells.population().programming(self.conditions.ambient_k, &counted)?;
        self.cells.advance(&stimulus, Some(places))?;
        Ok(())
    }

    /// Drives all cells, each at a bias of its own, V, in the cycle that comes next, which is not counted. The response
    /// has one row.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn expose(&mut self, bias_v: &Array1<f64>, dwell_s: f64) -> Result<Response, ExperimentError> {
        for bias in bias_v {
            if bias.abs() > self.strongest_v.abs() {
                self.strongest_v = *bias;
            }
        }
        let (bias_v, temperature_k) = (bias_v.to_vec(), Each::Array(self.conditions.ambient_k));
        let bias_v = Each::Cell(&bias_v);
        let exposure = Exposure { bias_v, temperature_k, dwell_s, cycle: self.cycle, recorded: true };
        let response = self.cells.expose(&exposure, None)?;
        self.count_share(response.caught_share());
        Ok(response)
    }

    /// Conductance of every cell at the read bias, S, without noise. Takes no time and changes nothing.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn noiseless(&self) -> Result<Array1<f64>, ExperimentError> {
        let Conditions { read_v, ambient_k, .. } = self.conditions;
        Ok(self.cells.fork()?.read(read_v, ambient_k)?)
    }

    fn drive_from(
        &mut self,
        first: u32,
        places: Option<&[u32]>,
        segments: &[(Segment, bool)],
    ) -> Result<Response, ExperimentError> {
        for (segment, _) in segments {
            if segment.bias_v.abs() > self.strongest_v.abs() {
                self.strongest_v = segment.bias_v;
            }
        }
        let counted: Vec<_> = segments
            .iter()
            .map(|(s, record)| (Segment { cycle: s.cycle.saturating_add(first), ..*s }, *record))
            .collect();
        let stimulus = self.cells.population().stimulus(self.conditions.ambient_k, &counted);
        let response = self.cells.advance(&stimulus, places)?;
        self.count_share(response.caught_share());
        Ok(response)
    }

    /// Parts of a protocol, every biased segment recorded.
    ///
    /// # Errors
    /// What the backend says.
    pub fn parts(&mut self, parts: &[Part]) -> Result<Response, ExperimentError> {
        let segments: Vec<_> =
            trapline_model::protocol::segments(parts).into_iter().map(|s| (s, s.bias_v != 0.0)).collect();
        self.drive(&segments)
    }

    /// Leaves all cells alone at 0 V for a time, in one exact step.
    ///
    /// # Errors
    /// What the backend says.
    pub fn wait(&mut self, seconds: f64) -> Result<(), ExperimentError> {
        self.drive(&[(Segment { bias_v: 0.0, dwell_s: seconds, cycle: 0 }, false)]).map(|_| ())
    }

    /// Filling of each cell.
    ///
    /// # Errors
    /// What the backend says.
    pub fn filling(&self) -> Result<Array1<f64>, ExperimentError> {
        let nothing = Segment { bias_v: 0.0, dwell_s: 0.0, cycle: 0 };
        Ok(self.fork()?.drive(&[(nothing, true)])?.filling.row(0).to_owned())
    }

    /// Whether electrons are counted: the material has traps, and the conditions say so.
    pub fn counts_electrons(&self) -> bool {
        self.cells.population().is_counted()
    }

    /// Fraction of its charge that each cell will have lost after these times, s, at 0 V: axes (time, cell). NaN
    /// where a cell holds no charge to lose ([`PROGRAMMED_FILLING`]). Of counted electrons it is the expected one.
    ///
    /// From the occupancies as they are, by whatever backend, and the cell's own rates, in f64 as campaigns have it:
    /// computed as what leaves, not as one less what stays, so that losses of 1e-9 have the digits that single
    /// precision has no room for beside 1.
    ///
    /// # Errors
    /// What the backend says.
    pub fn lost_after(&self, times_s: &[f64]) -> Result<Array2<f64>, ExperimentError> {
        let Population { material, variation, seed, numbers, .. } = self.cells.population();
        let (classes, now) = (&material.classes, self.occupancy()?);
        let mut lost = Array2::from_elem((times_s.len(), numbers.len()), f64::NAN);
        for (i, (&cell, filled)) in numbers.iter().zip(now.rows()).enumerate() {
            let factors = array::factors(variation, *seed, cell);
            let emission = cell::emission_per_s(material, &factors, self.conditions.ambient_k);
            let mut occupancy = [0.0; MAX_CLASSES];
            occupancy.iter_mut().zip(filled).for_each(|(to, from)| *to = *from);
            let start = step::filling(classes, &occupancy);
            if start <= PROGRAMMED_FILLING {
                continue;
            }
            for (time, &time_s) in times_s.iter().enumerate() {
                let emptied = emission.map(|per_s| per_s * time_s);
                lost[[time, i]] = lost_fraction(classes, &occupancy, &emptied, start);
            }
        }
        Ok(lost)
    }

    /// Reads the conductance of every cell, S, as it is seen: with noise where the conditions have it. The reading
    /// itself takes its time and its bias.
    ///
    /// # Errors
    /// What the backend says.
    pub fn read(&mut self) -> Result<Array1<f64>, ExperimentError> {
        let Conditions { read_v, read_s, .. } = self.conditions;
        let seen = self.drive(&[(Segment { bias_v: read_v, dwell_s: read_s, cycle: 0 }, true)])?;
        let reading = self.next_readings(1);
        Ok(self
            .numbers()
            .iter()
            .zip(seen.current_a.row(0))
            .map(|(&cell, &i)| self.seen(cell, reading, i, read_v, read_s) / read_v)
            .collect())
    }

    /// [`Self::noiseless`], and as a reading of the conditions' time would show it; the cells do not go through that
    /// time.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn at_this_moment(&mut self) -> Result<[Array1<f64>; 2], ExperimentError> {
        let Conditions { read_v, read_s, .. } = self.conditions;
        let noiseless_s = self.noiseless()?;
        let reading = self.next_readings(1);
        let seen = |(&cell, &g): (&u64, &f64)| self.seen(cell, reading, g * read_v, read_v, read_s) / read_v;
        let as_seen_s = self.numbers().iter().zip(&noiseless_s).map(seen).collect();
        Ok([noiseless_s, as_seen_s])
    }

    /// Numbers for so many readings that no other has; the first of them.
    pub(super) fn next_readings(&mut self, count: u32) -> u32 {
        let first = self.reading;
        self.reading = self.reading.saturating_add(count);
        first
    }

    /// A current as it is seen in one reading.
    pub(super) fn seen(&self, cell: u64, reading: u32, current_a: f64, bias_v: f64, average_s: f64) -> f64 {
        if !self.conditions.read_noise {
            return current_a;
        }
        let word = rng::words(self.conditions.seed, cell, Purpose::ReadNoise, reading, 0)[0];
        let z = f64::from(rng::normal_fixed(word)) * NORMAL_UNIT;
        current_a + z * noise_a(current_a, bias_v, self.conditions.ambient_k, average_s)
    }

    /// Counts cycles that were run on a copy of the probe.
    pub(super) fn skip_cycles(&mut self, count: u32) {
        self.cycle = self.cycle.saturating_add(count).min(u32::MAX - 1);
    }

    /// Largest ratio of electrons caught to electrons injected in any segment of any cell that was recorded so far.
    pub fn caught_share(&self) -> f64 {
        self.caught_share
    }

    /// Counts a share in that was seen on a copy of the probe.
    pub(super) fn count_share(&mut self, share: f64) {
        self.caught_share = larger(self.caught_share, share);
    }

    /// Remarks on what was done outside the model's validity.
    pub fn remarks(&self) -> Vec<String> {
        let of = |remark: fn(&Material, &str, f64) -> Option<String>| {
            remark(self.material(), "the experiment", self.conditions.ambient_k)
        };
        let remarks = [
            of(validity::glass),
            of(validity::broadening),
            validity::bias("driving", self.strongest_v),
            validity::measured_bias(self.material(), "driving", self.strongest_v),
        ];
        remarks.into_iter().flatten().chain(validity::speeds(self.material())).collect()
    }

    /// Takes the cells' charge away.
    ///
    /// # Errors
    /// What the backend says.
    pub fn empty(&mut self) -> Result<(), ExperimentError> {
        Ok(self.cells.empty()?)
    }
}

/// The cycle after those of segments that are counted on from `first`.
fn after(first: u32, segments: &[(Segment, bool)]) -> u32 {
    let last = segments.iter().map(|(segment, _)| segment.cycle.saturating_add(first).saturating_add(1)).max();
    last.unwrap_or(first).min(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_engine::backend::reference::Reference;
    use trapline_model::material::shipped;
    use trapline_model::units::kelvin;

    #[test]
    fn readings_scatter_as_the_formula_says_and_do_not_repeat() {
        let qd = shipped("pi-ws2-qd").expect("shipped");
        let conditions = Conditions { variation: false, ..Conditions::real(kelvin(25.0), 3) };
        let mut probe = Probe::new(&Reference, &qd, conditions, (0..2000).collect()).expect("cells");
        let (a, b) = (probe.read().expect("reads"), probe.read().expect("reads"));
        assert!(a != b);
        let quiet = Conditions { read_noise: false, electrons: Electrons::MeanField, ..conditions };
        let g = Probe::new(&Reference, &qd, quiet, vec![0]).expect("cells").read().expect("reads")[0];
        let expected = noise_a(g * 0.1, 0.1, conditions.ambient_k, 1e-2) / 0.1;
        // 2000 draws: the mean within 5 sd/sqrt(n), the sd within 5/sqrt(2n).
        let mean = a.mean().unwrap_or(f64::NAN);
        let sd = a.std(0.0);
        assert!((mean - g).abs() < 5.0 * expected / 2000f64.sqrt(), "{mean:e} {g:e}");
        assert!((sd / expected - 1.0).abs() < 5.0 / 4000f64.sqrt(), "{sd:e} {expected:e}");
    }

    #[test]
    fn cycles_are_counted_on() {
        let qd = shipped("pi-ws2-qd").expect("shipped");
        let pulse = [Part::Pulses { pulses: 3, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }];
        // Counted electrons are drawn where a drive ends, which is another cell's life.
        let conditions = Conditions { electrons: Electrons::MeanField, ..Conditions::real(kelvin(25.0), 3) };
        let probe = || Probe::new(&Reference, &qd, conditions, vec![4]).expect("cells");
        let mut in_two = probe();
        in_two.parts(&pulse).expect("runs");
        in_two.parts(&pulse).expect("runs");
        let mut in_one = probe();
        in_one.parts(&[pulse[0], pulse[0]]).expect("runs");
        assert_eq!(in_one.occupancy().expect("cells"), in_two.occupancy().expect("cells"));
    }
}
