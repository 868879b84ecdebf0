//! Names of columns to quantities and units.

/// A quantity that a column may hold.
#[derive(Debug, PartialEq)]
pub(super) struct Quantity {
    /// Its name in trapline's own files: with the unit it is computed in.
    pub key: &'static str,
    /// The unit's symbol.
    pub unit: &'static str,
    /// How others call it: small letters and digits only.
    names: &'static [&'static str],
    /// Their units, and how many of ours each is.
    units: &'static [(&'static str, f64)],
}

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        key: "time_s",
        unit: "s",
        names: &[
            "t",
            "time",
            "zeit",
            "messzeit",
            "temps",
            "tiempo",
            "tempo",
            "elapsed",
            "elapsedtime",
            "relativetime",
            "timestamp",
            "waittime",
            "retentiontime",
            "baketime",
        ],
        units: &[
            ("s", 1.0),
            ("sec", 1.0),
            ("secs", 1.0),
            ("second", 1.0),
            ("seconds", 1.0),
            ("ms", 1e-3),
            ("us", 1e-6),
            ("ns", 1e-9),
            ("min", 60.0),
            ("mins", 60.0),
            ("minute", 60.0),
            ("minutes", 60.0),
            ("h", 3600.0),
            ("hr", 3600.0),
            ("hrs", 3600.0),
            ("hour", 3600.0),
            ("hours", 3600.0),
            ("d", 86_400.0),
            ("day", 86_400.0),
            ("days", 86_400.0),
        ],
    },
    Quantity {
        key: "bias_v",
        unit: "V",
        names: &[
            "v",
            "u",
            "bias",
            "voltage",
            "spannung",
            "tension",
            "tensione",
            "voltaje",
            "volt",
            "volts",
            "appliedvoltage",
            "appliedbias",
            "biasvoltage",
            "voltagebias",
            "sourcevoltage",
            "setvoltage",
            "measuredvoltage",
            "forcevoltage",
            "channelvoltage",
            "smuvoltage",
            "vforce",
            "vmeas",
            "vapp",
            "vapplied",
            "vtop",
            "va",
            "vd",
            "vds",
            "vbias",
            "av",
            "anodev",
            "gatev",
            "drainv",
            "topv",
            "topelectrodev",
            "smuv",
            "forcev",
            "cathodev",
            "cv",
        ],
        units: &[("V", 1.0), ("volt", 1.0), ("volts", 1.0), ("mV", 1e-3), ("uV", 1e-6), ("kV", 1e3)],
    },
    Quantity {
        key: "current_a",
        unit: "A",
        names: &[
            "i",
            "current",
            "strom",
            "courant",
            "corrente",
            "corriente",
            "amp",
            "amps",
            "ampere",
            "measuredcurrent",
            "channelcurrent",
            "smucurrent",
            "readcurrent",
            "imeas",
            "imeasured",
            "iread",
            "ia",
            "ids",
            "ai",
            "anodei",
            "draini",
            "topi",
            "topelectrodei",
            "smui",
            "cathodei",
            "ci",
        ],
        units: &[
            ("A", 1.0),
            ("amp", 1.0),
            ("amps", 1.0),
            ("ampere", 1.0),
            ("mA", 1e-3),
            ("uA", 1e-6),
            ("nA", 1e-9),
            ("pA", 1e-12),
            ("fA", 1e-15),
        ],
    },
    Quantity {
        key: "conductance_s",
        unit: "S",
        names: &["g", "conductance", "leitwert", "conduttanza", "conductancia"],
        units: &[("S", 1.0), ("siemens", 1.0), ("mS", 1e-3), ("uS", 1e-6), ("nS", 1e-9), ("pS", 1e-12), ("fS", 1e-15)],
    },
    Quantity {
        key: "kept",
        unit: "1",
        names: &["kept", "keptshare", "retention", "retained", "remaining", "retentionratio", "windowkept"],
        units: &[("1", 1.0), ("%", 1e-2), ("percent", 1e-2), ("pct", 1e-2), ("per cent", 1e-2)],
    },
    // Which of several devices a line is of: found only by the name that the user gives.
    Quantity { key: "device", unit: "1", names: &[], units: &[("1", 1.0)] },
];

/// Units of time that stand for the time itself where a column is called so.
const TIMES: [&str; 12] =
    ["sec", "secs", "second", "seconds", "mins", "minute", "minutes", "hrs", "hour", "hours", "day", "days"];

/// What is not the quantity itself though it has its unit.
const NOT_ITSELF: [&str; 16] = [
    "log",
    "ln",
    "abs",
    "density",
    "error",
    "std",
    "sigma",
    "noise",
    "range",
    "limit",
    "compliance",
    "step",
    "delay",
    "leak",
    "per",
    "width",
];

/// How surely a column is meant: by our own name, by a usual name with a unit of the quantity, by a usual name alone, by
/// its unit alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sureness {
    Key,
    NameAndUnit,
    Name,
    Unit,
}

