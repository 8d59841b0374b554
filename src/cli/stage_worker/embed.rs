//! Saying what texts mean, by a sentence model through libtorch: on the leased place of a device, or
//! on the processor.

use serde_json::Value;

use crate::domain::failure::Failure;
use crate::worker::protocol::EmbedJob;

/// Carries the job out.
///
/// # Errors
/// Permanent `torch_not_built` in a program without the feature `torch`; transient
/// `embedding_torch` when libtorch cannot do it.
#[cfg(not(feature = "torch"))]
pub(super) fn embed(_job: &EmbedJob) -> Result<Value, Failure> {
    let message = "this program was built without the feature `torch`";
    Err(Failure::permanent("torch_not_built", message))
}

/// Carries the job out.
///
/// # Errors
/// Transient `embedding_torch` when libtorch cannot do it, `disk_*` when the vectors cannot be
/// written.
#[cfg(feature = "torch")]
pub(super) fn embed(job: &EmbedJob) -> Result<Value, Failure> {
    use crate::adapters::durable_file::io_failure;
    use crate::gpu::torch::{Seat, TorchFault, embed_in_seat};
    use crate::worker::protocol::EmbedResult;

    let failed = |fault: TorchFault| Failure::transient("embedding_torch", fault);
    let seat = job.seat.map(|seat| Seat { device: seat.device, priority: seat.priority });
    let done = embed_in_seat(&job.model, &job.texts, seat).map_err(failed)?;
    let width = done.vectors.first().map_or(0, Vec::len);
    let bytes: Vec<u8> =
        done.vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(&job.out, bytes).map_err(|error| io_failure("write", &job.out, &error))?;
    let result = EmbedResult {
        vectors: done.vectors.len(),
        width,
        device: done.device,
        fallback: done.fallback,
    };
    serde_json::to_value(result).map_err(|error| Failure::permanent("result_unwritable", error))
}
