//! The GPU backend's own claims: shaders that need nothing special, structures in step, loops within llvmpipe's budget,
//! failures that become typed errors. What it computes is held against the others in `agreement.rs`.

use crate::support::{HOURS, built, job_of, octaves, point, profile_job, shipped_job, thirty_pulses};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use trapline_engine::backend::gpu::source::Fold;
use trapline_engine::backend::gpu::{DispatchLimits, Fault, Gpu, layout, network, source};
use trapline_engine::backend::job::{Job, MAX_CHECKPOINTS};
use trapline_engine::backend::tables::Tables;
use trapline_engine::backend::tally::CHUNK_CELLS;
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::read::Judging;
use trapline_model::material::{self, MAX_CLASSES, TrapClass};
use trapline_model::protocol::{MAX_LEGS, Part, segments};

fn gpu(memory_bytes: Option<u64>) -> Gpu {
    Gpu::open(None, memory_bytes).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"))
}

fn every_variant() -> impl Iterator<Item = (source::Kernel, usize, bool)> {
    source::kernels().flat_map(|kernel| {
        [1, 2, 8, 16].into_iter().flat_map(move |classes| [false, true].map(|count| (kernel, classes, count)))
    })
}

#[test]
fn shaders_need_no_optional_feature_and_translate_to_metal_and_dx12() {
    for (kernel, classes, count) in every_variant() {
        let text = kernel.wgsl(classes, count);
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{}: {}", kernel.name, e.emit_to_string(&text)));
        let (metal, _) = naga::back::msl::write_string(&module, &info, &Default::default(), &Default::default())
            .unwrap_or_else(|e| panic!("{} to MSL: {e}", kernel.name));
        assert!(metal.contains("kernel void"), "{}", kernel.name);
        let mut direct = String::new();
        // As wgpu sets it: D3D12 has no built-in for the number of workgroups, it comes in a constant buffer.
        let options = naga::back::hlsl::Options {
            special_constants_binding: Some(naga::back::hlsl::BindTarget { register: 9, ..Default::default() }),
            ..Default::default()
        };
        naga::back::hlsl::Writer::new(&mut direct, &options, &Default::default())
            .write(&module, &info, None)
            .unwrap_or_else(|e| panic!("{} to HLSL: {e}", kernel.name));
        assert!(direct.contains("numthreads"), "{}", kernel.name);
        assert!(direct.contains("_NagaConstants."), "{}: nothing knows how wide the dispatch is", kernel.name);
    }
    // Control: an unknown name is an error here, without a GPU.
    let broken = constant_bake().wgsl(8, false).replace("start_bake(i)", "start_cake(i)");
    assert!(naga::front::wgsl::parse_str(&broken).is_err());
}

#[test]
fn folds_in_subgroups_need_subgroups_and_nothing_else() {
    let folding = source::kernels().filter(|kernel| kernel.fold.is_some()).chain([source::FOLD_PROBE]);
    let mut count = 0;
    for kernel in folding.map(|kernel| kernel.folding(Fold::Subgroups)) {
        let text = kernel.wgsl(8, false);
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        let valid = |able: Capabilities| Validator::new(ValidationFlags::all(), able).validate(&module).is_ok();
        assert!(valid(Capabilities::SUBGROUP) && !valid(Capabilities::empty()), "{}", kernel.name);
        let shared = kernel.folding(Fold::Shared).wgsl(8, false);
        let module = naga::front::wgsl::parse_str(&shared).expect("the plain variant");
        Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).expect(kernel.name);
        count += 1;
    }
    assert!(count > 10, "{count}");
    // Kernels that fold no blocks stay what they are.
    assert_eq!(source::REDUCE.folding(Fold::Subgroups).fold, None);
}

/// Jobs of every kind of bake: by doublings, by a profile, of counted electrons, judged by readings.
fn jobs_that_fold() -> [Job; 4] {
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    let counted =
        point(&qd, &thirty_pulses(1.5), 150.0, 3, &octaves()).electrons(Electrons::Counted(DotNumber::Poisson));
    let counted = built(counted.array(ArrayShape { rows: 10, cols: 100 }));
    let judged = Judging::Reading { integration_s: 1e-2, first: true };
    let judged = point(&qd, &thirty_pulses(1.5), 150.0, 3, &octaves()).judged(judged);
    let judged = built(judged.array(ArrayShape { rows: 7, cols: 33 }));
    [shipped_job("pi-ws2-qd", 150.0, 50, 100, 5), profile_job(&qd, &HOURS, None, &octaves(), 5), counted, judged]
}

