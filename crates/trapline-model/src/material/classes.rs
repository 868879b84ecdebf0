//! Trap classes: what a material's traps are, one by one and as the few classes that stand for them.
//!
//! Dots and sheets have a spread of depths. A cell is computed with a few classes of it, whose depths and weights are
//! fitted to what they do to lives ([`super::quadrature`]); a cell whose dots are taken one by one draws each of them
//! from the spread ([`Singles`]).

use std::sync::{Arc, Mutex};

use super::Material;
use super::quadrature::{Node, Target};
use super::well::SphericalWell;

/// Midpoints of the fine grid that stands for the continuum.
const GRID: usize = 4096;
/// Half width of the stencil, in ln(diameter), from which a depth's slope and curvature are taken.
const SIZE_STENCIL: f64 = 0.05;

/// One class of traps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrapClass {
    /// Share of the traps; the weights of a material sum to 1.
    pub weight: f64,
    /// Depth below the matrix' band edge, eV.
    pub depth_ev: f64,
    /// Capture and field-release speed relative to the mean: sum of weight times speed is 1.
    pub speed: f64,
    /// d(depth)/d(ln size), eV.
    pub depth_slope_ev: f64,
    /// Half the second derivative of the depth by ln(size), eV: the shift of a cell
    /// whose dots are larger by a factor exp(u) is `slope u + curvature u^2`.
    pub depth_curvature_ev: f64,
}

impl TrapClass {
    /// Shift of the depth in a cell whose dots are larger than the nominal ones by a factor `exp(log_size)`, eV.
    pub fn depth_shift_ev(&self, log_size: f64) -> f64 {
        log_size * (self.depth_slope_ev + self.depth_curvature_ev * log_size)
    }

    /// Whether all of its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        [self.weight, self.depth_ev, self.speed, self.depth_slope_ev, self.depth_curvature_ev]
            .iter()
            .all(|x| x.is_finite())
    }

    /// Smallest depth among cells whose ln(size) is up to `spread` from the nominal one, eV.
    pub fn least_depth_ev(&self, spread: f64) -> f64 {
        let depth_ev = |u: f64| self.depth_ev + self.depth_shift_ev(u);
        (-16..=16).map(|i| depth_ev(spread * f64::from(i) / 16.0)).fold(f64::INFINITY, f64::min)
    }
}

/// The dots' sizes: a normal distribution cut at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameters {
    pub mean_m: f64,
    pub sd_m: f64,
    pub min_m: f64,
    pub max_m: f64,
}

/// Traps that are dots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dots {
    pub well: SphericalWell,
    pub sizes: Diameters,
    /// Larger dots catch faster: the speed goes as the diameter to this power.
    pub speed_exponent: f64,
}

/// Traps of sheets, which confine in one direction only: depths evenly spread between two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheets {
    pub shallowest_ev: f64,
    pub deepest_ev: f64,
    /// d(depth)/d(ln thickness), eV.
    pub depth_per_size_ev: f64,
}

/// Traps with a spread of depths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    Dots(Dots),
    Sheets(Sheets),
}

/// What the classes of a spread depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub spread: Spread,
    /// How many at most; as many as lives within 1.5 % take where it is left open.
    pub classes: Option<usize>,
    pub attempt_per_s: f64,
    pub glass_transition_k: f64,
}

/// A thin slice of a spread.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slice {
    weight: f64,
    depth_ev: f64,
    /// Of dots.
    diameter_m: f64,
}

/// What was worked out last, newest first. Sweeps and fits read a material ten thousand times with another number in
/// it, most of them of no concern to its traps, whose levels and classes take nearly all of the time.
struct Known<K, V>(Mutex<Vec<(K, V)>>);

impl<K: PartialEq, V: Clone> Known<K, V> {
    const MOST: usize = 64;

    fn of(&self, key: K, make: impl FnOnce() -> V) -> V {
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = lock().iter().find(|(of, _)| *of == key).map(|(_, value)| value.clone());
        found.unwrap_or_else(|| {
            let value = make();
            let mut known = lock();
            known.truncate(Self::MOST - 1);
            known.insert(0, (key, value.clone()));
            value
        })
    }
}

static SLICED: Known<Spread, Arc<Vec<Slice>>> = Known(Mutex::new(Vec::new()));
static CLASSED: Known<Asked, Vec<TrapClass>> = Known(Mutex::new(Vec::new()));

