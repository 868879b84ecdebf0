//! The time axis of a bake.

use super::check::{self, MAX_TIME_S, MIN_TIME_S};
use super::error::Bad;
use super::file::{BakeFile, ReportFile};
use trapline_engine::backend::job::MAX_CHECKPOINTS;

/// Report times where the file gives none, s.
const DEFAULT_REPORT_S: [f64; 3] = [1e3, 1e4, 1e5];
/// Two times whose relative distance is smaller than this are the same. Small enough that a doubling remains one (see
/// `backend::schedule`).
const SAME: f64 = 1e-12;

/// Times after programming, ascending, without t = 0; and those of them that the summary quotes.
pub(super) struct Times {
    pub axis_s: Vec<f64>,
    pub report_s: Vec<f64>,
}

/// `read_out_s` is the time of a qualification; it lies within the others and joins the report times.
pub(super) fn times(bake: &BakeFile, report: Option<&ReportFile>, read_out_s: Option<f64>) -> Result<Times, Bad> {
    let mut axis_s = axis(bake)?;
    let mut report_s = match report {
        Some(given) => {
            check::not_empty("report.times_s", given.times_s.len(), "a time; leave the table out for the default")?;
            for (i, &time) in given.times_s.iter().enumerate() {
                one_time(&format!("report.times_s[{i}]"), time)?;
            }
            given.times_s.clone()
        }
        None => {
            let (first, last) = (axis_s.first().copied(), axis_s.last().copied());
            let within = |t: &f64| Some(*t) >= first && Some(*t) <= last;
            DEFAULT_REPORT_S.into_iter().filter(within).collect()
        }
    };
    report_s.sort_by(f64::total_cmp);
    if let Some(time) = read_out_s {
        let first = axis_s.first().copied().unwrap_or(time);
        let last = axis_s.last().into_iter().chain(report_s.last()).copied().fold(first, f64::max);
        check::between("qualification.after_s", time, first, last, "s, a time of the bake")?;
        report_s.insert(report_s.partition_point(|&t| t < time), time);
    }
    report_s.dedup_by(|a, b| same(*a, *b));
    for &time in &report_s {
        // A point that a logarithm put beside a round number becomes the round number.
        match axis_s.iter().position(|&t| t >= time * (1.0 - SAME)) {
            Some(at) if same(axis_s[at], time) => axis_s[at] = time,
            Some(at) => axis_s.insert(at, time),
            None => axis_s.push(time),
        }
    }
    // t = 0 is a checkpoint too.
    if axis_s.len() + 1 > MAX_CHECKPOINTS {
        return Err(too_many("bake", axis_s.len() as f64));
    }
    Ok(Times { axis_s, report_s })
}

fn too_many(key: &str, times: f64) -> Bad {
    let limit = format!("at most {} with the report times; ask for fewer points", MAX_CHECKPOINTS - 1);
    Bad { what: format!("key {key}: the number of times"), value: format!("{times}"), limit }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * b.abs()
}

fn one_time(key: &str, time_s: f64) -> Result<f64, Bad> {
    check::between(key, time_s, MIN_TIME_S, MAX_TIME_S, "s")
}

fn axis(bake: &BakeFile) -> Result<Vec<f64>, Bad> {
    const EITHER: &str = "either times_s, or from_s and to_s with per_octave or points";
    let Some(listed) = &bake.times_s else {
        let (Some(from), Some(to)) = (bake.from_s, bake.to_s) else {
            return Err(Bad::key("bake", "without a time axis", EITHER));
        };
        let from = one_time("bake.from_s", from)?;
        let to = one_time("bake.to_s", to)?;
        if to <= from {
            return Err(Bad::key("bake.to_s", format!("{to:?}"), format!("more than from_s, {from:?} s")));
        }
        return match (bake.per_octave, bake.points) {
            (Some(n), None) => octaves(from, to, n),
            (None, Some(n)) => spaced(from, to, n),
            (Some(_), Some(_)) => Err(Bad::key("bake.points", "given beside per_octave", "one or the other")),
            (None, None) => Err(Bad::key("bake", "without per_octave and points", "given one of the two")),
        };
    };
    if bake.from_s.is_some() || bake.to_s.is_some() || bake.per_octave.is_some() || bake.points.is_some() {
        return Err(Bad::key("bake.times_s", "given beside from_s, to_s, per_octave or points", EITHER));
    }
    check::not_empty("bake.times_s", listed.len(), "a time")?;
    for (i, &time) in listed.iter().enumerate() {
        let key = format!("bake.times_s[{i}]");
        one_time(&key, time)?;
        if i > 0 && time <= listed[i - 1] {
            return Err(Bad::key(key, format!("{time:?}"), format!("more than the one before, {:?} s", listed[i - 1])));
        }
    }
    if listed.len() >= MAX_CHECKPOINTS {
        return Err(too_many("bake.times_s", listed.len() as f64));
    }
    Ok(listed.clone())
}

