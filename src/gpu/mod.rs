//! Who may use the machine's scarce parts, and when.

pub mod device;
