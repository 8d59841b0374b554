//! The kernel of the self-test: arithmetic that takes as long as it is told to and that a processor
//! can check.

use cudarc::driver::{CudaFunction, LaunchConfig, PushKernelArg};
use cudarc::nvrtc::Ptx;

use super::card::{Card, CardStream};
use super::door::{CudaFault, touch};

const SOURCE: &str = include_str!("mix.ptx");
const THREADS: u32 = 256;

/// The kernel, loaded on one device.
#[derive(Debug, Clone)]
pub struct Mix(CudaFunction);

impl Mix {
    /// Loads it; the driver translates it for the device.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn load(card: &Card) -> Result<Self, CudaFault> {
        touch(|| {
            let module = card.context().load_module(Ptx::from_src(SOURCE))?;
            Ok(Self(module.load_function("mix")?))
        })
    }

    /// Puts `launches` runs with `blocks` blocks of threads and this many rounds into the stream, one
    /// after the other, and gives what the last one writes.
    ///
    /// # Errors
    /// [`CudaFault`].
    pub fn run(
        &self,
        stream: &CardStream,
        blocks: u32,
        rounds: u32,
        launches: u32,
    ) -> Result<Mixed, CudaFault> {
        let count = blocks.saturating_mul(THREADS);
        let shape = LaunchConfig {
            grid_dim: (blocks, 1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        let words = touch(|| {
            let mut words = stream.raw().alloc_zeros::<u32>(count as usize)?;
            for _ in 0..launches {
                let mut launch = stream.raw().launch_builder(&self.0);
                launch.arg(&mut words).arg(&count).arg(&rounds);
                launch_with(&mut launch, shape)?;
            }
            Ok(words)
        })?;
        Ok(Mixed { words, stream: stream.clone() })
    }
}

#[allow(unsafe_code, reason = "the binding cannot know what a kernel does with its arguments")]
fn launch_with(
    launch: &mut cudarc::driver::LaunchArgs<'_>,
    shape: LaunchConfig,
) -> Result<(), cudarc::driver::DriverError> {
    // SAFETY: the arguments are those of `mix` in mix.ptx in their order and types; each thread
    // writes its own word below `count`, which is the length of the memory that is passed.
    unsafe { launch.launch(shape) }.map(|_| ())
}

/// What a run writes.
#[derive(Debug)]
pub struct Mixed {
    words: cudarc::driver::CudaSlice<u32>,
    stream: CardStream,
}

impl Mixed {
    /// The words, once they are written.
    ///
    /// # Errors
    /// [`CudaFault`], also of the run.
    pub fn words(&self) -> Result<Vec<u32>, CudaFault> {
        touch(|| {
            let words = self.stream.raw().clone_dtoh(&self.words)?;
            self.stream.raw().synchronize()?;
            Ok(words)
        })
    }
}

/// What thread `index` must have written after `rounds`.
#[must_use]
pub fn mixed(index: u32, rounds: u32) -> u32 {
    (0..rounds).fold(index, |x, _| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
}
