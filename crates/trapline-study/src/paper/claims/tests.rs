use super::*;

fn claim(text: &str) -> Claim {
    parse(&format!("[[claim]]\nid='a'\nfigure='b'\nsays='c'\nmeasure='d'\n{text}")).expect("sound").remove(0)
}

fn finding(text: &str, measured: Measured) -> Finding {
    Finding { claim: claim(text), measured: Ok(measured), command: String::new() }
}

#[test]
fn every_claim_has_an_id_of_its_own_and_every_reading_a_band() {
    let claims = parse(TEXT).expect("embedded");
    assert_eq!(claims.len(), 35);
    let mut ids: Vec<_> = claims.iter().map(|c| c.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 35);
    for claim in &claims {
        assert!(claim.band.within.is_none() || claim.band.target.is_some(), "{}", claim.id);
        let mut names: Vec<_> = claim.readings.iter().map(|r| r.name.as_str()).collect();
        names.dedup();
        assert_eq!(names.len(), claim.readings.len(), "{}", claim.id);
        assert!(claim.readings.iter().all(|r| r.band.words() != "in order"), "{}", claim.id);
    }
}

/// What a shipped material was fitted to is no prediction, and what a number of it was chosen for is none either.
#[test]
fn what_was_put_in_is_marked() {
    let claims = parse(TEXT).expect("embedded");
    let fits = [include_str!("../../../../../fits/pi-ws2-qd.toml"), include_str!("../../../../../fits/pi-ws2-ns.toml")];
    let fitted = fits.iter().flat_map(|fit| fit.lines()).filter_map(|line| line.strip_prefix("claim = "));
    let fitted: Vec<_> = fitted.map(|id| id.trim_matches('"')).collect();
    assert_eq!(fitted, ["slope-low", "slope-mid", "slope-high"]);
    let chosen = [
        "set-voltage",
        "hysteresis",
        "concentration",
        "uniformity",
        "reverse-sweeps",
        "ns-hopping",
        "depression-sharp",
        "qd-retention-150c",
        "qd-forgetting-155c",
        "ns-retention-100c",
        "glass-transition",
    ];
    for id in fitted.into_iter().chain(chosen) {
        let claim = claims.iter().find(|c| c.id == id).expect(id);
        assert!(claim.follows_from.as_ref().is_some_and(|what| !what.is_empty()), "{id}");
    }
    // What the model does not do was not put in; what no number was chosen for is not marked either.
    for id in ["qd-no-hopping", "letter-h", "potentiation-sweeps", "qd-retention-100c"] {
        assert_eq!(claims.iter().find(|c| c.id == id).expect(id).follows_from, None, "{id}");
    }
}

#[test]
fn a_band_holds_its_ends_and_no_nan() {
    let band = claim("target = 4.0\nwithin = 0.5").band;
    assert!(band.holds(3.5) && band.holds(4.5) && !band.holds(4.51) && !band.holds(f64::NAN));
    let range = claim("at_least = 1e-15\nat_most = 1e-12\nunit = 'J'").band;
    assert!(range.holds(1e-13) && !range.holds(1e-11) && !range.holds(f64::NAN));
    assert_eq!(range.words(), "at least 1e-15 J, at most 1e-12 J");
    let order = claim("kind = 'ordinal'").band;
    assert!(order.holds(0.3) && !order.holds(f64::NAN));
}

/// An expected contradiction is no surprise. One that vanishes is a surprise, and so is a value that is no number
/// or that was measured on too little data, whatever was expected.
#[test]
fn a_verdict_that_differs_from_the_expected_one_is_told_in_both_directions() {
    let measured = |value: f64| Measured::new(value, "g");
    let (met, contradicted) = ("at_most = 1.0", "at_most = 1.0\nexpected = 'contradicted'");
    for (text, value, found, told) in [
        (met, 0.5, Verdict::Met, None),
        (met, 2.0, Verdict::Contradicted, Some("a is contradicted and was expected to be met")),
        (contradicted, 2.0, Verdict::Contradicted, None),
        (contradicted, 0.5, Verdict::Met, Some("a is met and was expected to be contradicted")),
        (met, f64::NAN, Verdict::Undecided, Some("a is undecided and was expected to be met")),
        (contradicted, f64::NAN, Verdict::Undecided, Some("a is undecided and was expected to be contradicted")),
        (contradicted, f64::INFINITY, Verdict::Contradicted, None),
    ] {
        let one = finding(text, measured(value));
        assert_eq!(one.verdict(), found, "{text} {value}");
        let expected = told.map(|told| format!("1 verdict is not as expected: {told}"));
        assert_eq!(surprises(&[one]), expected, "{text} {value}");
    }
    // Conditions of the claim decide it; those of the data decide whether it can be decided.
    assert_eq!(finding(met, measured(0.5).and("so", false)).verdict(), Verdict::Contradicted);
    let few = finding(contradicted, measured(2.0).given("20 seeds", false));
    assert_eq!(few.verdict(), Verdict::Undecided);
    let absent = Finding { measured: Err("why".to_owned()), ..finding(contradicted, measured(0.0)) };
    assert_eq!((absent.verdict(), surprises(&[absent])), (Verdict::NotRun, None));
}

#[test]
fn each_reading_has_a_verdict_of_its_own() {
    let text =
        "at_most = 1.0\n[[claim.reading]]\nname = 'all'\nmeasure = 'e'\nat_most = 3.0\nexpected = 'contradicted'";
    let measured = |all: f64| Measured::new(0.5, "g").reading("all", Measured::new(all, "g"));
    let verdicts = |f: &Finding| f.judged().iter().map(|j| j.found).collect::<Vec<_>>();
    let apart = finding(text, measured(5.0));
    assert_eq!((verdicts(&apart), surprises(&[apart])), (vec![Verdict::Met, Verdict::Contradicted], None));
    let told = surprises(&[finding(text, measured(2.0)), finding("at_most = 0.1", measured(2.0))]);
    let words = "2 verdicts are not as expected: a (all) is met and was expected to be contradicted; a is contradicted and was expected to be met";
    assert_eq!(told.as_deref(), Some(words));
    // A reading that nothing measures is undecided.
    assert_eq!(verdicts(&finding(text, Measured::new(0.5, "g"))), [Verdict::Met, Verdict::Undecided]);
}

#[test]
fn a_file_that_is_wrong_is_told_in_one_line() {
    for text in ["expected = 'maybe'", "kind = 'odd'", "at_mots = 1.0", "[[claim.reading]]\nname = 'x'"] {
        let error = parse(&format!("[[claim]]\nid='a'\nfigure='b'\nsays='c'\nmeasure='d'\n{text}")).expect_err(text);
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
