"""Campaigns and records: the numbers are those of the command, bit for bit."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import trapline as tl


def assert_same_as_file(found: "tl.Record | object", path: Path) -> int:
    """Every dataset of a file is there, with the same elements and units; how many they are."""
    compared = 0
    with h5py.File(path) as file:
        for name, dataset in file.items():
            if not isinstance(dataset, h5py.Dataset) or name in ("row", "col", "bin"):
                continue
            ours = {"temperature_celsius": "celsius"}.get(name, name)
            if ours not in found.variables:
                assert name.startswith(("cell_", "conductance_hist", "filling_hist", "kept_hist")), name
                continue
            wanted = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
            values = found[ours].values
            np.testing.assert_array_equal(values, wanted, err_msg=name)
            assert found[ours].attrs["units"] == dataset.attrs["units"], name
            assert found[ours].attrs["long_name"] == dataset.attrs["long_name"], name
            if values.dtype.kind != "U":
                assert values.dtype == dataset.dtype, name
            compared += 1
    return compared


def test_a_run_is_the_commands_run(folder: Path) -> None:
    ours = tl.run("bake.toml", backend="cpu", output="ours.h5")
    tl.command("run", "bake.toml", "--backend", "cpu", "-o", "cli.h5", "--quiet", "--no-plot")
    assert tl.diff("ours.h5", "cli.h5").same
    with h5py.File("cli.h5") as file:
        for name in ("kept_mean", "failed", "conductance_variance", "material", "time"):
            wanted = file[name].asstr()[()] if name == "material" else file[name][()]
            np.testing.assert_array_equal(ours[name].values, wanted)
        kept = ours.kept_mean.sel(material="pi-ws2-ns", celsius=150, time=1e5)
        assert float(kept) == file["kept_mean"][1, 1, -1]
    assert not list(folder.glob("ours.png")) and ours.encoding["source"].endswith("ours.h5")
    # The negative control: other cells have other numbers, and the comparison says which.
    other = tl.run("bake.toml", backend="cpu", output="other.h5", seed=8)
    different = tl.diff("ours.h5", "other.h5")
    assert not different and "kept_mean" in different.table().index
    assert not np.array_equal(other.kept_mean, ours.kept_mean)


def test_a_record_is_what_its_file_holds(baked: Path) -> None:
    record = tl.open("bake.h5", histograms=True, cells=True)
    assert assert_same_as_file(record, baked / "bake.h5") > 50
    with h5py.File("bake.h5") as file:
        np.testing.assert_array_equal(record.cell_filling, file["cell_filling"][()])
        assert record.cell_filling.dtype == np.float32
        np.testing.assert_array_equal(record.kept_histogram, file["kept_histogram"][()])
        assert record.attrs["campaign_toml"] == file.attrs["campaign_toml"]
    assert record.cell_conductance.dims == ("material", "celsius", "time", "row", "col")
    np.testing.assert_allclose(record.temperature, record.celsius + 273.15, rtol=1e-15)
    with pytest.raises(AssertionError):
        assert_same_as_file(record.assign(kept_mean=record.kept_mean + 1e-15), baked / "bake.h5")


def test_sweeps_are_axes(folder: Path) -> None:
    text = Path("bake.toml").read_text()
    sweeps = '[[sweep]]\nkey = "seed"\nvalues = [3, 1]\n\n[[sweep]]\nname = "reading"\nkeys = ["read.bias_v", "failure.kept_below"]\nvalues = [[0.1, 0.9], [0.2, 0.8]]\nlabels = ["low", "high"]\n'
    Path("swept.toml").write_text(text.replace('name = "bake"', 'name = "swept"') + "\n" + sweeps)
    swept = tl.run("swept.toml", backend="cpu")
    assert swept.kept_mean.dims[0] == "seed" and swept.seed.values.tolist() == [3, 1]
    assert assert_same_as_file(swept, folder / "swept.h5") > 40
    assert tl.plan("swept.toml").points == swept.computed.size


def test_shards_are_merged(folder: Path) -> None:
    whole = tl.run("bake.toml", backend="cpu")
    for number in (1, 2):
        part = tl.run("bake.toml", backend="cpu", shard=f"{number}/2", output="part")
        assert int(part.computed.sum()) == 2
        assert np.isnan(part.kept_mean.where(part.computed == 0, drop=True)).all()
    pieces = ["part-1-of-2.h5", "part-2-of-2.h5"]
    with pytest.raises(tl.UsageError, match="point"):
        tl.merge(pieces[:1], output="merged.h5")
    merged = tl.merge(pieces, output="merged.h5")
    np.testing.assert_array_equal(merged.kept_mean, whole.kept_mean)


def test_a_plan_says_what_a_campaign_takes(folder: Path) -> None:
    plan = tl.plan("bake.toml", rows=32)
    assert (plan.name, plan.points, plan.times_s[-1]) == ("bake", 4, 1e5)
    table = plan.table()
    assert table.celsius.tolist() == [25, 150, 25, 150] and set(table.rows) == {32}
    forecast = plan.forecast("cpu")
    assert 0 < forecast.seconds < 600 and forecast.record_bytes > 1000 and forecast.backend == "cpu"
    assert len(tl.plan("bake.toml", shard="2/4").numbers) == 1


def test_progress_is_told_and_may_end_a_run(folder: Path) -> None:
    told: list[tuple[int, int, int, int]] = []
    tl.run("bake.toml", backend="cpu", progress=lambda *of: told.append(of))
    assert told[-1][0] == told[-1][1] and told[-1][2:] == (4, 4)

    class Enough(Exception):
        pass

    def stop(*_: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        tl.run("bake.toml", backend="cpu", progress=stop, rows=192, cols=192, output="stopped.h5")
    # Whatever was finished, the run is no longer going on, and can be gone on with.
    again = tl.resume("bake.toml", backend="cpu", rows=192, cols=192, output="stopped.h5")
    assert int(again.computed.min()) == 1


def test_resuming_what_is_whole_only_reads_it(baked: Path) -> None:
    with pytest.warns(tl.TraplineWarning, match="complete"):
        again = tl.resume("bake.toml", backend="cpu")
    np.testing.assert_array_equal(again.kept_mean, tl.open("bake.h5").kept_mean)


def test_what_is_said_of_a_record_is_what_the_command_says(baked: Path) -> None:
    assert tl.show("bake.h5") == tl.command("show", "bake.h5").removesuffix("\n") or tl.show("bake.h5") == tl.command(
        "show", "bake.h5"
    )


def test_lifetimes_are_those_of_the_command(baked: Path) -> None:
    pandas = pytest.importorskip("pandas")
    report = tl.analyze("bake.h5", output="report", use_celsius=[55, 85])
    assert isinstance(report, dict) and (baked / "report/index.html").is_file()
    with warnings.catch_warnings():
        # Where it is deprecated it is the default.
        warnings.simplefilter("ignore")
        wanted = pandas.read_csv("report/lifetimes.csv", float_precision="round_trip")
        curves = pandas.read_csv("report/curves.csv", float_precision="round_trip")
    pandas.testing.assert_frame_equal(tl.lifetimes("bake.h5"), wanted, check_exact=True)
    pandas.testing.assert_frame_equal(tl.failures("bake.h5"), curves, check_exact=True)
    # The negative control: another confidence has other bounds.
    assert not tl.failures("bake.h5", confidence=0.5).equals(curves)


def test_experiments_are_datasets(folder: Path) -> None:
    tl.command("iv", "--to", "2", "--backend", "cpu", "-o", "iv.h5", "--quiet", "--no-plot")
    found = tl.open("iv.h5")
    with tl.Record("iv.h5") as record, h5py.File("iv.h5") as file:
        assert record.kind == "experiment" and record.groups() == ["iv"]
        for name, variable in found.variables.items():
            np.testing.assert_array_equal(variable.values, file[f"iv/{name}"][()])
    with pytest.raises(tl.UsageError, match='no group "nope"; it must be one of: iv'):
        tl.open("iv.h5", "nope")


def test_rare_and_fit_call_the_command(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tl.TraplineWarning)
        found = tl.rare("bake.toml", at_s=1e5, precision=0.5, max_samples=4096)
    assert len(found) == 4 and (found.lower <= found.upper).all()
    Path("fit.toml").write_text("")
    with pytest.raises(tl.UsageError, match="fit.toml"):
        tl.fit("fit.toml", material_name="pi-ws2-qd", output="fitted.toml")


def test_a_fit_begins_at_a_material_that_is_no_file(folder: Path) -> None:
    Path("fit.toml").write_text(
        """