impl Spread {
    /// Equal slices of the sizes, shallowest first; their weights sum to 1.
    fn slices(&self) -> Arc<Vec<Slice>> {
        SLICED.of(*self, || {
            let mut slices: Vec<Slice> = (0..GRID).map(|i| self.slice((i as f64 + 0.5) / GRID as f64)).collect();
            let total: f64 = slices.iter().map(|s| s.weight).sum();
            slices.iter_mut().for_each(|s| s.weight /= total);
            Arc::new(slices)
        })
    }

    /// Of traps of the spread, in the measure of [`Spread::trap`].
    fn mean_speed(&self) -> f64 {
        match self {
            Spread::Dots(dots) => self.slices().iter().map(|s| s.weight * dots.speed(s.diameter_m)).sum(),
            Spread::Sheets(_) => 1.0,
        }
    }

    /// The slice at a share of the way from the smallest to the largest size.
    fn slice(&self, way: f64) -> Slice {
        match self {
            Spread::Dots(dots) => {
                let diameter_m = dots.sizes.min_m + way * (dots.sizes.max_m - dots.sizes.min_m);
                let z = (diameter_m - dots.sizes.mean_m) / dots.sizes.sd_m;
                Slice { weight: libm::exp(-0.5 * z * z), depth_ev: dots.well.depth_ev(diameter_m), diameter_m }
            }
            Spread::Sheets(sheets) => {
                let depth_ev = sheets.shallowest_ev + way * (sheets.deepest_ev - sheets.shallowest_ev);
                Slice { weight: 1.0, depth_ev, diameter_m: 0.0 }
            }
        }
    }

    /// The trap of a depth between those of two sizes, which has no weight yet; its speed is not yet over the mean.
    fn trap(&self, depth_ev: f64, between_m: (f64, f64)) -> TrapClass {
        match self {
            Spread::Dots(dots) => {
                // The diameter that has this depth: depth rises with diameter, and both ends bracket it.
                let (mut low_m, mut high_m) = between_m;
                for _ in 0..60 {
                    let middle_m = 0.5 * (low_m + high_m);
                    if dots.well.depth_ev(middle_m) < depth_ev {
                        low_m = middle_m;
                    } else {
                        high_m = middle_m;
                    }
                }
                dots.of_size(0.5 * (low_m + high_m), depth_ev)
            }
            Spread::Sheets(sheets) => TrapClass {
                weight: 0.0,
                depth_ev,
                speed: 1.0,
                depth_slope_ev: sheets.depth_per_size_ev,
                depth_curvature_ev: 0.0,
            },
        }
    }

    fn of_slice(&self, slice: &Slice) -> TrapClass {
        match self {
            Spread::Dots(dots) => dots.of_size(slice.diameter_m, slice.depth_ev),
            Spread::Sheets(_) => self.trap(slice.depth_ev, (0.0, 0.0)),
        }
    }

    /// The spread as five hundred classes, nearly a continuum: what few classes are held against. Not for cells.
    pub fn continuum(&self) -> Vec<TrapClass> {
        const RUN: usize = 8;
        let slices = self.slices();
        let mut classes: Vec<TrapClass> = slices
            .chunks(RUN)
            .map(|run| {
                let weight: f64 = run.iter().map(|s| s.weight).sum();
                let mean = |of: fn(&Slice) -> f64| run.iter().map(|s| s.weight * of(s)).sum::<f64>() / weight;
                let middle = Slice { weight, depth_ev: mean(|s| s.depth_ev), diameter_m: mean(|s| s.diameter_m) };
                TrapClass { weight, ..self.of_slice(&middle) }
            })
            .filter(|class| class.weight > 0.0)
            .collect();
        normalise(&mut classes);
        classes
    }
}

impl Dots {
    /// Over that of a dot of the mean diameter.
    fn speed(&self, diameter_m: f64) -> f64 {
        libm::pow(diameter_m / self.sizes.mean_m, self.speed_exponent)
    }

    fn of_size(&self, diameter_m: f64, depth_ev: f64) -> TrapClass {
        let above = self.well.depth_ev(diameter_m * libm::exp(SIZE_STENCIL));
        let below = self.well.depth_ev(diameter_m * libm::exp(-SIZE_STENCIL));
        TrapClass {
            weight: 0.0,
            depth_ev,
            speed: self.speed(diameter_m),
            depth_slope_ev: (above - below) / (2.0 * SIZE_STENCIL),
            depth_curvature_ev: (above + below - 2.0 * depth_ev) / (2.0 * SIZE_STENCIL * SIZE_STENCIL),
        }
    }
}

