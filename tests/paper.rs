//! The claims of the source paper, on the CPU backend and on the GPU backend.

use std::time::Instant;
use trapline::backend::Backend;
use trapline::backend::cpu::Cpu;
use trapline::backend::gpu::Gpu;
use trapline::paper::raw::{BATCHES, Laboratory};
use trapline::paper::{claims, judge};

fn all_claims_pass(backend: &dyn Backend, seed: u64) {
    let lab = Laboratory::new(backend, seed).expect("shipped");
    let mut raw = Vec::new();
    for (name, _, run) in BATCHES {
        let start = Instant::now();
        let found = run(&lab).unwrap_or_else(|e| panic!("{name}: {e}"));
        for d in &found {
            d.check().unwrap_or_else(|e| panic!("{e}"));
        }
        raw.extend(found);
        println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    }
    let claims = claims::parse(claims::TEXT).expect("embedded");
    let mut failed = Vec::new();
    for finding in judge(&claims, &raw) {
        if finding.claim.id.starts_with("mnist") {
            continue;
        }
        let measured = finding.measured.as_ref().unwrap_or_else(|why| panic!("{}: {why}", finding.claim.id));
        let verdict = finding.verdict();
        println!(
            "{:<30} {:>12} ({}) {:?}",
            finding.claim.id,
            claims::short(measured.value),
            finding.claim.band(),
            verdict
        );
        for condition in measured.conditions.iter().filter(|c| !c.holds) {
            println!("    not so: {}", condition.text);
        }
        for (name, value) in &measured.beside {
            println!("    {name}: {}", claims::short(*value));
        }
        if verdict != Some(true) {
            failed.push(finding.claim.id.clone());
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn claims_pass_on_the_cpu() {
    all_claims_pass(&Cpu::open(None, None).expect("opens"), 1);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn claims_pass_on_the_gpu() {
    all_claims_pass(&Gpu::open(None, None).expect("opens"), 1);
}
