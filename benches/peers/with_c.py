"""The peers that are compiled: C, and CUDA C++ where there is nvcc. Both are shared libraries behind cells.h."""

import ctypes
import pathlib
import shutil
import subprocess

import numpy as np

from problem import THRESHOLD, WIDTH

HERE = pathlib.Path(__file__).parent
ARRAYS = (
    "weight",
    "speed",
    "rate",
    "slope",
    "curve",
    "mean_speed",
    "shares",
    "size",
    "area",
    "filled",
    "inverse_limit",
    "offers",
    "nominal",
    "low",
    "per_unit",
)
FLOATS = ctypes.POINTER(ctypes.c_float)


class Layout(ctypes.Structure):
    """`struct problem` of cells.h."""

    _fields_ = [(name, ctypes.c_int32) for name in ("cells", "checkpoints", "octave")]
    _fields_ += [(name, ctypes.c_float) for name in ("q", "direct", "hopping", "background", "threshold")]
    _fields_ += [(name, FLOATS) for name in ARRAYS]


def compile_with(command, source, classes, folder):
    library = pathlib.Path(folder) / f"{source}-{classes}.so"
    done = subprocess.run(
        [*command, f"-DK={classes}", "-o", library, HERE / source, "-lm"], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stderr.strip().splitlines() or ['failed'])[0]}")
    return ctypes.CDLL(str(library))


class Compiled:
    def __init__(self, library, problem, threads):
        self.problem = problem
        layout = Layout(
            cells=problem.cells,
            checkpoints=problem.times.size,
            octave=problem.octave,
            q=problem.q,
            direct=problem.direct,
            hopping=problem.hopping,
            background=problem.background,
            threshold=THRESHOLD,
        )
        for name in ARRAYS:
            setattr(layout, name, getattr(problem, name).ctypes.data_as(FLOATS))
        self.library = library
        library.setup.restype = ctypes.c_char_p
        wrong = library.setup(ctypes.byref(layout), threads)
        if wrong:
            raise RuntimeError(wrong.decode())

    def call(self, name, *arrays):
        getattr(self.library, name)(*(ctypes.c_void_p(array.ctypes.data) for array in arrays))

    def bake(self):
        mean = np.empty(self.problem.times.size)
        self.call("bake", mean)
        return {"mean": mean}

    def statistics(self):
        n = self.problem.times.size
        found = {
            "sum": np.empty((n, 4)),
            "square": np.empty((n, 4)),
            "least": np.empty((n, 4), np.float32),
            "most": np.empty((n, 4), np.float32),
            "counts": np.empty((n, 3, WIDTH), np.int64),
            "failed": np.empty(n, np.int64),
        }
        self.call("statistics", *found.values())
        return found

    def program(self):
        occupancies = np.empty(self.problem.classes)
        self.call("program", occupancies)
        return {"occupancies": occupancies, "filling": self.fillings}

    def fillings(self):
        filling = np.empty(self.problem.cells, np.float32)
        self.call("fillings", filling)
        return filling


def peer(problem, threads, folder):
    command = ["gcc", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]
    return Compiled(compile_with(command, "cells.c", problem.classes, folder), problem, threads), "gcc, OpenMP, libmvec"


def gpu_peer(problem, threads, folder):
    nvcc = shutil.which("nvcc")
    if not nvcc:
        raise ImportError("no nvcc")
    command = [nvcc, "-O3", "-arch=native", "-use_fast_math", "-shared", "-Xcompiler", "-fPIC"]
    return Compiled(compile_with(command, "cuda.cu", problem.classes, folder), problem, threads), "nvcc"
