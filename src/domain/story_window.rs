//! The stories of one source over the last days: what it shows now, and what it has dropped.
//!
//! Why it exists: feeds show their latest few items, repeat them, date them anew or back, and
//! shrink. A topic must not vanish because its feed did, nor look new because its date moved.
//!
//! - An item with an id that was seen before is the same story: words and views are taken from the
//!   latest reading, the date of publication from the first.
//! - A date in the future, or none at all, counts as the time at which the item was first seen.
//! - What a feed no longer shows is kept for a while after it was last seen ([`KEEP_DROPPED`]).
//!
//! Architecture invariant: bounded in stories and bytes, whatever a feed does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use super::trend::{Sighting, Story};

/// How long a story that its source no longer shows is kept: 7 days.
pub const KEEP_DROPPED: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most stories that are kept of one source.
pub const MAX_STORIES: usize = 1_000;
/// The most text that is kept of one source, in bytes.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The most items of one look that are noted.
const MAX_SIGHTINGS: usize = 200;

/// A story and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStory {
    /// The story, in its latest words.
    pub story: Story,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen in a reading that brought something new.
    pub last_seen: Timestamp,
}

/// The stories of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryWindow {
    /// What it shows now, in its order; then what it has dropped, the latest first.
    seen: Vec<SeenStory>,
    /// How many of them it shows now.
    shown: usize,
}

impl StoryWindow {
    /// Takes a reading in: all that the source shows at `now`.
    pub fn take(&mut self, stories: Vec<Story>, now: Timestamp) {
        let mut known: BTreeMap<String, SeenStory> =
            self.seen.drain(..).map(|seen| (seen.story.id.clone(), seen)).collect();
        let mut ids: BTreeSet<String> = BTreeSet::new();
        let mut shown: Vec<SeenStory> = Vec::new();
        for story in stories {
            if !ids.insert(story.id.clone()) {
                continue;
            }
            let earlier = known.remove(&story.id);
            shown.push(seen_again(story, earlier, now));
        }
        self.shown = shown.len();
        let mut dropped: Vec<SeenStory> = known.into_values().collect();
        dropped.retain(|seen| is_kept(seen, now));
        dropped.sort_by(|a, b| {
            let latest_first =
                (b.last_seen, b.story.published).cmp(&(a.last_seen, a.story.published));
            latest_first.then_with(|| a.story.id.cmp(&b.story.id))
        });
        self.seen = shown;
        self.seen.extend(dropped);
        self.bound();
    }

    /// The stories at `now`: those it shows in its order, then those it has dropped lately.
    pub fn stories(&self, now: Timestamp) -> impl Iterator<Item = &Story> {
        let at_hand = self.seen.iter().enumerate();
        let at_hand = at_hand.filter(move |(at, seen)| *at < self.shown || is_kept(seen, now));
        at_hand.map(|(_, seen)| &seen.story)
    }

    /// What it shows now, as one look notes it: at most the first 200.
    #[must_use]
    pub fn sightings(&self) -> Vec<Sighting> {
        let shown = self.seen.iter().take(self.shown.min(MAX_SIGHTINGS));
        shown
            .zip(1..)
            .map(|(seen, rank)| Sighting {
                story: seen.story.id.clone(),
                source: seen.story.source.clone(),
                title: seen.story.title.clone(),
                published: seen.story.published,
                rank,
                views: seen.story.views,
            })
            .collect()
    }

    fn bound(&mut self) {
        self.seen.truncate(MAX_STORIES);
        let mut bytes = 0_usize;
        let fits = |seen: &SeenStory| {
            bytes = bytes.saturating_add(weight(&seen.story));
            bytes <= MAX_BYTES
        };
        let kept = self.seen.iter().map(fits).take_while(|fits| *fits).count();
        self.seen.truncate(kept);
        self.shown = self.shown.min(kept);
    }
}

/// A story as a reading shows it, with what is known of it from before.
fn seen_again(mut story: Story, earlier: Option<SeenStory>, now: Timestamp) -> SeenStory {
    if let Some(earlier) = earlier {
        story.published = earlier.story.published;
        return SeenStory { story, first_seen: earlier.first_seen, last_seen: now };
    }
    let has_date = story.published > Timestamp::default();
    if !has_date || story.published > now {
        story.published = now;
    }
    SeenStory { story, first_seen: now, last_seen: now }
}

fn is_kept(seen: &SeenStory, now: Timestamp) -> bool {
    now.since(seen.last_seen) <= KEEP_DROPPED
}

fn weight(story: &Story) -> usize {
    let tags: usize = story.tags.iter().map(String::len).sum();
    story.title.len() + story.text.len() + story.id.len() + tags
}

