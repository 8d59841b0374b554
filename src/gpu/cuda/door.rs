//! The one way to the driver.
//!
//! Why it exists: the binding panics where the driver's library or one of its functions is missing,
//! and a panic in the destructor of a half-made thing would end the process. So what is needed is
//! looked up once, before anything is made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use cudarc::driver::{DriverError, sys};

use sys::CUresult;

/// Every function of the driver that is called, directly or by the binding.
const FUNCTIONS: [&str; 36] = [
    "cuInit",
    "cuGetErrorString",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetUuid",
    "cuDeviceTotalMem_v2",
    "cuDeviceGetAttribute",
    "cuDeviceGetDefaultMemPool",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuCtxGetStreamPriorityRange",
    "cuStreamCreateWithPriority",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
    "cuEventCreate",
    "cuEventRecord",
    "cuEventElapsedTime",
    "cuEventSynchronize",
    "cuEventDestroy_v2",
    "cuMemAlloc_v2",
    "cuMemAllocAsync",
    "cuMemFree_v2",
    "cuMemFreeAsync",
    "cuMemGetInfo_v2",
    "cuMemPoolTrimTo",
    "cuMemsetD8Async",
    "cuMemcpyDtoHAsync_v2",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuModuleUnload",
    "cuLaunchKernel",
];

/// Why something cannot be done on a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaFault {
    /// There is no driver's library: a machine without an NVIDIA driver.
    #[error("no CUDA driver is installed")]
    NoDriver,
    /// The driver has no device that it may use.
    #[error("the CUDA driver has no device")]
    NoDevice,
    /// The library that answers to the driver's name lacks a function: too old, or something else.
    #[error("the CUDA driver lacks {0}; update it")]
    MissingFunction(&'static str),
    /// The device's memory is full.
    #[error("the device's memory is full")]
    OutOfMemory,
    /// The device does not answer any more, or its context is spoilt: only a new process gets it
    /// back.
    #[error("the device is lost ({0}); start the program again")]
    DeviceLost(String),
    /// Anything else, as the driver calls it.
    #[error("the CUDA driver says {0}")]
    Driver(String),
    /// The binding panicked.
    #[error("the CUDA binding failed: {0}")]
    Binding(String),
}

impl CudaFault {
    fn of(error: DriverError) -> Self {
        // Not the binding's own text: it asks the driver for one, which may be what fails.
        let name = format!("{:?}", error.0);
        match error.0 {
            CUresult::CUDA_ERROR_NO_DEVICE => Self::NoDevice,
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Self::OutOfMemory,
            CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
            | CUresult::CUDA_ERROR_LAUNCH_FAILED
            | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
            | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
            | CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE
            | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED => Self::DeviceLost(name),
            _ => Self::Driver(name),
        }
    }
}

/// Does something with the driver, if there is one that can be worked with.
pub(crate) fn touch<T>(work: impl FnOnce() -> Result<T, DriverError>) -> Result<T, CudaFault> {
    static DOOR: OnceLock<Result<(), CudaFault>> = OnceLock::new();
    DOOR.get_or_init(look).clone()?;
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(CudaFault::of(error)),
        Err(panic) => Err(CudaFault::Binding(panic_text(panic.as_ref()))),
    }
}

/// Looks whether the library is there and has everything.
#[allow(unsafe_code, reason = "the binding marks the look for its library unsafe")]
fn look() -> Result<(), CudaFault> {
    // SAFETY: it loads the driver's library and runs its initialisers, which any program that uses
    // CUDA does; no memory of ours is involved.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaFault::NoDriver);
    }
    // SAFETY: the library was found just now, and names are looked up in it, not called.
    let lacks = |name: &str| unsafe {
        let library = sys::culib();
        library.get::<unsafe extern "C" fn()>(name.as_bytes()).is_err()
    };
    let looked = catch_unwind(|| FUNCTIONS.into_iter().find(|name| lacks(name)));
    match looked {
        Ok(None) => Ok(()),
        Ok(Some(name)) => Err(CudaFault::MissingFunction(name)),
        Err(panic) => Err(CudaFault::Binding(panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("for no reason it told").to_owned()
}
