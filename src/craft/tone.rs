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
                "Take your time, and let this unfold.",
                "Here is a story to slow down for.",
                "Let us look at this one quietly.",
                "Settle in for this one.",
            ],
            Self::Curious => [
                "Here is something to wonder about.",
                "Here is something worth asking about.",
                "Let us find out how this works.",
                "Today, one question leads to another.",
            ],
            Self::Energetic => [
                "Ready? This is a good one.",
                "Here we go, straight into it.",
                "One great story. Here it comes!",
                "Hold on, here it comes.",
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
                "This is the story.",
                "Let us begin.",
                "Here is what there is to tell.",
            ],
        }
    }

    fn sign_offs(self) -> [&'static str; 4] {
        match self {
            Self::Calm => [
                "Thank you for taking the time.",
                "Until the next quiet moment.",
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
                "It could always have been longer.",
            ],
            Self::Plain => [
                "Thank you for watching.",
                "That was it for today.",
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
