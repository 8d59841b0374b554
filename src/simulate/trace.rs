//! The fingerprint of a run: one running hash over everything that happened, in order.

use std::fmt::Debug;
use std::io::Write;

use serde::Serialize;

use crate::domain::artifact::Digest;

/// Grows with every entry; two runs are the same when their digests are.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    entries: u64,
}

impl Trace {
    /// Takes a short fact: its kind, when it was, and its value as `Debug` writes it.
    pub fn note(&mut self, kind: &str, at_ms: u64, value: &impl Debug) {
        self.entries += 1;
        // A hasher takes every byte it is given; there is no error to report.
        let _ = writeln!(self.hasher, "{kind} {at_ms} {value:?}");
    }

    /// Takes an event or another value that is written down as JSON.
    pub fn record(&mut self, kind: &str, at_ms: u64, value: &impl Serialize) {
        self.entries += 1;
        let _ = write!(self.hasher, "{kind} {at_ms} ");
        let _ = serde_json::to_writer(&mut self.hasher, value);
        let _ = writeln!(self.hasher);
    }

    /// The fingerprint of everything so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.entries.to_le_bytes());
        Digest(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_change_the_fingerprint() {
        let of = |entries: &[&str]| {
            let mut trace = Trace::default();
            entries.iter().for_each(|entry| trace.note("x", 1, entry));
            trace.digest()
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a"]), of(&["a", "a"]));
    }
}
