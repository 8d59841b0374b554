//! A CUDA device that is in use: its memory, its streams, and marks in time on them.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaSlice, CudaStream, result, sys};

use super::door::{CudaFault, touch};
use crate::domain::workflow::Priority;

/// A device with a context of this process on it.
///
/// A lease is the right to submit work to a device on a stream within so many bytes until a time.
/// Inside one process it is cooperative: work that was submitted cannot be stopped, only the end of
/// the process ends it for certain.
#[derive(Debug, Clone)]
pub struct Card {
    context: Arc<CudaContext>,
    /// The driver's number of it.
    pub ordinal: usize,
    /// The product's name.
    pub name: String,
    /// Its compute capability, such as (12, 0).
    pub compute: (i32, i32),
    /// The least and the most urgent priority of a stream; urgent ones are smaller numbers.
    pub priorities: (i32, i32),
}

/// A device's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardMemory {
    /// Not in use by anybody.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

impl Card {
    /// Opens the device of this number.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn open(ordinal: usize) -> Result<Self, CudaFault> {
        touch(|| {
            // It is the primary context, the one that other libraries use too.
            let context = CudaContext::new(ordinal)?;
            let name = context.name()?;
            let compute = context.compute_capability()?;
            let priorities = result::stream::get_priority_range()?;
            Ok(Self { context, ordinal, name, compute, priorities })
        })
    }

    /// Its memory now.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn memory(&self) -> Result<CardMemory, CudaFault> {
        let (free, total) = touch(|| self.context.mem_get_info())?;
        Ok(CardMemory { free: free as u64, total: total as u64 })
    }

    /// A new stream whose work is served as urgently as `priority` asks: 1 is the least urgent there
    /// is on the device, 10 the most.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn stream(&self, priority: Priority) -> Result<CardStream, CudaFault> {
        let (least, most) = self.priorities;
        let level = i32::from(priority.get()) - 1;
        let of_card = least + ((most - least) * level) / 9;
        let stream = touch(|| self.context.new_stream_with_priority(of_card))?;
        Ok(CardStream { stream, priority: of_card })
    }

    /// Gives memory that was freed, and is kept for the next who asks, back to the device.
    ///
    /// # Errors
    /// [`CudaFault`], also what went wrong while something was freed.
    #[allow(unsafe_code, reason = "the binding has memory pools as raw calls only")]
    pub fn trim(&self) -> Result<(), CudaFault> {
        touch(|| {
            self.context.synchronize()?;
            // SAFETY: the device is the context's own, and its default pool lives as long as it.
            unsafe {
                let pool = result::device::get_default_mem_pool(self.context.cu_device())?;
                result::mem_pool::trim_to(pool, 0)?;
            }
            self.context.check_err()
        })
    }

    pub(super) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }
}

/// A stream: work on it is done in order, beside the work of other streams.
#[derive(Debug, Clone)]
pub struct CardStream {
    stream: Arc<CudaStream>,
    /// Its priority as the driver counts: smaller is more urgent.
    pub priority: i32,
}

impl CardStream {
    /// Takes `bytes` of the device's memory and fills them with zeros.
    ///
    /// # Errors
    /// [`CudaFault::OutOfMemory`] when the device has no more, or another [`CudaFault`].
    pub fn take(&self, bytes: usize) -> Result<Block, CudaFault> {
        Ok(Block { _memory: touch(|| self.stream.alloc_zeros::<u8>(bytes))? })
    }

    /// Marks the place in time at which all work so far is done.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn mark(&self) -> Result<Mark, CudaFault> {
        let timed = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        Ok(Mark(touch(|| self.stream.record_event(timed))?))
    }

    /// Waits until all work so far is done.
    ///
    /// # Errors
    /// [`CudaFault`], also of the work.
    pub fn finish(&self) -> Result<(), CudaFault> {
        touch(|| self.stream.synchronize())
    }

    /// Lets work that comes later begin only after `mark`.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn wait_for(&self, mark: &Mark) -> Result<(), CudaFault> {
        touch(|| self.stream.wait(&mark.0))
    }

    /// The driver's handle of it, for libraries that take one. It is valid as long as this stream.
    #[cfg(feature = "torch")]
    #[must_use]
    pub fn handle(&self) -> *mut std::ffi::c_void {
        self.stream.cu_stream().cast()
    }

    pub(super) fn raw(&self) -> &Arc<CudaStream> {
        &self.stream
    }
}

/// Memory of a device; dropping it gives it back.
#[derive(Debug)]
pub struct Block {
    _memory: CudaSlice<u8>,
}

/// A place in time on a stream.
#[derive(Debug)]
pub struct Mark(CudaEvent);

impl Mark {
    /// Milliseconds of the device from here to `later`; waits for both.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn until_ms(&self, later: &Self) -> Result<f64, CudaFault> {
        Ok(f64::from(touch(|| self.0.elapsed_ms(&later.0))?))
    }
}
