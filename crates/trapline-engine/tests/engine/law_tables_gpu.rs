//! The shader that reads law tables against its twin in Rust, on whatever adapter wgpu finds. No adapter is a failure.

use crate::rng_gpu::{Gpu, WORKGROUP};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use trapline_model::cell::tabulated::{self, BiasRange, LawTables, TableHeader, TemperatureRange};
use trapline_model::material;

const TABLES: &str = include_str!("../../../../shaders/tables.wgsl");

/// A kernel that looks up records of a header, x and y; `function` is applied to them.
fn source(function: &str) -> String {
    format!(
        "{}{TABLES}
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;
@compute @workgroup_size({WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    let i = id.x * 10u;
    if (i >= arrayLength(&input)) {{ return; }}
    let header = TableHeader(
        input[i], input[i + 1u], input[i + 2u], input[i + 3u], input[i + 4u], input[i + 5u],
        bitcast<f32>(input[i + 6u]), bitcast<f32>(input[i + 7u])
    );
    let x = bitcast<f32>(input[i + 8u]);
    let y = bitcast<f32>(input[i + 9u]);
    output[id.x] = bitcast<u32>({function});
}}
",
        TableHeader::WGSL
    )
}

const CURVE: &str = "table_curve(header, x)";
const SURFACE: &str = "table_surface(header, x, y)";

#[test]
fn the_shader_needs_no_optional_feature_translates_and_has_the_headers_layout() {
    for function in [CURVE, SURFACE] {
        let text = source(function);
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        naga::back::msl::write_string(&module, &info, &Default::default(), &Default::default()).expect("to Metal");
        naga::back::hlsl::Writer::new(&mut String::new(), &Default::default(), &Default::default())
            .write(&module, &info, None)
            .expect("to Direct3D");
        let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("TableHeader")).expect("used");
        let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("no structure") };
        let found: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap_or(""), m.offset as usize)).collect();
        assert_eq!(found, TableHeader::OFFSETS);
        assert_eq!(*span as usize, size_of::<TableHeader>());
    }
}

/// Largest relative difference, in units of the device's and the twin's roundings together. What has no whole f32, as the
/// background far below the glass transition, a device may take for 0.
fn worst(found: &[u32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let difference = |(&found, &expected): (&u32, &f32)| {
        let found = f32::from_bits(found);
        let relative = match expected.abs() < f32::MIN_POSITIVE {
            true => (found.abs() - f32::MIN_POSITIVE).max(0.0),
            false => found / expected - 1.0,
        };
        if relative.is_nan() { f32::INFINITY } else { relative.abs() }
    };
    found.iter().zip(expected).map(difference).fold(0.0, f32::max)
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn the_shader_reads_what_its_twin_reads() {
    let ns = material::shipped("pi-ws2-ns").expect("shipped");
    let biases = BiasRange { positive: Some((1e-4, 6.0)), negative: Some((1e-4, 5.5)) };
    let heat = TemperatureRange { least_k: 280.0, most_k: 450.0 };
    let tables = LawTables::build(&ns, biases, heat).expect("tables");
    let volts = |i: u32| f32::from_bits(1e-4f32.to_bits() + i * 7919);
    let kelvins = |i: u32| 280.0 + (i % 1709) as f32 * 0.0995;
    let points: Vec<(f32, f32)> = (0..16_384)
        .map(|i| (volts(i), kelvins(i)))
        .chain([(0.0, 300.0), (7.0, 500.0), (-3.0, 200.0), (1e-4, 280.0), (6.0, 450.0)])
        .collect();
    let gpu = Gpu::open();
    let records = |header: &TableHeader, by_heat: bool| -> Vec<u32> {
        let record = |&(v, t): &(f32, f32)| {
            let (x, y) = if by_heat { (t, 0.0f32) } else { (v, t) };
            let header: [u32; 8] = bytemuck::cast(*header);
            header.into_iter().chain([x.to_bits(), y.to_bits()]).collect::<Vec<_>>()
        };
        points.iter().flat_map(record).collect()
    };
    let numbers = bytemuck::cast_slice(tables.numbers());
    // The device may fuse a multiplication with its addition: each of six multiplications and additions differs by half
    // a unit, 2^-24, at most.
    let tolerance = 6.0 * 2f32.powi(-24);
    for (header, by_heat) in [
        (tables.injected, false),
        (tables.offered_positive, false),
        (tables.heat, true),
        (tables.background.times(3.156e8), true),
        (tables.per_ev, true),
        (tables.thermal[0], true),
    ] {
        let found = gpu.run_source(&source(CURVE), (10, 1), &records(&header, by_heat), numbers);
        let expected = |&(v, t): &(f32, f32)| tabulated::curve(tables.quads(), &header, if by_heat { t } else { v });
        let expected: Vec<f32> = points.iter().map(expected).collect();
        assert!(worst(&found, &expected) <= tolerance, "{header:?}: {:e}", worst(&found, &expected));
        // Control: beside the argument, by a hundredth.
        let beside =
            |&(v, t): &(f32, f32)| tabulated::curve(tables.quads(), &header, if by_heat { t * 1.01 } else { v * 1.01 });
        let beside: Vec<f32> = points.iter().map(beside).collect();
        assert!(worst(&found, &beside) > tolerance);
    }
    let found = gpu.run_source(&source(SURFACE), (10, 1), &records(&tables.hopping, false), numbers);
    let surface = |v: f32, t: f32| tabulated::surface(tables.quads(), &tables.hopping, v, t);
    let expected: Vec<f32> = points.iter().map(|&(v, t)| surface(v, t)).collect();
    assert!(worst(&found, &expected) <= 2.0 * tolerance, "{:e}", worst(&found, &expected));
    let beside: Vec<f32> = points.iter().map(|&(v, t)| surface(v, t * 1.01)).collect();
    assert!(worst(&found, &beside) > 2.0 * tolerance);
}
