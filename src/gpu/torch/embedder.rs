//! The embedder over a sentence model: on a leased stream where there is a device, on the processor
//! otherwise.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::model::SentenceModel;
use super::stream::CurrentStream;
use super::{TorchFault, cuda_is_there};
use crate::domain::embedding::Embedding;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;
use crate::gpu::cuda::CardStream;
use crate::gpu::lease::{Broker, GpuWish, Lease, LeaseError, Need};
use crate::ports::embedder::Embedder;

/// As what its memory is counted.
const KIND: &str = "embedding";
/// Bytes of a device for the model's 91 MB and a batch.
const BYTES: u64 = 512 << 20;
/// A batch takes far less than a second.
const MAX_HOLD: std::time::Duration = std::time::Duration::from_secs(60);

/// A sentence model behind the port.
#[derive(Debug, Clone)]
pub struct TorchEmbedder {
    folder: PathBuf,
    broker: Option<Broker>,
    channel: ChannelId,
    /// The model on the processor, once it was needed. On a device it stays no longer than its lease.
    on_processor: Arc<Mutex<Option<SentenceModel>>>,
}

impl TorchEmbedder {
    /// The model of `folder`, for `channel`. With a broker it asks for a stream on a device.
    #[must_use]
    pub fn new(folder: PathBuf, broker: Option<Broker>, channel: ChannelId) -> Self {
        Self { folder, broker, channel, on_processor: Arc::default() }
    }

    /// A lease of a device, where there is one that libtorch can use.
    async fn lease(&self) -> Result<Option<Lease>, Failure> {
        let Some(broker) = self.broker.as_ref().filter(|_| cuda_is_there()) else {
            return Ok(None);
        };
        let wish = GpuWish::Own { kind: KIND.to_owned(), bytes: BYTES };
        let need = Need::of_gpu(wish).held_at_most(MAX_HOLD);
        match broker.acquire(need, self.channel, Priority::default()).await {
            Ok(lease) => Ok(Some(lease)),
            // Without a device for it the processor does.
            Err(LeaseError::Refused(_)) => Ok(None),
            Err(gone) => Err(Failure::transient("embedding_broker", gone)),
        }
    }
}

/// Embeds on the processor; the model is loaded when it is first needed.
fn on_processor(
    cell: &Mutex<Option<SentenceModel>>,
    folder: &Path,
    texts: &[String],
) -> Result<Vec<Vec<f32>>, TorchFault> {
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    let model = match cell.take() {
        Some(model) => model,
        None => SentenceModel::load(folder, None)?,
    };
    cell.insert(model).embed(texts, None)
}

/// Embeds on a device, on the stream that was leased with it.
fn on_device(
    lease: Lease,
    stream: CardStream,
    folder: &Path,
    texts: &[String],
) -> Result<Vec<Vec<f32>>, TorchFault> {
    let device = lease.device.map_or(0, |device| device.0);
    let current = CurrentStream::set(stream, i32::from(device))?;
    let vectors = SentenceModel::load(folder, Some(usize::from(device)))
        .and_then(|model| model.embed(texts, Some(&current)));
    // The stream is finished and the former one is back before the lease ends.
    drop(current);
    drop(lease);
    vectors
}

#[async_trait]
impl Embedder for TorchEmbedder {
    fn describe(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("torch {name} 1")
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure> {
        let leased = self.lease().await?;
        let (texts, folder) = (texts.to_vec(), self.folder.clone());
        let cell = Arc::clone(&self.on_processor);
        let work = move || {
            // A device that gives no stream now is no reason to wait: the processor does it.
            if let Some(lease) = leased
                && let Ok(Some(stream)) = lease.stream()
            {
                return on_device(lease, stream, &folder, &texts);
            }
            on_processor(&cell, &folder, &texts)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let vectors = done.map_err(|error| Failure::transient("embedding_task", error))?;
        let vectors = vectors.map_err(|fault| Failure::transient("embedding_torch", fault))?;
        Ok(vectors.into_iter().map(Embedding::new).collect())
    }
}
