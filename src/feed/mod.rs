//! Committed events, handed to whoever follows.
