//! What the command line says of itself: completions for shells, and manual pages.

use std::fs;
use std::process::{Command, Output};

fn trapline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).output().unwrap()
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The commands, as the help lists them; `help` itself left out.
fn commands() -> Vec<String> {
    let help = good(&trapline(&["--help"]));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Further lines of a description are indented deeper.
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let found: Vec<String> = names.filter(|name| *name != "help").map(str::to_owned).collect();
    assert!(found.len() > 10 && ["run", "slurm", "merge", "man"].iter().all(|name| found.contains(&name.to_string())));
    found
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = good(&trapline(&["completions", shell]));
        for command in commands() {
            assert!(text.contains(&command), "{shell}: {command}");
        }
        assert!(text.contains("max-at-once") && !text.contains("no-such-option"), "{shell}");
    }
    assert_eq!(trapline(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trapline.bash");
    fs::write(&file, good(&trapline(&["completions", "bash"]))).unwrap();
    let checked = Command::new("bash").arg("-n").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let complete = |words: &str, last: &str, before: &str| {
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD={count}; _trapline trapline '{last}' {before}; echo \"${{COMPREPLY[*]}}\"",
            file.display()
        );
        good(&Command::new("bash").args(["--norc", "-c", &script]).output().unwrap())
    };
    assert_eq!(complete("trapline slu", "slu", "trapline"), "slurm\n");
    assert_eq!(complete("trapline slurm --g", "--g", "slurm"), "--gpus-per-task --gres\n");
}

#[test]
fn every_command_has_a_page_and_every_page_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let call = ["man", "-o", pages.to_str().unwrap()];
    good(&trapline(&call));
    let page = |name: &str| fs::read_to_string(pages.join(format!("{name}.1"))).unwrap_or_default();
    let main = page("trapline");
    assert_eq!(main, good(&trapline(&["man"])));
    for command in commands() {
        // roff writes a hyphen that is one as `\-`.
        assert!(main.contains(&format!("trapline\\-{command}(1)")), "{command} is not in trapline(1)");
        let text = page(&format!("trapline-{command}"));
        assert!(text.contains(&format!(".SH NAME\ntrapline\\-{command} ")), "{command}");
        assert!(text.contains(".SH \"EXIT STATUS\"\n") && text.contains("2 for wrong usage"), "{command}");
    }
    assert_eq!(fs::read_dir(&pages).unwrap().count(), 1 + commands().len());
    // A line that begins with a dot is a request: each is one that manual pages use.
    let requests = [".SH", ".TP", ".TH", ".ie", ".el", ".nf", ".fi", ".RS", ".RE", ".IP", ".PP", ".br"];
    for command in commands() {
        for line in page(&format!("trapline-{command}")).lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(requests.contains(&line.split(' ').next().unwrap()), "{command}: {line}");
        }
    }

    fs::write(pages.join("trapline.1"), "mine").unwrap();
    let again = trapline(&call);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("trapline.1 exists"));
    assert_eq!(page("trapline"), "mine");
    good(&trapline(&["man", "--force", "-o", pages.to_str().unwrap()]));
    assert_eq!(page("trapline"), main);
}
