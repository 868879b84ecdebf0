//! What the numbers of a record do not hold: the noise of a reading, what few trap classes do to lives, chance that was
//! left out.

use serde::Serializer;
use serde::ser::SerializeMap;
use trapline_model::cell::life;
use trapline_model::cell::read::{Judging, noise_a};
use trapline_model::material::{Material, TrapClass, quadrature};
use trapline_model::outcome::{PointOutcome, PointSettings};
use trapline_model::units::{YEAR_S, celsius, spoken_reading};

/// Time of the reading whose noise is stated, s.
pub const READING_S: f64 = 1e-2;
/// Share of what a cell may lose that the noise of a reading may be: with more, one reading cannot tell cells that fail
/// from others.
const MOST_NOISE: f64 = 1.0 / 3.0;

/// Standard deviation of one reading of so many seconds, over the window right after programming; none where no cell
/// was programmed.
pub fn noise_of_window(outcome: &PointOutcome, settings: &PointSettings, seconds: f64) -> Option<f64> {
    noise_of_window_at(outcome, settings, seconds, 0)
}

/// The same over the window of a checkpoint.
pub(super) fn noise_of_window_at(
    outcome: &PointOutcome,
    settings: &PointSettings,
    seconds: f64,
    checkpoint: usize,
) -> Option<f64> {
    let conductance_s = *outcome.conductance_s.mean.get(checkpoint)?;
    let window_s = (conductance_s - outcome.fresh_conductance_s).abs();
    let bias_v = settings.read_v;
    let noise_s = noise_a(conductance_s * bias_v, bias_v, settings.read_k, seconds) / bias_v.abs();
    let share = noise_s / window_s;
    (outcome.programmed > 0 && share.is_finite()).then_some(share)
}

/// What failing goes by as `{"by": "first-reading", "integration_s": 0.01}`, and by what cells keep as `{"by":
/// "kept"}`.
pub(super) fn judging<S: Serializer>(judged: &Judging, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let by = match judged {
        Judging::Kept => "kept",
        Judging::Reading { first: false, .. } => "this-reading",
        Judging::Reading { first: true, .. } => "first-reading",
    };
    map.serialize_entry("by", by)?;
    if let Some(seconds) = judged.integration_s() {
        map.serialize_entry("integration_s", &seconds)?;
    }
    map.end()
}

/// Time of the reading whose noise is stated of a point, s: of one that judges its cells, else [`READING_S`].
pub fn reading_s(settings: &PointSettings) -> f64 {
    settings.judged.integration_s().unwrap_or(READING_S)
}

/// Chance that a cell which keeps everything fails at one reading of this noise, over the window.
pub fn by_noise_alone(noise: f64, kept_threshold: f64) -> f64 {
    0.5 * libm::erfc((1.0 - kept_threshold) / noise / std::f64::consts::SQRT_2)
}

/// What one reading's noise is, of the noises at some temperatures. Where readings judge cells, with what noise alone
/// does in so many of them; else with a warning where it is too large for a threshold. None of no noises.
pub fn of_readings(noises: &[f64], kept_threshold: f64, judged: Judging, readings: usize) -> Option<String> {
    if noises.is_empty() {
        return None;
    }
    let most = noises.iter().copied().fold(0.0, f64::max);
    let least = noises.iter().copied().fold(f64::INFINITY, f64::min);
    let room = 1.0 - kept_threshold;
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let range = match (percent(least), percent(most)) {
        (least, most) if least == most => most,
        (least, most) => format!("{least} to {most}"),
    };
    let seconds = judged.integration_s().unwrap_or(READING_S);
    let said = format!("one reading of {} has a noise of {range} % of the window", spoken_reading(seconds));
    if let Judging::Reading { first, .. } = judged {
        let once = by_noise_alone(most, kept_threshold);
        let so_many = |share: f64| format!("{} of the cells that keep everything", small_share(share));
        let fails = format!("{said}: of itself it fails {}", so_many(once));
        return Some(match first {
            // 1 - (1 - Q)^n, with the digits of a small Q.
            true => format!(
                "{fails} at one reading, and {} at one at least of the {readings} up to the last checkpoint; other checkpoints give \
                 other lives",
                small_share(-libm::expm1(readings as f64 * libm::log1p(-once)))
            ),
            false => format!("{fails}, others at each reading: failing comes and goes"),
        });
    }
    if most <= MOST_NOISE * room {
        return Some(said);
    }
    let readings = (most / (MOST_NOISE * room)).powi(2).ceil();
    Some(format!(
        "{said}, more than a third of the {} % that a cell may lose: cells are judged here by what they keep, which an \
         instrument that knows their start without noise sees in the mean of {readings:.0} such readings",
        trim(100.0 * room)
    ))
}

