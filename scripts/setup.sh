#!/usr/bin/env bash
# Looks for what trapline needs on this machine, installs what is missing, and writes what it decided to
# .setup/<what>.sh, which the Makefile reads before it calls cargo.
#
#   scripts/setup.sh demo      Rust, a C compiler, HDF5
#   scripts/setup.sh check     the same, rustfmt and clippy
#   scripts/setup.sh test      the same, a Vulkan loader and driver, Python with h5py and xarray
#   scripts/setup.sh slurm     the same as for test, and Slurm
#   scripts/setup.sh bundle    Rust, a C compiler, and zig, cargo-zigbuild and CMake from PyPI
#
# Where apt-get can be used (root, or sudo), the packages come from there. Where not, HDF5 is built from source by
# cargo (feature hdf5-static); what cannot be had that way is named, with the command that installs it.
# A second run finds everything in place and takes well under a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD
state=$root/.setup
venv=$state/venv

# hdf5-metno reads its settings from HDF5 1.8 on; the file format bounds we set need 1.10.2.
hdf5_min="1,10,2"
# What hdf5-metno-src asks for; Debian 12 has 3.25.
cmake_min=3.26
# Pinned, because the release bundle is made by them.
bundle_tools=(ziglang==0.17.1 cargo-zigbuild==0.24.0)
cmake_tool="cmake>=$cmake_min"
reader_tools=("numpy>=1.24" "h5py>=3.8" "xarray>=2023.1" "h5netcdf>=1.1")
statistics_tools=("scipy>=1.10" "reliability==0.9.0")

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "error: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 1
}

# True when version $1 is $2 or newer.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- Rust and the C compiler -------------------------------------------------------------------------------------

find_rust() {
    local wanted have
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        # Installed by rustup, but this shell has not read ~/.cargo/env.
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
        path_addition="${CARGO_HOME:-$HOME/.cargo}/bin"
    fi
    command -v cargo >/dev/null || die "cargo is missing. Install Rust $wanted or newer:" \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
        "(the rustc package of Debian 12 and of Ubuntu 24.04 is too old)"
    have=$(cargo --version | cut -d ' ' -f 2) || die "'cargo --version' fails. If rustup has no toolchain yet:" \
        "rustup default stable"
    at_least "${have%%-*}" "$wanted" || {
        if command -v rustup >/dev/null; then
            die "Rust $have is too old, trapline needs $wanted or newer:" \
                "rustup update stable && rustup default stable"
        fi
        die "Rust $have is too old, trapline needs $wanted or newer. Install it beside the old one:" \
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    }
}

# Compiles the C program on stdin; true when it builds. The rest of the arguments go to the compiler.
compile() {
    local name=$1
    shift
    cat >"$probe/$name.c"
    "${CC:-cc}" -o "$probe/$name" "$probe/$name.c" "$@" >"$probe/$name.log" 2>&1
}

have_cc() {
    command -v "${CC:-cc}" >/dev/null && compile cc <<<'#include <stdio.h>
int main(void) { return puts("") < 0; }'
}

# --- HDF5 --------------------------------------------------------------------------------------------------------

# Looks where hdf5-metno-sys looks, in the same order, and builds and runs one program against what is there: headers
# of one version beside a library of another, or a library the loader cannot find, are no use.
have_hdf5() {
    local flags dir
    if [ -n "${HDF5_DIR:-}" ]; then
        flags="-I$HDF5_DIR/include -L$HDF5_DIR/lib -lhdf5"
    elif flags=$(pkg-config --cflags --libs hdf5 2>/dev/null); then
        :
    else
        flags=
        for dir in "/usr/include/hdf5/serial:/usr/lib/x86_64-linux-gnu/hdf5/serial" \
            "/usr/include:/usr/lib/x86_64-linux-gnu" "/usr/include:/usr/lib64"; do
            if [ -f "${dir%%:*}/H5pubconf.h" ] || [ -f "${dir%%:*}/H5pubconf-64.h" ]; then
                flags="-I${dir%%:*} -L${dir##*:} -lhdf5"
                break
            fi
        done
        [ -n "$flags" ] || return 1
    fi
    # shellcheck disable=SC2086 # several flags
    compile hdf5 $flags <<EOC || return 1
#include <hdf5.h>
#include <stdio.h>
#if !H5_VERSION_GE($hdf5_min)
#error "HDF5 is older than $hdf5_min"
#endif
#ifndef H5_HAVE_FILTER_DEFLATE
#error "HDF5 without the deflate filter"
#endif
int main(void) {
    unsigned a, b, c;
    if (H5open() < 0 || H5get_libversion(&a, &b, &c) < 0) return 1;
    if (a != H5_VERS_MAJOR || b != H5_VERS_MINOR || c != H5_VERS_RELEASE) return 1;
    printf("%u.%u.%u\n", a, b, c);
    return 0;
}
EOC
    # H5open ends the program when headers and library differ.
    hdf5_version=$("$probe/hdf5" 2>>"$probe/hdf5.log") || return 1
}

