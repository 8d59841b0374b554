//! The domain's promises, D1 to D7, under random and exhaustive sequences of commands.

mod exhaustive;
mod machine;
mod promises;
mod random;
mod waits;
