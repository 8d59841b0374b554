//! The embedder whose model runs in a worker child, on a place of a device that is leased for it.
//!
//! Architecture invariant: the lease is held until the child has ended, and a child whose lease is
//! revoked is killed; what no device can be had for is done on the processor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::embedding::Embedding;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::gpu::arbiter::Pool;
use crate::gpu::lease::{Broker, GpuWish, Lease, LeaseError, Need};
use crate::ports::embedder::Embedder;
use crate::worker::protocol::{DeviceSeat, EmbedJob, EmbedResult, Job, JobEnvelope};
use crate::worker::run::run_job;
use crate::worker::seats::Seats;

/// As what its memory is counted.
const KIND: &str = "embedding";
/// Bytes of a device for the model's 91 MB, a batch, and libtorch's own kernels.
const BYTES: u64 = 1 << 30;
/// The child starts and loads the model in seconds; a thousand texts take seconds on a processor.
const MAX_HOLD: Duration = Duration::from_secs(5 * 60);
/// How much the child steps back for the rest of the machine (`nice(2)`).
const NICENESS: u8 = 5;

/// How a model runs in children.
#[derive(Debug, Clone)]
pub struct ChildEmbedder {
    program: PathBuf,
    model: PathBuf,
    broker: Broker,
    channel: ChannelId,
}

impl ChildEmbedder {
    /// The model in the folder `model`, run by children of `program`, our own binary, for `channel`.
    #[must_use]
    pub fn new(program: PathBuf, model: PathBuf, broker: Broker, channel: ChannelId) -> Self {
        Self { program, model, broker, channel }
    }

    /// A lease of a light slot of the host, and of a device where there is one; with the device's
    /// size.
    async fn lease(&self) -> Result<(Lease, Option<u64>), Failure> {
        let gone = || Failure::transient("embedding_broker", LeaseError::BrokerGone);
        let slot = Need::slots(Pool::Light, 1).held_at_most(MAX_HOLD);
        let devices = self.broker.look().await.ok_or_else(gone)?.books.devices;
        if !devices.is_empty() {
            let wish = GpuWish::Own { kind: KIND.to_owned(), bytes: BYTES };
            let need = Need { gpu: Some(wish), ..slot.clone() };
            match self.broker.acquire(need, self.channel, Priority::default()).await {
                Ok(lease) => {
                    let device = lease.device.and_then(|id| devices.get(usize::from(id.0)));
                    return Ok((lease, device.map(|device| device.total_bytes)));
                }
                Err(LeaseError::Refused(refusal)) => {
                    tracing::warn!(%refusal, "the sentence model runs on the processor");
                }
                Err(LeaseError::BrokerGone) => return Err(gone()),
            }
        }
        let lease = self.broker.acquire(slot, self.channel, Priority::default()).await;
        let refused = |error| Failure::transient("embedding_broker", error);
        lease.map(|lease| (lease, None)).map_err(refused)
    }

    /// Runs the child and gives its vectors.
    async fn run(
        &self,
        texts: &[String],
        lease: &Lease,
        device_bytes: Option<u64>,
        stop: &CancellationToken,
        out: &Path,
    ) -> Result<Vec<Embedding>, Failure> {
        let seat = lease.device.zip(device_bytes).map(|(device, total)| DeviceSeat {
            device: device.0,
            priority: Priority::default(),
            memory_fraction: fraction(lease.bytes, total),
        });
        let job = EmbedJob {
            model: self.model.clone(),
            texts: texts.to_vec(),
            out: out.to_owned(),
            seat,
        };
        let envelope = JobEnvelope { niceness: NICENESS, ..JobEnvelope::new(Job::Embed(job)) };
        let done = run_job(&self.program, &envelope, &Seats::default(), stop, |_| {}).await;
        if lease.revoked.is_cancelled() {
            let message = "the lease was taken back before the texts were done";
            return Err(Failure::transient("embedding_revoked", message));
        }
        let result: EmbedResult = serde_json::from_value(done?)
            .map_err(|error| Failure::transient("embedding_result", error))?;
        if let Some(reason) = &result.fallback {
            tracing::warn!(reason, "the sentence model ran on the processor");
        }
        let unread = |error| Failure::transient("embedding_result", error);
        let bytes = tokio::fs::read(out).await.map_err(unread)?;
        vectors(&bytes, &result, texts.len())
    }
}

/// How much of a device `bytes` are.
fn fraction(bytes: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { (bytes as f64 / total as f64).min(1.0) }
}

/// The vectors that a child wrote, if they are as many as the texts.
fn vectors(bytes: &[u8], result: &EmbedResult, texts: usize) -> Result<Vec<Embedding>, Failure> {
    let expected = result.width.saturating_mul(texts).saturating_mul(4);
    if result.vectors != texts || bytes.len() != expected || (texts > 0 && result.width == 0) {
        let message = format!(
            "{texts} texts gave {} vectors of {} numbers in {} bytes",
            result.vectors,
            result.width,
            bytes.len()
        );
        return Err(Failure::transient("embedding_result", message));
    }
    let numbers: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    let rows = numbers.chunks_exact(result.width.max(1));
    Ok(rows.map(|row| Embedding::new(row.to_vec())).collect())
}

#[async_trait]
impl Embedder for ChildEmbedder {
    fn describe(&self) -> String {
        let name = self.model.file_name().unwrap_or_default().to_string_lossy();
        format!("torch {name} 1")
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (lease, device_bytes) = self.lease().await?;
        let scratch = tempfile::NamedTempFile::new()
            .map_err(|error| Failure::transient("embedding_scratch", error))?;
        // A task of its own, so that lease and file stay until the child has ended, whatever becomes
        // of whoever asked.
        let stop = lease.revoked.child_token();
        let _stops_with_this = stop.clone().drop_guard();
        let (embedder, texts) = (self.clone(), texts.to_vec());
        let work = tokio::spawn(async move {
            let done = embedder.run(&texts, &lease, device_bytes, &stop, scratch.path()).await;
            drop((lease, scratch));
            done
        });
        work.await.unwrap_or_else(|error| Err(Failure::transient("embedding_task", error)))
    }
}
