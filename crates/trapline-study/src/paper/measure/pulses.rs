//! Claims on sweeps and pulses below the set voltage.

use super::super::claims::Measured;
use super::current::{at, between, branches};
use super::{Outcome, Raw, deviation, largest, mean, rises, smallest};
use ndarray::{Ix3, s};
use trapline_model::dataset::DatasetError;

fn column(raw: &Raw, group: &str, variable: &str) -> Result<Vec<f64>, DatasetError> {
    Ok(raw.numbers(group, variable)?.iter().copied().collect())
}

pub fn potentiation_sweeps(raw: &Raw) -> Outcome {
    const GROUP: &str = "sweeps/positive_25c";
    let g = column(raw, GROUP, "conductance_s")?;
    let share = (g[1] - g[0]) / (g[g.len() - 1] - g[0]);
    Ok(Measured::new(share, GROUP)
        .given("30 sweeps", g.len() == 31)
        .and("strictly rising over all 30 sweeps", rises(&g))
        .and("the first sweep gives less than 60 % of the rise", share < 0.6)
        .beside("rise over the first conductance", g[g.len() - 1] / g[0] - 1.0))
}

pub fn reverse_sweeps(raw: &Raw) -> Outcome {
    let rise = |sign: &str| {
        let g = column(raw, &format!("sweeps/{sign}_25c"), "conductance_s")?;
        Ok::<_, DatasetError>(g[g.len() - 1] - g[0])
    };
    Ok(Measured::new(rise("negative")? / rise("positive")?, "sweeps/negative_25c, sweeps/positive_25c"))
}

/// Pulses of the potentiating train.
const RISING: usize = 30;
/// States of Figures 2g and 4c: before the first pulse, and after 10, 20 and 30.
pub(in crate::paper) const STATES: [usize; 4] = [0, 10, 20, 30];

/// Conductances (cycle, state) of the cell of a group of cycles.
fn of_cycles(raw: &Raw, group: &str, variable: &str) -> Result<ndarray::Array2<f64>, DatasetError> {
    let g = raw.numbers(group, variable)?;
    let misfit = || DatasetError::Misfit {
        dataset: group.to_owned(),
        name: variable.to_owned(),
        found: format!("{} axes", g.ndim()),
        limit: "3 are needed".to_owned(),
    };
    let g = g.view().into_dimensionality::<Ix3>().map_err(|_| misfit())?;
    Ok(g.slice(s![0, .., ..]).to_owned())
}

/// The cycles whose curves the paper shows in Figures 2h and 4d.
const SHOWN: [usize; 6] = [1, 20, 50, 100, 150, 256];

pub fn pulse_cycles(raw: &Raw) -> Outcome {
    const GROUP: &str = "pulse/cycles_25c";
    let all = of_cycles(raw, GROUP, "conductance_noiseless_s")?;
    // From a cycle on, the first of which is cycle 1.
    let from = |first: usize| {
        let g = all.slice(s![first.min(all.nrows() + 1) - 1.., ..]);
        let shown: Vec<_> =
            SHOWN.iter().filter(|c| (first..=all.nrows()).contains(*c)).map(|c| all.row(c - 1)).collect();
        let window = mean(&g.column(RISING).to_vec()) - mean(&g.column(0).to_vec());
        let apart = (0..g.ncols()).map(|state| {
            let of_state = || shown.iter().map(move |row| row[state]);
            largest(of_state()) - smallest(of_state())
        });
        let first_drop = g.rows().into_iter().map(|row| (row[RISING] - row[RISING + 1]) / (row[RISING] - row[0]));
        let back = g.rows().into_iter().map(|row| ((row[g.ncols() - 1] - row[0]) / window).abs());
        let (first_drop, back) = (smallest(first_drop), largest(back));
        Measured::new(largest(apart) / window, GROUP)
            .given("256 cycles", all.nrows() == 256)
            .and("the first negative pulse removes at least 30 % of the window", first_drop >= 0.3)
            .and("the negative train returns within 5 % of the window", back <= 0.05)
            .beside("least share removed by the first negative pulse", first_drop)
            .beside("largest distance from the start after the train, over the window", back)
    };
    Ok(from(1).reading("without the first cycle", from(2)))
}

/// Of the window of a cycle, between which shares a state is neither programmed nor erased.
const BETWEEN: std::ops::RangeInclusive<f64> = 0.05..=0.95;

pub fn depression_sharp(raw: &Raw) -> Outcome {
    const GROUP: &str = "pulse/cycles_25c";
    let g = of_cycles(raw, GROUP, "conductance_noiseless_s")?;
    let (cycles, falling) = (g.nrows(), g.ncols() - 1 - RISING);
    // Share of its cycle's window that a negative pulse takes, 1 being the first, and what is left after it.
    let window = |row: usize| g[[row, RISING]] - g[[row, 0]];
    let taken = |pulse: usize| -> Vec<f64> {
        let of_cycle = |row| (g[[row, RISING + pulse - 1]] - g[[row, RISING + pulse]]) / window(row);
        (0..cycles).map(of_cycle).collect()
    };
    let left = |pulse: usize| {
        mean(&(0..cycles).map(|row| (g[[row, RISING + pulse]] - g[[row, 0]]) / window(row)).collect::<Vec<_>>())
    };
    let intermediate = (1..=falling).filter(|pulse| BETWEEN.contains(&left(*pulse))).count();
    let first = taken(1);
    Ok(Measured::new(smallest(first.iter().copied()), GROUP)
        .given("256 cycles of 10 negative pulses", cycles == 256 && falling == 10)
        .beside("mean share of the first pulse", mean(&first))
        .beside("of the second", mean(&taken(2)))
        .beside("of the tenth", mean(&taken(falling)))
        .beside("negative pulses after which 5 to 95 % of the window is left", intermediate as f64))
}

