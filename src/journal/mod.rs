//! What happened, durably: frames in segments, one fold over them, checkpoints, and the store beside.
//!
//! Architecture invariant: nothing here decides anything; it keeps what was decided.
