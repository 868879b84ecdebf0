//! Values of options: an amount of memory, a number of rows.

use trapline::array::MAX_LINES;
use trapline::campaign::MAX_SHARDS;

/// `512MiB`, `2 GiB`, `65536KiB`, or a plain number of MiB, as bytes.
///
/// # Errors
/// What it must be, for clap to say.
pub fn memory(text: &str) -> Result<u64, String> {
    let wanted = "it must be a whole number of MiB, or one with KiB, MiB or GiB: 512MiB";
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "kib" => 1 << 10,
        "" | "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wanted.to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| wanted.to_owned())?;
    match number.checked_mul(scale) {
        Some(0) => Err("it must be more than 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("it must be at most {} GiB", u64::MAX >> 30)),
    }
}

/// A number of rows or columns.
///
/// # Errors
/// The limits.
pub fn lines(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_LINES).contains(n));
    number.ok_or_else(|| format!("it must be a whole number from 1 to {MAX_LINES}"))
}

/// Numbers of rows, each also of columns, in rising order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes(pub Vec<u64>);

/// `64..16384`, from one number of rows to another by doubling, both included; or `64,100,256`.
///
/// # Errors
/// What is wrong, with the limits and a list that is right, for clap to say.
pub fn sizes(text: &str) -> Result<Sizes, String> {
    const MOST: usize = 64;
    let fix = "give a range by doubling, 64..16384, or a list, 64,100,256";
    let one = |part: &str| {
        let number = part.trim().parse().ok().filter(|n| (1..=MAX_LINES).contains(n));
        number.ok_or_else(|| format!("{:?} must be a whole number from 1 to {MAX_LINES}; {fix}", part.trim()))
    };
    let mut sizes: Vec<u64> = match text.split_once("..") {
        None => text.split(',').map(one).collect::<Result<_, _>>()?,
        Some((first, last)) => {
            let (first, last) = (one(first)?, one(last)?);
            if first > last {
                return Err(format!("{first} is more than {last}; {fix}"));
            }
            let doubled = std::iter::successors(Some(first), |n| n.checked_mul(2)).take_while(|n| *n < last);
            doubled.chain([last]).collect()
        }
    };
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() > MOST {
        return Err(format!("{} sizes are more than {MOST}, the limit; {fix}", sizes.len()));
    }
    Ok(Sizes(sizes))
}

/// A time, s.
///
/// # Errors
/// The limits.
pub fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|s| (0.001..=3600.0).contains(s));
    number.ok_or_else(|| "it must be a number of seconds from 0.001 to 3600".to_owned())
}

/// A seed.
///
/// # Errors
/// The limits.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("it must be a whole number from 0 to {}", u64::MAX))
}

/// A number of threads.
///
/// # Errors
/// The limits.
pub fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| "it must be a whole number from 1 to 1024".to_owned())
}

/// A number of shards.
///
/// # Errors
/// The limits.
pub fn shards(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_SHARDS).contains(n));
    number.ok_or_else(|| format!("it must be a whole number from 1 to {MAX_SHARDS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_range_or_a_list() {
        let of = |text: &str| sizes(text).map(|sizes| sizes.0);
        assert_eq!(of("64..512"), Ok(vec![64, 128, 256, 512]));
        // The last one is measured too where doubling passes it by.
        assert_eq!(of("100..500"), Ok(vec![100, 200, 400, 500]));
        assert_eq!((of("7..7"), of("300, 20,20")), (Ok(vec![7]), Ok(vec![20, 300])));
        let most = MAX_LINES.to_string();
        assert!(of(&format!("1..{most}")).is_ok_and(|sizes| sizes.last() == Some(&MAX_LINES)));
        for wrong in ["", "..", "0..3", "a..b", "64..", "..64", "8..4", "-1..4", "1.5", "1,,2", "64...128"] {
            let told = of(wrong).expect_err(wrong);
            assert!(told.contains("64..16384") && !told.contains('\n'), "{wrong}: {told}");
        }
        let told = of(&format!("64..{}", MAX_LINES + 1)).expect_err("too many lines");
        assert!(told.contains(&most), "{told}");
        let many: Vec<String> = (1..=65).map(|n: u64| n.to_string()).collect();
        assert!(of(&many.join(",")).expect_err("65 sizes").contains("64, the limit"));
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!((seconds("0.25"), seconds("3600")), (Ok(0.25), Ok(3600.0)));
        for wrong in ["", "0", "-1", "nan", "inf", "3601", "1s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_takes_binary_units_and_plain_mib() {
        assert_eq!(memory("512"), Ok(512 << 20));
        assert_eq!(memory("512MiB"), Ok(512 << 20));
        assert_eq!(memory("2 gib"), Ok(2 << 30));
        assert_eq!(memory("64KiB"), Ok(64 << 10));
        for wrong in ["", "MiB", "-1", "0", "1.5GiB", "12MB", "18446744073709551615", "99999999999999999999"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }
}
