//! The CPU backend: f32, sixteen cells side by side, all cores.
//!
//! The honest opponent of the GPU: the same algorithm ([`draw`](mod@draw), [`drive`](mod@drive), [`bake`],
//! [`read`](mod@read), [`reduce`]; a shader of the same name for each), vectorised by the compiler for the
//! instruction set found at run time. The kernels are compiled once per instruction set from one source; none fuses a
//! multiply with an add and every reduction has a fixed order, so the result is the same, bit for bit, on every
//! x86-64 and on any number of threads.

// Loops over lanes and classes index several arrays at once; written alike, they stay recognisable to the vectoriser
// and the reader.
#![allow(clippy::needless_range_loop)]
// `max` then `min` turns a NaN into a number, which `clamp` does not.
#![allow(clippy::manual_clamp)]

/// The processor features of each wider instruction set, written once: hands them to another macro, in front of what
/// that one is given. [`features_found`] asks the processor for what [`per_instruction_set`] compiles for. What
/// AVX-512F implies is named too, because a hypervisor may hide it.
#[cfg(target_arch = "x86_64")]
macro_rules! with_features {
    (avx2 $then:ident! $($rest:tt)*) => { $then! { ["avx2"] $($rest)* } };
    (avx512 $then:ident! $($rest:tt)*) => {
        $then! { ["avx2" "fma" "f16c" "avx512f" "avx512dq" "avx512vl" "avx512bw"] $($rest)* }
    };
}

/// A function compiled for some features.
#[cfg(target_arch = "x86_64")]
macro_rules! compiled_for {
    ([$($feature:tt)+] $function:item) => { $(#[target_feature(enable = $feature)])+ $function };
}

/// Features by name, and whether this processor has each.
#[cfg(target_arch = "x86_64")]
macro_rules! features_found {
    ([$($feature:tt)+]) => { vec![$(($feature, is_x86_feature_detected!($feature))),+] };
}

/// Compiles an `#[inline(always)]` function once per instruction set and calls the chosen one.
macro_rules! per_instruction_set {
    ($(#[$doc:meta])* $vis:vis fn $name:ident = $body:ident($($arg:ident: $kind:ty),* $(,)?) -> $out:ty) => {
        $(#[$doc])*
        $vis fn $name(set: InstructionSet, $($arg: $kind),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                with_features! { avx2 compiled_for!
                    fn avx2($($arg: $kind),*) -> $out {
                        $body($($arg),*)
                    }
                }
                with_features! { avx512 compiled_for!
                    fn avx512($($arg: $kind),*) -> $out {
                        $body($($arg),*)
                    }
                }
                // SAFETY: a set is only ever chosen from `InstructionSet::available`, which asked the processor.
                match set {
                    InstructionSet::Avx2 => return unsafe { avx2($($arg),*) },
                    InstructionSet::Avx512 => return unsafe { avx512($($arg),*) },
                    InstructionSet::Baseline => {}
                }
            }
            let _ = set;
            $body($($arg),*)
        }
    };
}

pub mod bake;
pub mod charge;
pub mod constant;
pub mod counted;
pub mod counts;
pub mod draw;
pub mod drive;
mod expose;
pub mod judge;
pub mod lanes;
pub mod means;
pub mod profile;
pub mod read;
mod record;
pub mod reduce;
pub mod step;
pub mod stimulate;
pub mod train;

use super::cells::{Cells, HostCells, Population, check_by_class};
use super::exposure::Exposed;
use super::job::Job;
use super::processor::processor_name;
use super::stimulus::{Response, Stimulus};
use super::tables::{Tables, VisitRow, round_to_f32};
use super::tally::{BLOCK_CELLS, CHUNK_CELLS, Partial, Tally, chunks_at_once, counters};
use super::{Backend, BackendError, Progress, Trace, reference, warmer};
use bake::{Bake, Decay};
use constant::Constant;
use counted::{Counted, CountedBake, HeldElectrons};
use draw::{Factors, Numbers};
use drive::{Driven, MeanField, Silent};
use judge::Judge;
use lanes::{LANES, Lane, splat};
use ndarray::{Array2, ArrayView2};
use profile::Profile;
use rayon::prelude::*;
use reduce::{Counters, Included, Sums};
use step::Occupancy;
use trapline_model::array::CellSet;
use trapline_model::cell::read::QUANTITIES;
use trapline_model::material::MAX_CLASSES;
use trapline_model::outcome::Identity;
use trapline_model::rng::counts::Counts;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

/// An instruction set the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every processor of the architecture has; SSE2 on x86-64.
    Baseline,
    Avx2,
    Avx512,
}

impl InstructionSet {
    /// As the record names it.
    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Baseline if cfg!(target_arch = "x86_64") => "sse2",
            InstructionSet::Baseline => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
        }
    }

    /// Those this processor has, narrowest first.
    pub fn available() -> Vec<InstructionSet> {
        let all = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];
        all.into_iter().filter(|set| set.features().is_some_and(|f| f.iter().all(|(_, found)| *found))).collect()
    }

    /// The features the set is compiled for, and whether this processor has each; `None` where the architecture has
    /// no such set.
    fn features(self) -> Option<Vec<(&'static str, bool)>> {
        match self {
            InstructionSet::Baseline => Some(Vec::new()),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Some(with_features! { avx2 features_found! }),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(with_features! { avx512 features_found! }),
            #[cfg(not(target_arch = "x86_64"))]
            InstructionSet::Avx2 | InstructionSet::Avx512 => None,
        }
    }
}

