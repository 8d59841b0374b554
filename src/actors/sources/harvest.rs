//! What the trend stage of a channel gets from the live sources.
//!
//! Architecture invariant: it reads the board and never a source; a source that failed lately is
//! used as it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::SourcesMsg;
use super::board::SourceBoard;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::story_window::unite;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, SourceRole};
use crate::ports::clock::Clock;
use crate::ports::source_store::PollLog;
use crate::ports::trends::{Harvest, SourceProblem, TrendSource};
use crate::supervision::envelope::Trace;
use crate::supervision::handle::Handle;

/// How long a harvest waits for sources that were never read.
const FIRST_READ_LIMIT: Duration = Duration::from_secs(60);
/// How far back the looks go that a harvest brings.
const POLLS_BACK: Duration = Duration::from_secs(72 * 3600);

/// The live sources of one channel.
pub struct ChannelSources {
    pub(super) channel: ChannelName,
    pub(super) as_of: Option<Timestamp>,
    pub(super) board: Arc<SourceBoard>,
    pub(super) handle: Handle<SourcesMsg>,
    pub(super) polls: Arc<dyn PollLog>,
    pub(super) clock: Arc<dyn Clock>,
}

impl ChannelSources {
    /// Asks for the sources that were never read, and waits for them.
    async fn await_first_reads(&self) {
        if self.board.never_read(&self.channel).is_empty() {
            return;
        }
        // A poller that is being restarted reads them in any case: they were never read.
        let _ = self.handle.cast(Trace::default(), SourcesMsg::Needed(self.channel.clone()));
        let waiting = self.board.settled(&self.channel);
        // What is not there by then is left out.
        let _ = tokio::time::timeout(FIRST_READ_LIMIT, waiting).await;
    }

    async fn looks(&self, now: Timestamp) -> Result<Vec<Poll>, Failure> {
        let (polls, channel) = (Arc::clone(&self.polls), self.channel.clone());
        // The last moment counts too.
        let (from, until) = (now.minus(POLLS_BACK), now.plus(Duration::from_millis(1)));
        let reading = tokio::task::spawn_blocking(move || polls.read(&channel, from, until)).await;
        reading.map_err(|_| Failure::interrupted("the node is stopping"))?
    }
}

#[async_trait]
impl TrendSource for ChannelSources {
    /// Problems are empty unless the stored looks cannot be read: those of the sources are told
    /// once, when they arise, and shown in their health.
    async fn harvest(&self) -> Result<Harvest, Failure> {
        self.await_first_reads().await;
        let now = self.clock.now();
        let gathered = self.board.gather(&self.channel);
        let of_role = |role: SourceRole| {
            let sources = gathered.iter().filter(move |source| source.role == role);
            unite(
                sources.map(|source| source.kept.window.stories(now).cloned().collect::<Vec<_>>()),
            )
        };
        let (stories, renamed) = of_role(SourceRole::Source);
        if stories.is_empty() {
            let fault = gathered.iter().find_map(|source| source.fault.as_ref());
            let why = match fault {
                Some(failure) => failure.message.as_str(),
                None if gathered.is_empty() => "the channel has no sources",
                None => "they hold none",
            };
            let message = format!("no source gave a story: {why}");
            return Err(Failure::transient("no_source_readable", message));
        }
        let (competitors, renamed_competitors) = of_role(SourceRole::Competitor);
        let (mut polls, problems) = match self.looks(now).await {
            Ok(polls) => (polls, Vec::new()),
            Err(failure) => {
                let source = format!("polls of {}", self.channel);
                let (code, message) = (failure.code, failure.message);
                (Vec::new(), vec![SourceProblem { source, code, message }])
            }
        };
        for poll in &mut polls {
            let ids = match poll.role {
                SourceRole::Source => &renamed,
                SourceRole::Competitor => &renamed_competitors,
            };
            rename(poll, ids);
        }
        let as_of = self.as_of.unwrap_or(now);
        Ok(Harvest { as_of, stories, competitors, polls, problems })
    }
}

/// A look names its stories as their source does; the harvest may have had to rename some.
fn rename(poll: &mut Poll, ids: &BTreeMap<(String, String), String>) {
    if ids.is_empty() {
        return;
    }
    for sighting in &mut poll.sightings {
        let named = (sighting.source.clone(), sighting.story.clone());
        if let Some(id) = ids.get(&named) {
            sighting.story.clone_from(id);
        }
    }
}