pub fn state_separation(raw: &Raw) -> Outcome {
    const GROUP: &str = "pulse/cycles_25c";
    let g = of_cycles(raw, GROUP, "conductance_s")?;
    let states = STATES.map(|state| g.column(state).to_vec());
    let gaps =
        states.windows(2).map(|pair| (mean(&pair[1]) - mean(&pair[0])) / deviation(&pair[0]).max(deviation(&pair[1])));
    Ok(Measured::new(smallest(gaps), GROUP).given("256 cycles", g.nrows() == 256))
}

pub fn pulse_energy(raw: &Raw) -> Outcome {
    const GROUP: &str = "pulse/cycles_25c";
    let energy = of_cycles(raw, GROUP, "energy_j")?;
    let first: Vec<f64> = energy.slice(s![0, ..RISING]).to_vec();
    let (least, most) = (smallest(first.iter().copied()), largest(first.iter().copied()));
    let cycle = Measured::new(first.iter().sum(), GROUP).given("30 pulses", first.len() == RISING);
    Ok(Measured::new(most, GROUP)
        .and("the cheapest pulse is in the band too", (1e-15..=1e-12).contains(&least))
        .beside("cheapest of the first 30 pulses, J", least)
        .reading("a cycle of 30 pulses", cycle))
}

pub fn endurance(raw: &Raw) -> Outcome {
    let mut worst = Vec::new();
    let cold = of_cycles(raw, "pulse/cycles_25c", "conductance_s")?;
    let hot = of_cycles(raw, "pulse/cycles_100c", "conductance_s")?;
    for state in STATES {
        let (c, h) = (mean(&cold.column(state).to_vec()), mean(&hot.column(state).to_vec()));
        worst.push(("states", (h / c - 1.0).abs()));
    }
    let (cold, hot) = (branches(raw, "iv/qd_25c", 0)?, branches(raw, "iv/qd_100c", 0)?);
    for (c, h) in [(&cold.0, &hot.0), (&cold.1, &hot.1)] {
        for (v, i) in between(c, 1.0, 5.0) {
            worst.push(("sweeps to 5 V", (at(h, v) / i - 1.0).abs()));
        }
    }
    for sign in ["positive", "negative"] {
        let group = |celsius: f64| format!("sweeps/{sign}_{celsius}c");
        let (c, h) = (raw.numbers(&group(25.0), "current_a")?, raw.numbers(&group(100.0), "current_a")?);
        let bias = raw.numbers(&group(25.0), "bias_v")?;
        for ((place, i), hot) in c.indexed_iter().zip(h) {
            if bias[[place[1]]].abs() > 1.0 - 1e-4 {
                worst.push((
                    if sign == "positive" { "positive sweeps" } else { "negative sweeps" },
                    (hot / i - 1.0).abs(),
                ));
            }
        }
    }
    let all = largest(worst.iter().map(|w| w.1));
    let mut found =
        Measured::new(all, "pulse/cycles_*, iv/qd_*, sweeps/* at 25 and 100 °C").and("it is not zero", all > 0.0);
    for part in ["states", "sweeps to 5 V", "positive sweeps", "negative sweeps"] {
        found = found.beside(part, largest(worst.iter().filter(|w| w.0 == part).map(|w| w.1)));
    }
    Ok(found)
}

pub fn more_bias_more_charge(raw: &Raw) -> Outcome {
    const GROUP: &str = "pulse/one_of_each_bias";
    let filling = column(raw, GROUP, "filling")?;
    Ok(Measured::new(filling[filling.len() - 1] / filling[0], GROUP).and("strictly rising", rises(&filling)))
}

/// Over every group that counts electrons, step by step.
pub fn charge_balance(raw: &Raw) -> Outcome {
    let (mut ratios, mut groups, mut steps) = (Vec::new(), 0, 0);
    for d in raw.0 {
        // Of millions of pulses only the largest ratios are kept.
        if let Ok(shares) = d.numbers("caught_share") {
            groups += 1;
            ratios.extend(shares.iter().copied());
        }
        let (Ok(caught), Ok(injected)) = (d.numbers("caught"), d.numbers("injected")) else {
            continue;
        };
        groups += 1;
        for (c, i) in caught.iter().zip(injected).filter(|(c, i)| **c != 0.0 || **i != 0.0) {
            steps += 1;
            ratios.push(c / i);
        }
    }
    let any = !ratios.is_empty();
    let value = if any { largest(ratios) } else { f64::NAN };
    Ok(Measured::new(value, "every group with caught and injected, or caught_share")
        .given("electrons are injected", any)
        .beside("groups", f64::from(groups))
        .beside("steps", f64::from(steps)))
}
