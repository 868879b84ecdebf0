#!/usr/bin/env bash
# Checks the wheel that scripts/bundle.sh made, as a user gets it: its symbols and libraries; in a clean environment of python3 all
# tests of python/tests, the notebooks of examples/notebooks and the types; and under every other Python at hand, from 3.10 on, the
# tests that take little time.
# Nothing of the source tree is on the path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel=$(find dist -maxdepth 1 -name 'trapline-*.whl' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
[ -n "$wheel" ] || {
    echo "wheel-test: error: there is no wheel yet. Run: make bundle" >&2
    exit 1
}
wheel=$PWD/$wheel
tests=$PWD/python/tests
notebooks=$PWD/scripts/check-notebooks.py
unset PYTHONPATH TRAPLINE_PROGRAM
export NODEVICE_SELECT=1

scripts/wheel.py check "$wheel"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

environment() { # PYTHON NAME PACKAGE...: a clean environment with the wheel
    "$1" -m venv "$folder/$2"
    "$folder/$2/bin/pip" install --quiet --disable-pip-version-check "$wheel" "${@:3}"
}

run_tests() { # NAME FILE...
    (cd "$folder" && "$folder/$1/bin/python" -m pytest -q -p no:cacheprovider "${@:2}")
}

environment python3 all 'pytest>=7' 'h5py>=3.8' 'matplotlib>=3.6' auditwheel mypy pandas-stubs nbclient nbformat ipykernel
"$folder/all/bin/auditwheel" show "$wheel" | grep -q 'manylinux_2_28_x86_64' || {
    echo "wheel-test: error: auditwheel does not find it fit for manylinux_2_28:" >&2
    "$folder/all/bin/auditwheel" show "$wheel" >&2
    exit 1
}
"$folder/all/bin/trapline" --version
run_tests all "$tests"
# The notebooks, and what they show.
(cd "$folder" && all/bin/python "$notebooks")
# The types, as whoever uses the package sees them.
(cd "$folder" && all/bin/python -m mypy --strict --cache-dir "$folder/mypy" -p trapline)

main=$("$folder/all/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.10 3.11 3.12 3.13 3.14; do
    python=python$version
    [ "$version" != "$main" ] && "$python" -c 'import venv, ensurepip' 2>/dev/null || continue
    environment "$python" "$version" 'pytest>=7' 'h5py>=3.8'
    echo "wheel-test: Python $version"
    run_tests "$version" "$tests/test_cells.py" "$tests/test_circuits.py" "$tests/test_campaigns.py"
done
echo "wheel-test: $(du -h "$wheel" | cut -f 1), all well" >&2
