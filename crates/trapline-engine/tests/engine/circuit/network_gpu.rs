//! Crossbars solved on a GPU, against the solver of this processor: the shaders themselves, on a real adapter.

use super::support::{Random, agrees, by_double_double, ends};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use ndarray::Array2;
use trapline_engine::backend::gpu::{Fault, Gpu, network};
use trapline_engine::circuit::{
    Accuracy, Alike, Crossbar, Curve, End, Lines, Nonlinear, Reading, Solver, Transfer, Unselected, Wire, solve_on,
};

fn gpu() -> Gpu {
    Gpu::open(None, None).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"))
}

#[test]
fn kernels_need_no_optional_feature_and_eight_buffers_at_most() {
    for kernel in network::KERNELS {
        let text = kernel.wgsl();
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{}: {}", kernel.name, e.emit_to_string(&text)));
        let used: Vec<&str> = module
            .global_variables
            .iter()
            .filter(|(handle, global)| global.binding.is_some() && !info.get_entry_point(0)[*handle].is_empty())
            .map(|(_, global)| global.name.as_deref().unwrap_or(""))
            .collect();
        let mut bound = kernel.buffers.to_vec();
        bound.sort_unstable();
        let mut needed = used.clone();
        needed.sort_unstable();
        assert_eq!(bound, needed, "{}", kernel.name);
        assert!(used.iter().filter(|name| **name != "network").count() <= 8, "{}: {used:?}", kernel.name);
        naga::back::msl::write_string(&module, &info, &Default::default(), &Default::default())
            .unwrap_or_else(|e| panic!("{} to MSL: {e}", kernel.name));
        let options = naga::back::hlsl::Options {
            special_constants_binding: Some(naga::back::hlsl::BindTarget { register: 9, ..Default::default() }),
            ..Default::default()
        };
        naga::back::hlsl::Writer::new(&mut String::new(), &options, &Default::default())
            .write(&module, &info, None)
            .unwrap_or_else(|e| panic!("{} to HLSL: {e}", kernel.name));
        let (_, params) = module
            .types
            .iter()
            .find(|(_, ty)| ty.name.as_deref() == Some("NetworkParams"))
            .unwrap_or_else(|| panic!("{} is told nothing", kernel.name));
        let naga::TypeInner::Struct { members, span } = &params.inner else { panic!("no structure") };
        assert_eq!(*span as usize, size_of::<network::NetworkParams>());
        let offsets: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap_or(""), m.offset as usize)).collect();
        assert_eq!(offsets, network::NetworkParams::OFFSETS);
    }
}

