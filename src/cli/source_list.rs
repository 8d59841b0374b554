//! From a channel's `[[channel.trends]]` to readers of its sources: read directly by the demo, by
//! polls in a node.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::run::ChannelSetup;
use super::settings::{profile_of, rules_of};
use crate::actors::sources::board::DeclaredSource;
use crate::actors::sources::{Sources, SourcesParts};
use crate::adapters::offline::feeds::FeedSource;
use crate::adapters::offline::notes::NotesFolder;
use crate::adapters::offline::polls::PollFiles;
use crate::adapters::offline::source_cache::SourceCache;
use crate::adapters::offline::sources::{DirectSource, FeedFile};
use crate::adapters::online::feed_http::{FeedClient, FeedHttp};
use crate::config::Config;
use crate::config::channel::ChannelConfig;
use crate::config::trend::{TrendConfig, TrendPlace};
use crate::domain::source::{SourceKey, SourceKind};
use crate::ports::clock::{Clock, Entropy};
use crate::ports::trends::SourceReader;
use crate::supervision::handle::Handle;
use crate::supervision::observe::Registry;
use crate::supervision::path::{ActorPath, ChildId};
use crate::telemetry::tick::TickSink;

/// How long looks at the sources are kept: 30 days.
const KEEP_POLLS: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether a source can only be read over the network.
#[must_use]
pub fn needs_network(trend: &TrendConfig) -> bool {
    matches!(trend.place, TrendPlace::Url(_))
}

/// What messages call a source: its path, or its address without secrets.
#[must_use]
pub fn place_of(trend: &TrendConfig) -> String {
    match &trend.place {
        TrendPlace::Path(path) => path.display().to_string(),
        TrendPlace::Url(address) => address.to_string(),
    }
}

/// A source for reading directly; `None` when it needs the network.
#[must_use]
pub fn direct_source(trend: &TrendConfig) -> Option<DirectSource> {
    let TrendPlace::Path(path) = &trend.place else { return None };
    let reader = local_reader(trend.kind, path);
    Some(DirectSource { place: place_of(trend), role: trend.role, reader })
}

/// A source for polling.
#[must_use]
pub fn declared_source(trend: &TrendConfig, client: &FeedClient) -> DeclaredSource {
    let (whole, host, reader): (String, _, Arc<dyn SourceReader>) = match &trend.place {
        TrendPlace::Path(path) => {
            (path.display().to_string(), None, local_reader(trend.kind, path))
        }
        TrendPlace::Url(address) => {
            let reader = FeedHttp::new(client.clone(), address.clone());
            let host = address.host().to_owned();
            (address.expose().to_owned(), Some(host), Arc::new(reader))
        }
    };
    DeclaredSource {
        key: SourceKey::of(trend.kind, &whole),
        kind: trend.kind,
        place: place_of(trend),
        host,
        every: trend.poll_every,
        role: trend.role,
        reader,
    }
}

/// The channels of `config` over live sources, which are declared here.
#[must_use]
pub fn live_setups(config: &Config, sources: &Sources, client: &FeedClient) -> Vec<ChannelSetup> {
    let setup = |channel: &ChannelConfig| {
        let declared = channel.trends.iter().map(|trend| declared_source(trend, client));
        sources.declare(&channel.name, declared.collect());
        let as_of = channel.trends.iter().filter_map(|trend| trend.as_of).max();
        ChannelSetup {
            profile: profile_of(channel),
            rules: rules_of(channel),
            source: sources.of_channel(&channel.name, as_of),
            trends: channel.trends.clone(),
        }
    };
    config.channels.iter().map(setup).collect()
}

fn local_reader(kind: SourceKind, path: &Path) -> Arc<dyn SourceReader> {
    match kind {
        SourceKind::Rss => Arc::new(FeedFile::new(FeedSource::File(path.to_owned()))),
        SourceKind::Folder => Arc::new(NotesFolder::new(path.to_owned())),
    }
}

/// The live sources of a node whose data folder is `folder`, as the child `sources` of the root.
#[must_use]
pub fn live_sources(
    folder: &Path,
    registry: &Registry,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    ticks: TickSink,
) -> Sources {
    let path = ActorPath::root().child(&ChildId::from("sources"));
    Sources::new(SourcesParts {
        handle: Handle::new(registry, &path),
        store: Arc::new(SourceCache::new(folder.join("sources"))),
        polls: Arc::new(PollFiles::new(folder.join("polls"))),
        keep_polls: KEEP_POLLS,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        ticks,
    })
}
