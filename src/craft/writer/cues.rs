//! What a sentence does in its story: tells the background, explains, advises, surprises.
//!
//! Why it exists: the plans of the styles order a story by these roles. They are recognised from
//! cue words, so a plan only uses them for order and for labels that stay true when a cue misleads.

use super::leaning::bare_words;

/// What speaks of how one thing follows from another.
const EXPLAINING: [&str; 22] = [
    "because",
    "since",
    "so",
    "therefore",
    "means",
    "meant",
    "cause",
    "causes",
    "caused",
    "allows",
    "lets",
    "makes",
    "turns",
    "becomes",
    "depends",
    "works",
    "reason",
    "explains",
    "explained",
    "result",
    "forms",
    "when",
];

/// What speaks of doing it.
const ADVISING: [&str; 34] = [
    "should",
    "must",
    "need",
    "needs",
    "use",
    "uses",
    "add",
    "adding",
    "keep",
    "keeps",
    "avoid",
    "helps",
    "recommend",
    "suggest",
    "enough",
    "best",
    "cook",
    "cooks",
    "baker",
    "bakers",
    "pot",
    "pan",
    "oven",
    "kitchen",
    "stir",
    "rinse",
    "cool",
    "warm",
    "practice",
    "method",
    "recipe",
    "recipes",
    "minutes",
    "spoonful",
];

/// What speaks of what came of it.
const FOLLOWING: [&str; 24] = [
    "later",
    "today",
    "still",
    "now",
    "since",
    "led",
    "lesson",
    "lessons",
    "changed",
    "became",
    "remains",
    "modern",
    "resumed",
    "opened",
    "followed",
    "future",
    "ever",
    "again",
    "every",
    "important",
    "matters",
    "matter",
    "learned",
    "redesigned",
];

/// What speaks of checking.
const CHECKING: [&str; 14] = [
    "test",
    "tested",
    "shows",
    "showed",
    "sign",
    "ready",
    "measured",
    "proved",
    "proof",
    "result",
    "thermometer",
    "weighed",
    "experiments",
    "confirmed",
];

/// What turns a story.
const TURNING: [&str; 13] = [
    "but",
    "yet",
    "however",
    "although",
    "though",
    "instead",
    "nevertheless",
    "despite",
    "failed",
    "wrong",
    "trouble",
    "problem",
    "unfortunately",
];

/// What surprises, and how much.
const SURPRISING: [(&str, f64); 34] = [
    ("only", 0.6),
    ("first", 0.8),
    ("never", 0.8),
    ("nobody", 0.8),
    ("no", 0.4),
    ("not", 0.5),
    ("nothing", 0.6),
    ("even", 0.4),
    ("almost", 0.4),
    ("nearly", 0.4),
    ("strange", 0.8),
    ("surprise", 0.9),
    ("wrong", 0.9),
    ("mistake", 0.8),
    ("failed", 0.8),
    ("fails", 0.7),
    ("exploded", 1.0),
    ("died", 0.8),
    ("lost", 0.6),
    ("secret", 0.8),
    ("accident", 0.8),
    ("coincidence", 0.8),
    ("without", 0.5),
    ("most", 0.4),
    ("melt", 0.5),
    ("poisonous", 0.8),
    ("dangerous", 0.7),
    ("danger", 0.7),
    ("hidden", 0.7),
    ("cannot", 0.5),
    ("weak", 0.4),
    ("crushed", 0.8),
    ("mocked", 0.9),
    ("opposite", 0.7),
];

/// The roles of one sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cues {
    /// The first year that it names.
    pub(super) year: Option<u32>,
    /// It tells of what had been before.
    pub(super) background: bool,
    /// How many words explain.
    pub(super) explains: usize,
    /// How many words advise.
    pub(super) advises: usize,
    /// It tells what came of it.
    pub(super) follows: bool,
    /// It says how something can be checked, or was.
    pub(super) checks: bool,
    /// It turns against what was told.
    pub(super) turns: bool,
    /// How surprising it is, from 0.
    pub(super) surprise: f64,
    /// Names and numbers in it, behind its first word.
    pub(super) concrete: usize,
}

impl Cues {
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<String> = bare_words(text).iter().map(|word| word.to_lowercase()).collect();
        let count =
            |list: &[&str]| words.iter().filter(|word| list.contains(&word.as_str())).count();
        let had_been = words.windows(2).any(|pair| {
            let [one, next] = pair else { return false };
            one == "had" && (next.ends_with("ed") || next == "been" || next == "already")
        });
        let earlier = ["before", "earlier", "until", "once", "origin", "history", "centuries"];
        let begins_before = words.first().is_some_and(|word| earlier.contains(&word.as_str()));
        let surprise: f64 = words
            .iter()
            .filter_map(|word| SURPRISING.iter().find(|(cue, _)| cue == word))
            .map(|(_, weight)| weight)
            .sum();
        let written = bare_words(text);
        let capitals = written.iter().skip(1).filter(|word| {
            word.starts_with(char::is_uppercase) || word.chars().any(|c| c.is_ascii_digit())
        });
        Self {
            year: words.iter().find_map(|word| year(word)),
            background: had_been || begins_before,
            explains: count(&EXPLAINING),
            advises: count(&ADVISING),
            follows: count(&FOLLOWING) > 0,
            checks: count(&CHECKING) > 0,
            turns: count(&TURNING) > 0,
            surprise,
            concrete: capitals.count(),
        }
    }
}

fn year(word: &str) -> Option<u32> {
    let digits = word.strip_suffix('s').unwrap_or(word);
    let value: u32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    (1200..2100).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_recognised_by_their_cues() {
        let background = Cues::of("Earlier probes had been crushed on the way.");
        assert!(background.background && background.surprise > 0.0);
        let followed = Cues::of("In October 1975 a later probe returned the first picture.");
        assert_eq!(followed.year, Some(1975));
        assert!(followed.follows && !followed.background);
        assert!(Cues::of("It melts because heat shakes it loose.").explains > 0);
        assert!(Cues::of("A cook should rinse the rice.").advises >= 2);
        assert!(Cues::of("The reasoning was wrong, but few noticed.").turns);
        assert_eq!(Cues::of("Sugar is sweet."), Cues::default());
    }
}