# --- Vulkan ------------------------------------------------------------------------------------------------------

# Asks the loader for its devices, as wgpu does, so a driver file without a usable driver does not count. No headers:
# the structures are few and fixed by Vulkan 1.0. Prints the first device's name.
have_vulkan() {
    compile vulkan -ldl <<'EOC' || return 1
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
struct instance_info {
    int32_t type; const void *next; uint32_t flags; const void *application;
    uint32_t layers; const char *const *layer_names; uint32_t extensions; const char *const *extension_names;
};
int main(void) {
    void *vulkan = dlopen("libvulkan.so.1", RTLD_NOW);
    if (!vulkan) return 2;
    int (*create)(const struct instance_info *, const void *, void **);
    int (*list)(void *, uint32_t *, void **);
    void (*properties)(void *, void *);
    *(void **)&create = dlsym(vulkan, "vkCreateInstance");
    *(void **)&list = dlsym(vulkan, "vkEnumeratePhysicalDevices");
    *(void **)&properties = dlsym(vulkan, "vkGetPhysicalDeviceProperties");
    if (!create || !list || !properties) return 2;
    struct instance_info info;
    memset(&info, 0, sizeof info);
    info.type = 1; /* VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO */
    void *instance, *devices[16];
    uint32_t count = 16;
    if (create(&info, NULL, &instance) != 0) return 3;
    if (list(instance, &count, devices) < 0 || count == 0) return 3;
    static uint32_t about[1024]; /* VkPhysicalDeviceProperties: five words, then the name; 824 bytes in all */
    properties(devices[0], about);
    puts((const char *)(about + 5));
    return 0;
}
EOC
    vulkan_device=$(NODEVICE_SELECT=1 "$probe/vulkan" 2>>"$probe/vulkan.log")
}

# --- Slurm -------------------------------------------------------------------------------------------------------

# Debian keeps the daemons out of the PATH of people.
have_slurm() { (PATH=$PATH:/usr/sbin:/sbin && command -v slurmctld slurmd munged sbatch) >/dev/null; }

# --- apt ---------------------------------------------------------------------------------------------------------

# Installs the packages; false when that cannot be done here. Says which command it runs, or would have run.
apt_install() {
    local as_root=() command="apt-get install -y --no-install-recommends $*"
    apt_command="sudo apt-get update && sudo $command"
    if ! command -v apt-get >/dev/null; then
        say "no apt-get here; on Debian and Ubuntu this would be: $apt_command"
        return 1
    fi
    if [ "$(id -u)" = 0 ]; then
        apt_command="apt-get update && $command"
    elif ! command -v sudo >/dev/null; then
        say "neither root nor sudo: not running: $apt_command"
        return 1
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    elif [ -t 0 ] && id -nG | tr ' ' '\n' | grep -qxE 'sudo|wheel|admin'; then
        # Someone is there to type a password. Others are not asked: for them sudo only fails, and is reported.
        as_root=(sudo)
    else
        say "sudo would ask for a password: not running: $apt_command"
        return 1
    fi
    say "running: $apt_command"
    # A fresh Ubuntu often holds the lock for its own updates: wait for it.
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    if ! "${as_root[@]}" update >&2; then
        say "warning: 'apt-get update' failed; trying with the package lists that are there"
    fi
    if ! "${as_root[@]}" install -y --no-install-recommends "$@" >&2; then
        say "warning: apt-get could not install these packages: $*"
        return 1
    fi
}

# --- Python ------------------------------------------------------------------------------------------------------

find_python() {
    python=$(command -v python3) && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))'
}

# True when `python3 -m venv` will work: Debian keeps ensurepip in the package python3-venv.
have_venv() { find_python && "$python" -c 'import ensurepip, venv' 2>/dev/null; }

