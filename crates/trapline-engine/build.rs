//! GPU tests show as ignored where they are left out, which cannot be decided at run time: `trapline_skip_gpu` where
//! TRAPLINE_SKIP_GPU_TESTS is set to 1.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TRAPLINE_SKIP_GPU_TESTS");
    println!("cargo::rustc-check-cfg=cfg(trapline_skip_gpu)");
    if env::var("TRAPLINE_SKIP_GPU_TESTS").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=trapline_skip_gpu");
    }
}
