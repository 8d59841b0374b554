//! What a video says: scenes of sentences, each traceable to where it came from.

use serde::{Deserialize, Serialize};

/// What kind of video a script is for: which plan its narrative follows.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Question, background, how it works, why it matters, what to remember.
    #[default]
    Educational,
    /// The strongest surprise, then the story from its beginning, a turn, and the payoff.
    Entertainment,
    /// What, who and when; details; what followed; background (the inverted pyramid).
    News,
    /// The goal, why it is needed, the points in order, and a last check.
    Tutorial,
}

impl Style {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Educational, Self::Entertainment, Self::News, Self::Tutorial];

    /// Its name, as the API, the command line and the configuration write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Educational => "educational",
            Self::Entertainment => "entertainment",
            Self::News => "news",
            Self::Tutorial => "tutorial",
        }
    }

    /// The style of that name; `None` when there is none.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.name() == name)
    }
}

/// Where a sentence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentenceKind {
    /// From a source story: selected, perhaps trimmed, split in two, or with its "he" named.
    Source,
    /// The channel's opening line.
    Opening,
    /// A marked connective line that states no fact.
    Connective,
    /// The channel's sign-off line.
    SignOff,
}

/// One sentence, as shown and as spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// As captions show it.
    pub text: String,
    /// As the voice is given it: numbers, units and abbreviations in words.
    pub spoken: String,
    /// Where it comes from.
    pub kind: SentenceKind,
    /// The id of the story it comes from; `None` unless `kind` is `Source`.
    pub source: Option<String>,
}

/// A part of the video with its own picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// 1, 2, 3 …
    pub number: u32,
    /// A few words for the card and the chapter; at most 60 characters.
    pub heading: String,
    /// What is said, in order; never empty.
    pub sentences: Vec<Sentence>,
    /// What the picture should show, in words.
    pub visual: String,
}

/// Everything that a video says and everything that is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// At most 100 characters, no `<` or `>`.
    pub title: String,
    /// At most 5,000 bytes, no `<` or `>`, with `{chapters}` on a line of its own where the chapter
    /// list goes once times are known.
    pub description: String,
    /// At most 500 characters together.
    pub tags: Vec<String>,
    /// The scenes in order; never empty.
    pub scenes: Vec<Scene>,
    /// BCP 47 language, for example `en`.
    pub language: String,
    /// Who wrote it, for example `extractive writer (no language model)`.
    pub writer: String,
}

impl Script {
    /// Every sentence in order, with its scene's index.
    pub fn sentences(&self) -> impl Iterator<Item = (usize, &Sentence)> {
        self.scenes.iter().enumerate().flat_map(|(index, scene)| {
            scene.sentences.iter().map(move |sentence| (index, sentence))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_read_as_it_is_written() {
        for style in Style::ALL {
            assert_eq!(Style::of_name(style.name()), Some(style));
            assert_eq!(serde_json::to_value(style).unwrap(), style.name());
        }
        assert_eq!(Style::of_name("poem"), None);
    }
}