impl Quantity {
    pub(super) fn of(key: &str) -> Option<&'static Quantity> {
        QUANTITIES.iter().find(|quantity| quantity.key == key)
    }

    /// How many of our units one of this name is.
    pub(super) fn scale(&self, unit: &str) -> Option<f64> {
        let unit = plain_letters(unit);
        let exact = self.units.iter().find(|(known, _)| *known == unit);
        let any = || self.units.iter().find(|(known, _)| known.eq_ignore_ascii_case(&unit));
        exact.or_else(any).map(|(_, scale)| *scale)
    }

    /// All units, for an error.
    pub(super) fn unit_words(&self) -> String {
        self.units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", ")
    }

    /// Whether a heading may mean this quantity, and how surely.
    pub(super) fn meant(&self, heading: &Heading) -> Option<Sureness> {
        if heading.text == self.key {
            return Some(Sureness::Key);
        }
        if QUANTITIES.iter().any(|other| other.key == heading.text) {
            return None;
        }
        let name = squeezed(&heading.name);
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let named = |quantity: &Quantity| quantity.names.contains(&name.as_str()) || quantity.names.contains(&plain);
        let plain_name = !heading.name.contains(['|', '*', '/', '^', '+', '=']);
        let itself = plain_name && name.chars().count() > 1 && !NOT_ITSELF.iter().any(|word| name.contains(word));
        // A capital T is a temperature, unless a time's unit stands in brackets beside it.
        let temperature = heading.name == "T" && !heading.bracketed;
        let known = named(self) && plain_name && !temperature;
        let of_other = QUANTITIES.iter().any(|other| other != self && named(other));
        match &heading.unit {
            Some(unit) if self.scale(unit).is_some() => {
                // A unit alone says enough only where it stands in brackets, as it is written; of a share it never does.
                // In capitals alone S is any unit of that letter.
                let shouted = self.key == "conductance_s" && !heading.text.chars().any(char::is_lowercase);
                let exact =
                    heading.bracketed && !shouted && self.units.iter().any(|(known, _)| *known == plain_letters(unit));
                let by_unit = self.key != "kept" && exact && itself && !of_other;
                if known { Some(Sureness::NameAndUnit) } else { by_unit.then_some(Sureness::Unit) }
            }
            Some(_) => None,
            None => known.then_some(Sureness::Name),
        }
    }
}

/// With the letter u for that of micro.
fn plain_letters(unit: &str) -> String {
    unit.replace(['\u{b5}', '\u{3bc}'], "u")
}

/// Letters and digits of a name, in small.
fn squeezed(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name of a column, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heading {
    /// As it stands in the file.
    pub text: String,
    /// Without the unit.
    pub name: String,
    pub unit: Option<String>,
    /// Whether the unit stands in brackets.
    pub bracketed: bool,
}

impl Heading {
    /// Whether the name says that the numbers are logarithms.
    pub(super) fn is_logarithm(&self) -> bool {
        let name = self.name.trim_start().to_lowercase();
        ["log", "lg", "ln"]
            .iter()
            .any(|word| name.strip_prefix(word).is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphabetic())))
    }

    pub(super) fn of(text: &str) -> Heading {
        let text = text.trim().trim_start_matches(['#', '%']).trim();
        let with = |name: &str, unit: &str, bracketed: bool| Heading {
            text: text.to_owned(),
            name: name.trim().to_owned(),
            unit: Some(unit.trim().to_owned()),
            bracketed,
        };
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')] {
            if let Some((name, unit)) = text.strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) {
                return with(name, unit, true);
            }
        }
        // "Hours" alone is a time in hours.
        if TIMES.contains(&text.to_lowercase().as_str()) {
            return Heading { bracketed: true, ..with("time", text, false) };
        }
        // "Bias / V", "Bias, V", "Bias in V", "bias_mv", "Bias V": only where the last part is a unit.
        for mark in ["/", ",", " in ", "_", " "] {
            if let Some((name, unit)) = text.rsplit_once(mark)
                && !name.trim().is_empty()
                && is_unit(unit)
            {
                return with(name, unit, false);
            }
        }
        Heading { text: text.to_owned(), name: text.to_owned(), unit: None, bracketed: false }
    }
}

/// Whether a word is the unit of any quantity.
pub(super) fn is_unit(word: &str) -> bool {
    let word = word.trim().trim_matches(['(', ')', '[', ']']);
    QUANTITIES.iter().any(|quantity| word != "1" && quantity.scale(word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_instruments_are_understood() {
        for (text, key, scale) in [
            ("time_s", "time_s", 1.0),
            ("Time (s)", "time_s", 1.0),
            ("TIME(S)", "time_s", 1.0),
            ("Zeit / min", "time_s", 60.0),
            ("time_ms", "time_s", 1e-3),
            ("Elapsed Time [h]", "time_s", 3600.0),
            ("Bias (V)", "bias_v", 1.0),
            ("Voltage, mV", "bias_v", 1e-3),
            ("AI", "current_a", 1.0),
            ("AV", "bias_v", 1.0),
            ("I [nA]", "current_a", 1e-9),
            ("I (\u{b5}A)", "current_a", 1e-6),
            ("I (\u{3bc}A)", "current_a", 1e-6),
            ("current_na", "current_a", 1e-9),
            ("V1", "bias_v", 1.0),
            ("DrainI", "current_a", 1.0),
            ("SMU-1 Current (A)", "current_a", 1.0),
            ("Retention (%)", "kept", 1e-2),
            ("G [uS]", "conductance_s", 1e-6),
        ] {
            let heading = Heading::of(text);
            for quantity in &QUANTITIES {
                let meant = quantity.meant(&heading);
                assert_eq!(meant.is_some(), quantity.key == key, "{text:?} as {}: {meant:?}", quantity.key);
            }
            let quantity = Quantity::of(key).expect("known");
            let found = heading.unit.as_deref().map_or(Some(1.0), |unit| quantity.scale(unit));
            let own = heading.text == key;
            assert_eq!(if own { Some(1.0) } else { found }, Some(scale), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_the_quantity_is_let_be() {
        for text in [
            "Current density (A/cm2)",
            "log I",
            "Compliance (A)",
            "|I| (A)",
            "Step (V)",
            "Index",
            "",
            "Temperature (K)",
        ] {
            for quantity in &QUANTITIES {
                assert_eq!(quantity.meant(&Heading::of(text)), None, "{text:?} as {}", quantity.key);
            }
        }
        assert!(is_unit("[nA]") && is_unit("s") && !is_unit("1") && !is_unit("Time"));
    }
}