/// The classes of a spread, shallowest first.
pub fn of(asked: &Asked) -> Vec<TrapClass> {
    CLASSED.of(*asked, || {
        let slices = asked.spread.slices();
        let continuum: Vec<Node> = slices.iter().map(|s| Node { weight: s.weight, depth_ev: s.depth_ev }).collect();
        let target = Target::new(&continuum, asked.attempt_per_s, asked.glass_transition_k);
        let fitted = asked.classes.map_or_else(|| target.few_enough(), |count| target.fitted(count));
        let between_m = (slices[0].diameter_m, slices[slices.len() - 1].diameter_m);
        let class = |node: &Node| TrapClass { weight: node.weight, ..asked.spread.trap(node.depth_ev, between_m) };
        let mut found: Vec<TrapClass> = fitted.nodes.iter().map(class).collect();
        set_speeds(&mut found, asked.spread.mean_speed());
        normalise(&mut found);
        found
    })
}

/// Makes speeds those over the mean of the spread. The class with most of the traps gets the speed that makes the mean
/// right. That class may stand for all the dots that heat does not empty. The fit leaves its depth open then, so a dot of
/// its depth can be 1 % slower than those dots are on average. With that speed the shallow classes would get 1 % too much of
/// the charge, and lives would be 7 % too short.
fn set_speeds(classes: &mut [TrapClass], mean_speed: f64) {
    classes.iter_mut().for_each(|class| class.speed /= mean_speed);
    let Some(most) = (0..classes.len()).max_by(|a, b| classes[*a].weight.total_cmp(&classes[*b].weight)) else {
        return;
    };
    let others: f64 =
        classes.iter().map(|c| c.weight * c.speed).sum::<f64>() - classes[most].weight * classes[most].speed;
    let left = (1.0 - others) / classes[most].weight;
    if left > 0.0 {
        classes[most].speed = left;
    }
}

/// Traps one by one, as they lie in the spread.
#[derive(Debug, Clone)]
pub struct Singles {
    /// Shallowest first. Of slices of a spread each has the share of the traps up to its middle as its weight, of levels
    /// that up to its end.
    traps: Vec<TrapClass>,
    are_levels: bool,
}

impl Singles {
    /// Those of a material.
    pub fn of(material: &Material) -> Singles {
        let Some(spread) = &material.spread else {
            let mut passed = 0.0;
            let traps = material.classes.iter().map(|class| {
                passed += class.weight;
                TrapClass { weight: passed, ..*class }
            });
            return Singles { traps: traps.collect(), are_levels: true };
        };
        Singles::new(spread)
    }

    /// Those of a spread.
    pub fn new(spread: &Spread) -> Singles {
        let slices = spread.slices();
        let mean_speed = spread.mean_speed();
        let mut passed = 0.0;
        let traps = slices.iter().map(|slice| {
            let up_to = passed + 0.5 * slice.weight;
            passed += slice.weight;
            let trap = spread.of_slice(slice);
            TrapClass { weight: up_to, speed: trap.speed / mean_speed, ..trap }
        });
        Singles { traps: traps.collect(), are_levels: false }
    }

    /// The trap that has this share (0 to 1) of the others below it in size: drawn evenly, it is a trap of the spread.
    pub fn at(&self, share: f64) -> TrapClass {
        if self.are_levels {
            let place = self.traps.partition_point(|trap| trap.weight < share).min(self.traps.len() - 1);
            return TrapClass { weight: 1.0, ..self.traps[place] };
        }
        let next = self.traps.partition_point(|trap| trap.weight < share).clamp(1, self.traps.len() - 1);
        let (below, above) = (&self.traps[next - 1], &self.traps[next]);
        let part = (share - below.weight) / (above.weight - below.weight).max(f64::MIN_POSITIVE);
        // Past the middles of the outer slices the line goes on, by half a slice.
        let part = part.clamp(-0.5, 1.5);
        let between = |of: fn(&TrapClass) -> f64| of(below) + part * (of(above) - of(below));
        TrapClass {
            weight: 1.0,
            depth_ev: between(|trap| trap.depth_ev),
            speed: between(|trap| trap.speed),
            depth_slope_ev: between(|trap| trap.depth_slope_ev),
            depth_curvature_ev: between(|trap| trap.depth_curvature_ev),
        }
    }
}

