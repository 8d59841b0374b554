//! How long a voice takes to say something, before it has said it.

use super::readability::text_syllables;

/// How fast a voice speaks and pauses, in seconds. Syllables tell more than words: "electricity"
/// and "the" are one word each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Beginning and ending a sentence, whatever is in it.
    pub per_sentence: f64,
    /// One syllable.
    pub per_syllable: f64,
    /// Silence between two sentences of a scene.
    pub sentence_pause: f64,
    /// Silence between two scenes.
    pub scene_pause: f64,
    /// Silence before the first and after the last sentence together.
    pub around: f64,
}

impl Default for Pace {
    /// The built-in voice, flite `slt`, fitted to 48 spoken sentences of the samples (root mean
    /// square error 0.29 s a sentence).
    fn default() -> Self {
        Self {
            per_sentence: 0.07,
            per_syllable: 0.207,
            sentence_pause: 0.28,
            scene_pause: 0.55,
            around: 0.75,
        }
    }
}

impl Pace {
    /// The pace of a built-in voice by its name; that of `slt` when there is no such voice.
    ///
    /// Fitted to 28 sentences of the samples, spoken by each voice and by `slt` (root mean square
    /// difference 0.26 to 0.33 s a sentence).
    #[must_use]
    pub fn of_voice(name: &str) -> Self {
        let (per_sentence, per_syllable) = match name {
            "rms" => (0.203, 0.2304),
            "awb" => (0.157, 0.2011),
            "kal16" => (0.078, 0.2001),
            "kal" => (0.206, 0.2035),
            _ => return Self::default(),
        };
        Self { per_sentence, per_syllable, ..Self::default() }
    }

    /// A voice of so many words a second in running text (1.5 syllables a word), with the usual
    /// pauses.
    #[must_use]
    pub fn of_words_per_second(words_per_second: f64) -> Self {
        let per_syllable = 1.0 / (words_per_second.max(0.1) * 1.5);
        Self { per_sentence: 0.0, per_syllable, ..Self::default() }
    }

    /// Seconds that `spoken` takes, without the pauses around it. `spoken` is what the voice is
    /// given: numbers in words.
    #[must_use]
    pub fn seconds(&self, spoken: &str) -> f64 {
        self.per_sentence + self.per_syllable * text_syllables(spoken) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_voice_is_given_less_to_say() {
        let text = "It flew to the Moon and back.";
        assert!(Pace::of_voice("rms").seconds(text) > Pace::of_voice("slt").seconds(text));
        assert_eq!(Pace::of_voice("another"), Pace::default());
    }

    #[test]
    fn longer_sentences_take_longer() {
        let pace = Pace::default();
        assert!(
            pace.seconds("It flew to the Moon.") < pace.seconds("It flew to the Moon and back.")
        );
        let slow = Pace::of_words_per_second(1.0);
        assert!((slow.seconds("one two three") - 2.0).abs() < 0.01);
    }
}