/// Registers and the memory of the workgroup combine the same numbers in the same order.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn on_another_adapter_too_blocks_fold_to_the_same_bits_in_subgroups() {
    let Some(subgroups) = gpu(None).folding(Fold::Subgroups) else {
        // An adapter without them has the plain fold and says nothing of subgroups.
        assert!(!gpu(None).identity().instruction_set.contains("subgroups"));
        return;
    };
    let soiled = gpu(None).folding(Fold::Subgroups).map(Gpu::soiled).expect("the same adapter");
    let shared = gpu(None).folding(Fold::Shared).expect("every adapter");
    for job in jobs_that_fold() {
        let expected = shared.statistics(&job, &|_| ()).expect("runs");
        assert!(expected.partials.iter().all(|part| part.sum.iter().all(|sum| sum.is_finite())));
        assert_eq!(subgroups.statistics(&job, &|_| ()).expect("runs"), expected);
        assert_eq!(soiled.statistics(&job, &|_| ()).expect("runs"), expected);
    }
}

#[test]
fn structures_have_the_same_layout_on_both_sides() {
    let module = naga::front::wgsl::parse_str(&constant_bake().wgsl(8, false)).expect("parsed by the test above");
    type Offsets = &'static [(&'static str, usize)];
    let structures: [(&str, Offsets, usize); 5] = [
        ("Params", layout::Params::OFFSETS, size_of::<layout::Params>()),
        ("ClassRow", layout::ClassRow::OFFSETS, size_of::<layout::ClassRow>()),
        ("SegmentRow", layout::SegmentRow::OFFSETS, size_of::<layout::SegmentRow>()),
        ("VisitRow", layout::VisitRow::OFFSETS, size_of::<layout::VisitRow>()),
        ("NominalRow", layout::NominalRow::OFFSETS, size_of::<layout::NominalRow>()),
    ];
    for (name, offsets, size) in structures {
        let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).expect(name);
        let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is no structure") };
        assert_eq!(*span as usize, size, "{name}");
        let found: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap_or(""), m.offset as usize)).collect();
        assert_eq!(found, offsets, "{name}");
        assert_eq!(size % 16, 0, "{name} would be padded in a uniform buffer");
    }
}

