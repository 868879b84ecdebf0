//! The page of a benchmark.

use maud::{Markup, html};

use super::page::{Attachment, attached, drawn, shell};
use crate::analysis::benchmark::{Benchmark, Measurement, remarks, said_crossover, seconds, summary};
use crate::figure::benchmark::BenchmarkFigure;
use crate::figure::{FigureError, page_drawing};
use crate::html::Text;
use trapline_model::memory::in_words;

/// The page of a benchmark, with its figures; `files` lie beside it.
///
/// # Errors
/// [`FigureError`] where a figure is too large to be drawn.
pub fn benchmark_page(
    found: &Benchmark,
    figures: &[BenchmarkFigure],
    files: &[Attachment],
) -> Result<String, FigureError> {
    let drawings = figures.iter().map(|figure| page_drawing(&figure.plate)).collect::<Result<Vec<_>, _>>()?;
    let title = format!("Benchmark of trapline on {}", found.machine.processor);
    let body = html! {
        "\n" h1 { (Text(&title)) } "\n"
        nav {
            a href="#answers" { "Answers" } a href="#figures" { "Figures" } a href="#devices" { "Devices" }
            a href="#measurements" { "Measurements" } a href="#machine" { "Machine" }
        }
        "\n"
        h2 #answers { "Answers" } "\n"
        ul { @for line in summary(found) { li { (Text(line)) } "\n" } }
        (overtaken(found))
        h2 #figures { "Figures" } "\n"
        @for (figure, drawing) in figures.iter().zip(&drawings) {
            (drawn(figure.name, figure.title, &figure.caption, drawing))
        }
        (devices(found))
        (measurements(found))
        (machine(found))
        (attached(files))
    };
    Ok(shell(&title, &body))
}

/// Where each GPU overtakes the processor.
fn overtaken(found: &Benchmark) -> Markup {
    html! {
        @if !found.overtakings.is_empty() {
            div .wide {
                table .numbers {
                    tr { th { "Device" } th { "Problem" } th { "Overtakes all threads of the processor" } } "\n"
                    @for of in &found.overtakings {
                        tr {
                            td { (Text(&found.devices[of.device].name)) }
                            td { (of.problem.title()) }
                            td { (said_crossover(&of.at)) }
                        }
                        "\n"
                    }
                }
            }
            "\n"
        }
    }
}

/// A number to three digits, or nothing.
fn rate(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.2e}"))
}

fn devices(found: &Benchmark) -> Markup {
    html! {
        h2 #devices { "Devices" } "\n"
        p .quiet {
            "Limits are measured beside the kernels, not read from a data sheet: the best of several tries, of \
            launches the median."
        }
        "\n"
        div .wide {
            table .numbers {
                tr {
                    th { "Device" } th { "Processor or adapter" } th { "Driver" } th { "Instructions or API" }
                    th { "Opens in" }
                    th { "Copy (B/s)" } th { "f32 (1/s)" } th { "Launch" } th { "Upload (B/s)" } th { "Download (B/s)" }
                }
                "\n"
                @for device in &found.devices {
                    @let ceiling = device.ceiling.as_ref();
                    tr {
                        td { (Text(&device.name)) }
                        td { (Text(&device.identity.adapter)) }
                        td { (Text(&device.identity.driver)) }
                        td { (Text(&device.identity.instruction_set)) }
                        td { (seconds(device.open_s)) }
                        td { (rate(ceiling.map(|of| of.copy_bytes_per_s))) }
                        td { (rate(ceiling.map(|of| of.f32_per_s))) }
                        td { (ceiling.map_or_else(String::new, |of| seconds(of.launch_s))) }
                        td { (rate(ceiling.and_then(|of| of.upload_bytes_per_s))) }
                        td { (rate(ceiling.and_then(|of| of.download_bytes_per_s))) }
                    }
                    "\n"
                }
            }
        }
        "\n"
    }
}

/// All of them, by problem and device.
fn measurements(found: &Benchmark) -> Markup {
    let mut rows: Vec<&Measurement> = found.measurements.iter().collect();
    rows.sort_by_key(|row| (row.problem as usize, row.device, row.lines));
    let share = |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share));
    let times = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
    html! {
        h2 #measurements { "Measurements" } "\n"
        @for line in remarks(found) { p .quiet { (Text(line)) } "\n" }
        details {
            summary { (rows.len()) " measurements" }
            div .wide {
                table .numbers {
                    tr {
                        th { "Problem" } th { "Device" } th { "Lines" } th { "Time" } th { "Bounds" } th { "Calls" }
                        th { "With set-up" } th { "Read-back" } th { "Work/s" } th { "Share of the limit" }
                        th { "Over 1 thread" } th { "Over all" } th { "J/work" }
                    }
                    "\n"
                    @for row in &rows {
                        tr {
                            td { (row.problem.title()) }
                            td { (Text(&found.devices[row.device].name)) }
                            td { (row.lines) }
                            td { (seconds(row.time_s.median)) }
                            td {
                                (seconds(row.time_s.low)) " to " (seconds(row.time_s.high))
                                @if !row.time_s.is_narrow() { " *" }
                            }
                            td { (row.time_s.repetitions) }
                            td { (seconds(row.derived.with_set_up_s)) }
                            td { (row.derived.read_back_s.map_or_else(String::new, seconds)) }
                            td { (rate(Some(row.rate_per_s()))) " " (row.problem.unit()) }
                            td { (share(row.derived.share)) }
                            td { (times(row.derived.over_one_thread)) }
                            td { (times(row.derived.over_all_threads)) }
                            td { (rate(row.derived.joules_per_work)) }
                        }
                        "\n"
                    }
                }
            }
        }
        "\n"
    }
}

fn machine(found: &Benchmark) -> Markup {
    let machine = &found.machine;
    let load = |load: Option<f64>| load.map_or_else(|| "not told".to_owned(), |load| format!("{load:.2}"));
    let clocks = |of: Option<(f64, f64)>| match of {
        Some((slow, fast)) => format!("{slow:.0} to {fast:.0} MHz"),
        None => "not told".to_owned(),
    };
    let sizes: Vec<String> = found.settings.lines.iter().map(u64::to_string).collect();
    let rows = [
        ("processor", machine.processor.clone()),
        ("threads", machine.threads.to_string()),
        ("free memory", machine.memory_bytes.map_or_else(String::new, |bytes| in_words(u128::from(bytes)))),
        ("system", machine.system.clone()),
        ("clocks before", clocks(machine.clocks_before_mhz)),
        ("clocks after", clocks(machine.clocks_after_mhz)),
        ("clocks are chosen by", machine.governor.clone()),
        ("load average before", load(machine.load_before)),
        ("load average after", load(machine.load_after)),
        ("energy", machine.energy.clone()),
        ("lines asked for", sizes.join(", ")),
        ("program", found.program.clone()),
        ("started", found.started_utc.clone()),
        ("ended", found.ended_utc.clone()),
    ];
    html! {
        h2 #machine { "Machine" } "\n"
        dl {
            @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                dt { (name) } dd { (Text(value)) } "\n"
            }
        }
        "\n"
    }
}
