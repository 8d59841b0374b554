//! The tree on a paused clock with seeded adapters and faults.
