//! Figures of made-up campaigns: there, decodable, not blank, and named.

mod made_up;

use std::collections::BTreeSet;
use std::path::Path;

use made_up::retention;
use trapline::{figure, record};

const CELSIUS: [f64; 8] = [25.0, 85.0, 100.0, 125.0, 150.0, 155.0, 160.0, 170.0];

fn checkpoints() -> Vec<f64> {
    std::iter::once(0.0).chain((0..=32).map(|i| 10_f64.powf(0.25 * f64::from(i)))).chain([3.15576e8]).collect()
}

fn draw(folder: &Path, stem: &str, materials: usize, celsius: &[f64], times: &[f64]) -> (usize, String) {
    let (label, outcomes) = retention(materials, celsius, times);
    let path = made_up::file(folder, &label, &outcomes);
    let record = record::open_campaign(&path).unwrap();
    let paths = figure::retention(&record, &folder.join(stem)).unwrap();
    assert_eq!(paths, [folder.join(format!("{stem}.png")), folder.join(format!("{stem}.svg"))]);
    // To look at: TRAPLINE_KEEP_FIGURES names a folder.
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        for path in &paths {
            std::fs::copy(path, Path::new(&keep).join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut reader = png::Decoder::new(std::fs::File::open(&paths[0]).unwrap()).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut pixels).unwrap();
    let colours: BTreeSet<&[u8]> = pixels.chunks_exact(3).collect();
    let svg = std::fs::read_to_string(&paths[1]).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert!(svg.contains("time after programming (s)") && svg.contains("mean window kept (1)"));
    assert!(svg.contains("font-family=\"sans-serif\"") && !svg.contains("NaN"));
    (colours.len(), svg)
}

#[test]
fn curves_of_two_materials() {
    let folder = tempfile::tempdir().unwrap();
    let (colours, svg) = draw(folder.path(), "two", 2, &CELSIUS, &checkpoints());
    assert!(colours > 200, "{colours}");
    for name in ["stoff-0", "stoff-1", "170 °C", "25 °C", "10⁹", "64 × 32 cells", "seed 20240917", "fails below 0.8"]
    {
        assert!(svg.contains(name), "{name}");
    }
    // A curve for each material and temperature.
    assert!(svg.matches("<polyline").count() >= 16);
}

#[test]
fn a_material_that_took_no_charge_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, svg) = draw(folder.path(), "three.with.dots", 3, &CELSIUS, &checkpoints());
    assert_eq!(svg.matches("no cell was programmed").count(), 1);
}

#[test]
fn few_checkpoints_are_dots_or_words() {
    let folder = tempfile::tempdir().unwrap();
    let (_, svg) = draw(folder.path(), "one", 1, &CELSIUS, &[0.0, 1e6]);
    assert_eq!(svg.matches("<circle").count(), 8);
    let (_, svg) = draw(folder.path(), "none", 1, &CELSIUS[..1], &[0.0]);
    assert_eq!(svg.matches("no checkpoint after t = 0").count(), 1);
}

#[test]
fn six_materials_and_many_temperatures() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<f64> = (0..40).map(|i| 25.0 + 4.0 * f64::from(i)).collect();
    let (_, svg) = draw(folder.path(), "six", 6, &many, &checkpoints());
    for m in 0..6 {
        assert!(svg.contains(&format!("stoff-{m}")));
    }
    assert!(svg.matches("°C").count() <= 20);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (label, outcomes) = retention(1, &CELSIUS[..1], &[0.0, 1.0]);
    let path = made_up::file(folder.path(), &label, &outcomes);
    let record = record::open_campaign(&path).unwrap();
    let stem = folder.path().join("none/figure");
    let line = figure::retention(&record, &stem).unwrap_err().to_string();
    assert!(line.contains("none") && !line.contains('\n'), "{line}");
    assert!(!stem.with_extension("png").exists());
}
