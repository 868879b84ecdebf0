//! Retention of states: cells programmed with some pulses, then left alone at a temperature.

use super::ExperimentError;
use super::probe::Probe;
use super::pulse::Train;
use ndarray::{Array1, Array3, Zip, s};
use trapline_model::cell::read::PROGRAMMED_FILLING;
use trapline_model::dataset::Dataset;
use trapline_model::protocol::Part;

/// Programs copies of the probe's cells with 0, 1, ... of the pulses in `states` (at the probe's temperature, from
/// the probe's state) and reads them at `times_s` (ascending) after programming, which the probe's own cells do not see.
/// Readings are of the moment, with the noise of the conditions' reading time: what a cell would lose within that
/// time is not in them.
///
/// Axes: `state` (pulses), `time` (s) and `cell`; `conductance_s` as
/// read, `conductance_noiseless_s`, `filling`, and `kept`: the window, less that of the first state, over its value
/// at the first time, from the conductances without noise; NaN for the first state, and for others that are not above
/// it. `lost`: the fraction of the charge held right after programming that has left ([`Probe::lost_after`]); `kept`
/// is a ratio of conductances in single precision on the fast backends, and knows no loss below 1e-6. `caught_share`
/// (state): the largest ratio of electrons caught to electrons injected in any programming pulse of any cell.
///
/// # Errors
/// What the backend says.
pub fn run(
    probe: &Probe,
    name: &str,
    train: &Train,
    states: &[u32],
    times_s: &[f64],
) -> Result<Dataset, ExperimentError> {
    let shape = (states.len(), times_s.len(), probe.numbers().len());
    let [mut conductance, mut noiseless, mut filling, mut lost] = [(); 4].map(|()| Array3::from_elem(shape, f64::NAN));
    let mut share = Array1::from_elem(states.len(), f64::NAN);
    for (state, &pulses) in states.iter().enumerate() {
        let mut programmed = probe.fork()?;
        programmed.parts(&[Part::Pulses {
            pulses,
            amplitude_v: train.amplitude_v,
            width_s: train.width_s,
            interval_s: train.interval_s,
        }])?;
        share[state] = programmed.caught_share();
        let counts = programmed.counts_electrons();
        if !counts {
            lost.slice_mut(s![state, .., ..]).assign(&programmed.lost_after(times_s)?);
        }
        let start = programmed.filling()?;
        // Counted electrons leave one after the other: the cell at a time is the one of the time before, and some of its
        // electrons less. In the mean field each time is one exact step.
        let (mut waiting, mut waited_s) = (programmed.fork()?, 0.0);
        for (time, &time_s) in times_s.iter().enumerate() {
            let mut later = if counts {
                if time_s > waited_s {
                    waiting.wait(time_s - waited_s)?;
                    waited_s = time_s;
                }
                waiting.fork()?
            } else {
                let mut later = programmed.fork()?;
                if time_s > 0.0 {
                    later.wait(time_s)?;
                }
                later
            };
            let now = later.filling()?;
            if counts {
                let gone = Zip::from(&now).and(&start).map_collect(|now, start| {
                    if *start > PROGRAMMED_FILLING { (start - now) / start } else { f64::NAN }
                });
                lost.slice_mut(s![state, time, ..]).assign(&gone);
            }
            filling.slice_mut(s![state, time, ..]).assign(&now);
            // Each time is a reading of its own.
            later.next_readings((state * times_s.len() + time) as u32);
            let [quiet_s, seen_s] = later.at_this_moment()?;
            noiseless.slice_mut(s![state, time, ..]).assign(&quiet_s);
            conductance.slice_mut(s![state, time, ..]).assign(&seen_s);
        }
    }
    let kept = Array3::from_shape_fn(shape, |(state, time, cell)| {
        let window_s = |time: usize| noiseless[[state, time, cell]] - noiseless[[0, time, cell]];
        if window_s(0) > 0.0 { window_s(time) / window_s(0) } else { f64::NAN }
    });
    let mut d = Dataset::new(name, "Conductance of programmed states against time");
    super::describe(&mut d, probe);
    train.describe(&mut d);
    d.axis("state", "1", "Pulses before the wait", &states.iter().map(|&n| f64::from(n)).collect::<Vec<_>>());
    d.axis("time", "s", "Time after programming", times_s);
    super::cell_axis(&mut d, probe);
    let axes = ["state", "time", "cell"];
    d.real("conductance_s", &axes, "S", "Conductance as read", conductance.into_dyn());
    d.real("conductance_noiseless_s", &axes, "S", "Conductance without read noise", noiseless.into_dyn());
    d.real("filling", &axes, "1", "Filling", filling.into_dyn());
    d.real("kept", &axes, "1", "Window over its value at the first time, without read noise", kept.into_dyn());
    d.real("lost", &axes, "1", "Fraction of the programmed charge lost", lost.into_dyn());
    d.real(
        "caught_share",
        &["state"],
        "1",
        "Largest share of the electrons of a pulse that is caught",
        share.into_dyn(),
    );
    Ok(d)
}
