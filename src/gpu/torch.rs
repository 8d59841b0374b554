//! Sentence embeddings by a BERT model through libtorch; only with the feature `torch`, and only in a
//! worker child: a library of this size may crash, and its memory is bounded by process.
//!
//! Read `bert` (the model), `model` (its files, its tokenizer, whole texts), `stream` (how it works on
//! a stream of ours) and `seat` (how a child uses the place its parent leased).
//!
//! Architecture invariant: libtorch is asked through functions that answer with an error; what it
//! cannot do is a [`TorchFault`], never a panic. A device is used only through a stream that was
//! leased; without one the processor is used.

mod bert;
mod model;
mod seat;
mod stream;

pub use bert::{Bert, Shape};
pub use model::SentenceModel;
pub use seat::{Embedded, Seat, embed_in_seat};
pub use stream::{CurrentStream, cuda_is_there};

/// Why something cannot be done with libtorch.
#[derive(Debug, thiserror::Error)]
pub enum TorchFault {
    /// A file of the model cannot be read.
    #[error("cannot read {file}: {reason}")]
    File {
        /// Which.
        file: String,
        /// What the system or the format says.
        reason: String,
    },
    /// The model lacks a tensor, or it has another size.
    #[error("the model does not fit its config: {0}")]
    Misfit(String),
    /// The tokenizer refuses.
    #[error("the tokenizer says: {0}")]
    Tokenizer(String),
    /// libtorch says so.
    #[error("libtorch says: {0}")]
    Torch(String),
    /// libtorch was built or loaded without CUDA.
    #[error("this libtorch has no CUDA: {0}")]
    NoCuda(String),
}

impl From<tch::TchError> for TorchFault {
    fn from(error: tch::TchError) -> Self {
        // The first line says it; the rest is libtorch's own stack.
        let text = error.to_string();
        Self::Torch(text.lines().next().unwrap_or_default().to_owned())
    }
}
