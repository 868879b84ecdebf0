"""Cells that keep their state."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import trapline as tl

READ_V = 0.1


def small(seed: int = 1, rows: int = 16, cols: int = 16, **more: object) -> tl.Cells:
    return tl.cells(tl.material("pi-ws2-qd"), rows=rows, cols=cols, seed=seed, **{"backend": "cpu", **more})


def test_the_readme_lines_work() -> None:
    cells = tl.cells(tl.material("pi-ws2-qd"), rows=128, cols=128, seed=1)
    fresh_s = cells.conductance()
    cells.pulse(1.5, width_s=1e-3, count=30)
    g = cells.conductance()
    cells.bake(celsius=150, seconds=1e5)
    assert g.shape == (128, 128) and g.dtype == np.float64 and g.flags.c_contiguous and g.flags.owndata is not None
    baked_s = cells.conductance()
    assert fresh_s.mean() < baked_s.mean() < g.mean()
    seen = tl.crossbar(g, wire_ohm=2.8).read(np.full(128, READ_V))
    assert seen.column_a.shape == (128,) and seen.relative_bound < 1e-9


def test_driven_cells_are_those_of_the_command(folder: Path) -> None:
    tl.command(
        "pulse",
        "--cells",
        "64",
        "--count",
        "5",
        "--seed",
        "3",
        "--backend",
        "cpu",
        "-o",
        "p.h5",
        "--quiet",
        "--no-plot",
    )
    one_pulse = [(1.5, 1e-3, True), (0.0, 1e-3, False), (READ_V, 1e-2, True)]
    segments = [(READ_V, 1e-2, True), *(one_pulse * 5)]
    bias_v, dwell_s, record = (np.array(of) for of in zip(*segments))
    pulse = np.array([0] + [number for number in range(5) for _ in one_pulse])

    def driven(seed: int) -> np.ndarray:
        cells = small(seed, rows=1, cols=64)
        seen = cells.drive(bias_v, dwell_s, record=record, pulse=pulse)
        assert seen.current_a.shape == (11, 1, 64)
        return seen.current_a[0::2, 0, :].T / READ_V

    with h5py.File("p.h5") as file:
        wanted = file["pulse/conductance_noiseless_s"][:, 0, :]
    np.testing.assert_array_equal(driven(3), wanted)
    assert not np.array_equal(driven(4), wanted)


def test_a_bake_is_the_campaigns(folder: Path) -> None:
    # Mean field: a stimulus takes pulse by pulse what a campaign takes as a train, to a few 1e-4 of the filling.
    # And with the seed's own cells at every temperature, which the array has.
    Path("same.toml").write_text("same_cells = true\n" + Path("bake.toml").read_text())
    dump = tl.run("same.toml", backend="cpu", electrons="mean-field", output="d.h5")
    cells = tl.open("d.h5", cells=True).sel(material="pi-ws2-qd", celsius=150)
    ours = small(7, electrons="mean-field")
    ours.pulse(1.5, width_s=1e-3, count=30)
    ours.bake(celsius=150, seconds=1e5)
    wanted = cells.cell_conductance.sel(time=1e5).values
    found = ours.conductance(celsius=150)[:4, :4]
    assert float(dump.point_read_temperature.sel(material="pi-ws2-qd", celsius=150)) == pytest.approx(423.15)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=0)
    other = small(8, electrons="mean-field")
    other.pulse(1.5, width_s=1e-3, count=30)
    other.bake(celsius=150, seconds=1e5)
    assert not np.allclose(other.conductance(celsius=150)[:4, :4], wanted, rtol=1e-3, atol=0)


@pytest.mark.parametrize("electrons", ["counted", "mean-field"])
def test_the_seed_decides(electrons: str) -> None:
    def pulsed(seed: int) -> np.ndarray:
        cells = small(seed, electrons=electrons)
        cells.pulse(1.5, width_s=1e-3, count=10)
        return cells.conductance()

    np.testing.assert_array_equal(pulsed(1), pulsed(1))
    assert not np.array_equal(pulsed(1), pulsed(2))


def test_backends_agree() -> None:
    def pulsed(backend: str) -> np.ndarray:
        cells = small(electrons="mean-field", backend=backend)
        assert cells.backend == backend
        cells.pulse(1.5, width_s=1e-3, count=10)
        return cells.conductance()

    np.testing.assert_allclose(pulsed("cpu"), pulsed("reference"), rtol=1e-5)


@pytest.mark.skipif(os.environ.get("TRAPLINE_SKIP_GPU_TESTS") == "1" or not tl.devices(), reason="no adapter")
def test_a_gpu_draws_the_same_cells() -> None:
    on_gpu, on_cpu = small(backend="gpu", electrons="mean-field"), small(electrons="mean-field")
    for cells in (on_gpu, on_cpu):
        cells.pulse(1.5, width_s=1e-3, count=10)
    assert on_gpu.backend == "gpu"
    np.testing.assert_allclose(on_gpu.conductance(), on_cpu.conductance(), rtol=1e-5)


def test_only_some_cells() -> None:
    cells, mask = small(), np.zeros((16, 16), dtype=bool)
    mask[3, 5:9] = True
    before = cells.filling()
    cells.pulse(1.5, width_s=1e-3, count=10, where=mask)
    after = cells.filling()
    assert (after[mask] > before[mask]).all() and np.array_equal(after[~mask], before[~mask])
    seen = cells.drive([READ_V], 0.0, where=mask)
    assert np.isnan(seen.current_a[0][~mask]).all() and np.isfinite(seen.current_a[0][mask]).all()


def test_each_cell_its_own_bias_and_temperature() -> None:
    cells = small(variation=False, electrons="mean-field")
    bias_v = np.linspace(0.5, 2.0, 256).reshape(16, 16)
    seen = cells.expose(bias_v, dwell_s=1e-3)
    filling = cells.filling()
    assert (
        seen.current_a.shape == (1, 16, 16)
        and (np.diff(filling.ravel()) >= 0).all()
        and filling[0, 0] < filling[-1, -1]
    )
    cells.empty()
    cells.expose(2.0, dwell_s=1e-2)
    assert np.ptp(cells.filling()) < 1e-6 < cells.filling().mean()
    celsius = np.full((16, 16), 25.0)
    celsius[0, 0] = 220.0
    mask = np.zeros((16, 16), dtype=bool)
    mask[0] = True
    cells.expose(0.0, dwell_s=1e4, celsius=celsius, where=mask)
    after = cells.filling()
    assert after[0, 0] < 0.9 * after[1, 1] and after[0, 1] == pytest.approx(after[1, 1], rel=1e-3)


def test_state_is_taken_put_and_gone_back_to() -> None:
    cells = small()
    cells.pulse(1.5, width_s=1e-3, count=10)
    held, conductance_s, occupancy = cells.snapshot(), cells.conductance(), cells.occupancy()
    assert occupancy.shape[:2] == (16, 16) and occupancy.min() >= 0 and occupancy.max() <= 1
    twin = cells.copy()
    cells.bake(celsius=155, seconds=1e6)
    assert not np.array_equal(cells.conductance(), conductance_s)
    np.testing.assert_array_equal(twin.conductance(), conductance_s)
    cells.restore(held)
    np.testing.assert_array_equal(cells.conductance(), conductance_s)
    cells.empty()
    assert cells.filling().max() == 0
    cells.set_occupancy(occupancy)
    np.testing.assert_allclose(cells.conductance(), conductance_s, rtol=1e-6)


def test_pulses_in_pieces_are_pulses_at_once() -> None:
    # As long as the pieces of a call are, in the mean: no call is so long here, so two calls stand for two pieces.
    at_once, in_pieces = small(electrons="mean-field"), small(electrons="mean-field")
    at_once.pulse(1.5, width_s=1e-3, count=10)
    in_pieces.pulse(1.5, width_s=1e-3, count=4)
    in_pieces.pulse(1.5, width_s=1e-3, count=6)
    np.testing.assert_array_equal(at_once.conductance(), in_pieces.conductance())


def test_arrays_of_other_types_and_orders_are_converted() -> None:
    cells = small(variation=False, electrons="mean-field")
    bias_v = np.linspace(0.5, 2.0, 256).reshape(16, 16)
    found = []
    for given in (bias_v, np.asfortranarray(bias_v), np.repeat(bias_v, 2, axis=1)[:, ::2], bias_v.tolist()):
        cells.empty()
        cells.expose(given, dwell_s=1e-3)
        found.append(cells.filling())
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_materials() -> None:
    assert tl.materials() == ["pi-ws2-qd", "pi-ws2-ns", "pi"]
    dots = tl.material("pi-ws2-qd")
    assert tl.parse_material(dots.text) == dots != tl.material("pi") and dots.glass_transition_celsius == 170
    assert dots.text == tl.command("materials", "pi-ws2-qd")
