//! Runs that are told to end: what is finished is kept, and going on ends with the same record.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::reference::Reference;
use trapline_model::outcome::{PointLabel, Program};
use trapline_record::open_campaign;
use trapline_study::campaign::{self, Destination, Existing, Overrides, Plan, RunError, Watch};

const PROGRAM: Program = Program { version: "0", commit: "unknown" };
const SEEDS: usize = 6;

/// Ends a run when so many points are finished.
struct Until {
    most: usize,
    finished: AtomicUsize,
}

impl Until {
    fn points(most: usize) -> Until {
        Until { most, finished: AtomicUsize::new(0) }
    }
}

impl Watch for Until {
    fn steps(&self, _: u64) {}

    fn finished(&self, _: &PointLabel) {
        self.finished.fetch_add(1, Ordering::SeqCst);
    }

    fn ends(&self) -> bool {
        self.finished.load(Ordering::SeqCst) >= self.most
    }
}

/// Points that share no programming, so that each is computed by itself.
fn plan(electrons: &str) -> Plan {
    let text = format!(
        "format = 1\nname = \"ended\"\nseed = 1\nvariation = true\nelectrons = \"{electrons}\"\n\
         array = {{ rows = 16, cols = 16 }}\nbake = {{ temperatures_c = [150.0], times_s = [1e3] }}\n\
         [[material]]\nuse = \"pi-ws2-qd\"\n\
         program = [{{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [[sweep]]\nkey = \"seed\"\nfrom = 1\nto = {SEEDS}\n"
    );
    Plan::parse(&text, "ended.toml", Path::new(""), &Overrides::default()).unwrap()
}

fn run(plan: &Plan, backend: &dyn Backend, to: &Destination, how: Existing, watch: &dyn Watch) -> Result<(), RunError> {
    let claim = to.claim(plan, &backend.identity(), PROGRAM, how).unwrap();
    campaign::run(plan, backend, claim, watch)
}

fn ends_and_goes_on(backend: &dyn Backend) {
    let folder = tempfile::tempdir().unwrap();
    let destination = |name: &str| Destination::new(&folder.path().join(name), &[]).unwrap();
    let (plan, ended, whole) = (plan("mean-field"), destination("ended.h5"), destination("whole.h5"));

    // At once: nothing is left behind.
    let told = run(&plan, backend, &ended, Existing::Keep, &Until::points(0)).unwrap_err();
    assert!(matches!(told, RunError::Ended), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let told = run(&plan, backend, &ended, Existing::Keep, &Until::points(2)).unwrap_err();
    let RunError::Stopped { source, points, .. } = told else { panic!("{told}") };
    assert!(matches!(*source, RunError::Ended) && (2..SEEDS).contains(&points), "{points} points");
    assert_eq!(ended.finished(), points);

    let rest = Until::points(usize::MAX);
    run(&plan, backend, &ended, Existing::Resume, &rest).unwrap();
    assert_eq!(rest.finished.load(Ordering::SeqCst), SEEDS - points);
    run(&plan, backend, &whole, Existing::Keep, &()).unwrap();
    let [ended, whole] = [&ended, &whole].map(|of| open_campaign(&of.record).unwrap());
    for (a, b) in ended.points.iter().zip(&whole.points) {
        assert!(a.outcome.as_ref().unwrap().is_same(b.outcome.as_ref().unwrap()));
    }
    // The negative control: points of other seeds are not the same.
    let [first, second] = [0, 1].map(|place: usize| whole.points[place].outcome.as_ref().unwrap());
    assert!(!first.is_same(second));
}

#[test]
fn a_run_that_is_told_to_end_keeps_what_is_finished_on_the_cpu() {
    ends_and_goes_on(&Cpu::open(None, None).unwrap());
}

#[test]
fn a_run_that_is_told_to_end_keeps_what_is_finished_on_the_reference() {
    ends_and_goes_on(&Reference);
}