#[test]
fn every_kernel_names_exactly_the_buffers_it_uses() {
    for kernel in source::kernels() {
        let text = kernel.wgsl(8, false);
        let module = naga::front::wgsl::parse_str(&text).expect("parsed by the test above");
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).expect("validated");
        let entry = info.get_entry_point(0);
        let mut used: Vec<_> = module
            .global_variables
            .iter()
            .filter(|(handle, variable)| variable.binding.is_some() && !entry[*handle].is_empty())
            .map(|(_, variable)| variable.name.clone().unwrap_or_default())
            .collect();
        let mut named: Vec<_> = kernel.buffers.iter().map(|b| b.to_string()).collect();
        used.sort();
        named.sort();
        assert_eq!(used, named, "{}", kernel.name);
        // WebGPU promises 8 storage buffers; the loop-counting variant, which only tests use, takes one more.
        let storage = module.global_variables.iter().filter(|(handle, variable)| {
            matches!(variable.space, naga::AddressSpace::Storage { .. }) && !entry[*handle].is_empty()
        });
        assert!(storage.count() <= 8, "{}", kernel.name);
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn loops_stay_within_the_budget_and_below_what_the_host_reckons() {
    let mut long = thirty_pulses(1.5);
    long.extend(segments(&[Part::Sweep { sweeps: 6, sweep_to_v: 5.0, step_v: 0.05, dwell_s: 3.9e-4 }]));
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    // The most of everything a profile may have: temperatures, classes, checkpoints.
    let mut most = qd.clone();
    most.classes = vec![TrapClass { weight: 1.0 / MAX_CLASSES as f64, speed: 1.0, ..qd.classes[0] }; MAX_CLASSES];
    let legs: Vec<_> = (0..MAX_LEGS).map(|i| (Some(20.0 * i as f64), 10.0)).collect();
    let times_s: Vec<f64> = (1..MAX_CHECKPOINTS).map(|i| i as f64).collect();
    let hottest = profile_job(&most, &legs, None, &times_s, 3);
    // Judged by readings, as many as there may be.
    let judged = |first| {
        let read =
            point(&qd, &thirty_pulses(1.5), 150.0, 3, &times_s).judged(Judging::Reading { integration_s: 1e-2, first });
        built(read.array(ArrayShape { rows: 1, cols: 40 }))
    };
    let (this, first) = (judged(false), judged(true));
    for job in [shipped_job("pi-ws2-qd", 150.0, 1, 40, 3), job_of(&qd, &long, 150.0, 1, 40, 3), hottest, this, first] {
        let found = gpu(None).count_loops(&job).expect("counts");
        let tables = Tables::new(&job);
        for kernel in source::of_statistics(&tables).iter().chain(&source::of_trace(&tables)) {
            let of_it: Vec<_> = found.iter().filter(|(name, ..)| *name == kernel.name).collect();
            assert!(!of_it.is_empty(), "{} was not counted", kernel.name);
            for (name, counted, reckoned) in of_it {
                assert_eq!(*counted > 0, kernel.reports_ticks, "{name}: the counters do not count: {counted}");
                assert!(counted <= reckoned, "{name}: counted {counted}, reckoned {reckoned}");
                assert!(*reckoned <= source::MAX_LOOPS, "{name}: {reckoned}");
            }
        }
        // The longest protocols come near the limit, and counting saw it.
        assert!(found.iter().any(|(_, counted, _)| *counted > 1000), "{found:?}");
    }
}

/// Kernels begin with workgroup memory that holds anything, which drivers of processors never show.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn kernels_read_nothing_of_workgroup_memory_that_they_have_not_written() {
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    let counted =
        point(&qd, &thirty_pulses(1.5), 150.0, 3, &octaves()).electrons(Electrons::Counted(DotNumber::Poisson));
    let counted = built(counted.array(ArrayShape { rows: 10, cols: 100 }));
    for job in [shipped_job("pi-ws2-qd", 150.0, 50, 100, 5), profile_job(&qd, &HOURS, None, &octaves(), 5), counted] {
        let expected = gpu(None).statistics(&job, &|_| ()).expect("runs");
        // Several dispatches, each of which begins with memory of its own.
        let narrow = DispatchLimits { groups_across: 3, work: 1 << 20, batch: 2 };
        for soiled in [gpu(None).soiled(), gpu(None).soiled().limited(narrow)] {
            assert_eq!(soiled.statistics(&job, &|_| ()).expect("runs"), expected);
        }
    }
}

#[test]
fn soiled_kernels_fill_all_of_the_memory_of_a_workgroup() {
    let soiled = source::soiled(&constant_bake().wgsl(8, false));
    for store in ["readings[soil] = ", "folded[soil] = ", "atomicStore(&local_counts[soil], "] {
        assert!(soiled.contains(store), "{store}");
    }
    let texts = network::KERNELS.iter().map(|kernel| (kernel.name, kernel.wgsl()));
    for (name, text) in texts.chain(source::kernels().map(|kernel| (kernel.name, kernel.wgsl(8, false)))) {
        let soiled = source::soiled(&text);
        assert_eq!(
            soiled.matches("[soil] =").count() + soiled.matches("[soil],").count(),
            text.matches("var<workgroup>").count(),
            "{name}"
        );
        let module = naga::front::wgsl::parse_str(&soiled).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&soiled)));
        Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).expect(name);
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn results_know_no_shape_length_or_number_of_dispatches() {
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    let cycled = profile_job(&qd, &HOURS, None, &octaves(), 5);
    for job in [shipped_job("pi-ws2-qd", 150.0, 100, 200, 5), cycled] {
        know_no_dispatches(&job);
    }
}

