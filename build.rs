//! What the build knows and the sources cannot ask.

fn main() {
    gpu_tests_left_out();
}

/// `trapline_skip_gpu` where TRAPLINE_SKIP_GPU_TESTS is set to 1: GPU tests then show as ignored, which cannot be decided at run time.
fn gpu_tests_left_out() {
    println!("cargo::rerun-if-env-changed=TRAPLINE_SKIP_GPU_TESTS");
    println!("cargo::rustc-check-cfg=cfg(trapline_skip_gpu)");
    if std::env::var("TRAPLINE_SKIP_GPU_TESTS").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=trapline_skip_gpu");
    }
}
