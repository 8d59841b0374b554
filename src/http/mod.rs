//! The orchestrator API: what a person or a program may ask of a running node over HTTP.
//!
//! One file per resource. A request goes one way: [`server`] accepts the connection, [`service`]
//! reads it, [`guard`] says who may ask, [`routes`] finds the endpoint, [`replay`] answers a repeated
//! command as it was answered first, and the resource carries it out through [`orchestrator`].
//!
//! Architecture invariant: nothing here decides anything about channels and workflows. Whatever
//! changes something is a command to the channel's actor and is answered when it is durable;
//! whatever reads, reads the fold. Every error is a problem document (RFC 9457).

pub mod analytics;
pub mod answer;
pub mod archive;
pub mod body;
pub mod channels;
pub mod commands;
pub mod directory;
pub mod events;
mod gpu;
pub mod guard;
pub mod health;
mod metrics;
pub mod orchestrator;
pub mod page;
pub mod problem;
pub mod query;
pub mod replay;
pub mod routes;
pub mod script;
pub mod server;
pub mod service;
pub mod trends;
pub mod videos;
pub mod workflows;

#[cfg(test)]
mod tests;