fn know_no_dispatches(job: &Job) {
    let wide = gpu(None);
    let (expected, traced) =
        (wide.statistics(job, &|_| ()).expect("runs"), wide.trace(job, &CellSet::run(77, 900)).expect("runs"));
    // 157 workgroups: three across leave a rectangle that is not full; the last limits also cut each kernel's groups
    // apart.
    let none = DispatchLimits { groups_across: 65_535, work: u64::MAX, batch: u32::MAX };
    for limits in [
        DispatchLimits { groups_across: 3, ..none },
        DispatchLimits { work: 1 << 20, batch: 1, ..none },
        DispatchLimits { groups_across: 2, work: 1 << 18, batch: 3 },
    ] {
        let narrow = gpu(None).limited(limits);
        assert_eq!(narrow.statistics(job, &|_| ()).expect("runs"), expected, "{limits:?}");
        assert_eq!(narrow.trace(job, &CellSet::run(77, 900)).expect("runs"), traced, "{limits:?}");
        if limits.work < u64::MAX {
            assert!(narrow.dispatches() > 4 * wide.dispatches(), "{limits:?} changed nothing: {}", narrow.dispatches());
        }
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_lost_device_is_opened_again_once_and_changes_nothing() {
    let job = shipped_job("pi-ws2-qd", 150.0, 100, 200, 5);
    let expected = gpu(None).statistics(&job, &|_| ()).expect("runs");
    let backend = gpu(None);
    backend.inject(&[Fault::Lost]);
    let found = backend.statistics(&job, &|_| ()).expect("runs on the second try");
    assert_eq!(found, expected);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_device_lost_twice_is_a_typed_error_naming_the_tile() {
    let job = shipped_job("pi-ws2-qd", 150.0, 100, 200, 5);
    let backend = gpu(None);
    backend.inject(&[Fault::Lost, Fault::Lost]);
    let error = backend.statistics(&job, &|_| ()).expect_err("lost twice");
    let BackendError::Device { stage, tile, first, reason, .. } = &error else { panic!("{error}") };
    assert_eq!((*stage, *tile, *first), ("read-back", 0, 0));
    assert!(reason.to_lowercase().contains("lost") || reason.to_lowercase().contains("destroyed"), "{reason}");
    assert!(reason.contains("on the first try, read-back failed"), "{reason}");
    assert!(!error.to_string().contains('\n'));
    // The backend recovers: the device is opened again on the next call's first failure.
    assert!(backend.statistics(&job, &|_| ()).is_ok());
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_loss_before_the_first_tile_is_no_refused_shader() {
    let job = shipped_job("pi-ws2-qd", 150.0, 100, 200, 5);
    let backend = gpu(None);
    backend.inject(&[Fault::LostEarly]);
    assert_eq!(
        backend.statistics(&job, &|_| ()).expect("runs on the second try"),
        gpu(None).statistics(&job, &|_| ()).expect("runs")
    );
    let backend = gpu(None);
    backend.inject(&[Fault::LostEarly, Fault::LostEarly]);
    let error = backend.statistics(&job, &|_| ()).expect_err("lost twice");
    assert!(matches!(&error, BackendError::Device { tile: 0, .. }), "{error}");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn cells_read_one_by_one_keep_to_the_budget_and_survive_a_loss() {
    let job = shipped_job("pi-ws2-qd", 150.0, 100, 200, 5);
    // A window: its rows are not consecutive, and tiles end within them.
    let cells = CellSet { first: 1013, width: 61, stride: 200, count: 61 * 90 };
    let plain = gpu(None);
    let expected = plain.trace(&job, &cells).expect("runs");
    let small = gpu(Some(1 << 20));
    assert_eq!(small.trace(&job, &cells).expect("runs"), expected);
    assert!(small.dispatches() >= 8 * plain.dispatches(), "{} dispatches in one tile", small.dispatches());
    for fault in [Fault::Lost, Fault::LostEarly, Fault::OutOfMemory] {
        let backend = gpu(None);
        backend.inject(&[fault]);
        assert_eq!(backend.trace(&job, &cells).expect("runs on the second try"), expected, "{fault:?}");
        backend.inject(&[fault, fault]);
        let error = backend.trace(&job, &cells).expect_err("twice");
        assert!(matches!(&error, BackendError::Device { tile: 0, first: 1013, .. }), "{error}");
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn who_computes_can_be_asked_while_it_computes() {
    let job = shipped_job("pi-ws2-qd", 150.0, 10, 20, 5);
    let backend = gpu(None);
    // A lock held across the callback would wait for itself.
    let asked = std::sync::atomic::AtomicBool::new(false);
    let ask = |_| asked.store(backend.identity().backend == "gpu", std::sync::atomic::Ordering::Relaxed);
    backend.statistics(&job, &ask).expect("runs");
    assert!(asked.into_inner());
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn lack_of_memory_halves_the_tile_and_then_is_an_error() {
    let job = shipped_job("pi-ws2-qd", 150.0, 100, 200, 5);
    let expected = gpu(None).statistics(&job, &|_| ()).expect("runs");
    let backend = gpu(None);
    backend.inject(&[Fault::OutOfMemory]);
    assert_eq!(backend.statistics(&job, &|_| ()).expect("runs on fewer cells"), expected);
    backend.inject(&[Fault::OutOfMemory, Fault::OutOfMemory]);
    let error = backend.statistics(&job, &|_| ()).expect_err("twice");
    let BackendError::Device { stage: "allocation", tile: 0, reason, .. } = &error else { panic!("{error}") };
    // What wgpu says of a buffer larger than any may be, and not words of our own.
    assert!(reason.to_lowercase().contains("buffer size"), "{reason}");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_budget_sizes_the_tile_or_is_refused() {
    let job = shipped_job("pi-ws2-qd", 150.0, 1024, 1024, 5);
    let (small, large) = (gpu(Some(4 << 20)).tile_cells(&job), gpu(Some(64 << 20)).tile_cells(&job));
    let (small, large) = (small.expect("fits"), large.expect("fits"));
    assert!(small < large && small.is_multiple_of(CHUNK_CELLS) && large.is_multiple_of(CHUNK_CELLS));
    let error = gpu(Some(1000)).tile_cells(&job).expect_err("too little").to_string();
    assert!(error.contains("--device-memory") && !error.contains('\n'), "{error}");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn an_adapter_that_is_not_there_is_named_with_those_that_are() {
    let error = Gpu::open(Some("no such adapter"), None).expect_err("not there").to_string();
    assert!(error.contains("no such adapter") && error.contains("found: "), "{error}");
    // A number is a place, whatever digits are in the names: llvmpipe's has the version of LLVM and the width of its
    // vectors.
    let count = trapline_engine::backend::adapters().len();
    for number in [count, count + 1, 15, 128, 256].into_iter().filter(|number| *number >= count) {
        let error = Gpu::open(Some(&number.to_string()), None).expect_err("not there").to_string();
        assert!(error.contains(&format!("no adapter {number};")) && error.contains("found: 0: "), "{error}");
    }
}

/// Two adapters of one kind are told apart in records, and are one kind to runs that go on.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn an_adapter_says_which_of_its_kind_it_is() {
    let listed = trapline_engine::backend::adapters();
    for (number, adapter) in listed.iter().enumerate() {
        let opened = Gpu::open(Some(&number.to_string()), None).expect("listed").identity();
        let place = match adapter.pci_address.as_str() {
            "" => format!("[adapter {number}]"),
            address => format!("[PCI {address}]"),
        };
        assert!(opened.adapter.ends_with(&place), "{opened:?}");
        assert_eq!(opened.model(), adapter.identity.adapter);
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn it_was_a_gpu_backend_that_ran() {
    let identity = gpu(None).identity();
    assert_eq!(identity.backend, "gpu");
    assert!(!identity.adapter.is_empty());
    let interface = identity.instruction_set.trim_end_matches(", subgroups");
    assert!(["Vulkan", "Metal", "Dx12"].contains(&interface), "{identity:?}");
    let job = shipped_job("pi", 100.0, 1, 1, 1);
    assert_eq!(gpu(None).trace(&job, &CellSet::run(0, 1)).expect("runs").conductance.len(), job.times_s().len());
}

fn constant_bake() -> source::Kernel {
    let (carriers, judges) = (source::Carriers::MeanField, source::Judges::Kept);
    source::Kernel::bake(source::Decay::Constant, carriers, judges, source::Numbered::Tile)
}
