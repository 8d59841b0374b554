//! How promising a topic is, and why.
//!
//! Why it exists: of all that is talked about, one topic is chosen, and its owner must be able to
//! see for what reasons. Which reasons foretell growth, and how well, the back-test says.
//!
//! Architecture invariant: the score is exactly Σ value·weight of the parts that are shown, so that
//! a person can check it; it depends on nothing but what is handed in. More views in the last look
//! of a counter that has never shrunk do not lower it.

use super::competition::{Coverage, levels};
use super::meaning::Meanings;
use super::merge::StoryGroup;
use super::momentum::{Histories, Momentum};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{ScorePart, Story, Topic};

mod parts;

use parts::Field;

/// How much the parts that are always there count; these weights sum to 1.
const ALWAYS: [(Part, f64); 5] = [
    (Part::Velocity, 0.25),
    (Part::Coverage, 0.15),
    (Part::Rank, 0.15),
    (Part::Freshness, 0.25),
    (Part::NicheFit, 0.20),
];
/// How much acceleration counts, once a topic of the day has been looked at three times. The
/// others then count less, in proportion.
const ACCELERATION: f64 = 0.15;
/// How much it counts that others have not covered it, once anything is known of that.
const COMPETITION: f64 = 0.10;

/// What a part is worth when nothing is known for it.
pub(super) const UNKNOWN: f64 = 0.5;

/// A reason for a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Velocity,
    Acceleration,
    Coverage,
    Rank,
    Freshness,
    NicheFit,
    Competition,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Velocity => "velocity",
            Self::Acceleration => "acceleration",
            Self::Coverage => "coverage",
            Self::Rank => "rank",
            Self::Freshness => "freshness",
            Self::NicheFit => "niche_fit",
            Self::Competition => "competition",
        }
    }
}

/// What topics are scored against.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreBasis {
    /// The time that counts as now.
    pub as_of: Timestamp,
    /// Hours after which freshness has halved; positive.
    pub half_life_hours: f64,
    /// What the channel is about, in words.
    pub niche: String,
}

/// What is known beside the stories themselves.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What the polls say.
    pub histories: &'a Histories,
    /// What others and the channel itself have covered.
    pub coverage: Coverage<'a>,
    /// What the texts mean.
    pub meanings: &'a Meanings,
}

/// A topic with what its score rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The topic.
    pub topic: Topic,
    /// How it moves.
    pub momentum: Momentum,
    /// How much of it is covered, in [0, 1].
    pub competition: f64,
    /// The parts for which its sources say nothing; their value is 0.5.
    pub unknown: Vec<String>,
}

/// Scores `groups` by their stories alone and sorts them, the most promising first, ties by key.
#[must_use]
pub fn score(groups: &[StoryGroup], basis: &ScoreBasis) -> Vec<Topic> {
    let evidence = Evidence {
        histories: &Histories::default(),
        coverage: Coverage { competitors: &[], told: &[] },
        meanings: &super::meaning::BUILT_IN,
    };
    score_with(groups, basis, &evidence).into_iter().map(|scored| scored.topic).collect()
}

/// Scores `groups` by all there is and sorts them, the most promising first, ties by key.
///
/// A part for which nothing is known of any topic is left out, and the others count more; one for
/// which nothing is known of this topic alone is worth 0.5.
#[must_use]
pub fn score_with(
    groups: &[StoryGroup],
    basis: &ScoreBasis,
    evidence: &Evidence<'_>,
) -> Vec<Scored> {
    let stories: Vec<&Story> = groups.iter().flat_map(|group| &group.stories).collect();
    let field = Field::of(&stories, basis.as_of, evidence.histories);
    let momenta: Vec<Momentum> = groups
        .iter()
        .map(|group| evidence.histories.of_topic(&group.stories, basis.as_of))
        .collect();
    let is_covered_known = evidence.coverage.is_known();
    let competition = if is_covered_known {
        levels(groups, &evidence.coverage, basis.as_of, evidence.meanings)
    } else {
        vec![0.0; groups.len()]
    };
    let weights =
        weights(momenta.iter().any(|moves| moves.acceleration.is_some()), is_covered_known);
    let mut scored: Vec<Scored> = groups
        .iter()
        .zip(momenta.iter().zip(&competition))
        .map(|(group, (momentum, competition))| {
            let case = Case { group, momentum: *momentum, competition: *competition };
            case.scored(basis, &field, &weights)
        })
        .collect();
    scored.sort_by(|a, b| {
        let by_score = b.topic.score.total_cmp(&a.topic.score);
        by_score.then_with(|| a.topic.key.cmp(&b.topic.key))
    });
    scored
}

/// The parts that count, in the order in which they are shown; their weights sum to 1.
fn weights(has_acceleration: bool, has_competition: bool) -> Vec<(Part, f64)> {
    let acceleration = if has_acceleration { ACCELERATION } else { 0.0 };
    let competition = if has_competition { COMPETITION } else { 0.0 };
    let rest = 1.0 - acceleration - competition;
    let mut weights: Vec<(Part, f64)> =
        ALWAYS.iter().map(|(part, weight)| (*part, weight * rest)).collect();
    if has_acceleration {
        weights.insert(1, (Part::Acceleration, acceleration));
    }
    if has_competition {
        weights.push((Part::Competition, competition));
    }
    weights
}

/// One topic to be scored.
struct Case<'a> {
    group: &'a StoryGroup,
    momentum: Momentum,
    competition: f64,
}

impl Case<'_> {
    fn scored(&self, basis: &ScoreBasis, field: &Field, weights: &[(Part, f64)]) -> Scored {
        let mut unknown = Vec::new();
        let mut why = Vec::new();
        for (part, weight) in weights {
            let value = self.value(*part, basis, field);
            if value.is_none() {
                unknown.push(part.name().to_owned());
            }
            let value = value.unwrap_or(UNKNOWN).clamp(0.0, 1.0);
            why.push(ScorePart { part: part.name().to_owned(), value, weight: *weight });
        }
        let score = why.iter().map(|part| part.value * part.weight).sum::<f64>().clamp(0.0, 1.0);
        let topic = Topic {
            key: self.group.key.clone(),
            title: self.group.title.clone(),
            score,
            why,
            stories: self.group.stories.clone(),
        };
        Scored { topic, momentum: self.momentum, competition: self.competition, unknown }
    }

    /// What `part` is worth, in [0, 1]; none when nothing is known for it.
    fn value(&self, part: Part, basis: &ScoreBasis, field: &Field) -> Option<f64> {
        let stories = &self.group.stories;
        match part {
            Part::Velocity => parts::velocity(&self.momentum, stories.len(), field),
            Part::Acceleration => parts::acceleration(&self.momentum, field),
            Part::Coverage => Some(parts::coverage(stories)),
            Part::Rank => parts::rank(stories, field),
            Part::Freshness => Some(parts::freshness(stories, basis.as_of, basis.half_life_hours)),
            Part::NicheFit => parts::niche_fit(stories, &basis.niche),
            Part::Competition => Some(1.0 - self.competition),
        }
    }
}

#[cfg(test)]
mod tests;
