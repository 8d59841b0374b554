//! A child's work with a sentence model, on the place of a device that its parent leased.

use std::path::Path;

use super::model::SentenceModel;
use super::stream::CurrentStream;
use super::{TorchFault, cuda_is_there};
use crate::domain::workflow::Priority;
use crate::gpu::cuda::Card;

/// The place of a device that was leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Which device, as CUDA counts.
    pub device: u16,
    /// How urgent its stream is.
    pub priority: Priority,
}

/// What was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One vector for each text.
    pub vectors: Vec<Vec<f32>>,
    /// `cpu`, or `cuda` with the device's number.
    pub device: String,
    /// Why it was not the device that was leased, if so.
    pub fallback: Option<String>,
}

/// Embeds `texts` by the model of `folder`. A stream does not cross processes, so the child makes its
/// own, as urgent as the lease. What the device cannot do the processor does.
///
/// # Errors
/// [`TorchFault`] when the processor cannot do it either.
pub fn embed_in_seat(
    folder: &Path,
    texts: &[String],
    seat: Option<Seat>,
) -> Result<Embedded, TorchFault> {
    let mut fallback = None;
    if let Some(seat) = seat {
        match on_device(folder, texts, seat) {
            Ok(vectors) => {
                let device = format!("cuda {}", seat.device);
                return Ok(Embedded { vectors, device, fallback });
            }
            Err(fault) => fallback = Some(fault.to_string()),
        }
    }
    let vectors = SentenceModel::load(folder, None)?.embed(texts, None)?;
    Ok(Embedded { vectors, device: "cpu".to_owned(), fallback })
}

fn on_device(folder: &Path, texts: &[String], seat: Seat) -> Result<Vec<Vec<f32>>, TorchFault> {
    if !cuda_is_there() {
        return Err(TorchFault::NoCuda("libtorch_cuda.so cannot be loaded".to_owned()));
    }
    let lost = |fault: crate::gpu::cuda::CudaFault| TorchFault::NoCuda(fault.to_string());
    let card = Card::open(usize::from(seat.device)).map_err(lost)?;
    let stream = card.stream(seat.priority).map_err(lost)?;
    let current = CurrentStream::set(stream, i32::from(seat.device))?;
    let model = SentenceModel::load(folder, Some(usize::from(seat.device)))?;
    model.embed(texts, Some(&current))
}
