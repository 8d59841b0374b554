//! The actors: thin shells around the pure domain.
