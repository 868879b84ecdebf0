"""Reads a record with h5py and xarray and compares it with what the Rust test says it wrote.

Usage: read_record.py FILE EXPECTED.json
"""

import json
import sys

import h5py
import numpy as np
import xarray as xr

path, wanted = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
AXES = ["material", "temperature", "time", "bin", "row", "col", "circuit_time"]


def bits(values, kind):
    return np.asarray(values, dtype=kind).ravel()


with h5py.File(path, "r") as file:
    whole = file.attrs["file_type"] == wanted["file_type"]
    assert whole or file.attrs["file_type"] == "trapline point"
    assert list(file.attrs["format_version"]) == [2, 7]
    assert file.attrs["campaign_toml"] == wanted["campaign_toml"]
    assert int(file.attrs["seed"]) == wanted["seed"]
    at = (1, 2) if whole else (0, 0)
    axes = AXES if wanted["window"] else AXES[:4]
    for name, dataset in file.items():
        assert dataset.attrs["units"] and dataset.attrs["long_name"], name
        if name in AXES:
            assert dataset.is_scale, name
            assert dataset.attrs["CLASS"] == b"DIMENSION_SCALE", name
            uses = dataset.attrs["REFERENCE_LIST"]
            for reference, dimension in uses:
                assert file[reference].dims[dimension].keys() == [name], name
        else:
            for dimension in dataset.dims:
                assert len(dimension) == 1 and dimension.keys()[0] in AXES, name
    assert [n for n in AXES if n in file] == axes
    assert file["material"].asstr()[...].tolist() == (wanted["materials"] if whole else wanted["materials"][1:])
    assert int(file["cells"][at]) == wanted["cells"]
    assert file["flags"].asstr()[at].split("\n") == wanted["flags"]
    assert (file["filling_mean"][at].view("u8") == bits(wanted["filling_mean"], "u8")).all()
    assert (file["kept_variance"][at].view("u8") == bits(wanted["kept_variance"], "u8")).all()
    assert (file["kept_histogram"][at].ravel() == bits(wanted["histogram"], "u8")).all()
    if wanted["window"]:
        cells = file["cell_filling"]
        assert cells.chunks[:3] == (1, 1, 1) and cells.compression == "gzip" and cells.shuffle and cells.fletcher32
        circuit = file["circuit_margin_worst"]
        assert (circuit[at].view("u8") == bits(wanted["margin_worst"], "u8")).all()
        assert circuit.dims[2].keys() == ["circuit_time"] and circuit.fletcher32
        assert (cells[at].view("u4").ravel() == bits(wanted["cell_filling"], "u4")).all()

with xr.open_dataset(path, engine="h5netcdf") as record:
    assert sorted(record.sizes) == sorted(axes), record.sizes
    assert sorted(record.coords) == sorted(axes), record.coords
    assert list(record["temperature"].values) == (wanted["temperatures"] if whole else wanted["temperatures"][2:])
    assert record["temperature"].attrs["units"] == "K"
    assert list(record["time"].values) == wanted["times"] and record["time"].attrs["units"] == "s"
    assert list(record["bin"].values) == list(range(wanted["bins"]))
    assert record["conductance_mean"].dims == ("material", "temperature", "time")
    assert record["conductance_mean"].attrs["units"] == "S"
    assert record["conductance_variance"].attrs["units"] == "S2"
    assert record["kept_histogram"].dims == ("material", "temperature", "time", "bin")
    assert record["cells"].dims == ("material", "temperature")
    assert record["temperature_celsius"].dims == ("temperature",)
    if wanted["window"]:
        window = wanted["window"]
        assert record["cell_filling"].dims == ("material", "temperature", "time", "row", "col")
        assert list(record["row"].values) == list(range(window["first_row"], window["first_row"] + window["rows"]))
        assert list(record["col"].values) == list(range(window["first_col"], window["first_col"] + window["cols"]))
    chosen = record["filling_mean"].sel(material=wanted["materials"][1], temperature=wanted["temperatures"][2])
    assert (chosen.values.view("u8") == bits(wanted["filling_mean"], "u8")).all()

print("read by h5py and xarray")
