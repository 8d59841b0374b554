//! The channels of the demo: those of the config, or two built-in samples.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::offline::feeds::FeedSource;
use crate::adapters::offline::sources::{DirectSource, DirectSources};
use crate::cli::output::{CliError, Exit};
use crate::cli::run::ChannelSetup;
use crate::cli::settings::profile_of;
use crate::cli::source_list::{direct_source, needs_network, place_of};
use crate::config::Config;
use crate::domain::channel::{Aspect, ChannelProfile, ChannelRules};
use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::script::Style;
use crate::domain::timestamp::Timestamp;
use crate::ports::clock::Clock;

/// The time that counts as now for the samples.
const AS_OF: &str = "2026-11-15T12:00:00Z";

/// A built-in channel.
struct Sample {
    name: &'static str,
    niche: &'static str,
    voice: &'static str,
    tone: &'static str,
    audience: &'static str,
    style: Style,
    palette: &'static str,
    aspect: Aspect,
    feeds: [FeedSource; 3],
}

macro_rules! feed {
    ($path:literal) => {
        FeedSource::Embedded {
            name: concat!("data/samples/", $path),
            bytes: include_bytes!(concat!("../../../data/samples/", $path)),
        }
    };
}

fn samples() -> [Sample; 2] {
    [
        Sample {
            name: "spaceflight",
            niche: "the history of spaceflight: rockets, orbit, Moon, astronauts, probes, missions",
            voice: "rms",
            tone: "calm",
            audience: "curious adults",
            style: Style::Educational,
            palette: "midnight",
            aspect: Aspect::Landscape,
            feeds: [
                feed!("spaceflight/orbit-weekly.rss.xml"),
                feed!("spaceflight/archive-of-flight.atom.xml"),
                feed!("spaceflight/launch-notes.feed.json"),
            ],
        },
        Sample {
            name: "kitchen-science",
            niche: "kitchen science: cooking, food, heat, protein, flavour, baking, chemistry",
            voice: "slt",
            tone: "warm",
            audience: "home cooks",
            style: Style::Educational,
            palette: "citrus",
            aspect: Aspect::Portrait,
            feeds: [
                feed!("kitchen-science/the-test-kitchen.rss.xml"),
                feed!("kitchen-science/pan-and-protein.atom.xml"),
                feed!("kitchen-science/crumb-notes.feed.json"),
            ],
        },
    ]
}

/// The channels.
///
/// # Errors
/// [`CliError`], bad config, when a channel of the config has no sources.
pub(in crate::cli) fn channels(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<ChannelSetup>, CliError> {
    if config.channels.is_empty() {
        return samples().into_iter().map(|sample| built_in(sample, clock)).collect();
    }
    config.channels.iter().map(|channel| configured(channel, clock)).collect()
}

fn built_in(sample: Sample, clock: &Arc<dyn Clock>) -> Result<ChannelSetup, CliError> {
    let broken = |error: String| CliError::new(Exit::Failed, "sample_broken", error);
    let name = ChannelName::new(sample.name).map_err(|error| broken(error.to_string()))?;
    let as_of = Timestamp::parse(AS_OF).map_err(|error| broken(error.to_string()))?;
    let feeds = sample.feeds.into_iter().map(DirectSource::feed).collect();
    let source = DirectSources::new(feeds, Some(as_of), Arc::clone(clock));
    let profile = ChannelProfile {
        id: ChannelId::of_name(&name),
        name,
        niche: sample.niche.to_owned(),
        language: "en".to_owned(),
        voice: sample.voice.to_owned(),
        tone: sample.tone.to_owned(),
        audience: sample.audience.to_owned(),
        style: sample.style,
        palette: sample.palette.to_owned(),
        aspect: sample.aspect,
        video_length: (Duration::from_secs(46), Duration::from_secs(62)),
        scenes: (6, 8),
    };
    let (rules, trends) = (ChannelRules::default(), Vec::new());
    Ok(ChannelSetup { profile, rules, source: Arc::new(source), trends })
}

fn configured(
    channel: &crate::config::channel::ChannelConfig,
    clock: &Arc<dyn Clock>,
) -> Result<ChannelSetup, CliError> {
    if channel.trends.is_empty() {
        let message = format!("channel {} has no sources to find topics in", channel.name);
        return Err(CliError::new(Exit::BadUsage, "channel_without_sources", message)
            .at("[[channel]]")
            .remedy("add a table [[channel.trends]] with kind = \"rss\" and path = \"feed.xml\""));
    }
    if let Some(online) = channel.trends.iter().find(|trend| needs_network(trend)) {
        let message = format!("the demo works offline, and {} is on the network", place_of(online));
        return Err(CliError::new(Exit::BadUsage, "source_needs_network", message)
            .at(format!("channel {}", channel.name))
            .remedy("save the feed as a file and name its path, or start the node instead"));
    }
    let sources = channel.trends.iter().filter_map(direct_source);
    let as_of = channel.trends.iter().filter_map(|trend| trend.as_of).max();
    let source = DirectSources::new(sources.collect(), as_of, Arc::clone(clock));
    // A round is made at once, whatever the schedule says.
    let rules = ChannelRules::default();
    let (profile, trends) = (profile_of(channel), channel.trends.clone());
    Ok(ChannelSetup { profile, rules, source: Arc::new(source), trends })
}
