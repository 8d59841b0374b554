//! What a parent and its worker child say to each other: the job as one JSON line on the child's
//! stdin, reports as JSON lines on its stdout.
//!
//! Both sides are the same binary, yet nothing is taken on trust: lines are bounded, unknown fields
//! are refused, figures are checked. The same job is what remote nodes will execute later.
//!
//! Architecture invariant: data only; neither a process nor a file is touched here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::failure::Failure;
use crate::domain::narration::Pauses;
use crate::domain::script::Script;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::Priority;

/// The version both sides must speak; another one is refused.
pub const PROTOCOL_VERSION: u32 = 1;

/// Longest job line in bytes, without its line feed. A script of some hours fits.
pub const MAX_JOB_BYTES: usize = 4 * 1024 * 1024;

/// Longest report line in bytes, without its line feed.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;

/// A line that is not what the protocol says.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The line is longer than the limit.
    #[error("a line is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The stream ended before a line did.
    #[error("the line is cut off: the stream ended before its line feed")]
    CutOff,
    /// It is not the JSON that was expected.
    #[error("the line is not a valid message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The other side speaks another version.
    #[error(
        "version {found} of the worker protocol is not {PROTOCOL_VERSION}; restart the node, so that parent and child are the same program"
    )]
    Version {
        /// The version that was found.
        found: u32,
    },
    /// A figure is out of its range.
    #[error("`{field}` is out of range: {rule}")]
    OutOfRange {
        /// Which one.
        field: &'static str,
        /// What is allowed.
        rule: &'static str,
    },
    /// The pipe could not be read.
    #[error("the pipe cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl ProtocolError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "worker_line_too_long",
            Self::CutOff => "worker_line_cut_off",
            Self::Malformed(_) => "worker_line_malformed",
            Self::Version { .. } => "worker_version_differs",
            Self::OutOfRange { .. } => "worker_value_out_of_range",
            Self::Io(_) => "worker_pipe_unreadable",
        }
    }
}

/// A job and what the child must know to carry it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobEnvelope {
    /// [`PROTOCOL_VERSION`].
    pub version: u32,
    /// Which attempt it is; `None` for jobs that belong to another job.
    pub ticket: Option<Ticket>,
    /// Where the child leaves its result, durably, before it says that it is done: so a parent that
    /// dies in that moment finds it.
    #[serde(default)]
    pub record: Option<PathBuf>,
    /// The file that tells which attempts were executed; jobs without a ticket do not write it.
    pub execution_log: Option<PathBuf>,
    /// The parent's process id: a child whose parent is another has lost it. Filled in by
    /// [`super::spawn::spawn_job`].
    pub parent_pid: u32,
    /// How much the child steps back for other processes, 0–19 (`nice(2)`).
    #[serde(default)]
    pub niceness: u8,
    /// What to do.
    pub job: Job,
}

impl JobEnvelope {
    /// A job without ticket, log or niceness.
    #[must_use]
    pub fn new(job: Job) -> Self {
        let version = PROTOCOL_VERSION;
        Self {
            version,
            ticket: None,
            record: None,
            execution_log: None,
            parent_pid: 0,
            niceness: 0,
            job,
        }
    }

    /// The envelope as one line, with its line feed.
    ///
    /// # Errors
    /// [`ProtocolError`] when a path is not UTF-8 or the line would be too long.
    pub fn to_line(&self) -> Result<Vec<u8>, ProtocolError> {
        to_line(self, MAX_JOB_BYTES)
    }

    /// Reads an envelope from one line without its line feed.
    ///
    /// # Errors
    /// [`ProtocolError`] when the line is not a valid envelope of this version.
    pub fn from_line(line: &[u8]) -> Result<Self, ProtocolError> {
        let version = serde_json::from_slice::<VersionOnly>(line)?.version;
        if version != PROTOCOL_VERSION {
            return Err(ProtocolError::Version { found: version });
        }
        let envelope: Self = serde_json::from_slice(line)?;
        if envelope.niceness > 19 {
            return Err(ProtocolError::OutOfRange { field: "niceness", rule: "0 to 19" });
        }
        Ok(envelope)
    }
}

