use std::process::Command;

use super::*;

fn some() -> Slurm {
    Slurm {
        trapline: "/opt/trap line/bin/trapline".into(),
        campaign: "/home/ann/it's \"one\".toml".into(),
        record: "/data/100 %/sweep #1.h5".into(),
        tasks: 16,
        time: "2h".parse().unwrap(),
        at_once: Some(4),
        requeue: true,
        replace: false,
        task_options: vec![("--gres", "gpu:a100:1".to_owned())],
        options: vec![("--account", "lab; rm -rf".to_owned())],
        own_options: vec!["--constraint=\"a&b\"".to_owned()],
        overrides: vec!["--rows".to_owned(), "64".to_owned()],
        computing: vec!["--backend".to_owned(), "gpu".to_owned()],
        picks_gpu: true,
        counts_threads: false,
    }
}

fn directives(script: &str) -> Vec<&str> {
    script.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect()
}

#[test]
fn the_heads_hold_what_sbatch_needs() {
    let script = some().array_script().unwrap();
    // sbatch reads directives until the first line that is something else.
    assert!(script.starts_with("#!/usr/bin/env bash\n#SBATCH "));
    assert!(
        script.lines().skip(1).skip_while(|line| line.starts_with("#SBATCH ")).all(|line| !line.starts_with("#SBATCH"))
    );
    assert_eq!(
        directives(&script),
        [
            "--job-name='sweep #1'",
            "--output='/data/100 %%/sweep #1.slurm/logs/sweep #1-%A_%a.log'",
            "--open-mode=append",
            "--time=0-02:00:00",
            "--nodes=1",
            "--ntasks=1",
            "--account='lab; rm -rf'",
            "--array=1-16%4",
            "--signal=B:USR1@120",
            "--gres=gpu:a100:1",
            "--requeue",
            "--constraint=\"a&b\"",
        ]
    );
    let merge = some().merge_script().unwrap();
    let merge = directives(&merge);
    assert!(merge.contains(&"--output='/data/100 %%/sweep #1.slurm/logs/sweep #1-merge-%j.log'"));
    assert!(merge.contains(&"--account='lab; rm -rf'") && merge.contains(&"--constraint=\"a&b\""));
    assert!(!merge.iter().any(|line| line.starts_with("--array") || line.starts_with("--gres")));
    let still = Slurm { requeue: false, at_once: None, ..some() }.array_script().unwrap();
    assert!(directives(&still).contains(&"--no-requeue") && directives(&still).contains(&"--array=1-16"));
}

#[test]
fn the_shell_takes_the_scripts() {
    let odd = Slurm { record: "/a b/$(touch x)`y`'\"*".into(), replace: true, ..some() };
    for scripts in [some(), odd] {
        for script in [scripts.array_script().unwrap(), scripts.merge_script().unwrap(), scripts.commands().unwrap()] {
            let checked = Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
            assert!(checked.status.success(), "{}\n{script}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    // Control: one quote that is not closed is found.
    let broken = some().array_script().unwrap().replacen('\'', "", 1) + "'";
    assert!(!Command::new("bash").args(["-n", "-c", &broken]).output().unwrap().status.success());
}

#[test]
fn pieces_are_those_of_the_shards() {
    let pieces = some().pieces();
    assert_eq!(pieces.len(), 16);
    assert_eq!(pieces[2], Path::new("/data/100 %/sweep #1-03-of-16.h5"));
}

#[test]
fn what_has_no_form_in_a_script_is_refused() {
    let refused = |scripts: Slurm| scripts.array_script().and_then(|_| scripts.merge_script()).unwrap_err().to_string();
    for (scripts, part) in [
        (Slurm { campaign: "/a\nb.toml".into(), ..some() }, "control character"),
        (Slurm { record: "/a\\b/c.h5".into(), ..some() }, "backslash"),
        (Slurm { options: vec![("--account", "a\n#SBATCH --x".to_owned())], ..some() }, "--account"),
        (Slurm { own_options: vec!["constraint=a".to_owned()], ..some() }, "--sbatch"),
        (Slurm { own_options: vec!["--a\nrm".to_owned()], ..some() }, "--sbatch"),
        (Slurm { options: vec![("--mem", String::new())], ..some() }, "--mem"),
    ] {
        let said = refused(scripts);
        assert!(said.contains(part), "{said}");
    }
}