/// The f32 backend of the host.
#[derive(Debug)]
pub struct Cpu {
    set: InstructionSet,
    pool: rayon::ThreadPool,
}

impl Cpu {
    /// Opens the backend on `threads` threads (all cores where `None`) with the named instruction set (the widest
    /// where `None`).
    ///
    /// # Errors
    /// An instruction set this processor does not have; a number of threads outside 1 to 1024.
    pub fn open(threads: Option<usize>, instruction_set: Option<&str>) -> Result<Cpu, BackendError> {
        let available = InstructionSet::available();
        let set = match instruction_set {
            None => available[available.len() - 1],
            Some(name) => *available.iter().find(|set| set.name() == name).ok_or_else(|| {
                let found = available.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
                BackendError::InstructionSet { asked: name.to_owned(), found }
            })?,
        };
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
        if !(1..=1024).contains(&threads) {
            return Err(BackendError::Threads(threads));
        }
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|_| BackendError::Threads(threads))?;
        Ok(Cpu { set, pool })
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    /// Computes the chunks of so many cells for each job, and adds them up in their order.
    fn in_chunks(
        &self,
        jobs: &[&Job],
        cells: u64,
        compute: impl Fn(u64, u64) -> Vec<Chunk> + Sync,
    ) -> Result<Vec<Tally>, BackendError> {
        let mut tallies: Vec<Tally> = jobs.iter().map(|job| Tally { cells, ..Tally::new(job, round_to_f32) }).collect();
        let chunks = cells.div_ceil(CHUNK_CELLS);
        let of_job = |job: &&Job| chunks_at_once(job, size_of::<u32>(), self.threads());
        let at_once = (jobs.iter().map(of_job).min().unwrap_or(1) / jobs.len().max(1) as u64).max(1);
        let mut first_chunk = 0;
        while first_chunk < chunks {
            let last_chunk = chunks.min(first_chunk + at_once);
            let done: Vec<Vec<Chunk>> = self.pool.install(|| {
                // Where one thread is told to end by what it reports to, the others end too.
                let numbers = (first_chunk..last_chunk).into_par_iter().panic_fuse();
                numbers
                    .map(|number| {
                        let first = number * CHUNK_CELLS;
                        compute(first, CHUNK_CELLS.min(cells - first))
                    })
                    .collect()
            });
            for (number, chunk) in done.iter().flat_map(|of_jobs| of_jobs.iter().enumerate()) {
                let tally = &mut tallies[number];
                tally.partials.iter_mut().zip(&chunk.partials).for_each(|(sum, part)| sum.add(part));
                tally.counts.iter_mut().zip(&chunk.counts).for_each(|(sum, part)| *sum += u64::from(*part));
            }
            first_chunk = last_chunk;
        }
        Ok(tallies)
    }

    /// Worker threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }
}

/// What a chunk of cells hands over.
struct Chunk {
    partials: Vec<Partial>,
    /// Axes (checkpoint, counter), flat.
    counts: Vec<u32>,
}

