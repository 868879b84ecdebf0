use super::*;

fn edited(name: &str, from: &str, to: &str) -> Result<Material, MaterialError> {
    let text = SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(text.contains(from), "{from} is not in {name}");
    parse(&text.replacen(from, to, 1), "edited.toml")
}

#[test]
fn shipped_materials_are_sound() {
    for (name, _) in SHIPPED {
        let material = shipped(name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(material.name, name);
        assert_eq!(material.capture.is_some(), !material.classes.is_empty());
    }
}

#[test]
fn trap_filled_limit_gives_the_number_of_traps() {
    // N_t = 2 eps V_TFL/(q L^2) = 3.8e24 /m^3 at 4 V, 20 nm, eps_r 3.4 (model's figure), so N_d = 6e4 in (0.9 um)^2.
    let material = shipped("pi-ws2-qd").unwrap();
    let traps = material.capture.unwrap().traps;
    assert!((traps / (material.area_m2 * material.thickness_m) / 3.76e24 - 1.0).abs() < 2e-3);
    assert!((traps / 6e4 - 1.0).abs() < 2e-3, "{traps}");
}

#[test]
fn errors_name_file_key_value_and_limit() {
    let cases = [
        (
            edited("pi-ws2-qd", "thickness = { value = 20.0", "thickness = { value = -20.0"),
            ["edited.toml", "film.thickness", "-20", "more than 0"],
        ),
        (edited("pi-ws2-qd", "unit = \"nm\"", "unit = \"inch\""), ["edited.toml", "film.thickness", "inch", "nm"]),
        (
            edited("pi-ws2-qd", "kind = \"dots\"", "kind = \"dots\"\nclasses = 25"),
            ["edited.toml", "traps.classes", "25", "1 to 24"],
        ),
        (
            edited("pi-ws2-qd", "kind = \"dots\"", "kind = \"dots\"\ncolour = 3"),
            ["edited.toml", "line ", "colour", "known here"],
        ),
        (edited("pi-ws2-qd", "[variation]", "[variations]"), ["edited.toml", "line ", "variations", "known here"]),
        (
            edited("pi-ws2-ns", "kind = \"sheets\"", "kind = \"sheets\"\nclasses = \"8\""),
            ["edited.toml", "line ", "key traps.classes", "a whole number"],
        ),
        (
            edited("pi-ws2-ns", "kind = \"sheets\"", "kind = \"sheets\"\nclasses = -8"),
            ["edited.toml", "traps.classes", "-8", "1 to 24"],
        ),
        (
            edited("pi-ws2-ns", "deepest = { value = 1.246,", "deepest = { value = true,"),
            ["edited.toml", "line ", "key traps.deepest.value", "is true; it must be a number"],
        ),
        (edited("pi-ws2-ns", "\"sheets\"", "\"dots\""), ["traps.shallowest", "given", "\"dots\"", "diameter_mean"]),
        (edited("pi-ws2-ns", "\"sheets\"", "\"none\""), ["traps.shallowest", "given", "\"none\"", "leave it out"]),
        (edited("pi-ws2-ns", "\"sheets\"", "\"wires\""), ["traps.kind", "\"wires\"", "\"sheets\"", "\"none\""]),
        (edited("pi-ws2-ns", "attempt_rate = ", "attempt = "), ["edited.toml", "line ", "attempt", "known here"]),
        (
            edited("pi-ws2-qd", "name = \"pi-ws2-qd\"", "name = \"\\u001b[31mred\""),
            ["key name", "\\u{1b}[31mred", "1 to 64", "control"],
        ),
        (edited("pi-ws2-qd", "name = \"pi-ws2-qd\"", "name = \" \""), ["key name", "\" \"", "1 to 64", "blank"]),
        (
            edited("pi-ws2-qd", "thickness = { value = 20.0", "thickness = { value = 1e308"),
            ["film.thickness", "is 1e308 nm", "more than 0 nm", "at most 1000000 nm"],
        ),
        (
            edited("pi-ws2-qd", "trap_filled_limit = { value = 4.0", "trap_filled_limit = { value = inf"),
            ["capture.trap_filled_limit", "is inf V", "more than 0 V", "at most 10000 V"],
        ),
        (
            edited("pi-ws2-qd", "relative_permittivity = { value = 3.4", "relative_permittivity = { value = 1e-70"),
            ["film.relative_permittivity", "is 1e-70;", "at least 1e-60", "at most 1000000"],
        ),
        (
            edited("pi-ws2-qd", "glass_transition = { value = 170.0", "glass_transition = { value = -300.0"),
            ["film.glass_transition", "is -300 C", "more than -273.15 C", "9726.85 C"],
        ),
    ];
    for (result, words) in cases {
        let error = result.unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        for word in words {
            assert!(error.contains(word), "'{word}' is not in: {error}");
        }
    }
}

#[test]
fn weights_must_sum() {
    let levels = |weights: &str| {
        let text = SHIPPED[1].1;
        let (start, end) = (text.find("[traps]").unwrap(), text.find("[capture]").unwrap());
        let traps = format!(
            "[traps]\nkind = \"levels\"\nweights = {{ values = {weights}, unit = \"1\", source = \"test\" }}\n\
             depths = {{ values = [1.2, 1.4], unit = \"eV\", source = \"test\" }}\n\
             depth_per_size = {{ value = 0.5, unit = \"eV\", source = \"test\" }}\n\
             attempt_rate = {{ value = 1e13, unit = \"1/s\", source = \"test\" }}\n\n"
        );
        parse(&format!("{}{traps}{}", &text[..start], &text[end..]), "levels.toml")
    };
    assert_eq!(levels("[0.25, 0.75]").unwrap().classes.len(), 2);
    let error = levels("[0.25, 0.7]").unwrap_err().to_string();
    assert!(error.contains("traps.weights") && error.contains("0.95") && error.contains("sum to 1"), "{error}");
    let error = levels("[]").unwrap_err().to_string();
    assert!(error.contains("traps.weights") && error.contains("has 0 values") && error.contains("1 to 24"), "{error}");
}

#[test]
fn unknown_names_list_the_shipped() {
    let error = load("pi-ws2-dq", Path::new(".")).unwrap_err().to_string();
    assert!(error.contains("pi-ws2-dq") && error.contains("pi-ws2-qd"), "{error}");
    let error = load("no/such.toml", Path::new(".")).unwrap_err().to_string();
    assert!(error.contains("no/such.toml") && error.contains("cannot be read"), "{error}");
}

#[test]
fn switching_the_matrix_off_is_as_good_as_a_file_without_it() {
    let written = edited("pi-ws2-qd", "enabled = true", "enabled = false").unwrap();
    let switched = shipped("pi-ws2-qd").unwrap().without_matrix();
    assert_eq!(switched.classes, written.classes);
    assert_eq!((switched.matrix, written.matrix), (None, None));
    // Classes that were given as they are stay.
    let sheets = shipped("pi-ws2-ns").unwrap();
    assert_eq!(sheets.clone().without_matrix().classes, sheets.classes);
}

#[test]
fn no_cell_is_drawn_with_a_negative_depth() {
    let with = |depth_per_size: &str, spread: &str| {
        let text = SHIPPED[1]
            .1
            .replace("depth_per_size = { value = 0.5", &format!("depth_per_size = {{ value = {depth_per_size}"));
        parse(&text.replace("diameter = { value = 0.01", &format!("diameter = {{ value = {spread}")), "sheets.toml")
    };
    // 6.34 standard deviations of 5 % of 4 eV are 1.27 eV, of a shallowest class at 1.174 eV.
    assert!(with("3.6", "0.05").is_ok());
    assert!(with("4.0", "0.01").is_ok());
    let error = with("4.0", "0.05").unwrap_err().to_string();
    assert!(error.contains("variation.diameter") && error.contains("depth_per_size"), "{error}");
}

#[test]
fn numbers_that_f32_cannot_tell_from_others_are_refused() {
    let free_share =
        |value: &str| edited("pi-ws2-qd", "free_share = { value = 0.4448", &format!("free_share = {{ value = {value}"));
    assert!(free_share("1e-4").is_ok());
    let error = free_share("1e-9").unwrap_err().to_string();
    assert!(error.contains("injection.free_share") && error.contains("at least 0.0001"), "{error}");
    let fragility =
        |value: &str| edited("pi-ws2-qd", "fragility = { value = 114.7", &format!("fragility = {{ value = {value}"));
    let error = fragility("2000.0").unwrap_err().to_string();
    assert!(error.contains("matrix.fragility") && error.contains("at most 1000"), "{error}");
    // At the limit the rate is a number at any temperature, and empties the cell.
    let fragile = fragility("1000.0").unwrap();
    let rate = |t_k: f64| fragile.matrix.unwrap().release_per_s(fragile.glass_transition_k, t_k);
    assert_eq!((rate(1e-3), rate(1273.15)), (0.0, 1e100));
    assert!((rate(fragile.glass_transition_k) / 1e-2 - 1.0).abs() < 1e-12);
}
