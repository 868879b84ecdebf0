//! A benchmark as tables for a terminal and as files for programs.

use super::{Benchmark, CONFIDENCE, Ceiling, Crossover, Measurement, NARROW, Nearer, Role};
use crate::analysis::Table;
use trapline_model::units::spoken_reading;

/// Most rows of a table on a terminal; of more only the largest size of each problem is shown.
const MOST_ROWS: usize = 40;

/// A time to three digits: `1.23 ms`.
pub fn seconds(seconds: f64) -> String {
    let rounded = format!("{seconds:.2e}").parse().unwrap_or(seconds);
    spoken_reading(rounded)
}

fn percent(share: f64) -> String {
    if share < 0.0995 { format!("{:.1} %", 100.0 * share) } else { format!("{:.0} %", 100.0 * share) }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn factor(times: f64) -> String {
    if times < 9.95 { format!("{times:.2}") } else { format!("{times:.0}") }
}

/// What each device can do at best, and how long it takes to be ready.
fn ceilings(of: &Benchmark) -> String {
    let headings =
        ["device", "identity", "opens in", "copy (B/s)", "f32 (1/s)", "launch", "upload (B/s)", "download (B/s)"];
    let mut table = Table::new(headings, 2);
    for device in &of.devices {
        let measured = |value: &dyn Fn(&Ceiling) -> Option<String>| or_dash(device.ceiling.as_ref().and_then(value));
        let rate = |value: f64| format!("{value:.2e}");
        let identity = &device.identity;
        let driver = if identity.driver.is_empty() { String::new() } else { format!(", {}", identity.driver) };
        table.row([
            device.name.clone(),
            format!("{} ({}{driver})", identity.adapter, identity.instruction_set),
            seconds(device.open_s),
            measured(&|ceiling| Some(rate(ceiling.copy_bytes_per_s))),
            measured(&|ceiling| Some(rate(ceiling.f32_per_s))),
            measured(&|ceiling| Some(seconds(ceiling.launch_s))),
            measured(&|ceiling| ceiling.upload_bytes_per_s.map(rate)),
            measured(&|ceiling| ceiling.download_bytes_per_s.map(rate)),
        ]);
    }
    table.render()
}

/// Measurements in the order of problems, devices and sizes.
fn in_order(of: &Benchmark) -> Vec<&Measurement> {
    let mut rows: Vec<&Measurement> = of.measurements.iter().collect();
    rows.sort_by_key(|row| (row.problem as usize, row.device, row.lines));
    rows
}

/// Devices, times and what follows, for a terminal.
pub fn table(of: &Benchmark) -> String {
    let mut rows = in_order(of);
    let all = rows.len();
    if all > MOST_ROWS {
        let is_last = |at: usize| {
            let next = rows.get(at + 1);
            next.is_none_or(|next| (next.problem, next.device) != (rows[at].problem, rows[at].device))
        };
        rows = (0..all).filter(|&at| is_last(at)).map(|at| rows[at]).collect();
    }
    let headings = [
        "problem",
        "device",
        "lines",
        "time",
        "95 % bounds",
        "calls",
        "with set-up",
        "work/s",
        "limit",
        "share of it",
        "over 1 thread",
        "over all",
    ];
    let mut table = Table::new(headings, 2);
    for row in &rows {
        let (time, derived) = (&row.time_s, &row.derived);
        table.row([
            row.problem.title().to_owned(),
            of.devices[row.device].name.clone(),
            row.lines.to_string(),
            seconds(time.median),
            format!("{} to {}{}", seconds(time.low), seconds(time.high), if time.is_narrow() { "" } else { " *" }),
            time.repetitions.to_string(),
            seconds(derived.with_set_up_s),
            format!("{:.2e}", row.rate_per_s()),
            or_dash(derived.nearer.map(|nearer| nearer_in_words(nearer).to_owned())),
            or_dash(derived.share.map(percent)),
            or_dash(derived.over_one_thread.map(factor)),
            or_dash(derived.over_all_threads.map(factor)),
        ]);
    }
    let mut text = format!("{}\n{}", ceilings(of), table.render());
    if rows.len() < all {
        text.push_str(&format!(
            "the largest size of each; -o DIR or --json has all {all} measurements, from {} lines on\n",
            of.settings.lines.first().copied().unwrap_or_default()
        ));
    }
    text
}

/// What a limit is, in a word.
pub(crate) fn nearer_in_words(nearer: Nearer) -> &'static str {
    match nearer {
        Nearer::F32 => "f32",
        Nearer::Copy => "copy",
    }
}

/// Where a GPU overtakes the processor, in words.
pub fn said_crossover(at: &Crossover) -> String {
    match at {
        Crossover::Always { lines } => format!("from {lines} lines on, the smallest size measured"),
        Crossover::At { lines } => format!("from {lines:.0} lines on"),
        Crossover::Never { lines } => format!("not up to {lines} lines"),
        Crossover::Unknown => "no size was measured on both".to_owned(),
    }
}