/// Makes the weights sum to 1 and the weighted speeds too.
pub fn normalise(classes: &mut [TrapClass]) {
    let weight: f64 = classes.iter().map(|c| c.weight).sum();
    classes.iter_mut().for_each(|c| c.weight /= weight);
    let speed: f64 = classes.iter().map(|c| c.weight * c.speed).sum();
    classes.iter_mut().for_each(|c| c.speed /= speed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::quadrature::LOSSES_OF_LIVES;
    use crate::material::{MAX_CLASSES, Matrix};
    use crate::units::{YEAR_S, kelvin, thermal_energy_ev};

    const WELL: SphericalWell = SphericalWell { height_ev: 2.4, mass_inside: 0.32, mass_outside: 1.0 };
    const SIZES: Diameters = Diameters { mean_m: 3.0e-9, sd_m: 0.7e-9, min_m: 1.0e-9, max_m: 5.0e-9 };
    const DOTS: Dots = Dots { well: WELL, sizes: SIZES, speed_exponent: 0.1 };
    const MATRIX: Option<Matrix> = Some(Matrix { relaxation_s: 100.0, fragility: 115.0 });
    const SHIPPED: Asked =
        Asked { spread: Spread::Dots(DOTS), classes: None, attempt_per_s: 1e13, glass_transition_k: 443.15 };

    fn sized(mean_nm: f64, sd_nm: f64) -> Asked {
        let sizes = Diameters { mean_m: mean_nm * 1e-9, sd_m: sd_nm * 1e-9, ..SIZES };
        Asked { spread: Spread::Dots(Dots { sizes, ..DOTS }), ..SHIPPED }
    }

    fn walled(height_ev: f64) -> Asked {
        let well = SphericalWell { height_ev, ..WELL };
        Asked { spread: Spread::Dots(Dots { well, ..DOTS }), ..SHIPPED }
    }

    fn glass(celsius: f64) -> Asked {
        Asked { glass_transition_k: kelvin(celsius), ..SHIPPED }
    }

    fn sheets(shallowest_ev: f64, deepest_ev: f64) -> Asked {
        let sheets = Sheets { shallowest_ev, deepest_ev, depth_per_size_ev: 0.5 };
        Asked { spread: Spread::Sheets(sheets), ..SHIPPED }
    }

    /// What was met before is taken again only where all of it is the same.
    #[test]
    fn traps_that_were_met_before_have_the_classes_they_had() {
        let asked = [
            SHIPPED,
            SHIPPED,
            glass(150.0),
            Asked { classes: Some(9), ..SHIPPED },
            sized(3.0, 0.8),
            walled(2.5),
            SHIPPED,
        ];
        let found = asked.map(|asked| of(&asked));
        for (asked, found) in asked.iter().zip(&found) {
            let continuum: Vec<_> =
                asked.spread.slices().iter().map(|s| Node { weight: s.weight, depth_ev: s.depth_ev }).collect();
            let target = Target::new(&continuum, asked.attempt_per_s, asked.glass_transition_k);
            let anew = asked.classes.map_or_else(|| target.few_enough(), |count| target.fitted(count));
            assert_eq!(anew.nodes.len(), found.len());
            for (node, class) in anew.nodes.iter().zip(found) {
                assert_eq!(node.depth_ev, class.depth_ev);
            }
        }
        assert_eq!((&found[0], &found[0]), (&found[1], &found[6]));
        for (i, j) in [(1, 2), (2, 3), (3, 4), (4, 5), (2, 4), (2, 5)] {
            assert_ne!(found[i], found[j], "control: {i} and {j} are other traps");
        }
    }

    /// Loss of charge of classes, and its derivative by ln t.
    fn loss(classes: &[TrapClass], asked: &Asked, matrix_per_s: f64, temperature_k: f64, time_s: f64) -> (f64, f64) {
        let kt_ev = thermal_energy_ev(temperature_k);
        classes.iter().fold((0.0, 0.0), |(loss, slope), class| {
            let x = (asked.attempt_per_s * (-class.depth_ev / kt_ev).exp() + matrix_per_s) * time_s;
            (loss - class.weight * (-x).exp_m1(), slope + class.weight * x * (-x).exp())
        })
    }

    /// Largest error of ln(life), of lives from 1 s to ten years at losses of 0.05 % to 12 %, and of the charge that is lost,
    /// in percentage points; from 25 C to `hottest_c`, at other temperatures and times than classes are fitted at.
    fn worst(classes: &[TrapClass], asked: &Asked, matrix: Option<Matrix>, hottest_c: f64) -> (f64, f64) {
        // Every fourth of the continuum's slices and its neighbours as one: the step is thirty times wider than that.
        let slices = asked.spread.slices();
        let whole: Vec<TrapClass> = slices
            .chunks(4)
            .map(|run| {
                let weight: f64 = run.iter().map(|s| s.weight).sum();
                let depth_ev = run.iter().map(|s| s.weight * s.depth_ev).sum::<f64>() / weight;
                let one = TrapClass { weight, depth_ev, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
                if weight > 0.0 { one } else { TrapClass { weight: 0.0, depth_ev: 1.0, ..one } }
            })
            .collect();
        let (mut life, mut charge) = (0f64, 0f64);
        for i in 0..=18 {
            let temperature_k = kelvin(25.0 + (hottest_c - 25.0) * f64::from(i) / 18.0);
            let matrix_per_s = matrix.map_or(0.0, |m| m.release_per_s(asked.glass_transition_k, temperature_k));
            for step in 0..=56 {
                let time_s = ((10.0 * YEAR_S).ln() * f64::from(step) / 56.0).exp();
                let (exact, slope) = loss(&whole, asked, matrix_per_s, temperature_k, time_s);
                let (found, _) = loss(classes, asked, matrix_per_s, temperature_k, time_s);
                charge = charge.max((found - exact).abs());
                if (5e-4..0.12).contains(&exact) {
                    life = life.max(((found - exact) / slope).abs());
                }
            }
        }
        assert!(life.is_finite() && charge.is_finite());
        (life, 100.0 * charge)
    }

    #[test]
    fn shipped_dots_live_as_the_continuum_does() {
        assert_eq!(LOSSES_OF_LIVES, (4e-4, 0.15));
        let fixed = |count| of(&Asked { classes: Some(count), ..SHIPPED });
        for (classes, matrix, hottest_c, most_life, most_charge) in [
            (of(&SHIPPED), MATRIX, 160.0, 0.015, 0.05),
            (of(&SHIPPED), None, 170.0, 0.015, 0.05),
            (fixed(12), None, 170.0, 0.055, 0.25),
            (fixed(24), None, 170.0, 0.004, 0.02),
        ] {
            let (life, charge) = worst(&classes, &SHIPPED, matrix, hottest_c);
            println!("{} classes, matrix {}: {life:.4} {charge:.3}", classes.len(), matrix.is_some());
            assert!(life < most_life && charge < most_charge, "{} classes: {life}, {charge}", classes.len());
        }
        // Control: what was enough for the mean charge is not enough for lives.
        let (life, charge) = worst(&fixed(8), &SHIPPED, None, 170.0);
        assert!(life > 0.1 && charge < 1.0, "{life} {charge}");
        // Control: sixteen classes of equal probability miss the tail.
        let (life, _) = worst(&equal(16), &SHIPPED, None, 170.0);
        assert!(life > 0.5, "{life}");
    }

    /// Classes of equal probability of the shipped dots.
    fn equal(count: usize) -> Vec<TrapClass> {
        let singles = Singles::new(&SHIPPED.spread);
        let middle = |k: usize| TrapClass { weight: 1.0 / count as f64, ..singles.at((k as f64 + 0.5) / count as f64) };
        (0..count).map(middle).collect()
    }

    #[test]
    fn other_traps_and_polymers_are_as_far_off_as_stated() {
        let cases = [
            ("2 nm", sized(2.0, 0.5)),
            ("2.5 nm", sized(2.5, 0.7)),
            ("sd 1 nm", sized(3.0, 1.0)),
            ("4 nm", sized(4.0, 0.3)),
            ("1.8 eV", walled(1.8)),
            ("2 eV", walled(2.0)),
            ("5 eV", walled(5.0)),
            ("1e15 /s", Asked { attempt_per_s: 1e15, ..SHIPPED }),
            ("Tg 100 C", glass(100.0)),
            ("Tg 220 C", glass(220.0)),
            ("Tg 250 C", glass(250.0)),
            ("sheets", sheets(1.165, 1.246)),
            ("wide sheets", sheets(0.8, 1.6)),
            ("one depth", sheets(1.2, 1.2)),
        ];
        for (name, asked) in cases {
            let classes = of(&asked);
            let hottest_c = asked.glass_transition_k - 273.15;
            for matrix in [None, MATRIX, Some(Matrix { relaxation_s: 100.0, fragility: 40.0 })] {
                let (life, charge) = worst(&classes, &asked, matrix, hottest_c);
                println!("{name}: {} classes, {life:.4} {charge:.3}", classes.len());
                assert!(life < 0.02 && charge < 0.3, "{name}, {} classes: {life} {charge}", classes.len());
            }
        }
    }

    #[test]
    fn sums_are_one_for_every_number_of_classes() {
        for classes in 1..=MAX_CLASSES {
            let found = of(&Asked { classes: Some(classes), ..SHIPPED });
            assert_eq!(found.len(), classes);
            assert!((found.iter().map(|c| c.weight).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((found.iter().map(|c| c.weight * c.speed).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.windows(2).all(|pair| pair[0].depth_ev < pair[1].depth_ev));
        }
    }

    #[test]
    fn the_ends_of_the_ranges_give_sound_classes() {
        for (glass_transition_k, attempt_per_s, height_ev) in
            [(1e-60, 1e-60, 100.0), (1e4, 1e20, 100.0), (1e4, 1e-60, 2.4), (300.0, 1e20, 2.4)]
        {
            for (min_m, max_m) in [(1e-9, 5e-9), (1e-9, 1e-6), (0.9e-6, 1e-6)] {
                let sizes = Diameters { mean_m: max_m, sd_m: 0.2 * (max_m - min_m), min_m, max_m };
                let well = SphericalWell { height_ev, ..WELL };
                let spread = Spread::Dots(Dots { well, sizes, speed_exponent: 0.1 });
                for classes in [None, Some(16)] {
                    let found = of(&Asked { spread, classes, attempt_per_s, glass_transition_k });
                    let sound = |c: &TrapClass| c.weight > 0.0 && c.depth_ev > 0.0 && c.speed > 0.0 && c.is_finite();
                    assert!(!found.is_empty() && found.len() <= MAX_CLASSES, "{found:?}");
                    assert!(found.iter().all(sound), "{glass_transition_k} {attempt_per_s} {found:?}");
                }
            }
        }
    }

    #[test]
    fn shifts_follow_the_well() {
        // Within 3 sd of the shipped 1 % the quadratic must give the well's own depth to 0.3 meV (1 % of a rate at
        // 150 C).
        for class in of(&SHIPPED) {
            let (mut low, mut high) = (SIZES.min_m, SIZES.max_m);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if WELL.depth_ev(middle) < class.depth_ev { low = middle } else { high = middle }
            }
            for u in [-0.03f64, -0.01, 0.01, 0.03] {
                let shift = class.depth_shift_ev(u);
                let exact = WELL.depth_ev(low * u.exp()) - class.depth_ev;
                assert!((shift - exact).abs() < 3e-4, "{u}: {shift} {exact}");
            }
        }
    }

    /// Traps drawn one by one are those of the spread: shares of sizes, mean depth and mean speed.
    #[test]
    fn single_traps_are_those_of_the_spread() {
        let singles = Singles::new(&SHIPPED.spread);
        let count = 40_000;
        let traps: Vec<TrapClass> = (0..count).map(|i| singles.at((f64::from(i) + 0.5) / f64::from(count))).collect();
        let mean = |of: fn(&TrapClass) -> f64| traps.iter().map(of).sum::<f64>() / f64::from(count);
        assert!((mean(|trap| trap.speed) - 1.0).abs() < 1e-4, "{}", mean(|trap| trap.speed));
        let slices = SHIPPED.spread.slices();
        let depth_ev: f64 = slices.iter().map(|s| s.weight * s.depth_ev).sum();
        assert!((mean(|trap| trap.depth_ev) - depth_ev).abs() < 1e-5, "{} {depth_ev}", mean(|trap| trap.depth_ev));
        for diameter_m in [1.2e-9, 2e-9, 3e-9, 4.5e-9] {
            let edge_ev = WELL.depth_ev(diameter_m);
            let share: f64 = slices.iter().filter(|s| s.diameter_m < diameter_m).map(|s| s.weight).sum();
            let below = traps.iter().filter(|trap| trap.depth_ev < edge_ev).count() as f64 / f64::from(count);
            assert!((below - share).abs() < 2e-4, "{diameter_m}: {below} {share}");
        }
        assert!(traps.iter().all(|trap| trap.is_finite() && trap.depth_ev > 0.0));
    }
}
