//! One HTML page that opens from disk: claims, figures, parameters, provenance. Everything is in it; it asks no network for anything.

use super::claims::{Finding, Judged, Measured, Verdict, short};
use std::fmt::Write;
use trapline_model::outcome::{ExperimentLabel, Provenance};
use trapline_report::html::{escaped, inline};

/// A figure as the page shows it.
pub struct Shown {
    pub id: String,
    pub caption: String,
    /// The drawing, as SVG.
    pub svg: String,
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
    let mut html = String::new();
    // Writing into a string cannot fail.
    let _ = compose(&mut html, label, provenance, findings, figures);
    html
}

fn compose(
    html: &mut String,
    label: &ExperimentLabel,
    provenance: &Provenance,
    findings: &[Finding],
    figures: &[Shown],
) -> std::fmt::Result {
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{0}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escaped(&label.title)
    )?;
    html.push_str(
        "<p>H. An, J. S. An, M. Li, Y. Kim and T. W. Kim, <cite>Advanced Electronic Materials</cite> (2022), \
         <code>doi 10.1002/aelm.202200876</code>. Every number and curve below is simulated; \
         what the paper states is marked as such. Band diagrams and microscopy are not simulated.</p>\n",
    );
    if !findings.is_empty() {
        claims(html, findings, figures)?;
    }
    html.push_str("<h2>Figures</h2>\n");
    for figure in figures {
        let id = escaped(&figure.id);
        let links: Vec<_> =
            figure.claims.iter().map(|c| format!("<a href=\"#claim-{0}\">{0}</a>", escaped(c))).collect();
        let claims = if links.is_empty() { String::new() } else { format!("Claims: {}. ", links.join(", ")) };
        writeln!(
            html,
            "<figure id=\"{id}\"><div class=\"wide\">{}</div><figcaption><b>{id}</b> {}. <small>{claims}Data and plot alone: \
             <code>trapline paper --figure {id} -o DIR</code></small></figcaption></figure>",
            inline(&figure.svg),
            escaped(&figure.caption)
        )?;
    }
    html.push_str("<h2>Parameters</h2>\n");
    for (name, text) in &label.materials {
        writeln!(html, "<details><summary>{}</summary><pre>{}</pre></details>", escaped(name), escaped(text))?;
    }
    html.push_str("<h2>Provenance</h2>\n<div class=\"wide\"><table>\n");
    let who = &provenance.identity;
    let seed = label.seed.to_string();
    for (key, value) in [
        ("trapline", provenance.program_version.as_str()),
        ("commit", &provenance.commit),
        ("backend", &who.backend),
        ("adapter or processor", &who.adapter),
        ("driver", &who.driver),
        ("instruction set or graphics API", &who.instruction_set),
        ("seed", &seed),
        ("started", &provenance.started_utc),
        ("ended", &provenance.ended_utc),
    ] {
        if !value.is_empty() {
            writeln!(html, "<tr><th>{key}</th><td>{}</td></tr>", escaped(value))?;
        }
    }
    html.push_str("</table></div>\n</body></html>\n");
    Ok(())
}

fn claims(html: &mut String, findings: &[Finding], figures: &[Shown]) -> std::fmt::Result {
    let all: Vec<_> = findings.iter().flat_map(Finding::judged).collect();
    let count = |verdict| all.iter().filter(|j| j.found == verdict).count();
    let differ = all.iter().filter(|j| j.differs()).count();
    let (whole, put_in) = (findings.len(), findings.iter().filter(|f| f.claim.follows_from.is_some()).count());
    writeln!(
        html,
        "<h2>Claims</h2>\n<p>{whole} claims and {} other readings of them: {} met, {} contradicted, {} undecided (no number, or less data than the \
         measure asks for), {} not run; {differ} not as expected. Where the paper is only qualitative the band is our reading of it \
         (<i>ordinal</i>).</p>\n<p>{put_in} of the {whole} claims are marked <i>put in</i>: they follow from numbers or laws that were chosen from the same \
         paper, or from the way the model is built. Such a claim says that the parts agree with the paper and with each other; it \
         is no prediction.</p>\n\
         <div class=\"wide\"><table class=\"claims\">\n<tr class=\"head\"><th>Claim</th><th>Figure</th><th>The paper</th><th>Band</th>\
         <th>Simulated</th><th>Found</th><th>Expected</th><th>Measured from</th></tr>",
        all.len() - whole,
        count(Verdict::Met),
        count(Verdict::Contradicted),
        count(Verdict::Undecided),
        count(Verdict::NotRun),
    )?;
    for finding in findings {
        for judged in finding.judged() {
            row(html, finding, &judged, figures)?;
        }
    }
    html.push_str("</table></div>\n");
    Ok(())
}

