//! Numbers that look random and are the same for the same seed.
//!
//! Why it exists: pictures vary, and yet a retry must draw the same picture again.

/// A sequence of numbers from a seed (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in [from, to).
    pub(super) fn between(&mut self, from: f64, to: f64) -> f64 {
        let fraction = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        from + (to - from) * fraction
    }

    /// True in one of `times` cases.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times.max(1))
    }
}