/// Everything a kernel reads.
struct Context<'a> {
    tables: &'a Tables,
    counts: &'a Counts,
    seed: u64,
    /// Of what happens in the bake where electrons are counted.
    bake_seed: u64,
    normal_table: &'a [i32; NORMAL_TABLE_LEN],
}

impl<'a> Context<'a> {
    fn new(job: &Job, tables: &'a Tables, counts: &'a Counts) -> Context<'a> {
        Context { tables, counts, seed: job.seed, bake_seed: job.bake_seed(), normal_table: normal_table() }
    }
}

/// Groups of lanes in a block.
const GROUPS: usize = BLOCK_CELLS as usize / LANES;

/// Numbers of sixteen cells of a set; past its end the last cell again.
#[inline(always)]
fn numbers(cells: &CellSet, first: u64) -> Numbers {
    let mut found = [0; LANES];
    for (lane, number) in found.iter_mut().enumerate() {
        *number = cells.number((first + lane as u64).min(cells.count - 1));
    }
    Numbers::new(found)
}

/// Cells of a chunk, and what they hold when their bake begins.
trait Begin {
    fn count(&self) -> u64;
    /// Numbers of sixteen cells from the `first` on, and what these hold; past the end the last cell again.
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held);
}

/// Programmed by the job.
impl Begin for CellSet {
    #[inline(always)]
    fn count(&self) -> u64 {
        self.count
    }

    #[inline(always)]
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held) {
        let numbers = numbers(self, first);
        (numbers, T::programmed(context, &numbers))
    }
}

/// From occupancies that are given; axes (cell, class).
struct Given<'a> {
    numbers: &'a [u64],
    occupancy: ArrayView2<'a, f64>,
}

impl Begin for Given<'_> {
    #[inline(always)]
    fn count(&self) -> u64 {
        self.numbers.len() as u64
    }

    #[inline(always)]
    fn held<T: Baking>(&self, context: &Context, first: u64) -> (Numbers, T::Held) {
        let tables = context.tables;
        let mut numbers = [0; LANES];
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        for lane in 0..LANES {
            let cell = (first as usize + lane).min(self.numbers.len() - 1);
            numbers[lane] = self.numbers[cell];
            for k in 0..tables.cell.classes {
                occupancy[k][lane] = self.occupancy[[cell, k]] as f32;
            }
        }
        let numbers = Numbers::new(numbers);
        (numbers, T::given(context, &numbers, occupancy))
    }
}

/// Sixteen cells in a bake, however their electrons are taken.
trait Baking {
    /// Empty cells'.
    const EMPTY: Self;
    /// What cells hold after their programming.
    type Held;

    /// Programs cells.
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held;

    /// Cells with given occupancies.
    fn given(context: &Context, cells: &Numbers, occupancy: Occupancy) -> Self::Held;

    /// Starts the bake of cells. Gives the areas.
    fn begin_with(&mut self, context: &Context, cells: &Numbers, held: &Self::Held) -> Lane;

    /// Goes to a checkpoint; gives the fraction of the cells' charge lost by then.
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane;

    /// Filling right after programming.
    fn start(&self) -> &Lane;
}

impl<D: Decay> Baking for Bake<D> {
    const EMPTY: Self = Bake::<D>::EMPTY;
    type Held = (Factors, Occupancy);

    #[inline(always)]
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held {
        let Context { tables, seed, normal_table, .. } = *context;
        let factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        let driven = Driven { tables: &tables.cell, seed, cells, factors: &factors, normal_table };
        drive::drive(&driven, &mut MeanField, &mut occupancy, &mut Silent);
        (factors, occupancy)
    }

    #[inline(always)]
    fn given(context: &Context, cells: &Numbers, occupancy: Occupancy) -> Self::Held {
        (draw::draw(&context.tables.cell, context.seed, cells, context.normal_table), occupancy)
    }

    #[inline(always)]
    fn begin_with(&mut self, context: &Context, _: &Numbers, (factors, occupancy): &Self::Held) -> Lane {
        self.begin(context.tables, factors, occupancy);
        factors.area
    }

    #[inline(always)]
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane {
        self.visit(context.tables, visit)
    }

    #[inline(always)]
    fn start(&self) -> &Lane {
        &self.start
    }
}

