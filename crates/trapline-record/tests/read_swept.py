"""Reads a record with sweeps, and a campaign in progress, with h5py and xarray and compares them with what the Rust test wrote.

Usage: read_swept.py FILE EXPECTED.json
"""

import json
import sys

import h5py
import numpy as np
import xarray as xr

path, wanted = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))


def bits(values):
    return np.asarray(values, dtype="u8")


if wanted["in_progress"]:
    with h5py.File(path, "r") as file:
        assert file.attrs["file_type"] == "trapline campaign in progress"
        assert file["points"].get("point-000001") is None
        there = file["points/point-000035/filling_mean"]
        assert (there[...].view("u8").ravel() == bits(wanted["filling_mean"])).all()
        assert file["point_seed"].shape == (3, 2, 2, 3)
        assert int(file["point_seed"][2, 1, 1, 2]) == 7
else:
    with xr.open_dataset(path, engine="h5netcdf") as record:
        assert record["kept_mean"].dims == ("seed", "dose", "material", "temperature", "time")
        assert record["kept_mean"].shape == (3, 2, 2, 3, 5)
        assert list(record["seed"].values) == [2**63 - 1, 0, 7]
        assert list(record["dose"].values) == ["low, µ", "high"]
        assert record["dose.material.program.amplitude_v"].dims == ("dose",)
        assert record["dose.material.program.amplitude_v"].attrs["units"] == "V"
        assert list(record["dose.material.program.pulses"].values) == [10, 30]
        assert list(record["seed"].attrs["keys"]) == ["seed"] or record["seed"].attrs["keys"] == "seed"
        assert "seed" not in record.attrs and int(record.attrs["array_rows"]) == 64
        last = record["filling_mean"].sel(seed=7, dose="high").isel(material=1, temperature=2)
        assert (last.values.view("u8") == bits(wanted["filling_mean"])).all()
        # Control: its neighbour is another point.
        other = record["filling_mean"].sel(seed=0, dose="high").isel(material=1, temperature=2)
        assert (other.values.view("u8") != bits(wanted["filling_mean"])).any()

print("read by h5py and xarray")
