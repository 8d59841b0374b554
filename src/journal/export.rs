//! The journal as text, one JSON value a line, for other programs and for another place; and back.
//!
//! ```text
//! {"journal":{"format":1,"schema":3,"program":"0.1.0","base":B,"fingerprint":"…"}}
//! {"part":…}      the state after event B, piece by piece; none when B is 0
//! {"frame":{"first_seq":N,"kind":"events","commit":{…}}}      all that are kept, in order
//! {"end":{"frames":N,"last_seq":L}}
//! ```
//! B is 0 where the journal still reaches back to its beginning, else its newest checkpoint, and the
//! frames begin at or before it.
//!
//! Architecture invariant: what is imported is the same history, to the bit where it was
//! written in the present schema and event by event where in an older one: a text that was cut off
//! or changed so that it is not one is refused with its line.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Section};
use super::codec;
use super::copy::{Durable, Target};
use super::fold::Point;
use super::frame::{CODEC_BINCODE, Frame, FrameKind};
use super::log::LogError;
use super::open::{self, OpenError};
use super::part::Part;
use super::record::{self, Commit, OLDEST_SCHEMA, SCHEMA, is_known};
use super::segment::SegmentOptions;
use super::segment::files::FileLayer;
use super::segment::scan::JournalScan;
use crate::domain::artifact::Digest;
use crate::domain::ids::Seq;
use crate::domain::upcast;

/// The format that is written and read.
const FORMAT: u32 = 1;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Journal(Head),
    Part(Box<Part>),
    Frame(Box<Told>),
    End(Foot),
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    schema: u16,
    program: String,
    base: Seq,
    fingerprint: Digest,
}

/// A frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    first_seq: Seq,
    kind: Kind,
    commit: Commit,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Events,
    Generation,
}

/// The last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foot {
    /// Frames in the text.
    pub frames: u64,
    /// The last sequence number.
    pub last_seq: Seq,
}

/// Why a journal cannot be exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file of the journal cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The text cannot be read or written.
    #[error("the text cannot be read or written: {0}")]
    Text(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

impl ExportError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Log(error) => error.code(),
            Self::Text(_) => "text_unusable",
            Self::Line { .. } => "export_malformed",
        }
    }
}

/// Writes everything durable of the journal in `folder` to `text`. Its node may be writing.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    files: &Arc<dyn FileLayer>,
    folder: &Path,
    text: &mut dyn Write,
) -> Result<Foot, ExportError> {
    let (point, parts) = if reaches_back(files, folder)? {
        (Point::default(), Vec::new())
    } else {
        open::checkpoint_parts(folder)?
    };
    let base = point.applied;
    let durable = Durable::look(files.as_ref(), folder)?;
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let fingerprint = Digest(point.fingerprint);
    let head = Head { format: FORMAT, schema: SCHEMA, program, base, fingerprint };
    put(text, &Line::Journal(head))?;
    for part in parts {
        put(text, &Line::Part(Box::new(part)))?;
    }
    let mut foot = Foot { frames: 0, last_seq: Seq(0) };
    let last_seq = durable.frames::<ExportError>(files, folder, |frame| {
        if foot.frames == 0 && frame.first_seq.0 > base.0 + 1 {
            let what = "the journal was pruned while it was read: run the command again";
            return Err(io::Error::other(what).into());
        }
        let seq = frame.first_seq.0;
        let commit = record::decode(&frame).map_err(|cause| OpenError::Record { seq, cause })?;
        let kind = match frame.kind {
            FrameKind::Events => Kind::Events,
            FrameKind::Generation => Kind::Generation,
        };
        foot.frames += 1;
        put(text, &Line::Frame(Box::new(Told { first_seq: frame.first_seq, kind, commit })))
    })?;
    foot.last_seq = last_seq;
    put(text, &Line::End(foot))?;
    text.flush()?;
    Ok(foot)
}

/// Whether the journal still has its first frame.
fn reaches_back(files: &Arc<dyn FileLayer>, folder: &Path) -> Result<bool, LogError> {
    let mut scan = JournalScan::begin(Arc::clone(files), folder)?;
    match scan.next() {
        Some(first) => {
            first?;
            Ok(scan.first_seq() == Some(Seq(1)))
        }
        None => Ok(true),
    }
}

fn put(text: &mut dyn Write, line: &Line) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *text, line).map_err(io::Error::from)?;
    text.write_all(b"\n")?;
    Ok(())
}

