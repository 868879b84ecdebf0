#!/usr/bin/env bash
# Makes a virtual environment with what benches/peers/peers.py compares trapline with: install.sh FOLDER
# What cannot be installed is named in one line and left out. A second run finds everything in place.
set -euo pipefail

venv=${1:?usage: install.sh FOLDER}
pip=("$venv/bin/pip" install --quiet --disable-pip-version-check)

say() { printf 'peers: %s\n' "$*" >&2; }

# install NAME MODULE ARGUMENTS...: tells whether MODULE can be imported, after an installation where it could not.
install() {
    local name=$1 module=$2
    shift 2
    "$venv/bin/python" -c "import $module" 2>/dev/null && return
    say "installing $name"
    "${pip[@]}" "$@" >"$venv/$module.log" 2>&1
}

left_out() { say "$1 cannot be installed and is left out: $(tail -n 1 "$venv/$2.log")"; }

[ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || { say "error: python3 makes no virtual environment" && exit 1; }
install NumPy numpy numpy || { left_out NumPy numpy && exit 1; }
install Numba numba numba || left_out Numba numba
install matplotlib matplotlib matplotlib || left_out matplotlib matplotlib
if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
    install "JAX for CUDA" jax "jax[cuda12]" || install JAX jax jax || left_out JAX jax
    install PyTorch torch torch || left_out PyTorch torch
else
    install JAX jax jax || left_out JAX jax
    # PyTorch's own index has a small wheel for processors; that of PyPI takes some 4 GB, CUDA included.
    install "PyTorch for processors" torch torch --index-url https://download.pytorch.org/whl/cpu ||
        install "PyTorch with CUDA" torch torch || left_out PyTorch torch
fi
