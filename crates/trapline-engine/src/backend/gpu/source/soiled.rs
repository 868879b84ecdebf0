//! Kernels for tests whose workgroup memory begins with anything but zeros.
//!
//! Drivers of processors hand out zeros, so a kernel that reads what it has not written would pass there.

use std::fmt::Write;

/// A kernel whose workgroup memory begins with what others left in it, which is anything: for tests, since drivers of
/// processors hand out zeros.
#[doc(hidden)]
pub fn soiled(wgsl: &str) -> String {
    let Some((head, (attributes, body))) =
        wgsl.split_once("@compute").and_then(|(head, entry)| Some((head, entry.split_once(") {\n")?)))
    else {
        return wgsl.to_owned();
    };
    let Some((_, size)) = attributes.split_once("@workgroup_size(") else {
        return wgsl.to_owned();
    };
    let size = size.split(')').next().unwrap_or("1");
    let mut text = format!("{head}@compute{attributes}) {{\n");
    for line in head.lines() {
        let array = line.strip_prefix("var<workgroup> ").and_then(|line| line.strip_suffix(">;"));
        let Some((name, (kind, length))) =
            array.and_then(|array| array.split_once(": array<")).and_then(|(n, of)| Some((n, of.rsplit_once(", ")?)))
        else {
            continue;
        };
        let store = match kind {
            "atomic<u32>" => format!("atomicStore(&{name}[soil], 77u + soil);"),
            _ => format!("{name}[soil] = -1e30f;"),
        };
        let _ = writeln!(text, "    for (var soil = local; soil < {length}; soil += {size}) {{ {store} }}");
    }
    text + "    workgroupBarrier();\n" + body
}
