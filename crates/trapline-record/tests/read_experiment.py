"""Reads an experiment file with h5py and xarray and compares it with what the Rust test says it wrote.

Usage: read_experiment.py FILE EXPECTED.json
"""

import json
import sys

import h5py
import numpy as np
import xarray as xr

path, wanted = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))


def same(found, variable):
    """Bit for bit, texts letter for letter."""
    found = np.asarray(found)
    assert list(found.shape) == variable["shape"], (variable["name"], found.shape)
    if variable["kind"] == "text":
        return list(found) == variable["values"]
    assert found.dtype == variable["kind"], (variable["name"], found.dtype)
    return (found.ravel().view("u8") == np.asarray(variable["values"], dtype="u8")).all()


with h5py.File(path, "r") as file:
    assert file.attrs["file_type"] == "trapline experiment"
    assert list(file.attrs["format_version"]) == [2, 7]
    assert file.attrs["experiment"] == wanted["experiment"] and file.attrs["title"] == wanted["title"]
    assert int(file.attrs["seed"]) == wanted["seed"]
    assert [list(m) for m in zip(file.attrs["material_name"], file.attrs["material_toml"])] == wanted["materials"]
    assert [[n, file.attrs[n]] for n in file.attrs["notes"]] == wanted["notes"]
    for key in ["program", "program_version", "commit", "backend", "adapter", "instruction_set", "started_utc"]:
        assert file.attrs[key], key
    assert list(file.attrs["datasets"]) == [d["name"] for d in wanted["datasets"]]
    for dataset in wanted["datasets"]:
        group = file[dataset["name"]]
        assert group.attrs["title"] == dataset["title"]
        assert [[n, group.attrs[n]] for n in group.attrs.get("notes", [])] == dataset["notes"]
        for child in group.values():
            if isinstance(child, h5py.Dataset):
                assert child.attrs["units"] and "long_name" in child.attrs, child.name
        for variable in dataset["variables"]:
            stored = group[variable["name"]]
            assert stored.attrs["units"] == variable["unit"], variable["name"]
            assert stored.attrs["long_name"] == variable["long_name"], variable["name"]
            assert same(stored.asstr()[...] if variable["kind"] == "text" else stored[()], variable), variable["name"]
            if variable["axes"] == [variable["name"]]:
                assert stored.is_scale, variable["name"]
                for reference, dimension in stored.attrs["REFERENCE_LIST"]:
                    assert group[file[reference].name].dims[dimension][0] == stored
            else:
                assert [d[0].name.split("/")[-1] for d in stored.dims] == variable["axes"], variable["name"]
            if stored.chunks and stored.size:
                assert stored.fletcher32 and stored.compression is None, stored.name

for dataset in wanted["datasets"]:
    with xr.open_dataset(path, group=dataset["name"], engine="h5netcdf") as found:
        axes = {axis for v in dataset["variables"] for axis in v["axes"]}
        named = {v["name"] for v in dataset["variables"]}
        assert set(found.sizes) == axes, (dataset["name"], found.sizes)
        assert set(found.coords) == axes & named | set(dataset["coordinates"]), (dataset["name"], found.coords)
        assert set(found.variables) == named, (dataset["name"], found.variables)
        assert found.attrs["title"] == dataset["title"]
        for name, text in dataset["notes"]:
            assert found.attrs[name] == text, name
        for variable in dataset["variables"]:
            seen = found[variable["name"]]
            assert list(seen.dims) == variable["axes"], (variable["name"], seen.dims)
            assert seen.attrs["units"] == variable["unit"] and seen.attrs["long_name"] == variable["long_name"]
            assert same(seen.values, variable), variable["name"]

print("read by h5py and xarray")
