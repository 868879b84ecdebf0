//! Putting pieces of a campaign together: records of shards, and campaigns in progress.

use std::path::{Path, PathBuf};

use super::intent;
use super::run::now;
use trapline_model::files::commit::Batch;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, Identity, Program, Provenance};
use trapline_record::{Held, Record, RecordError, Source, Trust, UnfinishedRecord};

/// Why pieces cannot be merged into a campaign, in one line.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("{} is of another campaign than {}: its {what} is another; merge pieces of one campaign", path.display(), first.display())]
    Other { path: PathBuf, first: PathBuf, what: &'static str },
    #[error("{} and {} hold other values for point {number}; leave one of them out", first.display(), second.display())]
    Conflict { number: usize, first: PathBuf, second: PathBuf },
    #[error(
        "{missing} of {points} points are in none of the files, the first is point {first}; give their files too, or take what is there by --partial"
    )]
    Missing { missing: usize, points: usize, first: usize },
    #[error("{} is a {kind}; give records of shards, or of campaigns in progress", path.display())]
    Kind { path: PathBuf, kind: &'static str },
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    pub points: usize,
    pub of: usize,
    /// Remarks for the user, such as that several computers made the points.
    pub remarks: Vec<String>,
}

/// A piece, opened.
enum Piece {
    Record(CampaignRecord),
    Unfinished(UnfinishedRecord),
}

impl Piece {
    fn open(path: &Path, trust: Trust) -> Result<Piece, MergeError> {
        let kind = |kind| Err(MergeError::Kind { path: path.to_owned(), kind });
        match trapline_record::open(path, trust)? {
            Record::Campaign(piece) => Ok(Piece::Record(piece)),
            Record::Unfinished(piece) => Ok(Piece::Unfinished(piece)),
            Record::Point(..) => kind("point of a campaign"),
            Record::Experiment(_) => kind("record of an experiment"),
        }
    }

    fn label(&self) -> &CampaignLabel {
        match self {
            Piece::Record(record) => &record.label,
            Piece::Unfinished(record) => &record.label,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Piece::Record(record) => &record.path,
            Piece::Unfinished(record) => &record.path,
        }
    }

    fn numbers(&self) -> Vec<usize> {
        match self {
            Piece::Record(record) => {
                (0..record.points.len()).filter(|&number| record.points[number].outcome.is_some()).collect()
            }
            Piece::Unfinished(record) => record.finished(),
        }
    }

    fn source(&self) -> Source<'_> {
        match self {
            Piece::Record(record) => Source::Record(record),
            Piece::Unfinished(record) => Source::Folder(&record.parts),
        }
    }
}

/// Merges records of shards, and what is finished of campaigns in progress, into one record of the campaign. A point
/// that several pieces hold must have the same values in all of them. Points that no piece holds are an error unless
/// `partial`. Pieces without a seal are read where they are trusted; the points of a campaign in progress must be
/// sealed.
///
/// # Errors
/// [`MergeError`]; `destination` is then as it was.
pub fn merge(
    pieces: &[PathBuf],
    destination: &Path,
    partial: bool,
    held: Held,
    trust: Trust,
    program: Program,
) -> Result<Merged, MergeError> {
    let mut batch = Batch::new();
    let merged = stage_merge(&mut batch, pieces, destination, partial, held, trust, program)?;
    batch.replace().map_err(RecordError::Commit)?;
    Ok(merged)
}

/// As [`merge`], but the record gets its name with the rest of a batch.
///
/// # Errors
/// As [`merge`].
pub fn stage_merge(
    batch: &mut Batch,
    pieces: &[PathBuf],
    destination: &Path,
    partial: bool,
    held: Held,
    trust: Trust,
    program: Program,
) -> Result<Merged, MergeError> {
    let started_utc = now();
    let pieces = pieces.iter().map(|path| Piece::open(path, trust)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = pieces.first() else {
        return Err(MergeError::Missing { missing: 1, points: 1, first: 0 });
    };
    for piece in &pieces[1..] {
        if let Some(what) = first.label().difference(piece.label()) {
            let [path, first] = [piece, first].map(|piece| piece.path().to_owned());
            return Err(MergeError::Other { path, first, what });
        }
    }
    let label = first.label();
    let mut holders: Vec<Option<&Piece>> = vec![None; label.points()];
    for piece in &pieces {
        for number in piece.numbers() {
            match holders[number] {
                None => holders[number] = Some(piece),
                Some(first) => same_values(number, first, piece)?,
            }
        }
    }
    let missing = holders.iter().filter(|holder| holder.is_none()).count();
    if missing > 0 && !partial {
        let first = holders.iter().position(Option::is_none).unwrap_or(0);
        return Err(MergeError::Missing { missing, points: holders.len(), first });
    }
    let sources: Vec<_> =
        holders.iter().enumerate().filter_map(|(number, holder)| Some((number, holder.as_ref()?.source()))).collect();
    let computers = computers(&pieces);
    let provenance = Provenance {
        program_version: program.version.to_owned(),
        commit: program.commit.to_owned(),
        identity: computers.first().cloned().unwrap_or_else(|| identity_of(first)),
        started_utc,
        ended_utc: now(),
    };
    trapline_record::stage_merge(batch, label, &provenance, destination, &sources, held)?;
    let mut remarks = Vec::new();
    if let [one, other, ..] = computers.as_slice() {
        let [one, other] = [one, other].map(intent::computer);
        remarks.push(format!("the points were computed by {one} and by {other}: they agree, but not bit by bit"));
    }
    Ok(Merged { points: sources.len(), of: label.points(), remarks })
}

fn identity_of(piece: &Piece) -> Identity {
    match piece {
        Piece::Record(record) => record.provenance.identity.clone(),
        Piece::Unfinished(record) => record.provenance.identity.clone(),
    }
}

/// One identity for each kind of computer whose results may differ in their bits from another's.
fn computers(pieces: &[Piece]) -> Vec<Identity> {
    let mut computers: Vec<Identity> = Vec::new();
    for piece in pieces {
        let identity = identity_of(piece);
        if computers.iter().all(|known| intent::computer(known) != intent::computer(&identity)) {
            computers.push(identity);
        }
    }
    computers
}

fn same_values(number: usize, first: &Piece, second: &Piece) -> Result<(), MergeError> {
    let [a, b] = [first, second].map(|piece| trapline_record::load_outcome(piece.label(), number, piece.source()));
    if a?.is_same(&b?) {
        return Ok(());
    }
    let [first, second] = [first, second].map(|piece| piece.path().to_owned());
    Err(MergeError::Conflict { number, first, second })
}
