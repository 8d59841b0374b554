//! Who may use the machine's scarce parts, and when.
//!
//! Read `arbiter` (the policy, pure) first, then `broker` (the actor that carries it out).

pub mod arbiter;
pub mod broker;
