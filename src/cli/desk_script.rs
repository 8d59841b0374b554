//! A single script, written from what the channels' sources tell, for the API and for
//! `ytempire script` without a node.
//!
//! Architecture invariant: every fact in it is from a source; where none tells of the topic, that is
//! said and the nearest topics are named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::desk::unreadable;
use super::run::ChannelSetup;
use crate::craft::choose::{Material, rank};
use crate::craft::pace::Pace;
use crate::craft::script_view::ScriptView;
use crate::craft::topic_match::{NoSourceForTopic, find, related};
use crate::craft::writer::{BUILT_IN_CREDITS, WriterBrief, around, scenes_for, write};
use crate::domain::channel::ChannelProfile;
use crate::domain::ids::ChannelName;
use crate::domain::script::Style;
use crate::domain::trend::Topic;
use crate::http::orchestrator::ScriptWish;
use crate::http::problem::Problem;

/// How many other stories may be told as further chapters.
const MOST_RELATED: usize = 12;
/// How many near topics are named.
const NEAR: usize = 5;

/// What a channel's sources tell of.
struct Shelf {
    profile: ChannelProfile,
    topics: Vec<Topic>,
}

/// Writes the script that `wish` asks for, from the sources of the first of `channels` that tell of
/// its topic.
pub(super) async fn script_on(
    channels: &BTreeMap<ChannelName, ChannelSetup>,
    wish: &ScriptWish,
) -> Result<Value, Problem> {
    let mut harvests = Vec::new();
    let mut failed = None;
    for setup in channels.values() {
        match setup.source.harvest().await {
            Ok(harvest) => harvests.push((setup.profile.clone(), harvest)),
            // The sources of one channel hide nothing of the others.
            Err(failure) => failed = failed.or(Some(failure)),
        }
    }
    if let (Some(failure), true) = (&failed, harvests.is_empty()) {
        return Err(unreadable(failure));
    }
    let wish = wish.clone();
    let written = off_the_runtime(move || {
        let shelves = harvests.into_iter().map(|(profile, harvest)| {
            let material = Material::of(&harvest.stories, harvest.as_of, &profile.niche, &[]);
            Shelf { topics: rank(&material), profile }
        });
        write_from(&shelves.collect::<Vec<_>>(), &wish)
    });
    written.await?
}

fn write_from(shelves: &[Shelf], wish: &ScriptWish) -> Result<Value, Problem> {
    let mut near: Vec<String> = Vec::new();
    for shelf in shelves {
        match find(&wish.topic, &shelf.topics) {
            Ok(topic) => return write_on(shelf, topic, wish),
            Err(NoSourceForTopic { near: titles, .. }) => near.extend(titles),
        }
    }
    near.truncate(NEAR);
    let detail = format!("no source tells of {:?}; near it: {}", wish.topic, near.join("; "));
    Err(Problem::new(404, "no_source_for_topic", detail)
        .field("topic")
        .remedy("ask for one of the near topics, or add a feed or a note on it")
        .with("near", json!(near)))
}

fn write_on(shelf: &Shelf, topic: &Topic, wish: &ScriptWish) -> Result<Value, Problem> {
    let profile = &shelf.profile;
    let pace = Pace::of_voice(&profile.voice);
    let seconds = f64::from(wish.seconds);
    let tone = wish.tone.as_deref().or(wish.personality.as_deref()).unwrap_or(&profile.tone);
    let brief = WriterBrief {
        topic,
        related: &related(topic, &shelf.topics, MOST_RELATED),
        style: Style::of_name(wish.style).unwrap_or_default(),
        tone,
        audience: wish.audience.as_deref().unwrap_or(&profile.audience),
        language: &profile.language,
        seconds: around(seconds),
        scenes: scenes_for(seconds),
        pace,
        used: &BTreeSet::new(),
        credits: BUILT_IN_CREDITS,
        seed: 0,
    };
    let script = write(&brief).map_err(|error| {
        let failure = error.to_failure();
        Problem::new(422, failure.code.clone(), &failure.message).field("duration")
    })?;
    Ok(json!(ScriptView::of(&script, &brief.pace)))
}

/// Does work that takes a while where it holds nobody up.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::new(503, "stopping", "the node is stopping, or the work failed"))
}