fn octaves(from: f64, to: f64, per_octave: i64) -> Result<Vec<f64>, Bad> {
    let n = check::whole("bake.per_octave", per_octave, 1, MAX_CHECKPOINTS as u64)?;
    let expected = (libm::log2(to / from) * n as f64).ceil() + 1.0;
    if expected >= MAX_CHECKPOINTS as f64 {
        return Err(too_many("bake.per_octave", expected));
    }
    // Whole octaves are multiplied exactly, so that one time is twice another to the last bit.
    let time = |i: u64| from * libm::exp2((i % n) as f64 / n as f64) * libm::exp2((i / n) as f64);
    let mut times: Vec<f64> = (0..).map(time).take_while(|&t| t < to * (1.0 - SAME)).collect();
    times.push(to);
    Ok(times)
}

fn spaced(from: f64, to: f64, points: i64) -> Result<Vec<f64>, Bad> {
    let n = check::whole("bake.points", points, 2, MAX_CHECKPOINTS as u64 - 1)?;
    let mut times: Vec<f64> = (0..n - 1).map(|i| from * libm::pow(to / from, i as f64 / (n - 1) as f64)).collect();
    times.push(to);
    // Ends so close together that points fall onto each other.
    times.dedup_by(|a, b| *a <= *b);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_engine::backend::schedule;

    fn bake() -> BakeFile {
        BakeFile {
            temperatures_c: vec![25.0],
            times_s: None,
            from_s: Some(1.0),
            to_s: Some(3.15576e8),
            per_octave: Some(2),
            points: None,
            cycle: None,
            cycles: None,
        }
    }

    #[test]
    fn octaves_end_at_the_end_and_hold_the_report_times() {
        let planned = times(&bake(), None, None).unwrap();
        assert_eq!(planned.report_s, DEFAULT_REPORT_S);
        assert_eq!(planned.axis_s.first(), Some(&1.0));
        assert_eq!(planned.axis_s.last(), Some(&3.15576e8));
        assert!(planned.axis_s.windows(2).all(|w| w[0] < w[1]));
        assert!(DEFAULT_REPORT_S.iter().all(|t| planned.axis_s.contains(t)));
        // 57 points below 2^28.23 s, the end, and three report times.
        assert_eq!(planned.axis_s.len(), 57 + 1 + 3);
        let direct = schedule::visits(&planned.axis_s).iter().filter(|v| v.direct).count();
        assert!(direct <= 8, "{direct} of the times are no doublings");
    }

    #[test]
    fn a_point_beside_a_report_time_becomes_it() {
        let even = BakeFile { from_s: Some(0.1), to_s: Some(1e6), per_octave: None, points: Some(50), ..bake() };
        let planned = times(&even, None, None).unwrap();
        assert_eq!(planned.axis_s.len(), 50, "1e3, 1e4 and 1e5 are on the axis already");
        assert!(DEFAULT_REPORT_S.iter().all(|t| planned.axis_s.contains(t)));
    }

    #[test]
    fn default_report_times_do_not_lengthen_the_bake() {
        let short = BakeFile { to_s: Some(2e3), ..bake() };
        assert_eq!(times(&short, None, None).unwrap().report_s, [1e3]);
        let asked = ReportFile { times_s: vec![1e4, 5.0, 5.0] };
        let planned = times(&short, Some(&asked), None).unwrap();
        assert_eq!(planned.report_s, [5.0, 1e4]);
        assert_eq!(planned.axis_s.last(), Some(&1e4));
    }

    #[test]
    fn bad_times_are_refused() {
        let refused = |bake: BakeFile| match times(&bake, None, None) {
            Err(bad) => bad.to_string(),
            Ok(planned) => panic!("accepted {:?}", planned.axis_s),
        };
        let list = |times: &[f64]| BakeFile {
            times_s: Some(times.to_vec()),
            from_s: None,
            to_s: None,
            per_octave: None,
            ..bake()
        };
        assert!(refused(list(&[])).contains("bake.times_s"));
        assert!(refused(list(&[1.0, 1.0])).contains("more than the one before"));
        assert!(refused(list(&[f64::NAN])).contains("NaN"));
        assert!(refused(BakeFile { per_octave: Some(i64::MAX), ..bake() }).contains("per_octave"));
        assert!(refused(BakeFile { per_octave: Some(1000), ..bake() }).contains("number of times"));
        assert!(refused(BakeFile { per_octave: None, points: Some(1 << 40), ..bake() }).contains("points"));
        assert!(refused(BakeFile { to_s: Some(1.0), ..bake() }).contains("more than from_s"));
        assert!(refused(BakeFile { times_s: Some(vec![1.0]), ..bake() }).contains("beside"));
    }
}
