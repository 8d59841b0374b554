//! The journal's promises: D1 and D7, what damage does to the store, what stops the writer, and the
//! form of the bytes.

#[cfg(debug_assertions)]
mod broken_channel;
mod channels;
mod elsewhere;
mod events;
mod fail_stop;
mod golden;
mod layout;
mod pruning;
mod recovery;
mod store;
mod wire;
