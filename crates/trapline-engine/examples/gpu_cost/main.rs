//! What every kernel costs on GPUs that need not be there: registers, spills, workgroup memory, occupancy,
//! instructions.
//!
//!     make gpu-cost
//!     target/debug/examples/gpu_cost --family navi21 --kernel bake
//!
//! Mesa's RADV compiles for AMD GPUs by name (`RADV_FORCE_FAMILY`), on a device that can do nothing else. A kernel goes
//! from WGSL through naga, with the options that wgpu would have chosen on this driver, to a Vulkan pipeline whose
//! statistics the driver hands out. It is one vendor's compiler, and knows nothing of caches or collisions.
//!
//! Each family is compiled in a process of its own, since the driver reads its name from the environment.

mod spirv;
mod table;
mod vulkan;

use spirv::{Guards, Memory};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use table::Row;
use thiserror::Error;

/// Families compiled for where none is named: RDNA 2, GCN 5 (waves of 64 alone), RDNA 3.
const FAMILIES: [&str; 3] = ["navi21", "vega10", "gfx1100"];
/// Where drivers of Vulkan say that they are there.
const PLACES: [&str; 3] = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

const USAGE: &str = "\
usage: gpu_cost [--family NAME,...] [--kernel NAME,...] [-o FILE] [--check FILE] [--assembly DIR]
                [--bounded-loops] [--zeroed driver|one] [--if-there]

  --family NAME,...    RADV's names of GPUs (navi21,vega10,gfx1100)
  --kernel NAME,...    these kernels only
  -o FILE              writes the table, CSV
  --check FILE         exits with 1 where a kernel spills more or has fewer waves a SIMD than FILE says
  --assembly DIR       writes what the kernels were compiled to
  --bounded-loops      with wgpu's own bound of loops, which the engine leaves out
  --zeroed driver|one  with workgroup memory that begins as zeros, by the driver or by one invocation
  --if-there           without RADV, does nothing
";

#[derive(Debug, Error)]
enum CostError {
    #[error("{0}\n{USAGE}")]
    Usage(String),
    #[error(
        "Mesa's RADV is not there: install mesa-vulkan-drivers, or name its radeon_icd.json in TRAPLINE_RADV; \
         without it nothing was compiled"
    )]
    NoDriver,
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("{family}: {reason}")]
    Family { family: String, reason: String },
    #[error("{0}")]
    Driver(#[from] vulkan::DriverError),
    #[error("{kernel}: {reason}")]
    Kernel { kernel: String, reason: String },
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> CostError {
    let path = path.display().to_string();
    move |error| CostError::File { path: path.clone(), reason: error.to_string() }
}

#[derive(Debug)]
struct Options {
    families: Vec<String>,
    kernels: Vec<String>,
    out: Option<PathBuf>,
    check: Option<PathBuf>,
    assembly: Option<PathBuf>,
    guards: Guards,
    if_there: bool,
    /// Compiles for the family of the environment, and prints the table's file.
    child: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, CostError> {
        let mut options = Options {
            families: FAMILIES.map(str::to_owned).to_vec(),
            kernels: Vec::new(),
            out: None,
            check: None,
            assembly: None,
            guards: Guards::ENGINE,
            if_there: false,
            child: false,
        };
        let list = |text: String| text.split(',').map(str::to_owned).collect();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| CostError::Usage(format!("`{argument}` needs a value after it")));
            match argument.as_str() {
                "--family" => options.families = list(value()?),
                "--kernel" => options.kernels = list(value()?),
                "-o" => options.out = Some(value()?.into()),
                "--check" => options.check = Some(value()?.into()),
                "--assembly" => options.assembly = Some(value()?.into()),
                "--bounded-loops" => options.guards.bounded_loops = true,
                "--zeroed" => {
                    options.guards.memory = match value()?.as_str() {
                        "driver" => Memory::ZeroedByDriver,
                        "one" => Memory::ZeroedByOne,
                        other => return Err(CostError::Usage(format!("`--zeroed {other}` is neither driver nor one"))),
                    }
                }
                "--if-there" => options.if_there = true,
                "--child" => options.child = true,
                _ => return Err(CostError::Usage(format!("`{argument}` is no option of this program"))),
            }
        }
        Ok(options)
    }
}