/// What was found, in sentences.
pub fn summary(of: &Benchmark) -> Vec<String> {
    let mut lines = Vec::new();
    let is_gpu = |device: usize| of.devices[device].role == Role::Gpu;
    for found in of.overtakings.iter().filter(|found| is_gpu(found.device)) {
        let name = &of.devices[found.device].name;
        let problem = found.problem.title();
        lines.push(format!("{name} overtakes all threads of the processor: {problem}, {}", said_crossover(&found.at)));
    }
    for found in &of.portability {
        let names: Vec<&str> = found.platforms.iter().map(|&at| of.devices[at].name.as_str()).collect();
        lines.push(format!(
            "performance portability (harmonic mean of the shares of the nearer limit) of {}, {} lines, over {}: {}",
            found.problem.title(),
            found.lines,
            names.join(", "),
            percent(found.harmonic_mean)
        ));
    }
    if of.portability.is_empty() {
        lines.push(
            "no performance portability: it takes a processor and a GPU of its own, both with measured limits"
                .to_owned(),
        );
    }
    lines
}

/// How far the numbers can be trusted, in sentences.
pub fn remarks(of: &Benchmark) -> Vec<String> {
    let (noisy, few, all, machine) = (of.noisy(), of.few(), of.measurements.len(), &of.machine);
    let mut lines = vec![format!(
        "times are medians with bounds of {} % confidence; a repetition ends when they lie within {} % of it, or \
         after {}",
        100.0 * CONFIDENCE,
        100.0 * NARROW,
        seconds(of.settings.seconds)
    )];
    if few > 0 {
        lines.push(format!(
            "* {few} of {all} measurements ended with fewer than {} calls: their bounds are the quickest and the \
             slowest; raise --seconds",
            super::FEWEST
        ));
    }
    if noisy > 0 {
        lines.push(format!(
            "* {noisy} of {all} measurements did not come within {} % in their time: the machine is noisy, or \
             --seconds is short",
            100.0 * NARROW
        ));
    }
    let busy = machine.load_before.filter(|load| *load > 0.25 * machine.threads.max(1) as f64);
    if let Some(load) = busy {
        lines.push(format!(
            "other work ran on the machine before this began (load average {load:.2} on {} threads): the times are \
             too long",
            machine.threads
        ));
    }
    let beyond = |row: &&Measurement| row.derived.nearer == Some(Nearer::F32) && row.derived.share > Some(1.0);
    let beyond = of.measurements.iter().filter(beyond).count();
    if beyond > 0 {
        lines.push(format!(
            "{beyond} shares of f32 are above 1, which cannot be: the limits were measured while other work ran"
        ));
    }
    if of.devices.iter().any(|device| device.role == Role::Software) {
        lines.push("software adapters compute on the host's processor: they say nothing about a GPU".to_owned());
    }
    lines.extend(of.left_out.iter().cloned());
    lines
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Every measurement as columns, SI units.
pub fn csv(of: &Benchmark) -> String {
    let mut text = String::from(
        "device,role,adapter,driver,instruction_set,threads,problem,lines,cells,work,unit,repetitions,median_s,\
         low_s,high_s,confidence,least_s,most_s,narrow,open_s,compile_s,with_set_up_s,read_back_bytes,read_back_s,\
         work_per_s,operations,bytes,operations_per_byte,operations_per_s,copy_bytes_per_s,f32_per_s,launch_s,\
         nearer_limit,share,over_one_thread,\
         over_all_threads,joules,joules_per_work,clock_mhz\n",
    );
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for row in in_order(of) {
        let (device, time, derived) = (&of.devices[row.device], &row.time_s, &row.derived);
        let ceiling = |value: &dyn Fn(&Ceiling) -> f64| number(device.ceiling.as_ref().map(value));
        let role = match device.role {
            Role::Reference => "reference",
            Role::OneThread => "one_thread",
            Role::AllThreads => "all_threads",
            Role::Gpu => "gpu",
            Role::Software => "software",
        };
        let cells = [
            quoted(&device.name),
            role.to_owned(),
            quoted(&device.identity.adapter),
            quoted(&device.identity.driver),
            quoted(&device.identity.instruction_set),
            device.threads.map_or_else(String::new, |threads| threads.to_string()),
            row.problem.name().to_owned(),
            row.lines.to_string(),
            row.cells.to_string(),
            row.work.to_string(),
            row.problem.unit().to_owned(),
            time.repetitions.to_string(),
            time.median.to_string(),
            time.low.to_string(),
            time.high.to_string(),
            time.confidence.to_string(),
            time.least.to_string(),
            time.most.to_string(),
            time.is_narrow().to_string(),
            device.open_s.to_string(),
            number(derived.compile_s),
            derived.with_set_up_s.to_string(),
            number(row.read_back_bytes),
            number(derived.read_back_s),
            row.rate_per_s().to_string(),
            number(row.operations),
            number(row.bytes),
            number(row.intensity()),
            number(row.operations_per_s()),
            ceiling(&|ceiling| ceiling.copy_bytes_per_s),
            ceiling(&|ceiling| ceiling.f32_per_s),
            ceiling(&|ceiling| ceiling.launch_s),
            derived.nearer.map_or_else(String::new, |nearer| nearer_in_words(nearer).to_owned()),
            number(derived.share),
            number(derived.over_one_thread),
            number(derived.over_all_threads),
            number(row.joules),
            number(derived.joules_per_work),
            number(row.clock_mhz),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// The columns that Intel's p3-analysis library reads; the figure of merit is the time to solution, s: lower is better.
pub fn p3_csv(of: &Benchmark) -> String {
    let mut text = String::from("application,platform,problem,fom\n");
    for row in in_order(of) {
        let device = &of.devices[row.device];
        let platform = format!("{}: {}", device.name, device.identity.adapter);
        let problem = format!("{}-{}", row.problem.name(), row.lines);
        text.push_str(&format!("trapline,{},{problem},{}\n", quoted(&platform), row.time_s.median));
    }
    text
}
