//! Fields that came with a later schema, in data that was written before.
//!
//! Stored data is encoded without names, so whoever reads must know which fields are there. Whoever
//! reads says in which schema the data was written ([`written_in`]); a type that came later takes no
//! bytes of older data and is what it stands for there (its `Deserialize` asks [`is_before`]).
//!
//! Architecture invariant: fields are added, never moved, changed or removed; and a schema lasts for
//! the read that named it only, whatever becomes of that.

use std::cell::Cell;

thread_local! {
    static SCHEMA: Cell<u16> = const { Cell::new(u16::MAX) };
}

/// Puts back what was before, also after a panic.
struct Before(u16);

impl Drop for Before {
    fn drop(&mut self) {
        SCHEMA.set(self.0);
    }
}

/// Reads with `read` what was written in `schema`.
pub fn written_in<T>(schema: u16, read: impl FnOnce() -> T) -> T {
    let _before = Before(SCHEMA.replace(schema));
    read()
}

/// Whether what is read on this thread was written before `schema`; without [`written_in`] it is of
/// this version.
#[must_use]
pub fn is_before(schema: u16) -> bool {
    SCHEMA.get() < schema
}
