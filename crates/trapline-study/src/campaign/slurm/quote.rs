//! Words for the two readers of a job script: the shell, and sbatch in its `#SBATCH` lines.

/// A word of the shell that stands for exactly this text, whatever it holds (a NUL, which no file name has, left out).
pub(super) fn shell(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word of an `#SBATCH` line. sbatch reads quotes as the shell does, but for a backslash, which counts between
/// quotes too; control characters have no form there.
pub(super) fn sbatch(text: &str) -> String {
    shell(&text.replace('\\', r"\\"))
}

/// The path of a log, for `--output`: there a percent sign begins a placeholder.
pub(super) fn log_folder(path: &str) -> String {
    path.replace('%', "%%")
}

/// Characters that mean themselves to both.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:,=@+%".contains(c)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_shell_reads_every_text_as_it_is() {
        for text in
            ["", "plain-1.h5", "a b", "it's", "\"$HOME\" `id` \\ $(id)", "-n", "*?[a]~#!&;|<>", "Größe µ", "a\nb"]
        {
            let script = format!("printf '%s|' {}", shell(text));
            let said = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{text}|"), "{script}");
        }
    }

    #[test]
    fn sbatch_reads_quotes_and_backslashes() {
        assert_eq!(sbatch("gpu:a100:1"), "gpu:a100:1");
        assert_eq!(sbatch("a b'c\"#µ"), r##"'a b'\''c"#µ'"##);
        assert_eq!(sbatch(r"a\b"), r"'a\\b'");
        assert_eq!(log_folder("/100 %/x"), "/100 %%/x");
    }
}