/// A verdict: of a claim as it stands, or of another reading, which repeats neither figure nor words.
fn row(html: &mut String, finding: &Finding, judged: &Judged<'_>, figures: &[Shown]) -> std::fmt::Result {
    let claim = &finding.claim;
    let (value, from) = match (judged.measured, &finding.measured) {
        (Some(m), _) => (judged.band.with_unit(m.value), measured_from(m)?),
        (None, Err(why)) => (String::new(), escaped(why)),
        (None, Ok(_)) => (String::new(), "nothing measures it".to_owned()),
    };
    let put_in = match judged.follows_from {
        Some(what) => format!("<br><small><i>put in:</i> {}</small>", escaped(what)),
        None => String::new(),
    };
    let measure = |text: &str| {
        format!(
            "<details><summary><small>how it is measured</small></summary><small>{}<br><code>{}</code></small></details>",
            escaped(text),
            escaped(&finding.command)
        )
    };
    let plots = figures.iter().filter(|figure| figure.claims.contains(&claim.id));
    let plots: Vec<_> = plots.map(|f| format!("<a href=\"#{0}\">{0}</a>", escaped(&f.id))).collect();
    let plots = if plots.is_empty() { String::new() } else { format!("<br><small>here: {}</small>", plots.join(", ")) };
    let (open, name, figure, says) = match judged.reading {
        None => (
            format!("<tr id=\"claim-{}\">", escaped(&claim.id)),
            escaped(&claim.id),
            format!("{}{plots}", escaped(&claim.figure)),
            format!("{}{}", escaped(&claim.says), measure(&claim.measure)),
        ),
        Some(reading) => (
            "<tr class=\"reading\">".to_owned(),
            format!("<small>another reading:</small><br>{}", escaped(&reading.name)),
            String::new(),
            measure(&reading.measure),
        ),
    };
    let ordinal = if claim.ordinal { " <i>(ordinal)</i>" } else { "" };
    let class = match (judged.found, judged.differs()) {
        (Verdict::NotRun, _) => "none",
        (_, true) => "fail",
        (Verdict::Met, false) => "pass",
        (_, false) => "foreseen",
    };
    let surprise = if judged.differs() { "<br>not as expected" } else { "" };
    writeln!(
        html,
        "{open}<td>{name}</td><td data-of=\"figure\">{figure}</td><td>{says}</td><td data-of=\"band\">{}{ordinal}</td>\
         <td class=\"n\" data-of=\"simulated\">{value}</td><td class=\"{class}\" data-of=\"found\">{}{surprise}</td>\
         <td data-of=\"expected\">{}</td><td data-of=\"{}\">{from}{put_in}</td></tr>",
        escaped(&judged.band.words()),
        judged.found.word(),
        judged.expected.word(),
        if judged.measured.is_some() { "measured from" } else { "because" }
    )
}

/// Where a value is from, its conditions, and the numbers beside it.
fn measured_from(m: &Measured) -> Result<String, std::fmt::Error> {
    let mut text = format!("<code>{}</code>", escaped(&m.from));
    for condition in &m.conditions {
        let mark = if condition.holds { "✓" } else { "✗" };
        write!(text, "<br><small>{mark} {}</small>", escaped(&condition.text))?;
    }
    for (name, value) in &m.beside {
        write!(text, "<br><small>{}: {}</small>", escaped(name), short(*value))?;
    }
    Ok(text)
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
            svg: "<?xml?><svg></svg>".to_owned(),
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
        assert_eq!(html.matches("href=").count(), html.matches("href=\"#").count());
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
            let mut html = String::new();
            row(&mut html, &finding, &finding.judged()[0], &[]).expect("a string");
            row(&mut html, &finding, &finding.judged()[1], &[]).expect("a string");
            html
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
