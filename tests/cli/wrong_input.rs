//! Campaigns, materials and calls that are wrong: each is refused in one line, before anything is computed.

use std::fs;

use crate::calls::{self, good, out, refused_with};
use crate::small::{self, SMALL};

#[test]
fn a_material_of_ones_own() {
    let desk = small::desk(&SMALL.replace("\"pi-ws2-qd\"", "\"bench/mine.toml\""));
    fs::create_dir(desk.path("bench")).unwrap();
    let shipped = good(&desk.trapline(&["materials", "pi-ws2-qd"]));
    assert_eq!(shipped, fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/materials/pi-ws2-qd.toml")).unwrap());
    fs::write(desk.path("bench/mine.toml"), shipped.replace("name = \"pi-ws2-qd\"", "name = \"mine\"")).unwrap();
    // The path is seen from the campaign file, not from where the program runs.
    let elsewhere = tempfile::tempdir().unwrap();
    let ran = calls::command(elsewhere.path())
        .arg("run")
        .arg(desk.path("small.toml"))
        .args(["--backend", "cpu", "--no-plot", "-o", "there.h5"])
        .output()
        .unwrap();
    assert!(good(&ran).contains("mine"), "{}", out(&ran));
    assert!(elsewhere.path().join("there.h5").exists());

    let wrong = [
        ("name = \"mine\"", "name = 5", "name"),
        ("kind = \"dots\"", "kind = \"dots\"\nclasses = 99", "classes"),
        ("{ value = 20.0, unit = \"nm\"", "{ value = -20.0, unit = \"nm\"", "-20"),
        ("[film]", "colour = 3\n[film]", "colour"),
    ];
    for (from, to, says) in wrong {
        let text = shipped.replace("name = \"pi-ws2-qd\"", "name = \"mine\"");
        assert!(text.contains(from), "{from}");
        fs::write(desk.path("bench/mine.toml"), text.replacen(from, to, 1)).unwrap();
        refused_with(&small::run(&desk, &[]), 2, &["small.toml", "material[0].use", "mine.toml", says]);
    }
    let levels = |weights: &str| {
        let traps = format!(
            "[traps]\nkind = \"levels\"\nweights = {{ values = {weights}, unit = \"1\", source = \"test\" }}\n\
             depths = {{ values = [1.2, 1.4], unit = \"eV\", source = \"test\" }}\n\
             depth_per_size = {{ value = 0.5, unit = \"eV\", source = \"test\" }}\n\
             attempt_rate = {{ value = 1e13, unit = \"1/s\", source = \"test\" }}\n\n"
        );
        let (before, after) = (shipped.find("[traps]").unwrap(), shipped.find("[capture]").unwrap());
        let text = [&shipped[..before], &traps, &shipped[after..]].concat();
        fs::write(desk.path("bench/mine.toml"), text.replace("\"pi-ws2-qd\"", "\"mine\"")).unwrap();
    };
    levels("[0.5, 0.4]");
    refused_with(&small::run(&desk, &[]), 2, &["mine.toml", "traps.weights", "0.9"]);
    // The negative control: with weights that sum it is a material.
    levels("[0.6, 0.4]");
    good(&small::run(&desk, &["-o", "levels.h5"]));
    fs::remove_file(desk.path("levels.h5")).unwrap();
    fs::remove_file(desk.path("bench/mine.toml")).unwrap();
    refused_with(&small::run(&desk, &[]), 1, &["small.toml", "material[0].use", "mine.toml", "cannot be read"]);
    assert_eq!(desk.names(), ["bench", "small.toml"]);
}

/// Each bad campaign: what is replaced by what, and what the error says.
#[test]
fn bad_campaigns_are_refused_in_one_line() {
    let wrong: &[(&str, &str, &[&str])] = &[
        ("seed = 5", "seed = 5\ncolour = 1", &["line", "colour"]),
        ("rows = 32\ncols", "depth = 1\nrows = 32\ncols", &["depth", "array"]),
        ("seed = 5", "seed = \"five\"", &["line 4", "seed", "five"]),
        ("seed = 5", "seed = -5", &["seed", "-5", "0 to 9223372036854775807"]),
        ("rows = 32", "rows = 0", &["array.rows", "is 0", "1 to 1048576"]),
        ("rows = 32", "rows = 1048577", &["array.rows", "1048577", "1 to 1048576"]),
        ("rows = 32", "rows = 3.5", &["array.rows", "3.5"]),
        ("rows = 32", "rows = \"many\"", &["array.rows", "many"]),
        ("width_s = 1e-3", "width_s = -1e-3", &["material[0].program[0].width_s", "-0.001", "1e-12 to 1000000.0 s"]),
        ("pulses = 30", "pulses = 4294967295", &["program[0].pulses", "4294967295", "500000"]),
        ("pulses = 30,", "pulses = 30, sweeps = 3,", &["program[0]", "pulse train", "sweep"]),
        ("pulses = 30,", "pulse = 30,", &["pulse", "material[0].program[0]"]),
        ("amplitude_v = 1.5", "amplitude_v = nan", &["amplitude_v", "NaN"]),
        ("amplitude_v = 1.5", "amplitude_v = 101", &["amplitude_v", "101", "100"]),
        ("[25.0, 155.0, 180.0]", "[25.0, -273.15]", &["bake.temperatures_c[1]", "-273.15", "absolute zero"]),
        ("[25.0, 155.0, 180.0]", "[-300.0]", &["bake.temperatures_c[0]", "-300", "absolute zero"]),
        ("[25.0, 155.0, 180.0]", "[1000.5]", &["bake.temperatures_c[0]", "1000.5", "1000"]),
        ("[25.0, 155.0, 180.0]", "[inf]", &["bake.temperatures_c[0]", "inf"]),
        ("[25.0, 155.0, 180.0]", "[25.0, 25.0]", &["bake.temperatures_c[1]", "25.0"]),
        ("[25.0, 155.0, 180.0]", "[]", &["bake.temperatures_c", "empty list"]),
        (
            "program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]",
            "program = []",
            &["material[0].program", "empty list"],
        ),
        ("temperature_c = 25.0", "temperature_c = -273.15", &["program.temperature_c", "absolute zero"]),
        ("temperature_c = 25.0", "substeps = 65", &["program.substeps", "65", "1 to 64"]),
        ("to_s = 1e6", "to_s = 0.5", &["bake.to_s", "0.5", "from_s"]),
        ("from_s = 1.0", "from_s = 0.0", &["bake.from_s", "0.0"]),
        ("per_octave = 1", "per_octave = 1\npoints = 4", &["bake.points", "per_octave"]),
        ("per_octave = 1", "", &["bake", "per_octave", "points"]),
        ("per_octave = 1", "per_octave = 4000", &["bake.per_octave", "at most 4095"]),
        ("bins = 8", "bins = 0", &["histogram.bins", "is 0", "1 to 256"]),
        ("bins = 8", "bins = 257", &["histogram.bins", "257", "1 to 256"]),
        ("[histogram]", "[failure]\nkept_below = 1.5\n[histogram]", &["failure.kept_below", "1.5", "at most 0.9999"]),
        ("[histogram]", "[report]\ntimes_s = []\n[histogram]", &["report.times_s", "empty list"]),
        ("[histogram]", "[report]\ntimes_s = [-1.0]\n[histogram]", &["report.times_s[0]", "-1.0"]),
        ("[histogram]", "[read]\nbias_v = 0\n[histogram]", &["read.bias_v", "not 0"]),
        ("first_row = 30", "first_row = 31", &["dump.rows", "is 2", "1 to 1"]),
        ("first_col = 40", "first_col = 48", &["dump.first_col", "48", "0 to 47"]),
        ("\"pi-ws2-ns\"", "\"pi-ws2-qd\"", &["material[1].use", "pi-ws2-qd", "another name"]),
        ("\"pi-ws2-ns\"", "\"unobtainium\"", &["material[1].use", "unobtainium", "pi-ws2-qd"]),
        ("format = 1", "format = 2", &["format", "2", "it must be 1"]),
        ("name = \"small\"", "name = \"a/b\"", &["name", "a/b"]),
        ("name = \"small\"", "name = \"\"", &["name", "1 to 64"]),
        ("name = \"small\"", "name = \" \"", &["name", "\" \"", "blank"]),
        ("name = \"small\"", "name = \"a\\u001b[31m\"", &["name", "u{1b}", "control"]),
        ("rows = 2\n", "rows = 2\ndeep = [[[[[1]]]]]\n", &["line", "deep"]),
        ("[array]", "[array", &["line"]),
        ("variation = true\n", "", &["variation"]),
    ];
    let desk = small::desk(SMALL);
    for (from, to, says) in wrong {
        assert!(SMALL.contains(from), "{from}");
        fs::write(desk.path("small.toml"), SMALL.replacen(from, to, 1)).unwrap();
        refused_with(&small::run(&desk, &[]), 2, &[&["small.toml: "], *says].concat());
    }
    fs::write(desk.path("small.toml"), b"format = 1\n\xff\xfe").unwrap();
    refused_with(&small::run(&desk, &[]), 2, &["small.toml", "line 2", "UTF-8"]);
    fs::write(desk.path("small.toml"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused_with(&small::run(&desk, &[]), 2, &["small.toml", "1024 KiB"]);
    // A material is read with the same care.
    fs::write(desk.path("small.toml"), SMALL.replace("\"pi-ws2-qd\"", "\"/dev/zero\"")).unwrap();
    refused_with(
        &small::run(&desk, &[]),
        1,
        &["material[0].use", "/dev/zero: cannot be read", "a device", "pi-ws2-qd"],
    );
    fs::write(desk.path("small.toml"), SMALL.replace("\"pi-ws2-qd\"", "\"../small.bin/x.toml\"")).unwrap();
    refused_with(&small::run(&desk, &[]), 1, &["material[0].use", "cannot be read", "give the path", "pi-ws2-qd"]);
    let mine = tempfile::NamedTempFile::new().unwrap();
    fs::write(desk.path("small.toml"), SMALL.replace("pi-ws2-qd", mine.path().to_str().unwrap())).unwrap();
    fs::write(mine.path(), b"format = 1\n\n\xff\xfe").unwrap();
    refused_with(&small::run(&desk, &[]), 2, &["material[0].use", "line 3", "UTF-8", "trapline materials"]);
    fs::write(mine.path(), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused_with(&small::run(&desk, &[]), 2, &["material[0].use", "1024 KiB"]);
    // Nothing was computed, nothing is left.
    assert_eq!(desk.names(), ["small.toml"]);
}

#[test]
fn bad_calls_are_refused_before_anything_is_computed() {
    // Large enough that computing it first would be noticed.
    let desk = small::desk(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    refused_with(
        &small::run(&desk, &["-o", "no/such/folder/x.h5"]),
        2,
        &["no/such/folder/x.h5", "is not a folder; make it"],
    );
    refused_with(&small::run(&desk, &["-o", "small.toml/x.h5"]), 2, &["small.toml/x.h5", "small.toml is not a folder"]);
    refused_with(&small::run(&desk, &["-o", "."]), 2, &["names no file"]);
    refused_with(&small::run(&desk, &["-o", "/"]), 2, &["names no file"]);
    refused_with(&small::run(&desk, &["-o", "/proc/x.h5"]), 1, &["/proc/x.h5"]);
    refused_with(&small::run(&desk, &["--rows", "0"]), 2, &["--rows", "'0'", "1 to 1048576"]);
    refused_with(&small::run(&desk, &["--cols", "-4"]), 2, &["--cols", "-4", "1 to 1048576"]);
    refused_with(&small::run(&desk, &["--rows", "16"]), 2, &["small.toml", "dump.first_row", "30", "0 to 15"]);
    refused_with(&small::run(&desk, &["--seed", "18446744073709551616"]), 2, &["--seed", "18446744073709551615"]);
    refused_with(&small::run(&desk, &["--threads", "0"]), 2, &["--threads", "1 to 1024"]);
    refused_with(&small::run(&desk, &["--instruction-set", "mmx"]), 2, &["mmx"]);
    refused_with(&small::run(&desk, &["--colour"]), 2, &["--colour"]);
    refused_with(&small::run(&desk, &["--adapter", "Voodoo"]), 2, &["--adapter", "--backend cpu"]);
    refused_with(
        &desk.trapline(&["run", "small.toml", "--device-memory", "12MB"]),
        2,
        &["--device-memory", "12MB", "MiB"],
    );
    refused_with(&desk.trapline(&["run", "small.toml", "--backend", "abacus"]), 2, &["abacus", "auto", "cpu", "gpu"]);
    refused_with(&desk.trapline(&["run"]), 2, &["<FILE>"]);
    refused_with(&desk.trapline(&["run", "none.toml"]), 1, &["none.toml", "cannot be read"]);
    refused_with(&desk.trapline(&["run", "."]), 1, &[".: cannot be read"]);
    refused_with(&desk.trapline(&["fly"]), 2, &["fly"]);
    refused_with(&desk.trapline(&["materials", "unobtainium"]), 2, &["unobtainium", "pi-ws2-qd"]);
    let missing = desk.trapline(&["run", "small.toml", "--adapter", "no such adapter, surely"]);
    let code = missing.status.code().unwrap();
    // Without any adapter it is the machine that lacks something; with one it is the name that is wrong.
    assert!(code == 1 || code == 2, "{code}");
    refused_with(&missing, code, &["adapter"]);
    assert_eq!(desk.names(), ["small.toml"]);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_found_before_computing() {
    use std::os::unix::fs::PermissionsExt;
    let desk = small::desk(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    fs::create_dir(desk.path("locked")).unwrap();
    fs::set_permissions(desk.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(desk.path("locked/probe"), "").is_ok() {
        // The superuser may write anywhere; /proc, in the test above, refuses even them.
        return;
    }
    refused_with(&small::run(&desk, &["-o", "locked/x.h5"]), 1, &["locked/x.h5.parts", "ermission"]);
}
