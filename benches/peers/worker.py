"""One peer in a process of its own, for peers.py: answers each line of stdin by a line of JSON.

check KERNEL        {"apart": largest relative difference, "seconds": of a call} or {"disagrees": why}
time KERNEL CALLS   {"seconds": of one of so many calls in a row}
"""

import importlib
import json
import os
import pathlib
import sys
import time

# Where a peer is, and the function that makes it.
PEERS = {
    "c": ("with_c", "peer"),
    "numpy": ("with_numpy", "peer"),
    "numba": ("with_numba", "peer"),
    "jax": ("with_jax", "peer"),
    "torch": ("with_torch", "peer"),
    "cuda": ("with_c", "gpu_peer"),
    "jax_gpu": ("with_jax", "gpu_peer"),
    "torch_gpu": ("with_torch", "gpu_peer"),
}


class Worker:
    def __init__(self, name, threads, folder):
        self.threads, self.folder = threads, pathlib.Path(folder)
        module, function = PEERS[name]
        self.make = getattr(importlib.import_module(module), function)
        self.problems, self.peers, self.what = {}, {}, ""

    def peer(self, kernel):
        """The peer with its inputs in place, and its problem; one of all kernels that share a problem."""
        import problem

        file = (self.folder / f"{kernel}.problem").read_text()
        if file not in self.peers:
            self.problems[file] = problem.load(self.folder / file)
            self.peers[file], self.what = self.make(self.problems[file], self.threads, self.folder)
        return self.peers[file], self.problems[file]

    def check(self, kernel):
        import numpy
        import problem

        peer, of = self.peer(kernel)
        found = getattr(peer, kernel)()
        if callable(found.get("filling")):
            found["filling"] = found["filling"]()
        with numpy.load(self.folder / f"{kernel}-reference.npz") as file:
            expected = dict(file)
        try:
            apart = problem.check(of, kernel, found, expected)
        except problem.Disagrees as why:
            return {"disagrees": str(why)}
        return {"apart": apart, "what": self.what, **self.time(kernel, 1)}

    def time(self, kernel, calls):
        call = getattr(self.peer(kernel)[0], kernel)
        start = time.perf_counter()
        for _ in range(int(calls)):
            call()
        return {"seconds": (time.perf_counter() - start) / int(calls)}


def main():
    name, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    answers = os.fdopen(os.dup(1), "w")
    # What libraries print is no answer.
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            worker = worker or Worker(name, threads, folder)
            answer = {"check": worker.check, "time": worker.time}[command](*arguments)
        except Exception as why:  # whatever a peer raises, the others are still measured
            words = (str(why) or type(why).__name__).strip().splitlines()[0]
            answer = {"absent" if isinstance(why, ImportError) else "failed": words}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