/// A share in per cent, to three digits.
fn small_share(share: f64) -> String {
    match 100.0 * share {
        percent if percent >= 0.01 || percent == 0.0 => {
            let digits = if percent >= 10.0 { 1 } else { 2 };
            format!("{percent:.digits$} %")
        }
        percent => format!("{percent:.1e} %"),
    }
}

/// A share in per cent, with the digits a threshold has.
fn trim(percent: f64) -> String {
    let text = format!("{percent:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Lives that trap classes are made for: a second to ten years.
const LIVES_S: std::ops::RangeInclusive<f64> = 1.0..=10.0 * YEAR_S;
/// Times for which heat may have emptied shallow traps before a life begins, s: while cells are programmed, and until
/// they are read first.
const BEFORE_S: [f64; 5] = [0.0, 1e-6, 1e-4, 1e-2, 1.0];

/// What the trap classes of a material do to lives at temperatures, K, at a threshold: a remark, and the largest ratio
/// to the spread of depths they stand for. Of lives of a second to ten years: others are of no campaign, and no
/// classes are made for them. Of shallow traps also lives that begin after heat has emptied some of them for a while.
/// None where there are none, and where the classes are the traps. `is_fixed` is whether the material's file fixes
/// their number.
pub fn of_classes(
    material: &Material,
    is_fixed: bool,
    temperatures_k: &[f64],
    kept_threshold: f64,
) -> Option<(String, f64)> {
    let spread = material.spread?;
    let (lost, continuum) = (1.0 - kept_threshold, spread.continuum());
    let shallowest_ev = continuum.iter().map(|class| class.depth_ev).fold(f64::INFINITY, f64::min);
    let early_s = quadrature::early_s(shallowest_ev, material.attempt_per_s);
    // Traps that are empty before a life begins have no part in it, and leave the others the whole of it.
    let before_s = &BEFORE_S[..if early_s.is_some() { BEFORE_S.len() } else { 1 }];
    let places = temperatures_k.iter().flat_map(|&temperature_k| before_s.iter().map(move |&s| (temperature_k, s)));
    let ratios = places.filter_map(|(temperature_k, before_s)| {
        let life_s = |of: &[TrapClass]| life::life_after_s(material, of, temperature_k, lost, before_s);
        let (exact_s, found_s) = (life_s(&continuum)?, life_s(&material.classes)?);
        LIVES_S.contains(&exact_s).then_some(found_s / exact_s)
    });
    let worst = ratios.max_by(|a, b| a.ln().abs().total_cmp(&b.ln().abs()))?;
    let classes = material.classes.len();
    let off = 100.0 * worst.ln().abs().exp_m1();
    let words = match off {
        _ if off < 0.1 => "less than 0.1 %".to_owned(),
        _ if off < 100.0 => format!("{off:.1} % at most"),
        _ => format!("a factor of {:.1} at most", worst.ln().abs().exp()),
    };
    let help = match off > 2.0 && is_fixed {
        true => "; leave traps.classes out for as many as lives take",
        false => "",
    };
    let longer = if worst > 1.0 { "longer" } else { "shorter" };
    let stand = if classes == 1 { "class stands" } else { "classes stand" };
    Some((
        format!(
            "{classes} trap {stand} for all depths, which makes mean lives at this threshold {longer} by {words}{help}"
        ),
        worst,
    ))
}

/// By how much a depth is moved to see what lives make of it, eV: the calibration of the shipped dots knows theirs to
/// some
/// 0.2 eV.
const DEPTH_STEP_EV: f64 = 0.1;

/// What a small error of all depths would do to lives at temperatures, K, at a threshold: a remark; none without
/// traps, and where there are no lives. No bound of a life holds it.
pub fn of_depths(material: &Material, temperatures_k: &[f64], kept_threshold: f64) -> Option<String> {
    let lost = 1.0 - kept_threshold;
    let shallower: Vec<TrapClass> = material
        .classes
        .iter()
        .map(|of| TrapClass { depth_ev: (of.depth_ev - DEPTH_STEP_EV).max(0.0), ..*of })
        .collect();
    let times_shorter = |temperature_k: f64| {
        let life_s = |of: &[TrapClass]| life::life_s(material, of, temperature_k, lost);
        let ratio = life_s(&material.classes)? / life_s(&shallower)?;
        ratio.is_finite().then_some((temperature_k, ratio))
    };
    let coldest = temperatures_k.iter().copied().reduce(f64::min).and_then(times_shorter)?;
    let hottest = temperatures_k.iter().copied().reduce(f64::max).and_then(times_shorter);
    let said = |(temperature_k, ratio): (f64, f64)| {
        format!("{ratio:.1} times shorter at {} °C", (10.0 * celsius(temperature_k)).round() / 10.0)
    };
    let of_all = match hottest.filter(|hottest| hottest.0 > coldest.0) {
        Some(hottest) => format!(", {}", said(hottest)),
        None => String::new(),
    };
    Some(format!(
        "bounds hold chance, and not errors of the material's numbers: traps {DEPTH_STEP_EV} eV shallower would make mean lives \
         {}{of_all}",
        said(coldest)
    ))
}

/// Said of cells whose electrons were not counted.
pub const MEAN_FIELD: &str =
    "mean-field cells: which electron escapes when is not in these lives and bounds (docs/electrons.md)";

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_model::material;

    #[test]
    fn a_reading_is_remarked_on_where_a_third_of_the_criterion_is_noise() {
        let of_readings = |noises: &[f64], threshold| of_readings(noises, threshold, Judging::Kept, 40);
        let quiet = of_readings(&[0.003, 0.0032], 0.99).expect("a noise");
        assert_eq!(quiet, "one reading of 10 ms has a noise of 0.30 to 0.32 % of the window");
        let remark = of_readings(&[0.0124, 0.0131], 0.99).expect("too large");
        assert!(
            remark.contains("1.24 to 1.31 %") && remark.contains("the 1 %") && remark.contains("16 such"),
            "{remark}"
        );
        assert!(!of_readings(&[0.0124], 0.9).expect("a noise").contains("more than"), "a tenth may be lost");
        assert_eq!(of_readings(&[], 0.9), None);
    }

    #[test]
    fn what_noise_alone_fails_is_said_where_readings_judge() {
        // One standard deviation: 15.866 %, and 1 - 0.84134^40 = 99.9 %; three: 0.13499 %, and 5.26 % in 40.
        let of = |noise: f64, first| {
            let judged = Judging::Reading { integration_s: 4e-2, first };
            of_readings(&[noise], 0.99, judged, 40).expect("a noise")
        };
        let loud = of(0.01, true);
        assert!(loud.starts_with("one reading of 40 ms has a noise of 1.00 %") && loud.contains("15.9 %"), "{loud}");
        assert!(loud.contains("99.9 % at one at least of the 40") && !loud.contains("an instrument"), "{loud}");
        let quiet = of(0.01 / 3.0, true);
        assert!(quiet.contains("0.13 %") && quiet.contains("5.26 %"), "{quiet}");
        let this = of(0.01, false);
        assert!(this.contains("15.9 %") && this.contains("comes and goes") && !this.contains("99.9"), "{this}");
        // Ten standard deviations, 7.62e-24: no digits are lost.
        assert!((by_noise_alone(0.001, 0.99) / 7.619_853e-24 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn few_classes_are_remarked_on_with_what_they_do() {
        let (_, text) = material::SHIPPED[0];
        let shipped = material::parse(text, "dots").expect("sound");
        let hot = [358.15, 398.15, 433.15];
        let (remark, worst) = of_classes(&shipped, false, &hot, 0.99).expect("dots");
        assert!(remark.starts_with("16 trap classes") && worst.ln().abs() < 0.02, "{remark}");
        let six = text.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 6");
        let six = material::parse(&six, "six").expect("sound");
        let (remark, worst) = of_classes(&six, true, &hot, 0.99).expect("dots");
        assert!(remark.contains("leave traps.classes out") && worst.ln().abs() > 0.05, "{remark}");
        // The relaxing polymer hides what classes do; without it they show.
        let at = |of: &Material| of_classes(of, true, &[433.15], 0.95).expect("dots").1.ln().abs();
        let (with, without) = (at(&six), at(&six.clone().without_matrix()));
        assert!(with < 0.3 * without, "{with} {without}");
        // Lives of thousands of years are not asked after: the temperatures and the threshold of `bake.toml`.
        let bake = [298.15, 358.15, 373.15, 398.15, 423.15, 428.15, 433.15, 443.15];
        let (remark, worst) = of_classes(&shipped, false, &bake, 0.9).expect("dots");
        assert!(worst.ln().abs() < 0.02 && !remark.contains("leave"), "{remark}");
        assert!(of_classes(&shipped, false, &[298.15], 0.9).is_none());
        let none = material::shipped("pi").expect("sound");
        assert!(of_classes(&none, false, &[400.0], 0.9).is_none(), "no traps");
    }

    /// Far below the glass transition a life goes as exp(E/kT): 0.1 eV are a factor of exp(0.1 eV/kT), 25.5 at 85 °C;
    /// in the relaxing polymer next to nothing.
    #[test]
    fn what_depths_are_off_is_told_in_lives() {
        let dots = material::shipped("pi-ws2-qd").expect("sound");
        let told = of_depths(&dots, &[433.15, 358.15], 0.99).expect("lives");
        let numbers: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [step_ev, cold, cold_c, hot, _] = numbers[..] else { panic!("{told}") };
        let expected = (0.1 / trapline_model::units::thermal_energy_ev(358.15)).exp();
        assert!((step_ev, cold_c) == (0.1, 85.0) && (cold / expected - 1.0).abs() < 0.1, "{told} {expected}");
        assert!(hot > 1.0 && hot < 0.8 * cold, "{told}");
        assert_eq!(of_depths(&material::shipped("pi").expect("sound"), &[400.0], 0.9), None);
    }

    /// Six classes of traps from 0.33 eV on: what a cell keeps of what it held after a second is another error than
    /// what it keeps of all, and the larger of the two is told.
    #[test]
    fn of_shallow_traps_lives_that_begin_later_are_looked_at_too() {
        let (_, text) = material::SHIPPED[0];
        let shallow = text.replace("well_height = { value = 2.4,", "well_height = { value = 1.3,");
        let shallow = shallow.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 6");
        let shallow = material::parse(&shallow, "shallow").expect("sound");
        let off = |of: f64| of.ln().abs();
        let (_, found) = of_classes(&shallow, true, &[298.15], 0.9).expect("dots");
        let from_full = life::ratio_of_classes(&shallow, 298.15, 0.1).expect("a life");
        assert!(off(found) > 1.5 * off(from_full), "{found} {from_full}");
        let continuum = shallow.spread.expect("dots").continuum();
        let after = |of: &[TrapClass], s: f64| life::life_after_s(&shallow, of, 298.15, 0.1, s).expect("a life");
        let worst =
            BEFORE_S.map(|s| off(after(&shallow.classes, s) / after(&continuum, s))).into_iter().fold(0.0, f64::max);
        assert!((off(found) / worst - 1.0).abs() < 1e-9, "{found} {worst}");
    }
}
