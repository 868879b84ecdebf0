use super::*;
use trapline_model::material::{self, TrapClass};
use trapline_model::protocol::Segment;

const PULSE: Segment = Segment { bias_v: 1.5, dwell_s: 1e-2, cycle: 0 };

#[test]
fn a_negative_read_bias_reads_as_the_positive_one() {
    for (name, _) in material::SHIPPED {
        let material = material::shipped(name).unwrap();
        let bake = Bake::at(373.15).checkpoints(&[1.0, 1e4]);
        let job = |read_v| {
            let job = Job::of(&material).program(Program::of(&[PULSE])).bake(bake.clone()).read(Read::with(read_v));
            job.build().unwrap()
        };
        let (forward, reverse) = (job(0.1), job(-0.1));
        assert_eq!(forward.nominal, reverse.nominal, "{name}");
        assert!(forward.nominal.iter().all(|seen| seen.array().iter().all(|x| x.is_finite())), "{name}");
        // Control: not every bias reads alike.
        assert_ne!(forward.read, job(0.2).read, "{name}");
    }
}

#[test]
fn what_is_not_said_is_what_the_docs_say() {
    let dots = material::shipped("pi-ws2-qd").unwrap();
    let short = Job::of(&dots).build().unwrap();
    let room_k = trapline_model::units::kelvin(25.0);
    let long = Job::of(&dots)
        .variation(true)
        .seed(1)
        .array(ArrayShape { rows: 1, cols: 1 })
        .program(Program::of(&[]).at(room_k).substeps(None))
        .bake(Bake::at(room_k).along(None).checkpoints(&[]))
        .read(Read::with(0.1).at(room_k))
        .fails_below(0.9)
        .judged(Judging::Kept)
        .bins(64);
    assert_eq!(format!("{short:?}"), format!("{:?}", long.build().unwrap()));
    assert_eq!((short.times_s(), short.bins().count, short.variation()), (&[0.0][..], 64, &dots.variation));
    // A reading is at the temperature of its bake.
    let hot = |read: Read| Job::of(&dots).bake(Bake::at(400.0)).read(read).build().unwrap().read_k();
    assert_eq!((hot(Read::default()), hot(Read::default().at(300.0))), (400.0, 300.0));
}

/// Each limit, by a value just outside of it; and the value just inside is a job.
#[test]
fn nonsense_is_refused_in_one_line_with_its_value() {
    let dots = material::shipped("pi-ws2-qd").unwrap();
    let segment = |bias_v, dwell_s, cycle| Program::of(&[PULSE, Segment { bias_v, dwell_s, cycle }]);
    let until = |times_s: &[f64]| Bake::at(400.0).checkpoints(times_s);
    let most: Vec<f64> = (1..=MAX_CHECKPOINTS).map(|i| i as f64).collect();
    let of = || Job::of(&dots);
    let array = |rows, cols| of().array(ArrayShape { rows, cols });
    let bad = [
        (array(0, 1), "0 rows and 1 columns"),
        (array(1, (1 << 20) + 1), "1048577 columns"),
        (of().program(Program::of(&[]).at(0.0)), "the programming is 0 K"),
        (of().bake(Bake::at(f64::INFINITY)), "the bake is inf K"),
        (of().read(Read::default().at(f64::NAN)), "the reading is NaN K"),
        (of().program(segment(f64::NAN, 1.0, 0)), "segment 1 of the programming is at NaN V"),
        (of().program(segment(-100.1, 1.0, 0)), "at -100.1 V"),
        (of().program(segment(1.0, -1e-9, 0)), "lasts -0.000000001 s"),
        (of().program(segment(1.0, f64::INFINITY, 0)), "lasts inf s"),
        (of().program(segment(1.0, 1.0, u32::MAX)), "cycle 4294967295"),
        (of().program(segment(1.0, 1.0, 0).substeps(0)), "0 substeps"),
        (of().program(segment(1.0, 1.0, 0).substeps(65)), "65 substeps"),
        (of().bake(until(&[0.0])), "checkpoint 1 is 0 s"),
        (of().bake(until(&[1.0, f64::NAN])), "checkpoint 2 is NaN s"),
        (of().bake(until(&[1.0, 2.0, 2.0])), "checkpoint 3, at 2 s, follows one at 2 s"),
        (of().bake(until(&most)), "4097 checkpoints"),
        (of().read(Read::with(0.0)), "read bias is 0 V"),
        (of().read(Read::with(f64::NAN)), "read bias is NaN V"),
        (of().fails_below(0.0), "below 0 of its window"),
        (of().fails_below(1.0), "below 1 of its window"),
        (of().judged(Judging::Reading { integration_s: 0.0, first: true }), "averaged over 0 s"),
        (of().judged(Judging::Reading { integration_s: f64::NAN, first: false }), "averaged over NaN s"),
        (of().judged(Judging::Reading { integration_s: 1.1e6, first: true }), "averaged over 1100000 s"),
        (of().bins(0), "0 bins"),
        (of().bins(MAX_BINS + 1), "257 bins"),
    ];
    // A law that is taken to where it means nothing.
    let sheets = material::shipped("pi-ws2-ns").unwrap();
    let cold = Program::of(&[PULSE, Segment { bias_v: 60.0, ..PULSE }]).at(5.0);
    let error = Job::of(&sheets).program(cold).build().unwrap_err().to_string();
    assert!(error.contains("segment 1 of the programming, at 60 V and 5 K"), "{error}");
    for (job, said) in bad {
        let error = job.build().unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{said}: {error}");
    }
    let good = [
        array(1, 1 << 20),
        of().program(segment(-100.0, 0.0, u32::MAX - 1).substeps(64)),
        of().bake(until(&most[1..])),
        of().read(Read::with(-0.1)),
        of().fails_below(1e-9),
        of().fails_below(0.999),
        of().judged(Judging::Reading { integration_s: 1e-9, first: true }),
        of().judged(Judging::Reading { integration_s: 1e6, first: false }),
        of().bins(MAX_BINS),
        of().bins(1),
    ];
    for job in good {
        assert!(job.build().is_ok(), "{job:?}");
    }
}

#[test]
fn a_material_that_no_file_could_hold_is_refused() {
    let dots = || material::shipped("pi-ws2-qd").unwrap();
    let refused = |of: &Material, said: &str| {
        let error = Job::of(of).build().unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    };
    refused(&Material { classes: vec![dots().classes[0]; 25], ..dots() }, "25 trap classes");
    let nan = TrapClass { depth_ev: f64::NAN, ..dots().classes[0] };
    refused(&Material { classes: vec![dots().classes[0], nan], ..dots() }, "trap class 1");
    refused(&Material { variation: Variation { area: -0.1, ..dots().variation }, ..dots() }, "the area is -0.1");
    let mut dead = dots();
    dead.injection.direct_s = 0.0;
    dead.injection.fowler_nordheim_a_per_v2 = 0.0;
    refused(&dead, "a fresh cell conducts 0 S at 0.1 V");
    // Without variation its numbers do not count.
    let odd = Material { variation: Variation { area: f64::NAN, ..dots().variation }, ..dots() };
    assert!(Job::of(&odd).variation(false).build().is_ok());
}
