//! The marked lines between the parts of a script, and its opening.
//!
//! Architecture invariant: no line here states a fact about any topic. The one that holds words
//! about the topic names the question that the topic's own title is.

use std::collections::BTreeSet;

use crate::craft::numbers::cardinal;
use crate::craft::tone::Tone;
use crate::domain::script::Style;

/// What a line between two parts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cue {
    /// After a hook from the middle of the story.
    Beginning,
    /// Before what had been earlier.
    Background,
    /// Before an explanation.
    How,
    /// Before what came of it.
    Outcome,
    /// Before the sentence to keep.
    Remember,
    /// Before a turn.
    Turn,
    /// Before what was kept for the end.
    Payoff,
    /// Before the details of a piece of news.
    Details,
    /// Before what lies behind some advice.
    Why,
    /// Before advice.
    Practice,
    /// Before a check.
    Check,
    /// Before what another source on the same topic adds.
    OtherSource,
    /// Before another story that is related.
    Related,
}

impl Cue {
    /// Would what follows it be out of place without it?
    pub(super) fn is_needed(self) -> bool {
        matches!(self, Self::Beginning | Self::OtherSource | Self::Related)
    }

    fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Beginning => &[
                "But let us start at the beginning.",
                "To see how it came to that, go back a little.",
                "First, how it began.",
            ],
            Self::Background => {
                &["First, some background.", "A little background helps.", "Now the background."]
            }
            Self::How => {
                &["So how does it work?", "What lies behind it?", "How does that come about?"]
            }
            Self::Outcome => &["And what came of it?", "What followed?", "And after that?"],
            Self::Remember => &[
                "Here is one thing to keep.",
                "If you keep one sentence, keep this.",
                "One last thing to remember.",
            ],
            Self::Turn => &[
                "And then comes the turn.",
                "Now it gets interesting.",
                "But it is not that simple.",
            ],
            Self::Payoff => &[
                "We kept one thing for the end.",
                "One thing is still missing.",
                "And now for the end of it.",
            ],
            Self::Details => &["Now the details.", "Here are the details.", "In more detail."],
            Self::Why => &["First, what lies behind it.", "It helps to know why."],
            Self::Practice => &["Now to the practice.", "And now, what to do."],
            Self::Check => &["And how do we know?", "Last, a check."],
            Self::OtherSource => &[
                "There is another side to this.",
                "One more part deserves a place here.",
                "And there is more to tell.",
                "But it goes on.",
                "That is not quite all.",
            ],
            Self::Related => &[
                "A related story.",
                "Here is another one, close to it.",
                "That leads to a related subject.",
                "There is more on the same shelf.",
                "One more story belongs here.",
                "Next, a neighbour of that story.",
                "From there it is not far to the next one.",
                "And another related story.",
                "Let us add one more to these.",
                "The next one is related, too.",
                "Here is yet another.",
                "One more before the end.",
            ],
        }
    }

    /// A line that is not in `said` yet, which gains it; `None` when all were said.
    pub(super) fn line(self, seed: u64, said: &mut BTreeSet<&'static str>) -> Option<&'static str> {
        let lines = self.lines();
        let count = u64::try_from(lines.len()).unwrap_or(1).max(1);
        // Related stories come in the order in which the lines are written.
        let start = if self == Self::Related { 0 } else { (seed / 3) % count };
        let start = usize::try_from(start).unwrap_or(0);
        let turned = lines.iter().cycle().skip(start).take(lines.len());
        let line = turned.copied().find(|line| !said.contains(line))?;
        said.insert(line);
        Some(line)
    }
}

/// How the points of a tutorial are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// "Step one."
    Steps,
    /// "Point one."
    Points,
}

impl Numbering {
    pub(super) fn line(self, number: u64) -> String {
        let word = if self == Self::Steps { "Step" } else { "Point" };
        format!("{word} {}.", cardinal(number))
    }
}

/// The line that a script of `style` opens with.
pub(super) fn opening(style: Style, tone: Tone, title: &str, seed: u64) -> String {
    const NEWS: [&str; 4] = [
        "First, the main point.",
        "The most important thing first.",
        "Here is the report.",
        "Here is what there is to know.",
    ];
    const TUTORIAL: [&str; 4] = [
        "Let us go through it point by point.",
        "One point at a time.",
        "Here it is, in order.",
        "Let us take it one piece at a time.",
    ];
    let pick = |lines: &[&str; 4]| {
        let at = usize::try_from(seed % 4).unwrap_or(0);
        lines.get(at).copied().unwrap_or_default().to_owned()
    };
    match style {
        Style::Educational => question(title).unwrap_or_else(|| tone.opening(seed).to_owned()),
        Style::Entertainment => tone.opening(seed).to_owned(),
        Style::News => pick(&NEWS),
        Style::Tutorial => pick(&TUTORIAL),
    }
}

/// What stands before the question that a title is.
pub(super) const TODAY: &str = "Today:";

/// The question that a title is, in one of the parts around its colon: its story answers it.
fn question(title: &str) -> Option<String> {
    let parts = title.split(": ");
    let mut asked = parts.filter_map(|part| {
        let part = part.trim().trim_end_matches(['.', '!', '?']);
        let words: Vec<String> = part.split(' ').map(str::to_lowercase).collect();
        let first = words.first()?;
        let asks = ["why", "how", "what"].contains(&first.as_str());
        let dangles = words.iter().take(4).any(|word| {
            ["it", "they", "this", "that", "these", "he", "she", "to", "your"]
                .contains(&word.as_str())
        });
        let ends_well = words.last().is_none_or(|word| word != "there" && word != "it");
        let fits = asks && !dangles && ends_well && (4..=14).contains(&words.len());
        let rest = part.split_once(' ')?.1;
        fits.then(|| format!("{TODAY} {first} {rest}."))
    });
    asked.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_asks_is_asked() {
        let asked = |title| question(title);
        assert_eq!(
            asked("Resting meat: why a roast should wait before carving").as_deref(),
            Some("Today: why a roast should wait before carving.")
        );
        assert_eq!(
            asked("How Sputnik 1 opened the space age in 1957").as_deref(),
            Some("Today: how Sputnik 1 opened the space age in 1957.")
        );
        for other in [
            "Smoke point: what it means when cooking oil smokes",
            "Cooking at high altitude: why water boils cooler up there",
            "Apollo 8 and the first human journey to the Moon",
        ] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn no_line_comes_twice() {
        let mut said = BTreeSet::new();
        let count = Cue::Related.lines().len();
        for _ in 0..count {
            assert!(Cue::Related.line(5, &mut said).is_some());
        }
        assert_eq!(Cue::Related.line(5, &mut said), None);
        assert_eq!(Numbering::Steps.line(12), "Step twelve.");
    }
}
