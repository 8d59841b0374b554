//! The programme's sound: spoken sentences become a narration, narration and music become the mix.
//!
//! `wav` reads and writes files, `resample` changes their rate, `speech` speaks one sentence,
//! `trim` and `narration` make a narration of sentences, `words` estimates when each word is heard,
//! `loudness` and `true_peak` measure, `duck` and `limiter` shape, and `mix` makes the programme's
//! sound of all that.
//!
//! Architecture invariant: equal inputs give equal samples; only `speech` calls into C.

pub mod duck;
pub mod limiter;
pub mod loudness;
pub mod mix;
pub mod narration;
pub mod resample;
pub mod speech;
pub mod trim;
pub mod true_peak;
pub mod wav;
pub mod words;

/// Decibels as a factor of amplitude.
#[must_use]
pub fn factor_of_db(decibels: f64) -> f64 {
    10.0_f64.powf(decibels / 20.0)
}

/// A factor of amplitude in decibels; negative infinity for 0.
#[must_use]
pub fn db_of_factor(factor: f64) -> f64 {
    20.0 * factor.log10()
}
