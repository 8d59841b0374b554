//! The channel's own lines: how it opens, goes on and signs off.
//!
//! Architecture invariant: no line here states a fact about any topic, so that every fact of a
//! script comes from its sources.

/// A channel's tone of voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Unhurried.
    Calm,
    /// Asking.
    Curious,
    /// Lively.
    Energetic,
    /// Close to the listener.
    Warm,
    /// With a raised eyebrow.
    Wry,
    /// Matter-of-fact.
    Plain,
}

impl Tone {
    /// The tone that a channel's `personality.tone` asks for, by the first word that is known;
    /// plain when none is.
    #[must_use]
    pub fn of(described: &str) -> Self {
        let known = |word: &str| match word {
            "calm" | "soothing" | "quiet" | "relaxed" | "gentle" | "thoughtful" => Some(Self::Calm),
            "curious" | "inquisitive" | "wondering" | "playful" => Some(Self::Curious),
            "energetic" | "lively" | "excited" | "enthusiastic" | "upbeat" | "bold" => {
                Some(Self::Energetic)
            }
            "warm" | "friendly" | "kind" | "cosy" | "cheerful" => Some(Self::Warm),
            "wry" | "dry" | "witty" | "ironic" | "humorous" | "funny" => Some(Self::Wry),
            _ => None,
        };
        let lower = described.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphabetic());
        words.find_map(known).unwrap_or(Self::Plain)
    }

    fn openings(self) -> [&'static str; 4] {
        match self {
            Self::Calm => [
                "Take a minute, and let this story unfold.",
                "Here is a story to slow down for.",
                "Let us look at this one quietly.",
                "Settle in for a short story.",
            ],
            Self::Curious => [
                "Have you ever wondered about this?",
                "Here is something worth asking about.",
                "Let us find out how this works.",
                "Today, one question leads to another.",
            ],
            Self::Energetic => [
                "Ready? This is a good one.",
                "Here we go, straight into it.",
                "One minute, one great story. Go!",
                "Hold on, because this moves fast.",
            ],
            Self::Warm => [
                "Hello, and it is good to have you here.",
                "Come in, there is a story on the table.",
                "Welcome back. Let me tell you something.",
                "Pull up a chair for this one.",
            ],
            Self::Wry => [
                "You may want to sit down for this.",
                "No spoilers, but keep listening.",
                "Here is one for the next long dinner.",
                "File this one under useful, or at least amusing.",
            ],
            Self::Plain => [
                "Here is today's story.",
                "This is the story in one minute.",
                "Let us begin.",
                "Here is one story, told briefly.",
            ],
        }
    }

    fn sign_offs(self) -> [&'static str; 4] {
        match self {
            Self::Calm => [
                "Thank you for taking the time.",
                "Until the next quiet minute.",
                "Thank you for listening.",
                "More stories when you are ready.",
            ],
            Self::Curious => [
                "Stay curious.",
                "What would you like to ask next?",
                "Keep asking questions.",
                "More questions next time.",
            ],
            Self::Energetic => [
                "That is it, see you in the next one!",
                "Done! Come back for more.",
                "On to the next one!",
                "See you next time!",
            ],
            Self::Warm => [
                "Thank you for being here, and take care.",
                "It was good to have you here.",
                "See you soon.",
                "Until next time, be well.",
            ],
            Self::Wry => [
                "And now you know.",
                "Use this knowledge wisely, or at dinner.",
                "Make of that what you will.",
                "It could always be a longer story.",
            ],
            Self::Plain => [
                "Thank you for watching.",
                "That was today's story.",
                "See you in the next video.",
                "The sources are in the description.",
            ],
        }
    }

    /// The line that a video opens with.
    #[must_use]
    pub fn opening(self, seed: u64) -> &'static str {
        pick(&self.openings(), seed)
    }

    /// The line that a video signs off with.
    #[must_use]
    pub fn sign_off(self, seed: u64) -> &'static str {
        pick(&self.sign_offs(), seed / 7)
    }
}

/// A line between two sources on the same subject.
#[must_use]
pub fn turn_to_another_source(seed: u64) -> &'static str {
    const LINES: [&str; 5] = [
        "There is another side to this story.",
        "One more part of the story deserves a place here.",
        "And there is more to tell.",
        "But the story goes on.",
        "That is not quite all.",
    ];
    pick(&LINES, seed / 3)
}

/// A line after a hook that was taken from the middle of a story.
#[must_use]
pub fn back_to_the_beginning(seed: u64) -> &'static str {
    const LINES: [&str; 3] = [
        "But let us start at the beginning.",
        "To see how it came to that, go back a little.",
        "First, how it began.",
    ];
    pick(&LINES, seed / 5)
}

fn pick(lines: &[&'static str], seed: u64) -> &'static str {
    let count = u64::try_from(lines.len()).unwrap_or(1).max(1);
    let at = usize::try_from(seed % count).unwrap_or(0);
    lines.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_recognised_in_a_description() {
        assert_eq!(Tone::of("Calm and precise"), Tone::Calm);
        assert_eq!(Tone::of("a friendly, witty host"), Tone::Warm);
        assert_eq!(Tone::of(""), Tone::Plain);
    }

    #[test]
    fn every_tone_has_its_own_lines() {
        let tones =
            [Tone::Calm, Tone::Curious, Tone::Energetic, Tone::Warm, Tone::Wry, Tone::Plain];
        let lines: std::collections::BTreeSet<_> = tones
            .iter()
            .flat_map(|tone| (0..28).flat_map(|seed| [tone.opening(seed), tone.sign_off(seed)]))
            .collect();
        assert_eq!(lines.len(), 6 * 8);
    }
}