impl<D: Decay> Baking for CountedBake<D> {
    const EMPTY: Self = CountedBake::<D>::EMPTY;
    type Held = (Factors, HeldElectrons);

    #[inline(always)]
    fn programmed(context: &Context, cells: &Numbers) -> Self::Held {
        let Context { tables, counts, seed, normal_table, .. } = *context;
        let mut factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut carriers = Counted::draw(&tables.cell, counts, seed, cells, &mut factors);
        let mut occupancy = [splat(0.0); MAX_CLASSES];
        let driven = Driven { tables: &tables.cell, seed, cells, factors: &factors, normal_table };
        drive::drive(&driven, &mut carriers, &mut occupancy, &mut Silent);
        (factors, carriers.held())
    }

    #[inline(always)]
    fn given(context: &Context, cells: &Numbers, mut occupancy: Occupancy) -> Self::Held {
        let Context { tables, counts, seed, normal_table, .. } = *context;
        let mut factors = draw::draw(&tables.cell, seed, cells, normal_table);
        let mut carriers = Counted::draw(&tables.cell, counts, seed, cells, &mut factors);
        carriers.fill(tables.cell.classes, &mut occupancy);
        (factors, carriers.held())
    }

    #[inline(always)]
    fn begin_with(&mut self, context: &Context, cells: &Numbers, (factors, held): &Self::Held) -> Lane {
        self.begin(context.tables, cells, factors, held);
        factors.area
    }

    #[inline(always)]
    fn go_to(&mut self, context: &Context, visit: &[VisitRow]) -> Lane {
        self.visit(context.tables, context.counts, context.bake_seed, visit)
    }

    #[inline(always)]
    fn start(&self) -> &Lane {
        &self.start
    }
}

per_instruction_set! {
    /// Statistics of a run of cells that starts on a block's edge, for jobs that share its programming.
    fn chunk = chunk_body(contexts: &[Context], cells: &CellSet) -> Vec<Chunk>
}

#[inline(always)]
fn chunk_body(contexts: &[Context], cells: &CellSet) -> Vec<Chunk> {
    // Which of the two is decided once a chunk: neither does anything for the other.
    match (contexts[0].tables.cell.electrons.are_counted(), contexts[0].tables.has_profile()) {
        (false, false) => chunk_of::<Bake<Constant>, _>(contexts, cells),
        (false, true) => chunk_of::<Bake<Profile>, _>(contexts, cells),
        (true, false) => chunk_of::<CountedBake<Constant>, _>(contexts, cells),
        (true, true) => chunk_of::<CountedBake<Profile>, _>(contexts, cells),
    }
}

per_instruction_set! {
    /// Statistics of cells that begin with given occupancies.
    fn chunk_given = chunk_given_body(context: &[Context], given: &Given) -> Vec<Chunk>
}

#[inline(always)]
fn chunk_given_body(contexts: &[Context], given: &Given) -> Vec<Chunk> {
    match (contexts[0].tables.cell.electrons.are_counted(), contexts[0].tables.has_profile()) {
        (false, false) => chunk_of::<Bake<Constant>, _>(contexts, given),
        (false, true) => chunk_of::<Bake<Profile>, _>(contexts, given),
        (true, false) => chunk_of::<CountedBake<Constant>, _>(contexts, given),
        (true, true) => chunk_of::<CountedBake<Profile>, _>(contexts, given),
    }
}

#[inline(always)]
fn chunk_of<T: Baking, B: Begin>(contexts: &[Context], cells: &B) -> Vec<Chunk> {
    let mut groups = [const { (T::EMPTY, splat(0.0)) }; GROUPS];
    let mut included = [Included::NONE; GROUPS];
    let mut judges = [Judge::NONE; GROUPS];
    let empty = |context: &Context| {
        let (checkpoints, width) = (context.tables.nominal.len(), counters(context.tables.bins as usize));
        Chunk { partials: vec![Partial::EMPTY; checkpoints], counts: vec![0; checkpoints * width] }
    };
    let mut chunks: Vec<Chunk> = contexts.iter().map(empty).collect();
    let mut held: [Option<(Numbers, T::Held)>; GROUPS] = [const { None }; GROUPS];
    for block in (0..cells.count()).step_by(BLOCK_CELLS as usize) {
        // No closures around a kernel: one that is not inlined is compiled for the baseline.
        for group in 0..GROUPS {
            held[group] = Some(cells.held::<T>(&contexts[0], block + (group * LANES) as u64));
        }
        for number in 0..contexts.len() {
            let context = &contexts[number];
            for group in 0..GROUPS {
                let Some((numbers, held)) = &held[group] else { continue };
                let (bake, area) = &mut groups[group];
                *area = bake.begin_with(context, numbers, held);
                if let Some(readings) = &context.tables.readings {
                    judges[group].begin(context.tables, readings, numbers, area, bake.start());
                }
                let left = cells.count().saturating_sub(block + (group * LANES) as u64);
                included[group] = Included::new(left, bake.start());
            }
            block_body(context, &mut groups, &mut judges, &included, &mut chunks[number]);
        }
    }
    chunks
}