/// Just enough of an envelope to see that it is of another version.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// What a child can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Speak a script; the result is a [`NarrateResult`].
    Narrate(NarrateJob),
    /// Speak one sentence; the result is empty. One sentence per process, because the voice is not
    /// reproducible inside one.
    Speak(SpeakJob),
    /// Make the video; the result is the renderer's.
    Render(RenderJob),
    /// Say what texts mean, by a sentence model; the result is an [`EmbedResult`].
    Embed(EmbedJob),
    /// Fail in a chosen way, for tests and drills.
    CrashTest(CrashTestJob),
}

/// Speak a script into one WAV file and say when each sentence is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrateJob {
    /// The sentences in order; at least one.
    pub sentences: Vec<SentenceToSpeak>,
    /// The voice: `slt`, `rms`, `awb` or `kal16`.
    pub voice: String,
    /// How long the voice rests.
    #[serde(default)]
    pub pauses: Pauses,
    /// Folder in which spoken sentences are kept for later; created if absent.
    pub cache: PathBuf,
    /// Where the WAV file goes.
    pub wav: PathBuf,
    /// Where the times go, as [`crate::domain::narration::Narration`] in JSON.
    pub times: PathBuf,
}

impl NarrateJob {
    /// The sentences of `script` in order.
    #[must_use]
    pub fn sentences_of(script: &Script) -> Vec<SentenceToSpeak> {
        script
            .sentences()
            .map(|(scene, sentence)| SentenceToSpeak {
                scene,
                text: sentence.text.clone(),
                spoken: sentence.spoken.clone(),
            })
            .collect()
    }
}

/// One sentence of a [`NarrateJob`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentenceToSpeak {
    /// Index of its scene, from 0.
    pub scene: usize,
    /// As captions show it.
    pub text: String,
    /// As the voice is given it.
    pub spoken: String,
}

/// What a [`NarrateJob`] made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NarrateResult {
    /// Length of the WAV file in seconds.
    pub duration_s: f64,
    /// How many sentences there are.
    pub sentences: usize,
    /// How many of them were found in the cache.
    pub cached: usize,
    /// Which voice spoke.
    pub voice: String,
}

/// Speak one sentence into a WAV file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakJob {
    /// What to say.
    pub text: String,
    /// The voice.
    pub voice: String,
    /// Where the WAV file goes; it appears there complete or not at all.
    pub out: PathBuf,
}

/// Make a video from a timeline file, and the pictures and music it needs first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderJob {
    /// The timeline file.
    pub timeline: PathBuf,
    /// Where the video goes.
    pub out: PathBuf,
    /// How it is encoded.
    pub options: EncodeOptions,
    /// Drawings to turn into pictures before anything else.
    #[serde(default)]
    pub cards: Vec<Drawing>,
    /// The thumbnail to make, as JPEG.
    pub thumbnail: Option<Drawing>,
    /// The music bed to make.
    pub music: Option<MusicOrder>,
}

/// How a video is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeOptions {
    /// The encoder's preset, for example `veryfast`.
    pub preset: String,
    /// Constant rate factor, 0–51; less is better.
    pub crf: u8,
    /// Encoder threads; 0 lets the encoder choose.
    pub threads: u32,
}

/// An SVG file to turn into a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// The SVG file.
    pub svg: PathBuf,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Where the picture goes.
    pub out: PathBuf,
}

/// A music bed to synthesise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MusicOrder {
    /// Equal seeds give equal music.
    pub seed: u64,
    /// Its mood, a name that `craft::music` knows.
    pub mood: String,
    /// Its length.
    pub seconds: f64,
    /// Where the WAV file goes.
    pub out: PathBuf,
}

