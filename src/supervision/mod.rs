//! Supervision in the manner of Erlang/OTP over ractor, which itself restarts nothing.
//!
//! Reading order: [`spec`] says what children are; [`plan`] decides (pure, with [`intensity`], in
//! the words of [`step`] and [`exit`]); [`supervisor`] carries it out; [`tree`] is what the wiring
//! holds, [`lazy`] what a parent holds that starts its children by itself. [`handle`] and
//! [`envelope`] are how actors talk to each other; [`stats`] and [`observe`] are how one looks at
//! them without asking them; [`shutdown`] is how they end.
//!
//! Architecture invariant: no actor is known here by name; what a child is comes with its spec.
//! Nothing is global: registry, chance and places for respawns come with the [`environment`].

pub mod caught;
pub mod child;
mod command;
mod cradle;
pub mod envelope;
pub mod environment;
pub mod exit;
#[cfg(test)]
mod ground;
pub mod handle;
pub mod intensity;
pub mod lazy;
pub mod observe;
pub mod path;
pub mod plan;
mod roster;
pub mod shutdown;
pub mod spec;
mod start;
pub mod start_error;
pub mod stats;
pub mod step;
pub mod supervisor;
pub mod tree;
