# Everything a newcomer needs: `make demo`, `make test`. scripts/setup.sh looks for what is missing before each of them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check manual slurm-test bundle bundle-test wheel wheel-test bench peers gpu-cost clean
.PHONY: setup-demo setup-check setup-test setup-slurm
# The targets share one target folder, which cargo locks anyway.
.NOTPARALLEL:

# Handed to every cargo command, e.g. CARGO_FLAGS=--locked
CARGO_FLAGS ?=
# Which integration tests use HDF5, and so run against the bundle's too.
HDF5_TESTS ?= record
# Handed to benches/peers/peers.py by `make peers`, e.g. PEERS_FLAGS="--cells 1048576"
PEERS_FLAGS ?=
# How long `make fuzz` goes on, s, and where it begins.
SECONDS ?= 600
SEED ?= 1

help: ## lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: setup-demo ## builds trapline and runs campaigns/bake.toml: bake.h5, bake.png, bake.svg (no GPU needed)
	@. .setup/demo.sh
	cargo build --profile demo $$TRAPLINE_FEATURES $(CARGO_FLAGS)
	cargo run --profile demo --quiet $$TRAPLINE_FEATURES $(CARGO_FLAGS) -- \
	    run campaigns/bake.toml --rows 256 --cols 256 -o bake.h5 --backend auto --force
	echo
	echo "Written: bake.h5 (every result, HDF5), bake.png and bake.svg (the plot), bake.figure.csv (its numbers)."
	echo "Next:    look at bake.png; change campaigns/bake.toml and run it again, here with all of its 1024 x 1024 cells:"
	echo "         $${CARGO_TARGET_DIR:-target}/demo/trapline run campaigns/bake.toml -o mine.h5"
	echo "         $${CARGO_TARGET_DIR:-target}/demo/trapline --help"

