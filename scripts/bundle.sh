#!/usr/bin/env bash
# Makes dist/trapline-<version>-x86_64-linux.tar.gz: one stripped binary that needs glibc 2.28 and nothing else, with
# HDF5 and zlib linked in, the materials, the campaigns, the studies, the fits, the documents and the licences. And from the same
# build the Python wheel, dist/trapline-<version>-cp310-abi3-manylinux_2_28_x86_64.whl (scripts/wheel.py). The last line on
# stdout is the archive's path.
#
# zig's C compiler and linker know the symbols of every glibc, so the machine that builds may be newer than the one that
# runs. The Vulkan loader is opened at run time, and only if there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=x86_64-unknown-linux-gnu
glibc=2.28
venv=$PWD/.setup/venv

scripts/setup.sh bundle
# shellcheck disable=SC1091 # written by the line above
. .setup/bundle.sh

version=$(sed -n 's/^version *= *"\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=trapline-$version
archive=dist/$name-x86_64-linux.tar.gz
messages=.setup/bundle-messages.json

# The paths of the machine that builds do not belong into panic messages and HDF5's error stacks, nor do the builder's
# own flags (-C target-cpu=native, say) into a binary for others.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$cargo_home=cargo --remap-path-prefix=$PWD=trapline"
export CFLAGS="-ffile-prefix-map=$cargo_home=cargo"
case $cargo_home$PWD in *[[:space:]]*) RUSTFLAGS='' CFLAGS='' ;; esac # both split at spaces, with no way to quote

# The program and the Python module in one call: what both are made of is built once. The module asks for the stable
# interface of Python, which needs no interpreter to build.
export PYO3_NO_PYTHON=1
# shellcheck disable=SC2086 # several flags
cargo-zigbuild zigbuild --release -p trapline --bin trapline -p trapline-python --lib --features trapline/hdf5-static \
    --target "$target.$glibc" --message-format=json-render-diagnostics ${CARGO_FLAGS:-} >"$messages"
built() { # KEY NAME: the last file that cargo named for a target
    "$venv/bin/python" -c '
import json, sys
for line in open(sys.argv[1]):
    message = json.loads(line) if line.startswith("{") else {}
    if message.get("target", {}).get("name") == sys.argv[3]:
        files = [message.get("executable")] if sys.argv[2] == "executable" else message.get("filenames", [])
        for file in files:
            if file and (sys.argv[2] == "executable" or file.endswith(".so")):
                print(file)
' "$messages" "$1" "$2" | tail -n 1
}
binary=$(built executable trapline)
module=$(built filenames _trapline)
for file in "$binary" "$module"; do
    [ -x "$file" ] || {
        echo "bundle: error: cargo named no program or no module in $messages" >&2
        exit 1
    }
done

folder=dist/$name
rm -rf "$folder" "$archive"
mkdir -p "$folder"
strip -o "$folder/trapline" "$binary"
cp -r materials campaigns studies claims fits docs "$folder/"
cp README.md CHANGELOG.md CONTRIBUTING.md CITATION.cff LICENSE-MIT LICENSE-APACHE "$folder/"
mkdir "$folder/licences"
"$venv/bin/python" scripts/linked.py licences "$messages" "$target" "$folder/licences"
"$venv/bin/python" scripts/linked.py hdf5 "$messages" "$target" >.setup/bundle-hdf5.toml

# Nothing of the builder in the archive's entries: fixed order, owner, modes and time.
chmod -R u=rwX,go=rX "$folder"
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -C dist -cf - "$name" | gzip -9n >"$archive"
SOURCE_DATE_EPOCH=$time "$venv/bin/python" scripts/wheel.py pack "$binary" "$module" "$folder/licences" dist >&2
rm -rf "$folder"
echo "bundle: $(du -h "$archive" | cut -f 1), needs glibc $glibc or newer" >&2
echo "$archive"