/// Turn texts into vectors by a sentence model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedJob {
    /// The folder of the model.
    pub model: PathBuf,
    /// The texts.
    pub texts: Vec<String>,
    /// Where the vectors go: 32-bit floats in little-endian order, one vector after the other. A
    /// report line would be too short for them.
    pub out: PathBuf,
    /// The place on a device that the parent holds a lease of; without one the processor is used.
    pub seat: Option<DeviceSeat>,
}

/// What a child may use of a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSeat {
    /// Which device, as CUDA counts.
    pub device: u16,
    /// How urgent its stream is: that of the parent's request.
    pub priority: Priority,
    /// The most of the device's memory that the process may take, above 0 and up to 1.
    pub memory_fraction: f64,
}

/// What an [`EmbedJob`] made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedResult {
    /// How many vectors there are.
    pub vectors: usize,
    /// How many numbers each of them has.
    pub width: usize,
    /// `cpu`, or `cuda` with the device's number.
    pub device: String,
    /// Why it was not the device that was leased, if so.
    pub fallback: Option<String>,
}

impl Job {
    /// What of the environment the child must be started with: libraries read it before the job is
    /// known to them.
    #[must_use]
    pub fn environment(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Embed(EmbedJob { seat: Some(seat), .. }) => {
                let fraction = seat.memory_fraction.clamp(1e-4, 1.0);
                Some((LIBTORCH_MEMORY, format!("per_process_memory_fraction:{fraction:.4}")))
            }
            _ => None,
        }
    }
}

/// How libtorch's allocator on a device is told its bounds.
const LIBTORCH_MEMORY: &str = "PYTORCH_CUDA_ALLOC_CONF";

/// Fail in a chosen way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashTestJob {
    /// How.
    pub how: CrashKind,
}

/// The ways of a [`CrashTestJob`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// Abort by a signal, after a line on stderr.
    Abort,
    /// End well without an outcome.
    NoOutcome,
    /// Never end, and go on with heartbeats.
    Hang,
    /// Never end and say nothing.
    Silence,
    /// Say something that is no report.
    Garbage,
    /// Say something without end.
    EndlessLine,
    /// Start a child of one's own that hangs, note its process id as progress, and hang.
    HangWithChild,
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Report {
    /// It is alive.
    Heartbeat,
    /// How far it is.
    Progress(Progress),
    /// It has done its job; it ends next.
    Done {
        /// What it made; the shape depends on the job.
        result: Value,
    },
    /// It has failed; it ends next.
    Failed {
        /// How.
        failure: Failure,
    },
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The part that is done, in [0, 1].
    pub done: f64,
    /// What is being done, for a person, for example `frame 200 of 1800`.
    pub note: String,
}

impl Report {
    /// The report as one line, with its line feed.
    ///
    /// # Errors
    /// [`ProtocolError`] when the line would be too long.
    pub fn to_line(&self) -> Result<Vec<u8>, ProtocolError> {
        to_line(self, MAX_REPORT_BYTES)
    }

    /// Reads a report from one line without its line feed.
    ///
    /// # Errors
    /// [`ProtocolError`] when the line is not a valid report.
    pub fn from_line(line: &[u8]) -> Result<Self, ProtocolError> {
        if line.len() > MAX_REPORT_BYTES {
            return Err(ProtocolError::TooLong { limit: MAX_REPORT_BYTES });
        }
        let report: Self = serde_json::from_slice(line)?;
        if let Self::Progress(progress) = &report
            && !(0.0..=1.0).contains(&progress.done)
        {
            return Err(ProtocolError::OutOfRange { field: "done", rule: "0 to 1" });
        }
        Ok(report)
    }
}

fn to_line(message: &impl Serialize, limit: usize) -> Result<Vec<u8>, ProtocolError> {
    let mut line = serde_json::to_vec(message)?;
    if line.len() > limit {
        return Err(ProtocolError::TooLong { limit });
    }
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
