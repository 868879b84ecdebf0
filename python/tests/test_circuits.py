"""Crossbars as circuits."""

from __future__ import annotations

import numpy as np
import pytest
import trapline as tl


def conductances(rows: int = 12, cols: int = 9) -> np.ndarray:
    return np.random.default_rng(1).uniform(1e-6, 1e-4, (rows, cols))


def nodal(g: np.ndarray, wire_ohm: float, v_rows: np.ndarray) -> np.ndarray:
    """Currents out of the columns by the nodes' equations, solved densely: an independent solver."""
    rows, cols = g.shape
    count = rows * cols
    y, rhs, wire_s = np.zeros((2 * count, 2 * count)), np.zeros(2 * count), 1 / wire_ohm
    word = lambda row, col: row * cols + col  # noqa: E731
    bit = lambda row, col: count + row * cols + col  # noqa: E731

    def join(a: int, b: int, s: float) -> None:
        y[a, a] += s
        y[b, b] += s
        y[a, b] -= s
        y[b, a] -= s

    for row in range(rows):
        for col in range(cols):
            join(word(row, col), bit(row, col), g[row, col])
            if col + 1 < cols:
                join(word(row, col), word(row, col + 1), wire_s)
            if row + 1 < rows:
                join(bit(row, col), bit(row + 1, col), wire_s)
        y[word(row, 0), word(row, 0)] += wire_s
        rhs[word(row, 0)] += wire_s * v_rows[row]
    for col in range(cols):
        y[bit(rows - 1, col), bit(rows - 1, col)] += wire_s
    volts = np.linalg.solve(y, rhs)
    return wire_s * volts[[bit(rows - 1, col) for col in range(cols)]]


def test_currents_are_those_of_an_independent_solver_within_the_bound() -> None:
    g, v = conductances(), np.random.default_rng(2).uniform(0, 0.2, 12)
    seen = tl.crossbar(g, wire_ohm=50.0).read(v)
    wanted = nodal(g, 50.0, v)
    # The dense solver's own rounding comes on top of the bound.
    assert np.abs(seen.column_a - wanted).sum() <= seen.bound_a + 1e-12 * seen.total_a
    assert seen.bound_a == pytest.approx(seen.relative_bound * seen.total_a)
    assert not np.allclose(seen.column_a, nodal(g, 60.0, v), rtol=1e-6, atol=0)
    np.testing.assert_allclose(seen.cell_a, g * (seen.word_v - seen.bit_v), rtol=1e-9)
    np.testing.assert_allclose(seen.cell_a.sum(axis=0), seen.column_a, rtol=1e-6)


def test_many_vectors_and_one_matrix_agree() -> None:
    g = conductances()
    crossbar = tl.crossbar(g, 20.0, source_ohm=10.0, sense_ohm=5.0, both_ends=True)
    vectors = np.random.default_rng(3).uniform(-0.1, 0.1, (4, 12))
    many = crossbar.read_many(vectors)
    for vector, column_a, bound_a in zip(vectors, many.column_a, many.bound_a):
        one = crossbar.read(vector)
        assert np.abs(column_a - one.column_a).sum() <= bound_a + one.bound_a
    weights = crossbar.weights()
    np.testing.assert_allclose(vectors @ weights.weight_s + weights.offset_a, many.column_a, rtol=1e-6, atol=1e-15)
    assert crossbar.shape == (12, 9) and weights.weight_s.shape == (12, 9)


def test_one_cell_among_others() -> None:
    crossbar = tl.crossbar(conductances(), 2.0)
    grounded, floating = (crossbar.select(3, 4, read_v=0.1, scheme=of).column_a[4] for of in ("grounded", "floating"))
    assert grounded == pytest.approx(0.1 * conductances()[3, 4], rel=5e-2) and floating > grounded


def test_wires_of_their_own_and_open_cells() -> None:
    g = conductances()
    alike = tl.crossbar(g, 3.0).read(np.ones(12)).column_a
    each = tl.crossbar(g, word_wire_ohm=np.full(10, 3.0), bit_wire_ohm=np.full(13, 3.0)).read(np.ones(12)).column_a
    np.testing.assert_allclose(each, alike, rtol=1e-9)
    g[:, 2] = 0
    assert tl.crossbar(g, 3.0).read(np.ones(12)).column_a[2] == 0


@pytest.mark.parametrize(
    "make",
    [np.asfortranarray, lambda g: np.repeat(g, 2, axis=0)[::2], lambda g: g.astype(np.float32), lambda g: g.tolist()],
)
def test_conductances_of_other_types_and_orders_are_converted(make: object) -> None:
    g = conductances().astype(np.float32).astype(np.float64)
    wanted = tl.crossbar(g, 2.0).read(np.ones(12)).column_a
    np.testing.assert_array_equal(tl.crossbar(make(g), 2.0).read(np.ones(12)).column_a, wanted)


def test_what_is_given_is_not_changed_and_what_is_changed_later_does_not_count() -> None:
    g = conductances()
    crossbar, kept = tl.crossbar(g, 2.0), g.copy()
    before = crossbar.read(np.ones(12)).column_a
    np.testing.assert_array_equal(g, kept)
    g *= 2
    np.testing.assert_array_equal(crossbar.read(np.ones(12)).column_a, before)
