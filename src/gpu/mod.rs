//! Who may use the machine's scarce parts, and when.
//!
//! Read `arbiter` (the policy, pure) first, then `broker` (the actor that carries it out), then
//! `device` (whether there is a GPU at all).

pub mod arbiter;
pub mod broker;
pub mod device;