/// Bakes one block through all its checkpoints.
#[inline(always)]
fn block_body<T: Baking>(
    context: &Context,
    groups: &mut [(T, Lane); GROUPS],
    judges: &mut [Judge; GROUPS],
    included: &[Included; GROUPS],
    chunk: &mut Chunk,
) {
    let tables = context.tables;
    let width = counters(tables.bins as usize);
    let mut counted = Counters::ZERO;
    for visit in tables.visits() {
        let checkpoint = visit[0].checkpoint as usize;
        let counts = &mut chunk.counts[checkpoint * width..(checkpoint + 1) * width];
        let mut sums = Sums::EMPTY;
        for (((bake, area), judge), included) in groups.iter_mut().zip(judges.iter_mut()).zip(included) {
            let lost = bake.go_to(context, visit);
            let seen = read::read(tables, area, bake.start(), &lost);
            sums.add(&seen, &tables.nominal[checkpoint], included);
            let failing = match &tables.readings {
                None => reduce::below_threshold(tables, &seen.kept),
                Some(readings) => {
                    let Context { bake_seed, normal_table, .. } = *context;
                    judge.failing(tables, readings, bake_seed, visit[0].checkpoint, &seen, normal_table)
                }
            };
            counted.count(tables, &seen, &failing, included);
        }
        counted.flush(tables.bins, counts);
        chunk.partials[checkpoint].add(&sums.fold());
    }
}

per_instruction_set! {
    /// Readings of cells `first` to `first + LANES` of a set, checkpoint by checkpoint: conductance, filling, lost,
    /// kept.
    fn trace_group = trace_body(context: &Context, cells: &CellSet, first: u64) -> Vec<[Lane; QUANTITIES]>
}

#[inline(always)]
fn trace_body(context: &Context, cells: &CellSet, first: u64) -> Vec<[Lane; QUANTITIES]> {
    match (context.tables.cell.electrons.are_counted(), context.tables.has_profile()) {
        (false, false) => trace_of::<Bake<Constant>>(context, cells, first),
        (false, true) => trace_of::<Bake<Profile>>(context, cells, first),
        (true, false) => trace_of::<CountedBake<Constant>>(context, cells, first),
        (true, true) => trace_of::<CountedBake<Profile>>(context, cells, first),
    }
}

#[inline(always)]
fn trace_of<T: Baking>(context: &Context, cells: &CellSet, first: u64) -> Vec<[Lane; QUANTITIES]> {
    let tables = context.tables;
    let mut bake = T::EMPTY;
    let numbers = numbers(cells, first);
    let held = T::programmed(context, &numbers);
    let area = bake.begin_with(context, &numbers, &held);
    let mut readings = vec![[splat(f32::NAN); QUANTITIES]; tables.nominal.len()];
    for visit in tables.visits() {
        let lost = bake.go_to(context, visit);
        readings[visit[0].checkpoint as usize] = read::read(tables, &area, bake.start(), &lost).array();
    }
    readings
}

impl Backend for Cpu {
    fn identity(&self) -> Identity {
        Identity {
            backend: "cpu".to_owned(),
            adapter: processor_name(),
            driver: String::new(),
            instruction_set: self.set.name().to_owned(),
            software: false,
        }
    }

    fn at_once(&self) -> usize {
        self.threads()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        Ok(self.statistics_together(&[job], progress)?.remove(0))
    }

    fn programs_once(&self) -> bool {
        true
    }