/// The file by which the loader finds RADV.
fn driver_file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TRAPLINE_RADV").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let names = PLACES.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
    let mut found: Vec<_> = names
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("radeon_icd"))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    // A machine may have drivers of 32 bits too.
    let fits = |path: &PathBuf| !cfg!(target_arch = "x86_64") || !path.to_string_lossy().contains("i686");
    found.into_iter().find(fits)
}

/// The table of one family, by the process that compiles for it.
fn of_family(family: &str, driver: &Path, arguments: &[String]) -> Result<Vec<Row>, CostError> {
    let failed = |reason: String| CostError::Family { family: family.to_owned(), reason };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let done = Command::new(program)
        .args(arguments)
        .arg("--child")
        .env("RADV_FORCE_FAMILY", family)
        .env("VK_DRIVER_FILES", driver)
        .env("VK_ICD_FILENAMES", driver)
        .env("NODEVICE_SELECT", "1")
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        return Err(failed(format!("{}: {last}", done.status)));
    }
    table::from_csv(&String::from_utf8_lossy(&done.stdout)).map_err(|error| failed(error.to_string()))
}

/// Compiles for the family that the driver was told of.
fn compile(options: &Options) -> Result<Vec<Row>, CostError> {
    let driver = vulkan::Driver::open()?;
    let family = std::env::var("RADV_FORCE_FAMILY").unwrap_or_else(|_| driver.device_name.clone());
    let mut rows = Vec::new();
    for source in spirv::sources(options.guards) {
        if !options.kernels.is_empty() && !options.kernels.contains(&source.kernel) {
            continue;
        }
        let failed = |reason| CostError::Kernel { kernel: source.kernel.clone(), reason };
        let translated = spirv::translate(&source, driver.offered).map_err(failed)?;
        let compiled = driver.compile(&translated, source.entry_point).map_err(|error| failed(error.to_string()))?;
        if let Some(folder) = &options.assembly {
            let folder = folder.join(&family);
            std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
            let path = folder.join(format!("{}-{}.s", source.kernel, source.classes));
            std::fs::write(&path, compiled.assembly).map_err(file_error(&path))?;
        }
        rows.push(Row {
            family: family.clone(),
            driver: driver.name.clone(),
            kernel: source.kernel.clone(),
            classes: source.classes,
            counted: compiled.counted,
        });
    }
    Ok(rows)
}

/// Compiles for all families; gives whether all is as well as the table has it.
fn run() -> Result<bool, CostError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::read(arguments.iter().cloned())?;
    if options.child {
        print!("{}", table::to_csv(&compile(&options)?));
        return Ok(true);
    }
    let Some(driver) = driver_file() else {
        if options.if_there {
            println!("gpu_cost: Mesa's RADV is not there: nothing is compiled for GPUs that are not there either");
            return Ok(true);
        }
        return Err(CostError::NoDriver);
    };
    let mut rows = Vec::new();
    let families: Vec<_> = std::thread::scope(|scope| {
        let (driver, arguments) = (&driver, &arguments);
        let of = |family| move || of_family(family, driver, arguments);
        let started: Vec<_> = options.families.iter().map(|family| scope.spawn(of(family))).collect();
        let joined = started.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    for family in families {
        rows.extend(family?);
    }
    if let Some(path) = &options.out {
        std::fs::write(path, table::to_csv(&rows)).map_err(file_error(path))?;
    }
    let Some(path) = &options.check else {
        print!("{}", table::to_text(&rows));
        return Ok(true);
    };
    let of_file = |reason: String| CostError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(file_error(path))?;
    let table = table::from_csv(&text).map_err(|error| of_file(error.to_string()))?;
    let difference = table::compare(&table, &rows, &path.display().to_string());
    difference.notes.iter().for_each(|note| println!("note: {note}"));
    difference.worse.iter().for_each(|worse| eprintln!("{worse}"));
    if difference.worse.is_empty() {
        println!("gpu_cost: {} kernels are as {} has them, or better", rows.len(), path.display());
    }
    Ok(difference.worse.is_empty())
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gpu_cost: {error}");
            ExitCode::from(2)
        }
    }
}
