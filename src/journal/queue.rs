//! The way to the writer: a queue that many hold, and what drives the writer at its other end — a
//! thread in the node, a task on the paused clock in simulation.
//!
//! The queue is not bounded: a channel's actor has already applied what it sends, so there is no
//! way to refuse it. What is under way is bounded by admission (live workflows) and seen in
//! [`JournalHandle::depth`].
//!
//! Architecture invariant: every request is answered exactly once, whatever becomes of the writer.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::log::LogError;
use super::under_way::UnderWay;
use super::writer::{AppendRequest, Failure, Writer};

/// How much is committed with one sync. A group ends when it reaches either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Frames, at least 1.
    pub frames: usize,
    /// Bytes of payload; the last frame may exceed it.
    pub bytes: usize,
    /// How long a writer on a thread waits for more while it is busy.
    pub linger: Duration,
}

/// A group of so many frames shows that the writer is busy: then one sync for more of them saves more
/// time than the wait costs.
const BUSY: usize = 8;

/// How long a writer on a thread looks for the next frame before it sleeps. Whoever was told of a
/// group often sends the next frame at once, and to wake a thread takes longer than to write.
const LOOK_OUT: Duration = Duration::from_micros(100);

impl Default for GroupLimits {
    fn default() -> Self {
        Self { frames: 1024, bytes: 4 << 20, linger: Duration::from_micros(300) }
    }
}

/// What the writer says to a request to close.
pub type CloseOutcome = Result<(), Arc<LogError>>;

enum Message {
    Append(AppendRequest),
    Close(oneshot::Sender<CloseOutcome>),
}

/// The sending end. Cheap to clone.
#[derive(Clone)]
pub struct JournalHandle {
    sender: mpsc::UnboundedSender<Message>,
    under_way: Arc<UnderWay>,
    failure: Failure,
}

impl JournalHandle {
    /// Sends a request and returns at once; the outcome comes by its reply. Requests of one sender
    /// are committed in the order in which they were sent.
    pub fn append(&self, request: AppendRequest) {
        self.under_way.begin();
        // A request that cannot be sent is dropped here, and its reply says that the journal is
        // closed.
        if self.sender.send(Message::Append(request)).is_err() {
            self.under_way.give_up();
        }
    }

    /// How many requests were sent and are not answered yet.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.under_way.count()
    }

    /// What was sent and is not answered yet, for a thread that can wait for it.
    #[must_use]
    pub fn under_way(&self) -> Arc<UnderWay> {
        Arc::clone(&self.under_way)
    }

    /// Watches for the failure of the journal.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// Commits what was sent before, closes the log cleanly and ends the writer. Later requests
    /// are answered with `journal_closed`.
    ///
    /// # Errors
    /// The failure of the journal. A writer that was closed before is no error.
    pub async fn close(&self) -> CloseOutcome {
        let (reply, outcome) = oneshot::channel();
        if self.sender.send(Message::Close(reply)).is_err() {
            return Ok(());
        }
        outcome.await.unwrap_or(Ok(()))
    }
}

/// The receiving end, with the writer that it feeds.
pub struct WriterLoop {
    writer: Writer,
    receiver: mpsc::UnboundedReceiver<Message>,
    under_way: Arc<UnderWay>,
    limits: GroupLimits,
    /// Frames of the last group.
    last_group: usize,
}

/// A queue to `writer`, and the loop that must be run at its other end.
#[must_use]
pub fn queue(writer: Writer, limits: GroupLimits) -> (JournalHandle, WriterLoop) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let under_way = Arc::new(UnderWay::default());
    let failure = writer.failure();
    let handle = JournalHandle { sender, under_way: Arc::clone(&under_way), failure };
    (handle, WriterLoop { writer, receiver, under_way, limits, last_group: 0 })
}

impl WriterLoop {
    /// Runs on the calling thread, which may block, until closed or until every handle is gone.
    pub fn run_blocking(mut self) {
        while let Some(message) = self.look_out() {
            if self.take(message).is_none() {
                return;
            }
            if self.last_group >= BUSY {
                std::thread::park_timeout(self.limits.linger);
            }
        }
        self.close_quietly();
    }

    /// The next message; none once every handle is gone.
    fn look_out(&mut self) -> Option<Message> {
        let began = Instant::now();
        while began.elapsed() < LOOK_OUT {
            match self.receiver.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
        self.receiver.blocking_recv()
    }

    /// Runs as a task, for a log that does not block (simulation).
    pub async fn run(mut self) {
        while let Some(message) = self.receiver.recv().await {
            if self.take(message).is_none() {
                return;
            }
        }
        self.close_quietly();
    }

    /// Starts [`WriterLoop::run_blocking`] on a thread of its own.
    ///
    /// # Errors
    /// What the system says when it cannot make a thread.
    pub fn spawn_thread(self) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("journal".to_owned()).spawn(|| self.run_blocking())
    }

    /// Commits `first` together with what else waits; `None` once the writer was told to close.
    fn take(&mut self, first: Message) -> Option<()> {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Append(request) => {
                    bytes += request.payload.len();
                    group.push(request);
                }
                Message::Close(reply) => {
                    self.commit(group);
                    // The asker may be gone; the log is closed all the same.
                    drop(reply.send(self.writer.close()));
                    return None;
                }
            }
            let is_full = group.len() >= self.limits.frames || bytes >= self.limits.bytes;
            next = if is_full { None } else { self.receiver.try_recv().ok() };
        }
        self.commit(group);
        Some(())
    }

    fn commit(&mut self, group: Vec<AppendRequest>) {
        self.last_group = group.len();
        if !group.is_empty() {
            self.writer.commit_group(group);
            self.under_way.end(self.last_group);
            self.writer.announce();
        }
    }

    /// Every handle is gone: nobody is left to be told of a failure, and the failure watch has it.
    fn close_quietly(&mut self) {
        drop(self.writer.close());
    }
}
