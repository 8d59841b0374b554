//! What stories and told topics mean, by whichever embedder is at work.
//!
//! Why it exists: comparing is pure, embedding may be a call to a service; so the vectors are
//! fetched first and handed in here, and without them the built-in embedder answers at once.
//!
//! Architecture invariant: vectors of different embedders are never mixed in one [`Meanings`].

use std::collections::BTreeMap;

use super::embedding;
use crate::domain::embedding::Embedding;
use crate::domain::trend::{Story, TopicProfile};

/// Meanings when no embedder was asked: the built-in one's.
pub static BUILT_IN: Meanings = Meanings::BuiltIn;

/// Vectors that are imagined at the origin beside the real ones when their middle is taken, so
/// that a handful of texts still has a common direction.
const IMAGINED_TEXTS: f64 = 10.0;
/// A told topic's commonest words count at most so often in its text.
const MAX_TIMES: usize = 6;

/// Where the vector of a text is found.
#[derive(Debug, Clone, Default)]
pub enum Meanings {
    /// The built-in embedder makes it.
    #[default]
    BuiltIn,
    /// An embedder was asked before; a text it was not asked about is like nothing.
    Asked(BTreeMap<String, Embedding>),
}

impl Meanings {
    /// The texts that an embedder must be asked about so that `stories` and `told` can be
    /// compared, each once, sorted.
    #[must_use]
    pub fn texts<'a>(
        stories: impl IntoIterator<Item = &'a Story>,
        told: &[TopicProfile],
    ) -> Vec<String> {
        let mut texts: Vec<String> = stories.into_iter().map(story_text).collect();
        texts.extend(told.iter().map(profile_text));
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    /// What the embedder answered to `texts`, in their order.
    #[must_use]
    pub fn asked(texts: Vec<String>, answers: Vec<Embedding>) -> Self {
        Self::Asked(texts.into_iter().zip(answers).collect())
    }

    /// What `story` means.
    #[must_use]
    pub fn of_story(&self, story: &Story) -> Embedding {
        self.of_text(&story_text(story))
    }

    /// What the told topic means.
    #[must_use]
    pub fn of_profile(&self, told: &TopicProfile) -> Embedding {
        self.of_text(&profile_text(told))
    }

    fn of_text(&self, text: &str) -> Embedding {
        match self {
            Self::BuiltIn => embedding::embed(text),
            Self::Asked(answers) => answers.get(text).cloned().unwrap_or_default(),
        }
    }
}

/// Title and body; the title is one line.
fn story_text(story: &Story) -> String {
    let title: Vec<&str> = story.title.split_whitespace().collect();
    format!("{}\n{}", title.join(" "), story.text)
}

fn profile_text(told: &TopicProfile) -> String {
    let mut text = told.titles.replace('\n', " ");
    text.push('\n');
    for (word, count) in &told.words {
        let times = usize::try_from(*count).unwrap_or(MAX_TIMES).min(MAX_TIMES);
        for _ in 0..times {
            text.push_str(word);
            text.push_str(". ");
        }
    }
    text
}

/// One meaning for several texts together.
#[must_use]
pub fn together(meanings: &[Embedding]) -> Embedding {
    let Some(first) = meanings.first() else { return Embedding::default() };
    let mut sum = vec![0.0_f32; first.values().len()];
    for meaning in meanings {
        for (total, value) in sum.iter_mut().zip(meaning.values()) {
            *total += value;
        }
    }
    Embedding::new(sum)
}

/// The direction that all texts of the day have in common, such as their niche. Without it, what
/// is left of a vector is what sets its text apart (after Arora, Liang and Ma, "A simple but
/// tough-to-beat baseline for sentence embeddings", 2017, who remove the commonest direction).
#[derive(Debug, Clone, Default)]
pub struct Middle(Vec<f32>);

impl Middle {
    /// The middle of `meanings`.
    #[must_use]
    pub fn of<'a>(meanings: impl IntoIterator<Item = &'a Embedding>) -> Self {
        let mut sums: Vec<f64> = Vec::new();
        let mut count = IMAGINED_TEXTS;
        for meaning in meanings {
            count += 1.0;
            sums.resize(sums.len().max(meaning.values().len()), 0.0);
            for (sum, value) in sums.iter_mut().zip(meaning.values()) {
                *sum += f64::from(*value);
            }
        }
        Self(sums.iter().map(|sum| (sum / count) as f32).collect())
    }

    /// What sets `meaning` apart from the middle.
    #[must_use]
    pub fn apart(&self, meaning: &Embedding) -> Embedding {
        if meaning.values().iter().all(|value| *value == 0.0) {
            return meaning.clone();
        }
        let middle = self.0.iter().copied().chain(std::iter::repeat(0.0));
        Embedding::new(
            meaning.values().iter().zip(middle).map(|(value, mid)| value - mid).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::specimen;

    fn story(title: &str, text: &str) -> Story {
        specimen::story("The Paper", title, text)
    }

    #[test]
    fn an_embedder_is_asked_about_each_text_once_and_its_answers_are_found_again() {
        let stories = [story("Onions", "Why they sting."), story("Onions", "Why they sting.")];
        let told = [TopicProfile::of("salt", &[story("Salt", "How it tastes.")])];
        let texts = Meanings::texts(&stories, &told);
        assert_eq!(texts.len(), 2);
        let answers: Vec<_> =
            (0..texts.len()).map(|place| Embedding::new(vec![1.0, place as f32])).collect();
        let meanings = Meanings::asked(texts, answers.clone());
        assert_eq!(meanings.of_story(&stories[1]), answers[0]);
        assert_eq!(meanings.of_profile(&told[0]), answers[1]);
        assert_eq!(meanings.of_story(&story("Never asked", "")), Embedding::default());
    }

    #[test]
    fn what_all_have_in_common_does_not_make_them_alike() {
        let niche = "A rocket carried a spacecraft into orbit around the Earth.";
        let one = story("Onions on board", niche);
        let other = story("Chess by radio", niche);
        let meanings: Vec<_> = [&one, &other].into_iter().map(|s| BUILT_IN.of_story(s)).collect();
        let many: Vec<_> =
            (0..40).map(|n| BUILT_IN.of_story(&story(&format!("{n}"), niche))).collect();
        let middle = Middle::of(many.iter().chain(&meanings));
        let before = meanings[0].cosine(&meanings[1]);
        let after = middle.apart(&meanings[0]).cosine(&middle.apart(&meanings[1]));
        assert!(before > 0.15 && after < 0.05, "{before} {after}");
    }

    #[test]
    fn nothing_stays_nothing() {
        let nothing = BUILT_IN.of_story(&story("", ""));
        let middle = Middle::of([&BUILT_IN.of_story(&story("Salt", "Salt"))]);
        assert!(middle.apart(&nothing).values().iter().all(|value| *value == 0.0));
        assert_eq!(together(&[]), Embedding::default());
    }
}
