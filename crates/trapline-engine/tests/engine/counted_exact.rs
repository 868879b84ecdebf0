//! Cells whose electrons are counted, against exact stochastic simulation, event by event.

use crate::counted::{FIXED, of_dots};
use ndarray::Array2;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::Population;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::reference::Reference;
use trapline_model::cell::counted::{CountedCell, DotNumber, Draws, tables};
use trapline_model::cell::step::{self, StepDrive};
use trapline_model::cell::{self, Drive, Factors, capture};
use trapline_model::material::{self, Material, Variation};
use trapline_model::protocol::Segment;
use trapline_model::units::kelvin;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): numbers of its own for the simulation.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / 9_007_199_254_740_992.0 + 1e-17
    }
}

/// One cell, event by event (Gillespie, J. Comput. Phys. 22, 403, 1976), through a segment: filled and empty dots of
/// each class, from rates per second.
fn gillespie(material: &Material, cell: &mut CountedCell, segment: &Segment, temperature_k: f64, random: &mut Uniform) {
    let emission = cell::emission_per_s(material, &cell.factors, temperature_k);
    let field = Drive::new(material, segment, temperature_k, None).field_per_s;
    let capture_of = material.capture.expect("has traps");
    let drive = StepDrive {
        open: 1.0 - material.injection.free_share,
        offered: capture::offered_per_s(material, segment.bias_v, temperature_k) / cell.factors.trap_filled,
        space_charge_limit: capture::space_charge_limit(&capture_of, cell.factors.trap_filled, segment.bias_v.abs()),
        emission: [0.0; material::MAX_CLASSES],
    };
    let classes = cell.classes.clone();
    let mut t = 0.0;
    loop {
        let of = |numbers: &[u32]| f64::from(numbers.iter().sum::<u32>());
        let u = step::uptake(&drive, of(&cell.filled) / of(&cell.dots)).0;
        let rates: Vec<(f64, f64)> = classes
            .iter()
            .enumerate()
            .map(|(k, class)| {
                let (full, empty) = (f64::from(cell.filled[k]), f64::from(cell.dots[k] - cell.filled[k]));
                (class.speed * u * empty, (emission[k] + class.speed * field) * full)
            })
            .collect();
        let total: f64 = rates.iter().map(|(up, down)| up + down).sum();
        if total <= 0.0 {
            return;
        }
        t -= random.next().ln() / total;
        if t > segment.dwell_s {
            return;
        }
        let mut which = random.next() * total;
        for (k, (up, down)) in rates.iter().enumerate() {
            if which < *up {
                cell.filled[k] += 1;
                break;
            }
            which -= up;
            if which < *down {
                cell.filled[k] -= 1;
                break;
            }
            which -= down;
        }
    }
}

/// Mean, variance and third central moment, and their standard errors.
#[derive(Debug)]
pub(super) struct Moments {
    pub value: [f64; 3],
    pub error: [f64; 3],
}

pub(super) fn moments(values: &[f64]) -> Moments {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let central = |power: i32| values.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let (v, m3, m4, m6) = (central(2), central(3), central(4), central(6));
    let error =
        [(v / n).sqrt(), ((m4 - v * v) / n).sqrt(), ((m6 - m3 * m3 - 6.0 * m4 * v + 9.0 * v * v * v) / n).sqrt()];
    Moments { value: [mean, v, m3], error }
}

/// A train: pulses of a bias and width, each with a rest.
pub(super) struct Train {
    pub name: &'static str,
    pub dots: f64,
    pub bias_v: f64,
    pub width_s: f64,
    /// Of a rest.
    pub rest_s: f64,
    pub celsius: f64,
    pub looks: &'static [usize],
}

/// Fillings after the looks of the train, event by event; axes (look, cell).
pub(super) fn exact(train: &Train, cells: u64) -> Array2<f64> {
    let material = of_dots(train.name, train.dots);
    let counts = tables(&material, &Variation::OFF, FIXED);
    let mut found = Array2::zeros((train.looks.len(), cells as usize));
    for number in 0..cells {
        let draws = Draws { counts: &counts, seed: 99, cell: number };
        let mut of_cell = CountedCell::draw(&material, DotNumber::Fixed, &Factors::NOMINAL, &draws);
        let mut random = Uniform(number);
        for pulse in 1..=train.looks[train.looks.len() - 1] {
            for (bias_v, dwell_s) in [(train.bias_v, train.width_s), (0.0, train.rest_s)] {
                let segment = Segment { bias_v, dwell_s, cycle: 0 };
                gillespie(&material, &mut of_cell, &segment, kelvin(train.celsius), &mut random);
            }
            if let Some(look) = train.looks.iter().position(|at| *at == pulse) {
                let of = |numbers: &[u32]| f64::from(numbers.iter().sum::<u32>());
                found[[look, number as usize]] = of(&of_cell.filled) / of(&of_cell.dots);
            }
        }
    }
    found
}

