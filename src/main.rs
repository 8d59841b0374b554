//! The `ytempire` program.

fn main() {}
