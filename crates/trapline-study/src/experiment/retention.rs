//! Retention of states: cells programmed with some pulses, then left alone at a temperature.

use super::ExperimentError;
use super::probe::Probe;
use super::pulse::Train;
use ndarray::{Array1, Array3, Zip, s};
use trapline_model::cell::read::PROGRAMMED_FILLING;
use trapline_model::dataset::Dataset;
use trapline_model::protocol::Part;

/// Programs copies of the probe's cells with 0, 1, ... of the pulses in `states` (at the probe's temperature, from
/// the probe's state) and reads them at `times_s` (ascending) after programming, which the probe's own cells do not
/// see. Readings are of the moment, with the noise of the conditions' reading time: what a cell would lose within that
/// time is not in them.
///
/// Axes: `state` (pulses), `time` (s) and `cell`; `conductance_s` as
/// read, `conductance_noiseless_s`, `filling`, and `kept`: the window, less that of the first state, over its value
/// at the first time, without noise; NaN for the first state, and for others that are not above it. `lost`: the
/// fraction of the charge held right after programming that has left ([`Probe::lost_after`]). Where the first state is
/// the fresh cell and the first time 0 s, `kept` follows from `lost`; else it is a ratio of differences of
/// conductances, in single precision on the fast backends. `caught_share` (state): the largest ratio of electrons
/// caught to electrons injected in any programming pulse of any cell.
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
        // Counted electrons leave one after the other: the cell at a time is the one of the time before, and some of
        // its electrons less. In the mean field each time is one exact step.
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
    let open = 1.0 - probe.material().injection.free_share;
    let from_fresh = states.first() == Some(&0) && times_s.first() == Some(&0.0);
    let kept = Array3::from_shape_fn(shape, |(state, time, cell)| {
        let window_s = |time: usize| noiseless[[state, time, cell]] - noiseless[[0, time, cell]];
        let (lost, start) = (lost[[state, time, cell]], filling[[state, 0, cell]]);
        if from_fresh && state > 0 && !lost.is_nan() {
            // Without a small difference of conductances, of which fast backends know six digits.
            (1.0 - lost) / (1.0 + lost * open * start / (1.0 - open * start))
        } else if window_s(0) > 0.0 {
            window_s(time) / window_s(0)
        } else {
            f64::NAN
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::probe::Conditions;
    use trapline_engine::backend::Backend;
    use trapline_engine::backend::cpu::Cpu;
    use trapline_engine::backend::reference::Reference;
    use trapline_model::material::shipped;
    use trapline_model::units::kelvin;

    /// A pulse so weak that the window is 1e-6 of the conductance: the fast backend keeps what the reference does.
    #[test]
    fn small_windows_are_kept_alike() {
        let dots = shipped("pi-ws2-qd").expect("ships");
        let cpu = Cpu::open(None, None).expect("opens");
        for width_s in [1e-4, 1e-6] {
            let train = Train { amplitude_v: 0.5, width_s, interval_s: 1e-3, count: 1 };
            let of = |backend: &dyn Backend| {
                let probe = Probe::new(backend, &dots, Conditions::nominal(kelvin(125.0)), vec![0]).expect("opens");
                let found = run(&probe, "retention", &train, &[0, 1], &[0.0, 1e3, 1e5]).expect("runs");
                found.shaped::<ndarray::Ix3>("kept").expect("there").slice(s![1, .., 0]).to_vec()
            };
            for (found, exact) in of(&cpu).into_iter().zip(of(&Reference)) {
                // The loss is known to 4e-6 of itself, and is below a hundredth.
                assert!((found - exact).abs() < 1e-7, "{width_s}: {found} {exact}");
            }
            assert!(of(&Reference)[2] < 0.995);
        }
    }
}
