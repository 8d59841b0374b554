//! Work of libtorch on a stream that was leased.
//!
//! libtorch has a current stream for each thread and device; its binding cannot set it, its library
//! can, by plain C functions that are looked up at run time. A stream is the same thing to the driver
//! and to libtorch, and both use the device's primary context.

use std::ffi::c_void;
use std::marker::PhantomData;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};

use super::TorchFault;
use crate::gpu::cuda::CardStream;

type SetStream = unsafe extern "C" fn(*mut c_void, i32) -> i32;
type GetStream = unsafe extern "C" fn(i32, *mut *mut c_void) -> i32;

/// While it lives, what this thread does with libtorch on `device` is submitted to the leased stream.
/// It belongs to its thread, so it is not `Send`, and must not be held over an `.await`.
#[derive(Debug)]
pub struct CurrentStream {
    library: Library,
    stream: CardStream,
    device: i32,
    former: *mut c_void,
    _of_this_thread: PhantomData<*mut ()>,
}

impl CurrentStream {
    /// Makes `stream`, of CUDA device `device`, the current one of this thread.
    ///
    /// # Errors
    /// [`TorchFault::NoCuda`] when libtorch has no CUDA, or [`TorchFault::Torch`].
    #[allow(unsafe_code, reason = "the functions are those of libtorch's stable C interface")]
    pub fn set(stream: CardStream, device: i32) -> Result<Self, TorchFault> {
        if !cuda_is_there() {
            return Err(TorchFault::NoCuda("libtorch_cuda.so cannot be loaded".to_owned()));
        }
        let library = Library::this();
        let mut former = std::ptr::null_mut();
        // SAFETY: both functions have these types since libtorch 2.10 (aoti_torch/c/shim.h and
        // stable/c/shim.h); `former` outlives the call.
        unsafe {
            let get: Symbol<GetStream> = symbol(&library, "aoti_torch_get_current_cuda_stream")?;
            done(get(device, &mut former), "get its current stream")?;
            let set: Symbol<SetStream> = symbol(&library, "torch_set_current_cuda_stream")?;
            done(set(stream.handle(), device), "set its current stream")?;
        }
        Ok(Self { library, stream, device, former, _of_this_thread: PhantomData })
    }
}

impl Drop for CurrentStream {
    #[allow(unsafe_code, reason = "as above")]
    fn drop(&mut self) {
        // What was submitted must be done before the lease ends; a fault shows at the next use.
        let _ = self.stream.finish();
        // SAFETY: as above; the former stream is libtorch's own and lives as long as it.
        unsafe {
            if let Ok(set) = symbol::<SetStream>(&self.library, "torch_set_current_cuda_stream") {
                set(self.former, self.device);
            }
        }
    }
}

/// Loads libtorch's CUDA part, once, before anybody asks libtorch for CUDA: a program that is linked
/// for the processor gets it this way. Says whether there is a device that libtorch can use.
#[allow(unsafe_code, reason = "loading a library runs its initialisers")]
pub fn cuda_is_there() -> bool {
    use std::sync::OnceLock;
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED.get_or_init(|| {
        // SAFETY: it is the companion of the libtorch that is loaded already, found beside it.
        let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
        // It must stay: libtorch keeps pointers into it.
        library.map(std::mem::forget).is_ok()
    });
    loaded && tch::Cuda::is_available()
}

#[allow(unsafe_code, reason = "a name does not tell a type; the callers do")]
unsafe fn symbol<T>(library: &Library, name: &str) -> Result<Symbol<T>, TorchFault> {
    // SAFETY: the caller names the type that the function has.
    unsafe { library.get(name.as_bytes()) }
        .map_err(|_| TorchFault::NoCuda(format!("it lacks {name}")))
}

fn done(code: i32, what: &str) -> Result<(), TorchFault> {
    match code {
        0 => Ok(()),
        code => Err(TorchFault::Torch(format!("cannot {what}: error {code}"))),
    }
}
