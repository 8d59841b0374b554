//! Who may use the machine's scarce parts, and when.
//!
//! Read `arbiter` (the policy, pure) first, then `lease` (what is asked for and given), `broker` (the
//! actor that carries it out), `driver` (what it needs of devices) and `view` (how it is seen); then
//! `device` (whether there is a GPU at all), `cuda` (work on one) and `selftest`.

pub mod arbiter;
pub mod broker;
pub mod cuda;
pub mod device;
pub mod driver;
pub mod lease;
pub mod nvml;
pub mod selftest;
#[cfg(feature = "torch")]
pub mod torch;
pub mod view;
