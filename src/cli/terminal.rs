//! Text to people and to pipes.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use trapline::files::commit::TOO_LARGE;
use trapline::text;

use super::Failure;

/// Writes to the standard output. A reader that has seen enough (`| head`) is no failure: the command ends quietly.
///
/// # Errors
/// [`Failure::Reported`] for a closed pipe, [`Failure::Failed`] for any other refusal (a full disk, say).
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text::plain(text).as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Reported(0),
        ErrorKind::FileTooLarge => {
            Failure::Failed(format!("cannot write to the standard output: {error}; {TOO_LARGE}"))
        }
        _ => Failure::Failed(format!("cannot write to the standard output: {error}; check the disk")),
    })
}

/// Writes a value as JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&json(value)?)
}

/// A value as JSON for the standard output and for files: no character in it acts on a terminal.
///
/// # Errors
/// [`Failure::Failed`] for what has no form in JSON.
pub fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("cannot put the results into JSON: {error}")))?;
    Ok(text::plain_json(&text).into_owned() + "\n")
}

/// Writes a line to the standard error, if anybody listens there.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text::plain(line));
}

/// Where remarks of the library go: each on one line of the standard error.
pub fn remarks() -> Remarks {
    Remarks
}

/// Writes what it is given, a remark at a time, through the gate of [`text`].
pub struct Remarks;

impl Write for Remarks {
    fn write(&mut self, remark: &[u8]) -> io::Result<usize> {
        let told = String::from_utf8_lossy(remark);
        let indent = &told[..told.len() - told.trim_start_matches(' ').len()];
        writeln!(io::stderr().lock(), "{indent}{}", text::one_line(&told))?;
        Ok(remark.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A bar over so many things (`cells`) on the standard error; none where that is no terminal, or where `quiet`.
pub fn bar(count: u64, things: &str, quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    let template =
        format!("{{bar:32}} {{percent:>3}} %  {{human_pos}} of {{human_len}} {things}, {{rate}}, {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        let said = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&rate(state.per_sec()));
        };
        bar.set_style(style.with_key("rate", said));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// How many a second, to three digits: `4.62 M/s`.
fn rate(per_s: f64) -> String {
    let (scale, letter) = match per_s {
        rate if rate >= 1e9 => (1e9, " G"),
        rate if rate >= 1e6 => (1e6, " M"),
        rate if rate >= 1e4 => (1e3, " k"),
        _ => (1.0, ""),
    };
    let shown = per_s / scale;
    let decimals = if shown >= 100.0 {
        0
    } else if shown >= 10.0 {
        1
    } else {
        2
    };
    format!("{shown:.decimals$}{letter}/s")
}

/// A time a person waited.
pub fn waited(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", seconds as u64 / 60, seconds as u64 % 60)
    }
}

/// A time that is going to pass, to two digits or so.
pub fn about(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "less than a second".to_owned(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 2.0 * 86_400.0 => format!("{:.1} h", s / 3600.0),
        s if s < 1000.0 * 86_400.0 => format!("{:.1} days", s / 86_400.0),
        s => format!("{:.1} years", s / 31_557_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spoken() {
        let rates = [4_617_678.693_4, 12.34, 1.5e4, 0.0, 2e9].map(rate);
        assert_eq!(rates, ["4.62 M/s", "12.3/s", "15.0 k/s", "0.00/s", "2.00 G/s"]);
        assert_eq!(waited(Duration::from_millis(1234)), "1.2 s");
        assert_eq!((about(90.0), about(5400.0), about(2e5)), ("90 s".into(), "90 min".into(), "2.3 days".into()));
        assert_eq!(waited(Duration::from_secs(125)), "2 min 05 s");
    }
}