/// Puts the stories of several sources together, in their order. Ids become unique: one that
/// another source has used is prefixed with its own source's name, and what is then still the same
/// is left out. Gives the ids that were changed: (source, id) → the new one.
pub fn unite(
    sources: impl IntoIterator<Item = Vec<Story>>,
) -> (Vec<Story>, BTreeMap<(String, String), String>) {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let mut united = Vec::new();
    let mut renamed = BTreeMap::new();
    for mut story in sources.into_iter().flatten() {
        if ids.contains(&story.id) {
            let unique = format!("{}#{}", story.source, story.id);
            renamed.insert((story.source.clone(), story.id.clone()), unique.clone());
            story.id = unique;
        }
        if ids.insert(story.id.clone()) {
            united.push(story);
        }
    }
    (united, renamed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn story(id: &str, published: Timestamp) -> Story {
        Story {
            id: id.to_owned(),
            title: format!("title of {id}"),
            url: None,
            published,
            text: "words".to_owned(),
            tags: Vec::new(),
            views: None,
            source: "feed".to_owned(),
            reference: None,
        }
    }

    fn ids(window: &StoryWindow, now: Timestamp) -> Vec<&str> {
        window.stories(now).map(|story| story.id.as_str()).collect()
    }

    #[test]
    fn a_feed_that_shrinks_loses_nothing_for_a_week() {
        let mut window = StoryWindow::default();
        window.take(vec![story("a", NOW), story("b", NOW)], NOW);
        let later = NOW.plus(DAY);
        window.take(vec![story("c", later)], later);
        assert_eq!(ids(&window, later), ["c", "a", "b"]);
        window.take(Vec::new(), later);
        assert_eq!(ids(&window, NOW.plus(DAY * 7)), ["c", "a", "b"]);
        assert_eq!(ids(&window, NOW.plus(DAY * 7 + Duration::from_millis(1))), ["c"]);
        assert!(window.sightings().is_empty());
    }

    #[test]
    fn what_is_shown_stays_however_long_nothing_changes() {
        let mut window = StoryWindow::default();
        window.take(vec![story("a", NOW)], NOW);
        assert_eq!(ids(&window, NOW.plus(DAY * 100)), ["a"]);
    }

    #[test]
    fn an_item_that_is_dated_anew_or_back_stays_the_same_story() {
        let mut window = StoryWindow::default();
        window.take(vec![story("a", NOW)], NOW);
        for moved in [NOW.plus(DAY * 3), NOW.minus(DAY * 900)] {
            let mut again = story("a", moved);
            again.title = "in other words".to_owned();
            again.views = Some(5);
            window.take(vec![again.clone(), again], NOW.plus(DAY));
            let stories: Vec<&Story> = window.stories(NOW).collect();
            assert_eq!(stories.len(), 1);
            assert_eq!(stories[0].published, NOW);
            assert_eq!((stories[0].title.as_str(), stories[0].views), ("in other words", Some(5)));
        }
        assert_eq!(window.seen[0].first_seen, NOW);
    }

    #[test]
    fn a_date_in_the_future_or_none_counts_as_first_seen() {
        let mut window = StoryWindow::default();
        let future = story("a", NOW.plus(DAY * 400));
        window.take(vec![future, story("b", Timestamp::default())], NOW);
        assert!(window.stories(NOW).all(|story| story.published == NOW));
    }

    #[test]
    fn a_window_is_bounded_in_stories_and_bytes() {
        let mut window = StoryWindow::default();
        for round in 0..4 {
            let many = (0..600).map(|n| story(&format!("{round}-{n}"), NOW)).collect();
            window.take(many, NOW);
        }
        assert_eq!(window.seen.len(), MAX_STORIES);
        assert_eq!(window.seen[0].story.id, "3-0");
        let mut heavy = story("heavy", NOW);
        heavy.text = "x".repeat(MAX_BYTES - 1_000);
        window.take(vec![heavy], NOW);
        assert!(window.seen.len() < 100 && window.shown == 1);
    }

    #[test]
    fn sightings_tell_place_and_views() {
        let mut window = StoryWindow::default();
        let mut viewed = story("b", NOW);
        viewed.views = Some(7);
        window.take(vec![story("a", NOW), viewed], NOW);
        let sightings = window.sightings();
        let told: Vec<_> = sightings.iter().map(|one| (one.story.as_str(), one.rank)).collect();
        assert_eq!(told, [("a", 1), ("b", 2)]);
        assert_eq!(sightings[1].views, Some(7));
    }

    proptest! {
        #[test]
        fn every_story_is_there_once_and_never_lost_within_a_week(
            readings in prop::collection::vec(prop::collection::vec(0_u8..12, 0..8), 1..12),
        ) {
            let mut window = StoryWindow::default();
            let mut now = NOW;
            let mut last_seen: BTreeMap<String, Timestamp> = BTreeMap::new();
            for reading in readings {
                now = now.plus(DAY);
                let stories = reading.iter().map(|id| story(&id.to_string(), now)).collect();
                window.take(stories, now);
                last_seen.extend(reading.iter().map(|id| (id.to_string(), now)));
                let at_hand = ids(&window, now);
                let unique: BTreeSet<&str> = at_hand.iter().copied().collect();
                prop_assert_eq!(unique.len(), at_hand.len());
                for (id, seen) in &last_seen {
                    let expected = now.since(*seen) <= KEEP_DROPPED;
                    prop_assert_eq!(unique.contains(id.as_str()), expected);
                }
            }
        }
    }
}