    fn statistics_together(&self, jobs: &[&Job], progress: Progress) -> Result<Vec<Tally>, BackendError> {
        let (Some(first), true) = (jobs.first(), jobs.windows(2).all(|pair| pair[0].shares_programming(pair[1])))
        else {
            return jobs.iter().map(|job| self.statistics(job, progress)).collect();
        };
        check_by_class(first.electrons)?;
        if jobs.iter().any(|job| job.warmer_k.is_some()) {
            return jobs.iter().map(|job| self.pool.install(|| warmer::statistics(self, job, progress))).collect();
        }
        let tables: Vec<Tables> = jobs.iter().map(|job| Tables::new(job)).collect();
        let counts = trapline_model::cell::counted::tables(&first.material, &first.variation, first.electrons);
        let contexts: Vec<Context> =
            jobs.iter().zip(&tables).map(|(job, tables)| Context::new(job, tables, &counts)).collect();
        self.in_chunks(jobs, first.shape.cells(), |first, count| {
            let done = chunk(self.set, &contexts, &CellSet::run(first, count));
            progress(count * jobs.len() as u64);
            done
        })
    }

    fn reduce(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Result<Tally, BackendError> {
        if job.warmer_k.is_some() {
            return Ok(self.pool.install(|| reference::reduce(job, cells, occupancy)));
        }
        let tables = Tables::new(job);
        let counts = trapline_model::cell::counted::tables(&job.material, &job.variation, job.electrons);
        let context = Context::new(job, &tables, &counts);
        let mut tallies = self.in_chunks(&[job], cells.len() as u64, |first, count| {
            let range = first as usize..(first + count) as usize;
            let occupancy = occupancy.slice(ndarray::s![range.clone(), ..]);
            chunk_given(self.set, std::slice::from_ref(&context), &Given { numbers: &cells[range], occupancy })
        })?;
        Ok(tallies.remove(0))
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        check_by_class(job.electrons)?;
        if job.warmer_k.is_some() {
            return self.pool.install(|| warmer::trace(self, job, cells));
        }
        let tables = Tables::new(job);
        let counts = trapline_model::cell::counted::tables(&job.material, &job.variation, job.electrons);
        let context = Context::new(job, &tables, &counts);
        let mut trace = Trace::unwritten(job.times_s.len(), cells.count as usize);
        let firsts: Vec<u64> = (0..cells.count).step_by(LANES).collect();
        let groups: Vec<_> = self.pool.install(|| {
            let each = firsts.par_iter().map(|&first| trace_group(self.set, &context, cells, first));
            each.collect()
        });
        for (&first, readings) in firsts.iter().zip(&groups) {
            for (checkpoint, [conductance, filling, lost, kept]) in readings.iter().enumerate() {
                for lane in 0..LANES.min((cells.count - first) as usize) {
                    let at = [checkpoint, first as usize + lane];
                    trace.conductance[at] = conductance[lane];
                    trace.filling[at] = filling[lane];
                    trace.lost[at] = lost[lane];
                    trace.kept[at] = kept[lane];
                }
            }
        }
        Ok(trace)
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        stimulate::stimulate(self, stimulus, cells, occupancy)
    }

    fn expose(&self, exposed: &Exposed, cells: &[u64], occupancy: &mut Array2<f64>) -> Result<Response, BackendError> {
        expose::expose(self, exposed, cells, occupancy)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        population.check_dots()?;
        Ok(Box::new(HostCells::new(self, population)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_available_only_with_every_feature_it_is_compiled_for() {
        for set in [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512] {
            let has_all = set.features().is_some_and(|features| features.iter().all(|(_, found)| *found));
            assert_eq!(InstructionSet::available().contains(&set), has_all, "{set:?}");
        }
        #[cfg(target_arch = "x86_64")]
        {
            let names = |set: InstructionSet| -> Vec<_> { set.features().into_iter().flatten().map(|f| f.0).collect() };
            assert_eq!(names(InstructionSet::Avx2), ["avx2"]);
            for feature in ["avx512f", "avx512dq", "avx512vl", "avx512bw"] {
                assert!(
                    names(InstructionSet::Avx512).contains(&feature),
                    "{feature} is compiled for and not asked for"
                );
            }
        }
    }
}