# Makes .setup/venv; nothing is ever installed outside it, so a Python that its system manages is no obstacle.
make_venv() {
    local wheel
    # A virtual environment names its own path and its Python: it outlives neither a move nor an upgrade.
    if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/made-at" 2>/dev/null)" = "$root" ] &&
        "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        return 0
    fi
    rm -rf "$venv"
    mkdir -p "$state"
    find_python || return 1
    if have_venv; then
        "$python" -m venv "$venv" >&2 || return 1
    elif "$python" -m venv --without-pip "$venv" >/dev/null 2>&1; then
        # No python3-venv. Any pip will do to put one inside: the user's, or the wheel of Debian's package, which
        # anybody may download.
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip --python "$venv/bin/python" --quiet install pip >&2 || return 1
        else
            mkdir -p "$state/pip"
            (cd "$state/pip" && apt-get -qq download python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb .) \
                >"$state/pip/log" 2>&1 || return 1
            wheel=$(find "$state/pip/usr/share/python-wheels" -name 'pip-*.whl' | head -n 1)
            [ -n "$wheel" ] && "$venv/bin/python" "$wheel/pip" --quiet install pip >&2 || return 1
        fi
    else
        return 1
    fi
    printf '%s\n' "$root" >"$venv/made-at"
}

# pip_install NAME REQUIREMENT...: installs into .setup/venv once; NAME's list of requirements is kept as a stamp. One
# of them, a few lines of Python that reliability needs, is on PyPI as its source alone.
pip_install() {
    local stamp=$venv/have-$1
    shift
    make_venv || return 1
    [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
    say "installing from PyPI into .setup/venv: $*"
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --only-binary :all: --no-binary autograd-gamma "$@" >&2 ||
        return 1
    printf '%s\n' "$*" >"$stamp"
}

# --- decisions ---------------------------------------------------------------------------------------------------

# A CMake that can build HDF5: the system's if it is new enough, or PyPI's. Sets `cmake`.
find_cmake() {
    local have
    if have=$(cmake --version 2>/dev/null | sed -n '1s/^cmake version //p') && [ -n "$have" ] &&
        at_least "${have%%-*}" "$cmake_min"; then
        cmake=$(command -v cmake)
        return 0
    fi
    pip_install cmake "$cmake_tool" || return 1
    # The program itself, not the Python script in bin/ that starts it.
    cmake=$("$venv/bin/python" -c 'import cmake; print(cmake.CMAKE_BIN_DIR)')/cmake
}

use_hdf5() {
    if have_hdf5; then
        say "HDF5 $hdf5_version of this system"
        return
    fi
    [ -s "$probe/hdf5.log" ] && say "the HDF5 found here cannot be used (see $probe/hdf5.log)"
    say "HDF5 is not installed: cargo builds it from source (three minutes, the first time)"
    find_cmake || die "building HDF5 needs CMake $cmake_min or newer: there is none here, none came from PyPI." \
        "Ask for one of these to be installed, then run this again:" \
        "sudo apt-get install libhdf5-dev pkg-config" \
        "sudo apt-get install python3 python3-venv   (and a connection to PyPI)"
    features="--features trapline-record/hdf5-static"
    say "CMake: $cmake"
}

use_vulkan() {
    if [ "${TRAPLINE_SKIP_GPU_TESTS:-}" = 1 ]; then
        say "TRAPLINE_SKIP_GPU_TESTS=1: the GPU tests will show as ignored"
    elif have_vulkan; then
        say "Vulkan: $vulkan_device"
    else
        die "no Vulkan device: the GPU tests run the real shaders, on Mesa's llvmpipe where there is no GPU." \
            "Install them, or ask for it:" \
            "sudo apt-get install libvulkan1 mesa-vulkan-drivers" \
            "Or leave the GPU tests out (they then show as ignored):" \
            "make test TRAPLINE_SKIP_GPU_TESTS=1"
    fi
}

# Whether the demo is built with the GPU backend: a third of its compile time, spent only where there is a GPU.
use_gpu() {
    local device
    for device in /dev/dri/renderD* /dev/nvidia0 /dev/dxg; do
        [ -e "$device" ] && return
    done
    [ "$(uname -s)" = Linux ] || return 0
    say "no GPU here: the demo is built without that backend (cargo build --release has it)"
    features="--no-default-features $features"
}

# What the fits of lifetimes are compared with; in the interpreter that is given only if it is there.
use_statistics() {
    if [ -n "${TRAPLINE_PYTHON:-}" ]; then
        ! "$TRAPLINE_PYTHON" -c 'import reliability, scipy' 2>/dev/null || statistics=1
    elif [ -n "$reader" ] && pip_install statistics "${statistics_tools[@]}"; then
        statistics=1
    fi
    [ -n "$statistics" ] || say "WARNING: no Python with reliability and scipy: fits of lifetimes WILL NOT BE COMPARED with them."
}

use_reader() {
    if [ -n "${TRAPLINE_PYTHON:-}" ]; then
        say "Python for the reader tests: $TRAPLINE_PYTHON (TRAPLINE_PYTHON)"
    elif pip_install reader "${reader_tools[@]}"; then
        reader=$venv/bin/python
        say "Python for the reader tests: .setup/venv"
    else
        say "WARNING: no Python with h5py and xarray: the tests that read our files with them WILL SHOW AS IGNORED."
        say "WARNING: to run them:  sudo apt-get install python3 python3-venv  and a connection to PyPI"
    fi
}

what=${1:-}
case $what in
demo | check | test | slurm | bundle) ;;
*) die "usage: scripts/setup.sh demo|check|test|slurm|bundle" ;;
esac

