//! A scenario of `kind = "engine"`: channels that ask for videos, how long the work takes, and what
//! goes wrong.

use std::time::Duration;

use super::super::problem::ProblemKind;
use super::super::reader::Section;
use super::super::value::Value;
use super::work::read_pair;
use super::{LONGEST, Named, named, required_text};
use crate::domain::stage::StageName;
use crate::domain::workflow::Priority;

/// No channel asks for more.
const MOST_VIDEOS: u32 = 500;
/// There are no more channels.
const MOST_CHANNELS: usize = 1_000;
/// The node dies at most so often before the last video is asked for.
const MOST_LIVES: u128 = 10_000;

/// How long something takes: any time from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration, pub Duration);

/// A channel that asks for videos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChannel {
    /// Its name in the report.
    pub name: String,
    /// How many videos it asks for, 1 to 500.
    pub videos: u32,
    /// When it asks for the first.
    pub from: Duration,
    /// How much later for each next one; zero is all at once.
    pub every: Duration,
    /// How urgent they are.
    pub priority: Priority,
}

/// A scenario of `kind = "engine"`.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineScenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many videos are rendered at once.
    pub render_slots: u32,
    /// How many light stages work at once.
    pub light_slots: u32,
    /// How long each stage works, in their order.
    pub work: [Span; StageName::ALL.len()],
    /// Of a million attempts so many fail and are tried again.
    pub failures_ppm: u64,
    /// How often the node dies and comes back, on average; none: never.
    pub crash_every: Option<Duration>,
    /// The channels, at least one.
    pub channels: Vec<EngineChannel>,
}

impl Named for EngineChannel {
    fn name(&self) -> &str {
        &self.name
    }
}

impl EngineScenario {
    pub(super) fn read(mut root: Section<'_>, seed: u64) -> Self {
        let mut host = root.section("host");
        let (render, light) =
            (host.integer("render_slots", 1..=1_000), host.integer("light_slots", 1..=1_000));
        host.finish();
        let mut work = root.section("work");
        let spans = StageName::ALL.map(|stage| read_span(&mut work, stage));
        let failures = work.take("failures").and_then(|value| value.fraction());
        let crash_every = work.duration("crash_every", Duration::from_secs(60)..=LONGEST);
        work.finish();
        let sections = root.sections("channel");
        if sections.is_empty() {
            let remedy = "add a [[channel]] with a name and how many videos it wants".to_owned();
            root.note(ProblemKind::MissingKey, "channel", "nobody asks for a video", Some(remedy));
        }
        if sections.len() > MOST_CHANNELS {
            let message = format!("at most {MOST_CHANNELS} channels are simulated");
            root.note(ProblemKind::BadValue, "channel", message, None);
        }
        let channels = named(sections, read_channel);
        check_lives(&root, crash_every, &channels);
        root.finish();
        Self {
            seed,
            render_slots: render.unwrap_or(1),
            light_slots: light.unwrap_or(2),
            work: spans,
            failures_ppm: failures.map_or(0, |share| (share * 1e6).ceil() as u64),
            crash_every,
            channels,
        }
    }
}

/// A node that dies every minute for ten years is a mistake.
fn check_lives(root: &Section<'_>, crash_every: Option<Duration>, channels: &[EngineChannel]) {
    let asks = channels.iter().map(|channel| {
        channel.from.saturating_add(channel.every.saturating_mul(channel.videos.saturating_sub(1)))
    });
    let (Some(every), Some(last)) = (crash_every, asks.max()) else { return };
    let lives = last.as_millis() / every.as_millis().max(1);
    if lives > MOST_LIVES {
        let message =
            format!("the node would die {lives} times before the last video is asked for");
        let remedy = format!("at most {MOST_LIVES}: let it die less often, or ask sooner");
        root.note(ProblemKind::Conflict, "work.crash_every", message, Some(remedy));
    }
}

/// How long a stage works; what is not said takes no time.
fn read_span(section: &mut Section<'_>, stage: StageName) -> Span {
    let read = |value: Value<'_>| match value.is_list() {
        true => read_pair(&value).map(|(low, high)| Span(low, high)),
        false => value.duration(Duration::ZERO..=LONGEST).map(|exact| Span(exact, exact)),
    };
    let span = section.take(stage.name()).and_then(read);
    span.unwrap_or(Span(Duration::ZERO, Duration::ZERO))
}

fn read_channel(section: &mut Section<'_>) -> Option<EngineChannel> {
    let name = required_text(section, "name");
    let videos = section.integer("videos", 1..=MOST_VIDEOS).unwrap_or(1);
    let from = section.duration("from", Duration::ZERO..=LONGEST).unwrap_or_default();
    let every = section.duration("every", Duration::ZERO..=LONGEST).unwrap_or_default();
    let priority = section.integer("priority", 1..=10).and_then(|number| u8::try_from(number).ok());
    let priority = priority.and_then(|number| Priority::new(number).ok()).unwrap_or_default();
    Some(EngineChannel { name: name?, videos, from, every, priority })
}
