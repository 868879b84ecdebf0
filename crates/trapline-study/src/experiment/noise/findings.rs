//! What is noted of cells that were watched: conditions, the spectrum with its closed forms, the rates behind them.

use super::Setup;
use super::rest::Rest;
use super::welch::{self, Welch};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use trapline_model::cell::read::noise_a;
use trapline_model::cell::validity;
use trapline_model::dataset::Dataset;
use trapline_model::material::Material;
use trapline_model::material::draft::rounded;
use trapline_model::units::celsius;

/// Notes what was done, and what is outside of the model's validity.
pub(super) fn conditions(d: &mut Dataset, material: &Material, setup: &Setup, rests: &[Rest]) {
    let length = welch::segment_of(setup.samples);
    let steps: f64 = rests.iter().map(|rest| setup.steps_of_all(rest.steps_per_s()) / setup.cells as f64).sum();
    d.note("material", material.name.clone())
        .note("temperature_c", celsius(setup.temperature_k).to_string())
        .note("bias_v", setup.bias_v.to_string())
        .note("area_um2", rounded(material.area_m2 * 1e12, 9).to_string())
        .note("seed", setup.seed.to_string())
        .note("variation", if setup.variation { "on" } else { "off" })
        .note("electrons", setup.electrons.words())
        .note("step_s", setup.step_s.to_string())
        .note("start", "at rest: electrons drawn from the law under this bias")
        .note("window", "Hann, segments of half overlap, mean of the record taken away")
        .note("segment_samples", length.to_string())
        .note("segments", welch::segments(setup.samples, length).to_string())
        .note("steps_expected", steps.to_string());
    let of =
        |remark: fn(&Material, &str, f64) -> Option<String>| remark(material, "the experiment", setup.temperature_k);
    let bias = [validity::bias("holding", setup.bias_v), validity::measured_bias(material, "holding", setup.bias_v)];
    let remarks: Vec<String> =
        [of(validity::glass), of(validity::broadening)].into_iter().chain(bias).flatten().collect();
    if !remarks.is_empty() {
        d.note("outside_validity", remarks.join("; "));
    }
}

/// The spectrum, in bands, and the closed forms beside it.
pub(super) fn spectrum(d: &mut Dataset, setup: &Setup, rests: &[Rest], current_a: &Array2<f64>) {
    let length = welch::segment_of(setup.samples);
    let (welch, bands, rows) = (Welch::new(length), welch::bands(length), current_a.rows());
    let apart_hz = 1.0 / (length as f64 * setup.step_s);
    let rows: Vec<_> = rows.into_iter().collect();
    let each: Vec<Vec<f64>> = rows.par_iter().map(|row| welch.density(&row.to_vec(), setup.step_s)).collect();
    let cells = setup.cells as f64;
    let mean = |k: usize| each.iter().map(|density| density[k]).sum::<f64>() / cells;
    let of_band = |&(from, to): &(usize, usize)| (from..to).map(mean).sum::<f64>() / (to - from) as f64;
    let middle = |&(from, to): &(usize, usize)| 0.5 * (from + to - 1) as f64 * apart_hz;
    let frequencies: Vec<f64> = bands.iter().map(middle).collect();
    let folded: Vec<Vec<f64>> =
        rests.par_iter().map(|rest| rest.sampled_a2_per_hz(setup.step_s, &frequencies)).collect();
    let mean_of = |of: &dyn Fn(usize) -> f64| (0..rests.len()).map(of).sum::<f64>() / cells;
    let open: Array1<f64> = frequencies.iter().map(|&f| mean_of(&|cell| rests[cell].density_a2_per_hz(f))).collect();
    let folded: Array1<f64> = (0..frequencies.len()).map(|k| mean_of(&|cell| folded[cell][k])).collect();
    // Of normal noise; and few steps are few draws of the same thing, whatever the frequency.
    let steps: f64 = rests.iter().map(|rest| setup.steps_of_all(rest.steps_per_s()) / cells).sum();
    let segments = welch::segments(setup.samples, length);
    let error = |&(from, to): &(usize, usize)| {
        let normal = welch::relative_error(to - from, segments, setup.cells);
        (normal * normal + 1.0 / steps).sqrt()
    };
    // 2 q I coth(q V/2kT), twice the square of what an average over a second has.
    let shot = mean_of(&|cell| {
        let held = rests[cell].held();
        let of_second = noise_a(held.current_a(rests[cell].filling), setup.bias_v, setup.temperature_k, 1.0);
        2.0 * of_second * of_second
    });
    let axes = ["frequency_hz"];
    d.axis("frequency_hz", "Hz", "Middle of the band", &frequencies);
    let counts: Array1<u64> = bands.iter().map(|(from, to)| (to - from) as u64).collect();
    d.count("frequencies", &axes, "1", "Frequencies in the band", counts.into_dyn());
    d.real("resolution_hz", &[], "Hz", "Distance of the frequencies", ndarray::arr0(apart_hz).into_dyn());
    let found: Array1<f64> = bands.iter().map(of_band).collect();
    let density = "A2/Hz";
    d.real("density_a2_per_hz", &axes, density, "One-sided density of the noise, mean of the cells", found.into_dyn());
    let errors: Array1<f64> = bands.iter().map(error).collect();
    d.real("relative_error", &axes, "1", "Standard deviation of the density, over it", errors.into_dyn());
    d.real("closed_form_a2_per_hz", &axes, density, "Closed form of the sampled current", folded.into_dyn());
    d.real("closed_form_unsampled_a2_per_hz", &axes, density, "Closed form of the current itself", open.into_dyn());
    let shot = ndarray::arr0(shot).into_dyn();
    d.real("shot_thermal_a2_per_hz", &[], density, "Shot and thermal noise of the current, not in the samples", shot);
}

/// Rates of the nominal cell's classes.
pub(super) fn classes(d: &mut Dataset, material: &Material, setup: &Setup) {
    let rest = setup.nominal(material);
    let kinds = rest.held().kinds.clone();
    let count = kinds.len();
    let of = |value: &dyn Fn(usize) -> f64| (0..count).map(value).collect::<Array1<f64>>().into_dyn();
    d.axis("class", "1", "Trap class of the nominal cell", &(0..count).map(|k| k as f64).collect::<Vec<_>>());
    d.real("class_weight", &["class"], "1", "Share of the dots", of(&|k| material.classes[k].weight));
    let caught = |k: usize| kinds[k].speed * rest.uptake_per_s;
    d.real("class_capture_per_s", &["class"], "1/s", "Capture of an empty dot at rest", of(&caught));
    d.real("class_emission_per_s", &["class"], "1/s", "Emission of a full one", of(&|k| kinds[k].emission_per_s));
    d.real("class_occupancy", &["class"], "1", "Share that is full at rest", of(&|k| rest.occupancy(&kinds[k])));
    let corner = |k: usize| (caught(k) + kinds[k].emission_per_s) / std::f64::consts::TAU;
    d.real("class_corner_hz", &["class"], "Hz", "Corner of one dot, (c + e)/2 pi", of(&corner));
    let feedback = ndarray::arr0(rest.feedback_per_s).into_dyn();
    d.real("feedback_per_s", &[], "1/s", "By how much the uptake falls with the filling, at rest", feedback);
}