/// The same by a backend.
fn drawn(backend: &dyn Backend, train: &Train, cells: u64) -> Array2<f64> {
    let material = of_dots(train.name, train.dots);
    let population = Population::new(&material, Variation::OFF, 5, (0..cells).collect()).electrons(FIXED);
    let mut of_cells = backend.cells(population).expect("opens");
    let segments: Vec<_> = (1..=train.looks[train.looks.len() - 1])
        .flat_map(|pulse| {
            let segment = |bias_v, dwell_s| Segment { bias_v, dwell_s, cycle: 0 };
            let rest = (segment(0.0, train.rest_s), train.looks.contains(&pulse));
            [(segment(train.bias_v, train.width_s), false), rest]
        })
        .collect();
    let stimulus = of_cells.population().stimulus(kelvin(train.celsius), &segments);
    of_cells.advance(&stimulus, None).expect("runs").filling
}

/// Pulses of the shipped dots, of the width of the rests after them.
pub(super) const OF_DOTS: Train = Train {
    name: "pi-ws2-qd",
    dots: 6000.0,
    bias_v: 1.5,
    width_s: 1e-3,
    rest_s: 1e-3,
    celsius: 25.0,
    looks: &[1, 10, 30],
};

const TRAINS: [Train; 6] = [
    // In the substeps of large cells.
    OF_DOTS,
    Train { dots: 50.0, looks: &[1, 10, 20, 30], ..OF_DOTS },
    Train { dots: 500.0, ..OF_DOTS },
    Train {
        name: "pi-ws2-ns",
        dots: 50.0,
        bias_v: 0.7,
        width_s: 1e-4,
        rest_s: 1e-4,
        celsius: 100.0,
        looks: &[1, 5, 20],
    },
    // The shallow dots empty in a rest, and fill again.
    Train { rest_s: 10.0, celsius: 150.0, looks: &[1, 10], ..OF_DOTS },
    // Released by the field while it fills.
    Train { dots: 50.0, bias_v: -3.0, looks: &[1, 10], ..OF_DOTS },
];

fn agrees(backend: &dyn Backend, cells: u64) {
    for train in &TRAINS {
        let cells = if train.dots > 1000.0 { cells / 4 } else { cells };
        let (exact, drawn) = (exact(train, cells), drawn(backend, train, cells));
        for (look, pulses) in train.looks.iter().enumerate() {
            let (of_exact, of_drawn) =
                (moments(exact.row(look).as_slice().unwrap()), moments(drawn.row(look).as_slice().unwrap()));
            let dots = train.dots;
            let binomial = of_exact.value[0] * (1.0 - of_exact.value[0]) / dots;
            println!(
                "{} {dots} dots {} V, {pulses} pulses: mean {:.5} {:.5}, variance over binomial {:.3} {:.3}, third {:.2e} {:.2e} +- {:.1e}",
                train.name,
                train.bias_v,
                of_exact.value[0],
                of_drawn.value[0],
                of_exact.value[1] / binomial,
                of_drawn.value[1] / binomial,
                of_exact.value[2],
                of_drawn.value[2],
                of_exact.error[2],
            );
            // Of the step itself: 1/2000 of the mean and a sixth of an electron, 5 % of the variance, and a twentieth
            // of a binomial's third moment.
            let third = 0.05 * binomial * (1.0 - 2.0 * of_exact.value[0]).abs() / dots;
            let room = [5e-4 * of_exact.value[0] + 0.16 / dots / dots.sqrt(), 0.05 * of_exact.value[1], third];
            for (m, room) in room.into_iter().enumerate() {
                let error = of_exact.error[m].hypot(of_drawn.error[m]);
                let off = (of_exact.value[m] - of_drawn.value[m]).abs();
                assert!(off <= 4.5 * error + room, "{} {pulses} moment {}: {off:e} {error:e}", train.name, m + 1);
            }
        }
    }
}

#[test]
fn the_reference_is_the_exact_simulation() {
    agrees(&Reference, 20_000);
}

#[test]
fn the_cpu_is_the_exact_simulation() {
    agrees(&Cpu::open(None, None).expect("opens"), 20_000);
}

#[test]
fn the_gpu_is_the_exact_simulation() {
    agrees(&Gpu::open(None, None).expect("an adapter"), 4_000);
}