/// The currents of both solvers lie within the bounds of both of each other, and the device did it alone.
fn alike(gpu: &Gpu, crossbar: &Crossbar<'_>, what: &str, relative: f64) {
    let accuracy = Accuracy::of_total(relative);
    let want = Solver::new(crossbar).solve(accuracy).unwrap_or_else(|e| panic!("{what}: {e}"));
    let got = Solver::on(gpu, crossbar).solve(accuracy).unwrap_or_else(|e| panic!("{what}: {e}"));
    let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
    let allowed = got.certificate.bound_a + want.certificate.bound_a;
    assert!(apart <= allowed, "{what}: {apart:e} A apart, {allowed:e} A allowed");
    assert!(got.certificate.relative() <= relative, "{what}: {:e}", got.certificate.relative());
    assert!(got.method.on_device && !got.method.left_device, "{what}: {:?}", got.method);
    // A round of f32 brings six digits as a rule, and at the least (long lines that float among wires a million times
    // better) one and a half; it never takes longer than the whole in f64.
    assert!(got.method.corrections <= 8, "{what}: {:?} after {:?}", got.method, want.method);
    assert!(got.method.iterations <= 4 * want.method.iterations + 8, "{what}: {:?}, {:?}", got.method, want.method);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn arrays_of_all_shapes_wires_and_schemes() {
    let gpu = gpu();
    let mut random = Random(301);
    for (rows, cols) in [(1, 1), (1, 7), (9, 1), (5, 300), (17, 33), (70, 20), (64, 64)] {
        for ratio in [1e-6, 1e-3, 0.1] {
            let cells = random.cells(rows, cols, 1e-6, 1e-5);
            let reading = Reading { source_ohm: 30.0, sense_ohm: 50.0, ..Reading::with_wire(ratio * 1e5) };
            let crossbar = reading.all_rows(cells.view(), &random.volts(rows)).unwrap();
            alike(&gpu, &crossbar, &format!("{rows} x {cols} at {ratio}, all rows"), 1e-9);
            for unselected in [Unselected::Floating, Unselected::Half] {
                let crossbar = reading.one_cell(cells.view(), (rows - 1, cols - 1), 0.7, &unselected).unwrap();
                alike(&gpu, &crossbar, &format!("{rows} x {cols} at {ratio}, {unselected:?}"), 1e-9);
            }
        }
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn cells_of_many_decades_with_opens_and_segments_of_their_own() {
    let gpu = gpu();
    let mut random = Random(302);
    let (rows, cols) = (40, 52);
    let mut cells = random.cells(rows, cols, 1e-11, 1e-4);
    cells.indexed_iter_mut().filter(|((row, col), _)| (row * 7 + col * 3) % 5 == 0).for_each(|(_, s)| *s = 0.0);
    cells.row_mut(11).fill(0.0);
    let mut wire = |count: usize| Wire::Segments((0..=count).map(|_| random.log_within(1.0, 1e3)).collect());
    let words = Lines {
        wire: wire(cols),
        near: ends(rows, |row| if row % 3 == 0 { End::Floating } else { End::Driven { volts: 0.3, ohm: 1e3 } }),
        far: ends(rows, |row| if row % 4 == 0 { End::Driven { volts: -0.2, ohm: 10.0 } } else { End::Floating }),
    };
    let bits = Lines {
        wire: wire(rows),
        near: vec![End::Floating; cols],
        far: ends(cols, |col| if col % 5 == 0 { End::Floating } else { End::sense(100.0) }),
    };
    let crossbar = Crossbar::new(cells, words, bits).unwrap();
    alike(&gpu, &crossbar, "opens, floating lines, two ends", 1e-9);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn floating_lines_that_leak_little_keep_their_digits_in_f32() {
    // A permutation of good cells among 1e-11 S on wires of 1 S, for which usual pivots lose all digits of f32.
    let gpu = gpu();
    let size = 12;
    let mut cells = Random(303).cells(size, size, 0.9e-11, 1.1e-11);
    (0..size).for_each(|row| cells[[row, (5 * row + 3) % size]] = 1e-5);
    let crossbar = Reading::with_wire(1.0).one_cell(cells, (2, 4), 1.0, &Unselected::Floating).unwrap();
    let want = by_double_double(&crossbar);
    let got = Solver::on(&gpu, &crossbar).solve_all(Accuracy::of_total(1e-9)).unwrap();
    let apart: f64 = got.currents.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
    assert!(apart <= got.currents.certificate.bound_a, "{apart:e} A, {:?}", got.currents.certificate);
    // Control: cells that conduct a hundred-millionth better are told apart.
    let cells = crossbar.conductance_s().mapv(|s| s * (1.0 + 1e-8));
    let other = Reading::with_wire(1.0).one_cell(cells, (2, 4), 1.0, &Unselected::Floating).unwrap();
    let other = Solver::on(&gpu, &other).solve(Accuracy::default()).unwrap();
    assert!(agrees(&got.currents.column_a[4..5], &want.column_a[4..5], 2e-9).is_ok());
    assert!(agrees(&other.column_a[4..5], &want.column_a[4..5], 2e-9).is_err());
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn what_f32_cannot_is_done_here() {
    // Shorts among fourteen decades: whoever finishes, the promise is kept.
    let gpu = gpu();
    let mut random = Random(304);
    for wire_ohm in [1.0, 1e4] {
        let cells = random.cells(9, 12, 1e-12, 1e2);
        let crossbar = Reading::with_wire(wire_ohm).one_cell(cells, (3, 4), 0.7, &Unselected::Floating).unwrap();
        let want = by_double_double(&crossbar);
        let got = Solver::on(&gpu, &crossbar).solve(Accuracy::of_total(1e-12)).unwrap();
        let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
        let rounding = 1e-15 * want.column_a.iter().map(|a| a.abs()).sum::<f64>();
        assert!(apart <= got.certificate.bound_a + rounding, "{apart:e} A, {:?}", got.certificate);
        assert!(got.certificate.relative() <= 1e-12 && got.method.on_device, "{:?}", got.method);
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn nonlinear_cells_and_the_array_as_one_matrix() {
    let gpu = gpu();
    let mut random = Random(305);
    let accuracy = Accuracy::of_total(1e-10);
    let (rows, cols) = (24, 18);
    let there = Array2::from_elem((rows, cols), 1.0);
    let law = Alike::new(Curve::Sinh { scale_a: 1e-7, scale_v: 0.1 }, random.cells(rows, cols, 0.1, 1.0)).unwrap();
    let crossbar = Reading::with_wire(100.0).one_cell(there, (20, 11), 1.0, &Unselected::Half).unwrap();
    let want = Nonlinear::new(&crossbar, &law).solve(accuracy).unwrap();
    let got = Nonlinear::on(&gpu, &crossbar, &law).solve(accuracy).unwrap();
    let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
    assert!(apart <= got.certificate.bound_a + want.certificate.bound_a, "{apart:e} A");
    assert!(got.certificate.relative() <= 1e-10 && got.method.on_device && !got.method.left_device);

    let cells = random.cells(rows, cols, 1e-6, 1e-5);
    let volts = random.volts(rows);
    let crossbar = Reading::with_wire(500.0).all_rows(cells.view(), &volts).unwrap();
    let want = Transfer::new(&crossbar, accuracy).unwrap();
    let got = Transfer::on(&gpu, &crossbar, accuracy).unwrap();
    let apart = (&got.weight_s - &want.weight_s).fold(0.0, |most: f64, apart| most.max(apart.abs()));
    assert!(apart <= got.bound_s + want.bound_s, "{apart:e} S");

    // One cell changed, from where the last solve ended.
    let mut solver = Solver::on(&gpu, &crossbar);
    solver.solve(accuracy).unwrap();
    solver.set_cell(5, 6, 3e-5).unwrap();
    let got = solver.solve(accuracy).unwrap();
    let mut changed = cells.clone();
    changed[[5, 6]] = 3e-5;
    let crossbar = Reading::with_wire(500.0).all_rows(changed, &volts).unwrap();
    let want = Solver::new(&crossbar).solve(accuracy).unwrap();
    let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
    assert!(apart <= got.certificate.bound_a + want.certificate.bound_a, "{apart:e} A");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_lost_device_is_tried_again_and_two_runs_are_the_same_bit_for_bit() {
    let mut random = Random(306);
    let cells = random.cells(30, 41, 1e-6, 1e-5);
    let crossbar = Reading::with_wire(1e3).all_rows(cells, &random.volts(30)).unwrap();
    let solved = |gpu: &Gpu| Solver::on(gpu, &crossbar).solve(Accuracy::default()).map_err(|e| e.to_string());
    let want = solved(&gpu()).unwrap();
    for faults in [&[Fault::Lost][..], &[Fault::LostEarly], &[]] {
        let gpu = gpu();
        gpu.inject(faults);
        assert_eq!(solved(&gpu).unwrap().column_a, want.column_a, "{faults:?}");
    }
    // What memory of workgroups begins with is nobody's business.
    assert_eq!(solved(&gpu().soiled()).unwrap().column_a, want.column_a);
    let gpu = gpu();
    gpu.inject(&[Fault::Lost, Fault::Lost]);
    let told = solved(&gpu).unwrap_err();
    assert!(told.contains("lost") && !told.contains('\n'), "{told}");
    assert_eq!(solved(&gpu).unwrap().column_a, want.column_a);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn networks_that_do_not_fit_are_refused() {
    let cells = Array2::from_elem((200, 200), 1e-5);
    let crossbar = Reading::with_wire(1e3).all_rows(cells, &[1.0; 200]).unwrap();
    let gpu = Gpu::open(None, Some(1 << 20)).unwrap();
    let told = Solver::on(&gpu, &crossbar).solve(Accuracy::default()).unwrap_err().to_string();
    assert!(told.contains("200 x 200") && told.contains("--device-memory is 1 MiB") && told.contains("MiB,"), "{told}");
    assert_eq!(solve_on(&gpu, &crossbar, Accuracy::default()).unwrap_err().to_string(), told);
    // A small array stays here.
    let small = Reading::with_wire(1e3).all_rows(Array2::from_elem((20, 20), 1e-5), &[1.0; 20]).unwrap();
    assert!(!solve_on(&gpu, &small, Accuracy::default()).unwrap().currents.method.on_device);
}