test: setup-test ## runs all tests and examples, shaders included (on Mesa's llvmpipe where there is no GPU)
	@. .setup/test.sh
	cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS)
	# Whatever tests need, the examples have been built with it: `cargo run --example` would build crates again with fewer features.
	for example in examples/*.rs; do
	    name=$$(basename "$$example" .rs)
	    if [ "$$name" = gpu_against_cpu ] && [ "$${TRAPLINE_SKIP_GPU_TESTS:-}" = 1 ]; then continue; fi
	    echo "example $$name:"
	    "$${CARGO_TARGET_DIR:-target}/debug/examples/$$name"
	done
	# Compiled for a GPU that is not there: no kernel spills that did not, nor keeps fewer waves in flight. Of one family,
	# which takes half a minute; `make gpu-cost` has all.
	cost="$${CARGO_TARGET_DIR:-target}/debug/examples/gpu_cost"
	if [ -x "$$cost" ] && [ "$${TRAPLINE_SKIP_GPU_TESTS:-}" != 1 ]; then
	    "$$cost" --family navi21 --check benches/gpu-cost.csv --if-there
	fi
	# Instructions of the processor's kernels, which a busy machine does not change.
	if command -v valgrind >/dev/null && [ -n "$${TRAPLINE_PYTHON:-}" ]; then
	    "$$TRAPLINE_PYTHON" benches/instructions.py "$${CARGO_TARGET_DIR:-target}/debug/examples/instructions" \
	        --check benches/instructions.csv
	fi
	# The manual's commands, and what its pages show of them.
	if command -v python3 >/dev/null; then
	    python3 scripts/check-manual.py --trapline "$${CARGO_TARGET_DIR:-target}/debug/trapline"
	fi
	# Ignored above: what needs an interpreter, a browser, or published figures, that not every machine has.
	if [ -n "$${TRAPLINE_PYTHON:-}" ]; then
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test record --test cli -- --ignored python
	fi
	if [ -n "$${TRAPLINE_STATISTICS:-}" ]; then
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test report -- --ignored lifetime_python
	fi
	if [ -n "$${TRAPLINE_CHROMIUM:-}" ]; then
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test report -- --ignored in_a_browser
	fi
	if [ -n "$${TRAPLINE_REFERENCE_DIR:-}" ]; then
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --lib --test engine -- --ignored reference_file
	fi
	if [ -n "$${TRAPLINE_HOSTILE_DIR:-}" ]; then
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test hostile -- --ignored records_that_broke
	fi
	if [ -n "$${TRAPLINE_MNIST_DIR:-}" ]; then
	    skip=
	    if [ "$${TRAPLINE_SKIP_GPU_TESTS:-}" = 1 ]; then skip="--skip on_the_gpu"; fi
	    cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --lib --test cli -- --ignored $$skip mnist::
	fi

	# A second Vulkan, of another make: what two of them agree on is not one's own doing.
	if [ -n "$${TRAPLINE_SECOND_VULKAN:-}" ]; then
	    VK_DRIVER_FILES="$$TRAPLINE_SECOND_VULKAN" \
	        cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test engine -- \
	        --include-ignored on_another_adapter the_gpu_draws rng_gpu law_tables_gpu \
	        network_gpu::arrays network_gpu::cells_of
	    VK_DRIVER_FILES="$$TRAPLINE_SECOND_VULKAN" "$${CARGO_TARGET_DIR:-target}/debug/trapline" selftest --backend gpu
	fi

	# A file system with too little room, where a namespace of its own lets anybody mount one.
	if unshare --mount --map-root-user true 2>/dev/null; then
	    unshare --mount --map-root-user \
	        cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test record --test cli -- --ignored full_disk
	fi

fuzz: setup-test ## mutated records and texts for SECONDS (600); SEED repeats a run
	@. .setup/test.sh
	export TRAPLINE_FUZZ_SECONDS="$(SECONDS)" TRAPLINE_FUZZ_SEED="$(SEED)"
	cargo test --workspace $$TRAPLINE_FEATURES $(CARGO_FLAGS) --test hostile --test study -- --nocapture mutated changed

slurm-test: setup-slurm ## runs campaigns through a real Slurm, started for the test
	@. .setup/slurm.sh
	CARGO_FLAGS="$(CARGO_FLAGS)" scripts/slurm-test.sh

check: setup-check ## formatting, lints, docs and the manual's links, warnings denied
	@. .setup/check.sh
	if command -v python3 >/dev/null; then python3 scripts/check-links.py; fi
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $$TRAPLINE_FEATURES $(CARGO_FLAGS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps \
	    $$TRAPLINE_FEATURES $(CARGO_FLAGS)

manual: ## checks the manual's links, and makes a book of it where mdbook is installed: target/manual/index.html
	@python3 scripts/check-links.py
	if command -v mdbook >/dev/null; then
	    mdbook build
	    echo "Written: target/manual/index.html"
	else
	    echo "manual: no mdbook here, so no book; the pages are read as well in docs/. To have it: cargo install mdbook --locked"
	fi

bundle: ## makes dist/trapline-<version>-x86_64-linux.tar.gz, which needs glibc 2.28 only, and the Python wheel
	@CARGO_FLAGS="$(CARGO_FLAGS)" scripts/bundle.sh

# The HDF5 tests run against the very libhdf5.a and libz.a of the bundle: .setup/bundle-hdf5.toml puts them in the place
# of the build scripts that compile them. That is both cheaper (half a minute; a second HDF5 takes three, a second
# release build of everything with zig five) and stricter than building the same version again with another compiler.
# `--test bundle` first makes sure that this is so, and looks at the archive.
bundle-test: setup-test ## checks the bundle of `make bundle`, and runs the HDF5 tests against its HDF5
	@archive=$$(ls -t dist/trapline-*-x86_64-linux.tar.gz 2>/dev/null | head -n 1) || true
	if [ -z "$$archive" ] || [ ! -f .setup/bundle-hdf5.toml ]; then
	    echo "bundle-test: error: there is no bundle yet. Run: make bundle" >&2
	    exit 1
	fi
	. .setup/test.sh
	unset HDF5_DIR HDF5_VERSION
	export TRAPLINE_BUNDLE="$$PWD/$$archive"
	static=(--workspace --features trapline-record/hdf5-static --config .setup/bundle-hdf5.toml $(CARGO_FLAGS))
	cargo test "$${static[@]}" --no-run --test bundle $(HDF5_TESTS:%=--test %)
	cargo test "$${static[@]}" --test bundle -- --include-ignored
	cargo test "$${static[@]}" $(HDF5_TESTS:%=--test %)

wheel: bundle ## the same: the Python wheel is made of what the bundle is made of

wheel-test: ## checks the wheel of `make bundle` in clean environments: symbols, tests, notebooks, types
	@scripts/wheel-test.sh

bench: setup-test ## CPU and GPU benchmarks, cells per second
	@. .setup/test.sh
	cargo bench $$TRAPLINE_FEATURES $(CARGO_FLAGS)

gpu-cost: setup-test ## registers, spills and occupancy of every kernel on GPUs that need not be there
	@. .setup/test.sh
	cargo build --workspace --examples $$TRAPLINE_FEATURES $(CARGO_FLAGS)
	"$${CARGO_TARGET_DIR:-target}/debug/examples/gpu_cost" -o benches/gpu-cost.csv
	echo "Written: benches/gpu-cost.csv, against which make test holds the kernels. docs/gpu-cost.md says what it means."

peers: setup-test ## trapline beside C, NumPy, Numba, JAX and PyTorch, where they can be installed
	@. .setup/test.sh
	benches/peers/install.sh .setup/peers-venv
	cargo build --release $$TRAPLINE_FEATURES $(CARGO_FLAGS)
	.setup/peers-venv/bin/python benches/peers/peers.py \
	    --trapline "$${CARGO_TARGET_DIR:-target}/release/trapline" -o .setup/peers.csv $(PEERS_FLAGS)
	echo "Written: .setup/peers.csv"

setup-demo setup-check setup-test setup-slurm: setup-%: ## only looks for what `make demo` (check, test, slurm-test) needs, and installs it
	@scripts/setup.sh $*

clean: ## removes what was built, .setup and dist included
	cargo clean
	rm -rf .setup dist

.ONESHELL:
