//! The one writer: takes what waits, refuses what an older incarnation sent, appends it as one
//! group, syncs once, folds, and acknowledges in sequence order.
//!
//! It is a plain struct; `queue.rs` drives it by a thread, or by a task in simulation.
//!
//! Architecture invariant: nothing is folded or acknowledged before its sync succeeded, and after
//! the first error of the log the writer does nothing any more but say so. What a frame says is
//! opaque here; it is only passed on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::frame::{CODEC_BINCODE, Frame, FrameKind, MAX_PAYLOAD};
use super::log::{Log, LogError};
use super::record::Commit;
use crate::domain::ids::{ChannelId, Generation, Seq};
use crate::telemetry::failpoint;

/// A frame to be written.
#[derive(Debug)]
pub struct AppendRequest {
    /// The channel whose frame it is.
    pub channel: ChannelId,
    /// The sender's generation. For [`FrameKind::Generation`] the new one.
    pub generation: Generation,
    /// What the payload is.
    pub kind: FrameKind,
    /// The version of the payload's structure.
    pub schema: u16,
    /// How many events it holds, at least 1.
    pub count: u16,
    /// The encoded events, at most [`MAX_PAYLOAD`] bytes.
    pub payload: Vec<u8>,
    /// What the payload says, where the sender has it: then the fold need not decode it.
    pub commit: Option<Commit>,
    /// Who is told the outcome.
    pub reply: Reply,
}

/// Where a frame went: it is durable and folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The sequence number of its first event.
    pub first_seq: Seq,
    /// How many events it holds.
    pub count: u16,
}

/// Why a frame was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A newer incarnation of the channel has taken over; nothing was written.
    #[error("channel {channel} is at generation {current}, this frame came from {given}")]
    StaleGeneration {
        /// The channel.
        channel: ChannelId,
        /// The generation of the request.
        given: u64,
        /// The generation of the channel.
        current: u64,
    },
    /// The sender's generation was never raised by a frame; nothing was written.
    #[error("generation {given} of channel {channel} was not raised, it is at {current}")]
    GenerationNotRaised {
        /// The channel.
        channel: ChannelId,
        /// The generation of the request.
        given: u64,
        /// The generation of the channel.
        current: u64,
    },
    /// The payload is longer than [`MAX_PAYLOAD`]; nothing was written.
    #[error("frame payload has {0} bytes, at most {MAX_PAYLOAD} are allowed")]
    TooLarge(usize),
    /// A frame without events; nothing was written.
    #[error("a frame holds at least one event")]
    Empty,
    /// The log failed. Whether the frame is durable is known only after a restart.
    #[error("the journal has stopped: {0}")]
    Failed(Arc<LogError>),
    /// The writer is closed or gone.
    #[error("the journal is closed")]
    Closed,
}

impl AppendError {
    /// A stable name for feed, CLI and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::StaleGeneration { .. } => "stale_generation",
            Self::GenerationNotRaised { .. } => "generation_not_raised",
            Self::TooLarge(_) => "frame_too_large",
            Self::Empty => "frame_empty",
            Self::Failed(error) => error.code(),
            Self::Closed => "journal_closed",
        }
    }
}

type Callback = Box<dyn FnOnce(Result<Committed, AppendError>) + Send>;

/// Tells a sender the outcome exactly once: if nobody answers, [`AppendError::Closed`] when dropped.
pub struct Reply(Option<Callback>);

impl Reply {
    /// Calls `callback` on the writer's thread: it must not block, only pass the outcome on.
    #[must_use]
    pub fn call(callback: impl FnOnce(Result<Committed, AppendError>) + Send + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// A reply to be awaited.
    #[must_use]
    pub fn channel() -> (Self, oneshot::Receiver<Result<Committed, AppendError>>) {
        let (sender, receiver) = oneshot::channel();
        // The receiver may have lost interest; the frame is durable all the same.
        (Self::call(move |outcome| drop(sender.send(outcome))), receiver)
    }

    fn send(mut self, outcome: Result<Committed, AppendError>) {
        if let Some(callback) = self.0.take() {
            callback(outcome);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(Err(AppendError::Closed));
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

/// Takes every committed frame: the fold.
pub trait Commits: Send {
    /// Takes the next frame in, in sequence order, with what it says where that is known. Its sender is
    /// told afterwards.
    fn take(&mut self, frame: &Frame, commit: Option<Commit>);

    /// Tells others of the frames that were taken since the last call. It comes after their senders
    /// have been told: those go on with the work, and whoever follows can wait for them.
    fn announce(&mut self);
}

/// Fires once, with the cause, when the journal has failed.
pub type Failure = watch::Receiver<Option<Arc<LogError>>>;

/// The one writer of a journal.
pub struct Writer {
    log: Box<dyn Log>,
    generations: BTreeMap<ChannelId, Generation>,
    commits: Box<dyn Commits>,
    failure: watch::Sender<Option<Arc<LogError>>>,
}

impl Writer {
    /// A writer on `log`. `generations` are those that the recovered frames tell; a channel that is
    /// not named is at generation 0.
    #[must_use]
    pub fn new(
        log: Box<dyn Log>,
        generations: BTreeMap<ChannelId, Generation>,
        commits: Box<dyn Commits>,
    ) -> Self {
        Self { log, generations, commits, failure: watch::channel(None).0 }
    }

    /// Watches for the failure of the journal.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.failure.subscribe()
    }

    /// Commits a group in the given order and answers every request, refused ones too, in that
    /// order. [`Writer::announce`] is to follow.
    pub fn commit_group(&mut self, requests: Vec<AppendRequest>) {
        if let Some(cause) = self.failed() {
            for request in requests {
                request.reply.send(Err(AppendError::Failed(Arc::clone(&cause))));
            }
            return;
        }
        let mut frames = Vec::with_capacity(requests.len());
        let mut commits = Vec::with_capacity(requests.len());
        let mut answers = Vec::with_capacity(requests.len());
        let mut next_seq = self.log.last_seq().0 + 1;
        for request in requests {
            match self.admit(&request) {
                Ok(()) => {
                    let committed = Committed { first_seq: Seq(next_seq), count: request.count };
                    next_seq += u64::from(request.count);
                    answers.push((request.reply, Ok(committed)));
                    commits.push(request.commit);
                    frames.push(frame_of(committed, request.kind, request.schema, request.payload));
                }
                Err(refusal) => answers.push((request.reply, Err(refusal))),
            }
        }
        let outcome = self.write_and_fold(&frames, commits).map_err(Arc::new);
        if let Err(cause) = &outcome {
            self.failure.send_replace(Some(Arc::clone(cause)));
        }
        for (reply, answer) in answers {
            let answer = match (answer, &outcome) {
                (Ok(_), Err(cause)) => Err(AppendError::Failed(Arc::clone(cause))),
                (answer, _) => answer,
            };
            reply.send(answer);
        }
    }

    /// Tells others of what was committed, once those who sent it have been told.
    pub fn announce(&mut self) {
        self.commits.announce();
    }

    /// Closes the log cleanly, unless it has failed.
    ///
    /// # Errors
    /// The failure of the journal, old or new.
    pub fn close(&mut self) -> Result<(), Arc<LogError>> {
        if let Some(cause) = self.failed() {
            return Err(cause);
        }
        self.log.close().map_err(|error| {
            let cause = Arc::new(error);
            self.failure.send_replace(Some(Arc::clone(&cause)));
            cause
        })
    }

    fn failed(&self) -> Option<Arc<LogError>> {
        self.failure.borrow().clone()
    }

    /// Whether a request may be written; raises the channel's generation if it asks for that.
    fn admit(&mut self, request: &AppendRequest) -> Result<(), AppendError> {
        if request.count == 0 {
            return Err(AppendError::Empty);
        }
        if request.payload.len() > MAX_PAYLOAD {
            return Err(AppendError::TooLarge(request.payload.len()));
        }
        let channel = request.channel;
        let known = self.generations.get(&channel).copied().unwrap_or_default();
        let (given, current) = (request.generation.0, known.0);
        match request.kind {
            FrameKind::Generation if request.generation > known => {
                self.generations.insert(channel, request.generation);
                Ok(())
            }
            FrameKind::Events if request.generation == known => Ok(()),
            FrameKind::Events if request.generation > known => {
                Err(AppendError::GenerationNotRaised { channel, given, current })
            }
            FrameKind::Events | FrameKind::Generation => {
                Err(AppendError::StaleGeneration { channel, given, current })
            }
        }
    }

    fn write_and_fold(
        &mut self,
        frames: &[Frame],
        commits: Vec<Option<Commit>>,
    ) -> Result<(), LogError> {
        if frames.is_empty() {
            return Ok(());
        }
        failpoint::pass(failpoint::BEFORE_APPEND);
        self.log.append(frames)?;
        failpoint::pass(failpoint::BEFORE_SYNC);
        self.log.sync()?;
        failpoint::pass(failpoint::AFTER_SYNC);
        for (frame, commit) in frames.iter().zip(commits) {
            // The fold keeps its own panics per channel; one that gets here must still be told to
            // everybody who waits, and no further frame may pass over it.
            catch_unwind(AssertUnwindSafe(|| self.commits.take(frame, commit)))
                .map_err(|_| LogError::FoldPanicked(frame.first_seq.0))?;
        }
        Ok(())
    }
}

fn frame_of(committed: Committed, kind: FrameKind, schema: u16, payload: Vec<u8>) -> Frame {
    Frame {
        first_seq: committed.first_seq,
        kind,
        schema,
        codec: CODEC_BINCODE,
        flags: 0,
        count: committed.count,
        payload,
    }
}

#[cfg(test)]
mod tests;
