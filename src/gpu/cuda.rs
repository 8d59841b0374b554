//! CUDA devices through their driver, which is loaded at run time: the same program runs with and
//! without one.
//!
//! Read `door` first (how the driver is touched at all), then `card` (a device with its streams) and
//! `mix` (the one kernel we bring along).
//!
//! Architecture invariant: the driver is touched only through the door: after its library was found
//! with every function that is needed, and inside `catch_unwind`. What cannot be done is a
//! [`CudaFault`], never a panic.

mod card;
mod door;
mod driver;
mod mix;

pub use card::{Block, Card, CardMemory, CardStream, Mark};
pub use door::CudaFault;
pub use driver::{CudaDriver, IsOurs};
pub use mix::{Mix, mixed};

pub(super) use door::touch;