probe=$state/probe-$what
rm -rf "$probe"
mkdir -p "$probe"

path_addition='' cmake='' features='' reader='' statistics='' hdf5_version='' vulkan_device='' python='' apt_command=''
find_rust

# What is missing, then one apt-get for all of it, then the decisions, which look again.
packages=()
have_cc || packages+=(gcc libc6-dev)
case $what in
demo | check | test | slurm) have_hdf5 || packages+=(libhdf5-dev pkg-config) ;;
bundle) command -v readelf >/dev/null || packages+=(binutils) ;;
esac
[ "$what" != slurm ] || have_slurm || packages+=(slurm-wlm munge)
case $what in
test | slurm)
    [ "${TRAPLINE_SKIP_GPU_TESTS:-}" = 1 ] || have_vulkan || packages+=(libvulkan1 mesa-vulkan-drivers)
    [ "$what" = slurm ] || [ -n "${TRAPLINE_PYTHON:-}" ] || [ -x "$venv/bin/python" ] || have_venv ||
        packages+=(python3 python3-venv)
    ;;
bundle) [ -x "$venv/bin/python" ] || have_venv || packages+=(python3 python3-venv) ;;
esac
if [ ${#packages[@]} -gt 0 ]; then
    say "missing: ${packages[*]}"
    apt_install "${packages[@]}" || true
fi

have_cc || die "the C compiler '${CC:-cc}' is missing or cannot link a program. Install one, or ask for it:" \
    "sudo apt-get install gcc libc6-dev"
case $what in
demo)
    use_hdf5
    use_gpu
    ;;
check)
    { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || die "rustfmt and clippy are missing:" \
        "rustup component add rustfmt clippy"
    use_hdf5
    ;;
test)
    use_hdf5
    use_vulkan
    use_reader
    use_statistics
    ;;
slurm)
    have_slurm || die "Slurm is missing. Install it, or ask for it:" "sudo apt-get install slurm-wlm munge"
    use_hdf5
    use_vulkan
    ;;
bundle)
    [ "$(uname -sm)" = "Linux x86_64" ] || die "the bundle is made on Linux x86_64; this is $(uname -sm)"
    pip_install bundle "${bundle_tools[@]}" "$cmake_tool" || die "zig, cargo-zigbuild and CMake come from PyPI." \
        "sudo apt-get install python3 python3-venv" "and a connection to PyPI"
    find_cmake || die "no CMake $cmake_min or newer"
    # zig is found through the `python3` of the virtual environment.
    path_addition="$venv/bin${path_addition:+:$path_addition}"
    ;;
esac

{
    echo "# Written by scripts/setup.sh $what; made again by every make."
    # shellcheck disable=SC2016 # for the shell that reads it
    [ -z "$path_addition" ] || printf 'export PATH=%q:"$PATH"\n' "$path_addition"
    printf 'export TRAPLINE_FEATURES=%q\n' "${features% }"
    # The CMake of cargo's `cmake` crate.
    [ -z "$cmake" ] || printf 'export CMAKE=%q\n' "$cmake"
    # hdf5-metno-sys prefers HDF5_DIR to its own build even with the static feature.
    [ "${features%hdf5-static}" = "$features" ] && [ "$what" != bundle ] || echo 'unset HDF5_DIR HDF5_VERSION'
    [ -z "$reader" ] || printf 'export TRAPLINE_PYTHON=%q\n' "$reader"
    [ -z "$statistics" ] || echo 'export TRAPLINE_STATISTICS=1'
    # Stops Mesa's device-select layer from complaining that there is no XDG_RUNTIME_DIR.
    [ "$what" != test ] && [ "$what" != slurm ] || echo 'export NODEVICE_SELECT=1'
} >"$state/$what.sh"
