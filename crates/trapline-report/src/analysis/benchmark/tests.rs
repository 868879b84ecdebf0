use super::*;

fn device(name: &str, role: Role, f32_per_s: f64) -> Device {
    let identity = Identity {
        backend: "cpu".to_owned(),
        adapter: "Processor, of a kind".to_owned(),
        driver: String::new(),
        instruction_set: "avx2".to_owned(),
        software: role == Role::Software,
    };
    let ceiling = Ceiling {
        copy_bytes_per_s: 1e10,
        f32_per_s,
        launch_s: 1e-6,
        upload_bytes_per_s: None,
        download_bytes_per_s: Some(1e9),
    };
    Device { name: name.to_owned(), role, identity, threads: None, open_s: 0.5, ceiling: Some(ceiling) }
}

fn measured(device: usize, lines: u64, seconds: f64, first_s: Option<f64>) -> Measurement {
    let cells = lines * lines;
    Measurement {
        device,
        problem: Problem::BakeMeanField,
        lines,
        cells,
        work: 10.0 * cells as f64,
        time_s: Median::of(&[seconds; 6]).unwrap(),
        first_s,
        operations: Some(1000.0 * cells as f64),
        bytes: Some(10.0 * cells as f64),
        read_back_bytes: (device == 2).then_some(1e6),
        joules: (device == 0).then_some(20.0),
        clock_mhz: None,
        derived: Derived::default(),
    }
}

fn benchmark() -> Benchmark {
    let devices = vec![
        device("cpu, 1 thread", Role::OneThread, 1e9),
        device("cpu, 4 threads", Role::AllThreads, 4e9),
        device("gpu", Role::Gpu, 2e12),
    ];
    let measurements = vec![
        measured(0, 100, 0.04, Some(0.05)),
        measured(1, 100, 0.01, Some(0.01)),
        measured(2, 100, 0.02, Some(3.02)),
        measured(0, 1000, 4.0, None),
        measured(1, 1000, 1.0, None),
        measured(2, 1000, 0.05, None),
    ];
    let settings =
        Settings { lines: vec![100, 1000], seconds: 1.0, confidence: 0.95, narrow: 0.02, checkpoints: 10, pulses: 1 };
    Benchmark {
        program: "trapline".to_owned(),
        started_utc: String::new(),
        ended_utc: String::new(),
        machine: Machine { threads: 4, load_before: Some(0.1), ..Machine::default() },
        settings,
        devices,
        measurements,
        overtakings: Vec::new(),
        portability: Vec::new(),
        left_out: Vec::new(),
    }
    .derived()
}

#[test]
fn what_follows_is_derived() {
    let found = benchmark();
    let one = found.at(0, Problem::BakeMeanField, 1000).unwrap().derived;
    // 1e9 operations in 4 s of at most 1e9 in one.
    assert_eq!((one.nearer, one.share, one.over_one_thread), (Some(Nearer::F32), Some(0.25), None));
    assert_eq!((one.over_all_threads, one.joules_per_work), (Some(0.25), Some(20.0 / 1e7)));
    let gpu = found.at(2, Problem::BakeMeanField, 1000).unwrap().derived;
    // 100 operations a byte: 1e12 at most by the copy, below 2e12.
    assert_eq!((gpu.nearer, gpu.share), (Some(Nearer::Copy), Some(1e9 / 0.05 / 1e12)));
    assert_eq!((gpu.over_one_thread, gpu.over_all_threads), (Some(80.0), Some(20.0)));
    // 3 s of compilation at the smallest size count at every size.
    assert!((gpu.with_set_up_s - 3.55).abs() < 1e-12 && gpu.compile_s == Some(3.0) && gpu.read_back_s == Some(1e-3));
    // Twice as slow at 100 lines, twenty times as fast at 1000: ln 2/(ln 2 + ln 20) of the way.
    let part = 2_f64.ln() / 40_f64.ln();
    let [Overtaking { device: 2, at: Crossover::At { lines }, .. }] = found.overtakings[..] else { panic!("one") };
    assert!((lines / (100.0 * 10_f64.powf(part)) - 1.0).abs() < 1e-12, "{lines}");
    let [Portability { lines: 1000, harmonic_mean, .. }] = found.portability[..] else { panic!("one") };
    assert!((harmonic_mean - 2.0 / (1.0 / 0.25 + 1.0 / 0.02)).abs() < 1e-12, "{harmonic_mean}");
}

#[test]
fn the_better_of_two_limits_counts() {
    let quiet = device("", Role::OneThread, 8e10).ceiling.unwrap();
    let busy =
        Ceiling { f32_per_s: 2e10, copy_bytes_per_s: 1.02e10, launch_s: 1e-3, upload_bytes_per_s: Some(1.0), ..quiet };
    let best = Ceiling { copy_bytes_per_s: 1.02e10, upload_bytes_per_s: Some(1.0), ..quiet };
    assert_eq!((quiet.best(&busy), busy.best(&quiet)), (best, best));
    assert!(quiet.differs(&busy) && !quiet.differs(&best));
}

#[test]
fn one_platform_has_no_portability() {
    let mut found = benchmark();
    found.devices.truncate(2);
    found.measurements.retain(|of| of.device < 2);
    let found = found.derived();
    assert!(found.portability.is_empty() && found.overtakings.is_empty());
    assert!(summary(&found).concat().contains("no performance portability"));
}

#[test]
fn files_have_a_row_for_each_measurement() {
    let found = benchmark();
    let text = csv(&found);
    let fields = |line: &str| {
        // Names hold commas, in quotation marks.
        let mut inside = false;
        line.chars()
            .filter(|c| {
                inside ^= *c == '"';
                *c == ',' && !inside
            })
            .count()
            + 1
    };
    let columns = fields(text.lines().next().unwrap());
    assert_eq!(text.lines().count(), 1 + 6);
    assert!(text.lines().all(|line| fields(line) == columns), "{text}");
    let p3 = p3_csv(&found);
    assert_eq!(p3.lines().next(), Some("application,platform,problem,fom"));
    assert_eq!(p3.lines().nth(1), Some("trapline,\"cpu, 1 thread: Processor, of a kind\",bake-mean-field-100,0.04"));
}

#[test]
fn noise_and_load_are_told() {
    let mut found = benchmark();
    assert_eq!((found.noisy(), found.few()), (0, 0));
    assert_eq!(remarks(&found).len(), 1);
    found.measurements[0].time_s = Median::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.1]).unwrap();
    found.measurements[1].time_s = Median::of(&[1.0, 1.0]).unwrap();
    found.machine.load_before = Some(3.0);
    let told = remarks(&found).join("\n");
    assert_eq!((found.noisy(), found.few()), (1, 1));
    assert!(told.contains("the machine is noisy") && told.contains("fewer than 6 calls"), "{told}");
    assert!(told.contains("load average 3.00 on 4 threads"), "{told}");
    assert!(table(&found).contains("*"));
}

#[test]
fn times_have_three_digits() {
    assert_eq!([1.2345e-3, 0.99999, 12.0].map(seconds), ["1.23 ms", "1 s", "12 s"]);
}
