//! One HTML page that opens from disk: claims, figures, parameters, provenance. Everything is in it; it asks no
//! network for anything.

use super::claims::{Finding, Judged, Measured, Verdict, short};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use trapline_model::outcome::{ExperimentLabel, Provenance};
use trapline_report::figure::PageDrawing;
use trapline_report::html::{DRAWINGS, POLICY, Text, drawing, pointer};

/// A figure as the page shows it.
pub struct Shown {
    pub id: String,
    pub caption: String,
    pub drawing: PageDrawing,
    /// Names of the claims that it shows.
    pub claims: Vec<String>,
}

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:#222;background:#fff}\
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2rem}figure{margin:1.5rem 0}figure svg{max-width:100%;height:auto}\
figcaption{color:#444;font-size:.95rem}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;width:100%}\
th,td{border-bottom:1px solid #ddd;padding:.35rem .5rem;text-align:left;vertical-align:top}\
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}.pass{color:#06632a}.fail{color:#a00;font-weight:bold}.foreseen{color:#8a4b00}tr.reading td:first-child{padding-left:1.5rem}.none{color:#666}\
pre{overflow-x:auto;background:#f5f5f5;padding:.75rem;font-size:.8rem}small{color:#555}\
@media(max-width:45rem){body{padding:.5rem;font-size:15px}table.claims tr{display:block;padding:.5rem 0;border-bottom:1px solid #ddd}\
table.claims tr.head{display:none}table.claims td{display:block;border:0;padding:.1rem 0}\
table.claims td[data-of]:not(:empty)::before{content:attr(data-of)': ';color:#555}table.claims td:first-child{font-weight:bold}}";

/// The page.
pub fn page(label: &ExperimentLabel, provenance: &Provenance, findings: &[Finding], figures: &[Shown]) -> String {
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (Text(&label.title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(DRAWINGS)) }
            }
            body {
                "\n" h1 { (Text(&label.title)) } "\n"
                p {
                    "H. An, J. S. An, M. Li, Y. Kim and T. W. Kim, " cite { "Advanced Electronic Materials" } " (2022), "
                    code { "doi 10.1002/aelm.202200876" } ". Every number and curve below is simulated; what the paper states is \
                    marked as such. Band diagrams and microscopy are not simulated."
                }
                "\n"
                @if !findings.is_empty() {
                    (claims(findings, figures))
                }
                h2 { "Figures" } "\n"
                @for figure in figures {
                    (shown(figure))
                }
                h2 { "Parameters" } "\n"
                @for (name, text) in &label.materials {
                    details { summary { (Text(name)) } pre { (Text(text)) } } "\n"
                }
                h2 { "Provenance" } "\n"
                (made_by(label, provenance))
                (pointer()) "\n"
            }
        }
        "\n"
    };
    page.into_string()
}

/// Links to anchors of the page, with commas between them.
fn links<'a>(names: impl IntoIterator<Item = &'a str>, prefix: &str) -> Markup {
    html! {
        @for (number, name) in names.into_iter().enumerate() {
            @if number > 0 { ", " }
            a href={ "#" (prefix) (Text(name)) } { (Text(name)) }
        }
    }
}

fn shown(figure: &Shown) -> Markup {
    html! {
        figure id=(Text(&figure.id)) {
            (drawing(&figure.drawing))
            figcaption {
                b { (Text(&figure.id)) } " " (Text(&figure.caption)) ". "
                small {
                    @if !figure.claims.is_empty() {
                        "Claims: " (links(figure.claims.iter().map(String::as_str), "claim-")) ". "
                    }
                    a href={ "figure-" (Text(&figure.id)) ".svg" } { "SVG" } " "
                    a href={ "figure-" (Text(&figure.id)) ".png" } { "PNG" } " "
                    a href={ "figure-" (Text(&figure.id)) ".figure.csv" } { "data" } ". Alone: " code { "trapline paper --figure " (Text(&figure.id)) " -o DIR" }
                }
            }
        }
        "\n"
    }
}

fn made_by(label: &ExperimentLabel, provenance: &Provenance) -> Markup {
    let identity = &provenance.identity;
    let seed = label.seed.to_string();
    let rows = [
        ("trapline", provenance.program_version.as_str()),
        ("commit", &provenance.commit),
        ("backend", &identity.backend),
        ("adapter or processor", &identity.adapter),
        ("driver", &identity.driver),
        ("instruction set or graphics API", &identity.instruction_set),
        ("seed", &seed),
        ("started", &provenance.started_utc),
        ("ended", &provenance.ended_utc),
    ];
    html! {
        div .wide {
            table {
                "\n"
                @for (key, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
                    tr { th { (key) } td { (Text(value)) } } "\n"
                }
            }
        }
        "\n"
    }
}

fn claims(findings: &[Finding], figures: &[Shown]) -> Markup {
    let all: Vec<_> = findings.iter().flat_map(Finding::judged).collect();
    let count = |verdict| all.iter().filter(|j| j.found == verdict).count();
    let differ = all.iter().filter(|j| j.differs()).count();
    let (whole, put_in) = (findings.len(), findings.iter().filter(|f| f.claim.follows_from.is_some()).count());
    html! {
        h2 { "Claims" } "\n"
        p {
            (whole) " claims and " (all.len() - whole) " other readings of them: " (count(Verdict::Met)) " met, "
            (count(Verdict::Contradicted)) " contradicted, " (count(Verdict::Undecided)) " undecided (no number, or less data than the \
            measure asks for), " (count(Verdict::NotRun)) " not run; " (differ) " not as expected. Where the paper is only \
            qualitative the band is our reading of it (" i { "ordinal" } ")."
        }
        "\n"
        p {
            (put_in) " of the " (whole) " claims are marked " i { "put in" } ": they follow from numbers or laws that were chosen from \
            the same paper, or from the way the model is built. Such a claim says that the parts agree with the paper and with each \
            other; it is no prediction."
        }
        "\n"
        div .wide {
            table .claims {
                "\n"
                tr .head {
                    @for heading in
                        ["Claim", "Figure", "The paper", "Band", "Simulated", "Found", "Expected", "Measured from"]
                    {
                        th { (heading) }
                    }
                }
                "\n"
                @for finding in findings {
                    @for judged in finding.judged() {
                        (row(finding, &judged, figures))
                    }
                }
            }
        }
        "\n"
    }
}

/// A verdict: of a claim as it stands, or of another reading, which repeats neither figure nor words.
fn row(finding: &Finding, judged: &Judged<'_>, figures: &[Shown]) -> Markup {
    let claim = &finding.claim;
    let id = judged.reading.is_none().then(|| html! { "claim-" (Text(&claim.id)) });
    let kind = judged.reading.map(|_| "reading");
    let plots = || figures.iter().filter(|figure| figure.claims.contains(&claim.id)).map(|figure| figure.id.as_str());
    let class = match (judged.found, judged.differs()) {
        (Verdict::NotRun, _) => "none",
        (_, true) => "fail",
        (Verdict::Met, false) => "pass",
        (_, false) => "foreseen",
    };
    let because = if judged.measured.is_some() { "measured from" } else { "because" };
    let measure = |text: &str| {
        html! {
            details {
                summary { small { "how it is measured" } }
                small { (Text(text)) br; code { (Text(&finding.command)) } }
            }
        }
    };
    html! {
        tr id=[id] class=[kind] {
            td {
                @match judged.reading {
                    None => (Text(&claim.id)),
                    Some(reading) => { small { "another reading:" } br; (Text(&reading.name)) }
                }
            }
            td data-of="figure" {
                @if judged.reading.is_none() {
                    (Text(&claim.figure))
                    @if plots().next().is_some() { br; small { "here: " (links(plots(), "")) } }
                }
            }
            td {
                @match judged.reading {
                    None => { (Text(&claim.says)) (measure(&claim.measure)) }
                    Some(reading) => (measure(&reading.measure)),
                }
            }
            td data-of="band" { (Text(judged.band.words())) @if claim.ordinal { " " i { "(ordinal)" } } }
            td .n data-of="simulated" { @if let Some(m) = judged.measured { (judged.band.with_unit(m.value)) } }
            td .(class) data-of="found" {
                (judged.found.word()) @if judged.differs() { br; "not as expected" }
            }
            td data-of="expected" { (judged.expected.word()) }
            td data-of=(because) {
                @match (judged.measured, &finding.measured) {
                    (Some(m), _) => (measured_from(m)),
                    (None, Err(why)) => (Text(why)),
                    (None, Ok(_)) => "nothing measures it",
                }
                @if let Some(what) = judged.follows_from { br; small { i { "put in:" } " " (Text(what)) } }
            }
        }
        "\n"
    }
}

/// Where a value is from, its conditions, and the numbers beside it.
fn measured_from(m: &Measured) -> Markup {
    html! {
        code { (Text(&m.from)) }
        @for condition in &m.conditions {
            br; small { (if condition.holds { "✓" } else { "✗" }) " " (Text(&condition.text)) }
        }
        @for (name, value) in &m.beside {
            br; small { (Text(name)) ": " (short(*value)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::claims::{Expected, TEXT, parse};
    use super::*;
    use trapline_model::outcome::Identity;

    #[test]
    fn a_page_is_whole_and_escapes_what_it_is_given() {
        let label = ExperimentLabel {
            title: "A <b> & \"c\"".to_owned(),
            materials: vec![("m".to_owned(), "a = \"<x>\"".to_owned())],
            ..ExperimentLabel::default()
        };
        let identity = Identity {
            backend: "cpu".to_owned(),
            adapter: "a processor".to_owned(),
            driver: String::new(),
            instruction_set: "avx2".to_owned(),
            software: false,
        };
        let provenance = Provenance {
            program_version: "0".to_owned(),
            commit: "c".to_owned(),
            identity,
            started_utc: String::new(),
            ended_utc: String::new(),
        };
        let claim = parse(TEXT).expect("embedded").remove(0);
        let finding = Finding { claim, measured: Ok(Measured::new(9.0, "g").and("so", false)), command: String::new() };
        let shown = Shown {
            id: "2a".to_owned(),
            caption: "c".to_owned(),
            drawing: PageDrawing {
                wide: "<?xml?><svg></svg>".to_owned(),
                narrow: None,
                told: "{\"panels\":[]}".to_owned(),
            },
            claims: vec!["set-voltage".to_owned()],
        };
        let html = page(&label, &provenance, &[finding], &[shown]);
        assert!(html.contains("A &lt;b&gt; &amp; &quot;c&quot;") && html.contains("&lt;x&gt;"));
        // The claim is contradicted where it was expected to be met, and its two readings have no value.
        assert!(html.contains("0 met, 1 contradicted, 2 undecided") && html.contains("3 not as expected"), "{html}");
        assert!(html.contains("<svg></svg>") && !html.contains("<?xml"));
        assert!(html.trim_end().ends_with("</html>"));
        // No network: nothing is fetched, by whatever name.
        assert!(!html.contains("src=") && !html.contains("url("));
        // Claims and figures lead to one another, within the page.
        assert!(html.contains("href=\"#2a\"") && html.contains("href=\"#claim-set-voltage\""));
        // Else only the files of the figure are linked.
        let files = ["svg", "png", "figure.csv"].map(|ending| format!("href=\"figure-2a.{ending}\""));
        assert!(files.iter().all(|link| html.matches(link).count() == 1), "{html}");
        assert_eq!(html.matches("href=").count(), html.matches("href=\"#").count() + files.len());
    }

    /// Found and expected stand beside each other; what was put in is said; a surprise is one in both directions.
    #[test]
    fn a_row_says_what_was_found_expected_and_put_in() {
        let row_of = |value: f64, expected: Expected| {
            let claims = parse(TEXT).expect("embedded");
            let mut claim = claims.into_iter().find(|c| c.id == "pulse-energy").expect("known");
            claim.expected = expected;
            let measured = Measured::new(value, "g").reading("a cycle of 30 pulses", Measured::new(2.6e-12, "g"));
            let finding = Finding { claim, measured: Ok(measured), command: String::new() };
            let rows = &finding.judged()[..2];
            rows.iter().map(|judged| row(&finding, judged, &[]).into_string()).collect::<String>()
        };
        let sound = row_of(9e-14, Expected::Met);
        assert!(sound.contains("data-of=\"found\">met<") && sound.contains("data-of=\"expected\">met<"), "{sound}");
        assert!(sound.contains("put in:") && !sound.contains("not as expected"), "{sound}");
        let cycle = sound.lines().find(|line| line.contains("a cycle of 30 pulses")).expect("a row of its own");
        assert!(cycle.contains(">contradicted</td>") && cycle.contains("2.6e-12 J"), "{cycle}");
        assert!(cycle.contains("data-of=\"expected\">contradicted<"), "{cycle}");
        for (value, expected) in
            [(9e-14, Expected::Contradicted), (9e-12, Expected::Met), (f64::NAN, Expected::Contradicted)]
        {
            assert!(row_of(value, expected).contains("not as expected"), "{value:e}");
        }
        assert!(!row_of(9e-12, Expected::Contradicted).contains("not as expected"));
    }
}
