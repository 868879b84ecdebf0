//! A law of your own: the current that you measured takes the place of the formula for injection.
//!
//!     cargo run --release --example own_current_law
//!
//! A material whose file has `[injection.table]` reads bias and current from a CSV file beside it; `docs/fit.md`
//! describes the keys.

use std::fs;
use trapline::cell::current;
use trapline::material;
use trapline::units::kelvin;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Goes away with all that is in it when `folder` does.
    let folder = tempfile::tempdir()?;

    // The measurement. Yours comes from a probe station; this one is a law that no formula of trapline has, I = 20 pA
    // sinh(V/0.8 V).
    let mut csv = String::from("bias_v,current_a\n");
    for step in 1..=50 {
        let bias_v = 0.1 * f64::from(step);
        csv += &format!("{bias_v:.1},{:e}\n", 20e-12 * (bias_v / 0.8).sinh());
    }
    fs::write(folder.path().join("iv.csv"), csv)?;

    // The file of the dots, with the table in the place of the four numbers of the formula.
    let dots = material::shipped("pi-ws2-qd")?;
    let mut file: toml::Table = dots.text.parse()?;
    file["name"] = "measured".into();
    let injection = file["injection"].as_table_mut().ok_or("[injection] is no table")?;
    for key in ["direct_conductance", "superlinearity", "fowler_nordheim", "fowler_nordheim_bias"] {
        injection.remove(key);
    }
    let table: toml::Table = r#"
        file = "iv.csv"
        source = "made up for this example"
        filling = { value = 0.0, unit = "1", source = "fresh device" }
        temperature = { value = 25.0, unit = "C", source = "stage" }
    "#
    .parse()?;
    injection.insert("table".to_owned(), table.into());
    let path = folder.path().join("measured.toml");
    fs::write(&path, file.to_string())?;

    // From here on it is a material like any other: for single cells, jobs, campaigns, on every backend.
    let measured = material::load("measured.toml", folder.path())?;
    println!("{}", measured.description);
    println!("current of an empty cell, pA, of the formula of {} and of the table:", dots.name);
    println!("{:>9} {:>16} {:>16} {:>16}", "bias (V)", "formula, 25 °C", "table, 25 °C", "table, 100 °C");
    for bias_v in [0.1, 0.55, 1.5, 3.0, 5.0] {
        let [formula, cold, hot] = [(&dots, 25.0), (&measured, 25.0), (&measured, 100.0)]
            .map(|(material, celsius)| current::current_a(material, bias_v, kelvin(celsius), 0.0) * 1e12);
        println!("{bias_v:>9} {formula:>16.3} {cold:>16.3} {hot:>16.3}");
    }
    Ok(())
}
