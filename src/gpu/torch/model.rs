//! A sentence model as it lies on the disk: `config.json`, `model.safetensors`, `tokenizer.json`.

use std::path::Path;

use tch::{Device, Kind, Tensor, no_grad};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

use super::bert::{Bert, Shape};
use super::{CurrentStream, TorchFault};

/// The most words of a text, as sentence-transformers cut them.
const MOST_WORDS: usize = 256;
/// Texts that are worked on together.
const BATCH: usize = 32;

/// A model with its tokenizer.
pub struct SentenceModel {
    bert: Bert,
    tokenizer: Tokenizer,
}

impl std::fmt::Debug for SentenceModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentenceModel").field("device", &self.bert.device()).finish_non_exhaustive()
    }
}

impl SentenceModel {
    /// Loads the model of a folder onto the processor, or onto CUDA device `device`.
    ///
    /// # Errors
    /// [`TorchFault`].
    pub fn load(folder: &Path, device: Option<usize>) -> Result<Self, TorchFault> {
        let shape = read_shape(&folder.join("config.json"))?;
        let weights = folder.join("model.safetensors");
        let wrong =
            |reason: String| TorchFault::File { file: weights.display().to_string(), reason };
        let tensors =
            Tensor::read_safetensors(&weights).map_err(|error| wrong(error.to_string()))?;
        let device = device.map_or(Device::Cpu, Device::Cuda);
        let bert = Bert::new(shape, tensors.into_iter().collect(), device)?;
        let tokenizer = tokenizer(&folder.join("tokenizer.json"))?;
        Ok(Self { bert, tokenizer })
    }

    /// One vector of length 1 for each text, in their order. With a stream the work is done on it,
    /// and is finished when this returns.
    ///
    /// # Errors
    /// [`TorchFault`].
    pub fn embed(
        &self,
        texts: &[String],
        stream: Option<&CurrentStream>,
    ) -> Result<Vec<Vec<f32>>, TorchFault> {
        // It only has to be there: while it lives, this thread's work goes to its stream.
        let _ = stream;
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            vectors.extend(no_grad(|| self.embed_batch(batch))?);
        }
        Ok(vectors)
    }

    fn embed_batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, TorchFault> {
        let encoded = self.tokenizer.encode_batch(texts.to_vec(), true);
        let encoded = encoded.map_err(|error| TorchFault::Tokenizer(error.to_string()))?;
        let (ids, mask): (Vec<_>, Vec<_>) =
            encoded.iter().map(|one| (row(one.get_ids()), row(one.get_attention_mask()))).unzip();
        let ids = Tensor::f_stack(&ids, 0)?;
        let mask = Tensor::f_stack(&mask, 0)?;
        let sentences = self.bert.sentences(&ids, &mask)?.f_to_device(Device::Cpu)?;
        let rows = i64::try_from(texts.len()).unwrap_or(i64::MAX);
        let vectors = (0..rows).map(|at| {
            let row = sentences.f_get(at)?.f_to_kind(Kind::Float)?.f_contiguous()?;
            Vec::<f32>::try_from(row)
        });
        Ok(vectors.collect::<Result<Vec<_>, _>>()?)
    }
}

fn row(numbers: &[u32]) -> Tensor {
    Tensor::from_slice(&numbers.iter().map(|number| i64::from(*number)).collect::<Vec<_>>())
}

fn read_shape(file: &Path) -> Result<Shape, TorchFault> {
    let wrong = |reason: String| TorchFault::File { file: file.display().to_string(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// The tokenizer of a file. Files often fill every text up to 128 words, which costs a short one eight
/// times its work: here rows are as long as the longest of their batch.
fn tokenizer(file: &Path) -> Result<Tokenizer, TorchFault> {
    let wrong = |reason: tokenizers::Error| TorchFault::File {
        file: file.display().to_string(),
        reason: reason.to_string(),
    };
    let mut tokenizer = Tokenizer::from_file(file).map_err(wrong)?;
    let padding = tokenizer.get_padding().cloned().unwrap_or_default();
    let padding = PaddingParams { strategy: PaddingStrategy::BatchLongest, ..padding };
    tokenizer.with_padding(Some(padding));
    let truncation = TruncationParams { max_length: MOST_WORDS, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(wrong)?;
    Ok(tokenizer)
}