format = 1

[[parameter]]
key = "capture.stay_midpoint"
lower = 2.2
upper = 3.6

[[target]]
kind = "filling_after"
pulses = 10
target = 0.2
tolerance = 0.01
"""
    )
    start = tl.material("pi-ws2-qd")
    by_name = tl.fit("fit.toml", material_name="pi-ws2-qd", output="named.toml")
    by_text = tl.fit("fit.toml", material_name=start, output="typed.toml")
    assert by_text.report["parameters"][0]["fitted"] == by_name.report["parameters"][0]["fitted"]
    # The control: it does begin there.
    other = tl.parse_material(by_name.material.text)
    again = tl.fit("fit.toml", material_name=other, output="again.toml")
    assert again.report["parameters"][0]["start"] != by_text.report["parameters"][0]["start"]


def test_lives_are_those_of_the_report(baked: Path) -> None:
    pytest.importorskip("pandas")
    report = tl.analyze("bake.h5", use_celsius=[55, 85], across_break=True)
    lives = tl.lives("bake.h5", use_celsius=[55, 85], across_break=True)
    wanted = [use for group in report["groups"] for use in group["uses"]]
    assert len(lives) == len(wanted) == 4 and set(lives.celsius) == {55.0, 85.0}
    for (_, row), use in zip(lives.iterrows(), wanted, strict=True):
        (life,) = use["lives"]
        assert row.ppm == pytest.approx(1000.0)
        if "life_s" in life["arrhenius"]:
            assert row.life_s == life["arrhenius"]["life_s"] and row.refused == ""
            assert row.life_y == pytest.approx(row.life_s / 31557600.0)
        else:
            assert np.isnan(row.life_s) and row.refused == life["arrhenius"]["refused"]
    with pytest.raises(tl.UsageError, match="use_celsius"):
        tl.lives("bake.h5", use_celsius=float("nan"))


def test_plots_are_drawn_on_request(folder: Path) -> None:
    tl.run("bake.toml", backend="cpu", plot=True)
    assert all((folder / f"bake.{ending}").is_file() for ending in ["png", "svg", "figure.csv"])


def test_a_dataset_draws_itself(baked: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    line = tl.open("bake.h5").kept_mean.sel(material="pi-ws2-qd", celsius=150).plot()
    assert len(line) == 1
