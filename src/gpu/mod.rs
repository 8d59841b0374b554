//! Who may use the machine's scarce parts, and when.