/// Makes the journal of `text` in `folder`, which must not exist. What is there after an error is not
/// a journal.
///
/// # Errors
/// [`ExportError::Line`] when the text is not an export, or not a whole one.
pub fn import(
    files: &Arc<dyn FileLayer>,
    folder: &Path,
    text: impl BufRead,
    options: SegmentOptions,
) -> Result<Foot, ExportError> {
    let made = files.make_folder(folder);
    made.map_err(|error| LogError::of_io("make folder", folder, error))?;
    let mut lines = Lines { text, number: 0, schema: SCHEMA };
    let head = match lines.next()? {
        Some(Line::Journal(head)) => head,
        _ => return Err(lines.wrong("it is not the first line of an exported journal")),
    };
    lines.schema = head.schema;
    if head.format != FORMAT || !is_known(head.schema) {
        let what = format!(
            "it has format {} and schema {}, this version knows format {FORMAT} and schemas \
             {OLDEST_SCHEMA} to {SCHEMA}: use the version that wrote it ({})",
            head.format, head.schema, head.program
        );
        return Err(lines.wrong(what));
    }
    let mut next = lines.next()?;
    let mut sections = Vec::new();
    while let Some(Line::Part(part)) = next {
        let bytes = codec::encode(&part).map_err(|error| lines.wrong(error))?;
        sections.push(Section { name: open::FOLD_SECTION.to_owned(), bytes });
        next = lines.next()?;
    }
    if head.base > Seq(0) {
        let bytes = codec::encode(&head.fingerprint.0).map_err(|error| lines.wrong(error))?;
        sections.push(Section { name: open::HISTORY_SECTION.to_owned(), bytes });
        let sections = sections.into_iter().map(Ok::<_, LogError>);
        checkpoint::write(files.as_ref(), folder, head.base, sections)?;
    }
    let mut target = Target { files, to: folder, options, log: None, group: Vec::new() };
    let mut found = Foot { frames: 0, last_seq: Seq(0) };
    while let Some(Line::Frame(told)) = next {
        let is_first = found.frames == 0 && (1..=head.base.0 + 1).contains(&told.first_seq.0);
        if !is_first && told.first_seq.0 != found.last_seq.0 + 1 {
            let what = format!("sequence {} comes after {}", told.first_seq, found.last_seq);
            return Err(lines.wrong(what));
        }
        let frame = frame_of(&told).map_err(|what| lines.wrong(what))?;
        found = Foot { frames: found.frames + 1, last_seq: frame.last_seq() };
        target.add(frame)?;
        next = lines.next()?;
    }
    match next {
        Some(Line::End(end)) if end == found => {
            if lines.next()?.is_some() {
                return Err(lines.wrong("there is more after the last line"));
            }
        }
        Some(Line::End(end)) => {
            let what = format!(
                "{} frames up to {} should be there, {} up to {} are",
                end.frames, end.last_seq, found.frames, found.last_seq
            );
            return Err(lines.wrong(what));
        }
        _ => return Err(lines.wrong("the text ends before its last line")),
    }
    target.finish()?;
    Ok(found)
}

fn frame_of(told: &Told) -> Result<Frame, String> {
    let payload = record::encode(&told.commit).map_err(|error| error.to_string())?;
    let count = u16::try_from(told.commit.events.len()).map_err(|error| error.to_string())?;
    if count == 0 {
        return Err("a frame without events".to_owned());
    }
    Ok(Frame {
        first_seq: told.first_seq,
        kind: match told.kind {
            Kind::Events => FrameKind::Events,
            Kind::Generation => FrameKind::Generation,
        },
        schema: SCHEMA,
        codec: CODEC_BINCODE,
        flags: 0,
        count,
        payload,
    })
}

/// The lines of a text.
struct Lines<T> {
    text: T,
    number: u64,
    /// The schema that they are written in, as the first says.
    schema: u16,
}

impl<T: BufRead> Lines<T> {
    fn next(&mut self) -> Result<Option<Line>, ExportError> {
        let mut line = String::new();
        self.number += 1;
        if self.text.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let read = upcast::written_in(self.schema, || serde_json::from_str(&line));
        read.map(Some).map_err(|error| self.wrong(error))
    }

    fn wrong(&self, what: impl std::fmt::Display) -> ExportError {
        ExportError::Line { line: self.number, what: what.to_string() }
    }
}
