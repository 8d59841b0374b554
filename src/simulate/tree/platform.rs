//! The platform and its ledger, which outlives the node.
//!
//! Architecture invariant: it helps nobody: asked twice, it publishes twice. That this never happens
//! (D3) is what is tested.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::deeds::after;
use super::universe::{Universe, locked, rng_about};
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelName, WorkflowId};
use crate::domain::invariants::Violation;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Publication;
use crate::ports::job::JobControl;
use crate::ports::platform::{Release, VideoPlatform};

/// A video on the platform.
#[derive(Debug)]
struct Entry {
    idempotency_key: String,
    publication: Publication,
    at: Timestamp,
}

/// Every video that was ever published, by workflow.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<WorkflowId, Vec<Entry>>>);

impl Ledger {
    pub(super) fn videos(&self, workflow: WorkflowId) -> Vec<Publication> {
        self.of(workflow, |entry| entry.publication.clone())
    }

    /// When the videos of `workflow` were published.
    pub(super) fn times(&self, workflow: WorkflowId) -> Vec<Timestamp> {
        self.of(workflow, |entry| entry.at)
    }

    fn of<T>(&self, workflow: WorkflowId, part: impl Fn(&Entry) -> T) -> Vec<T> {
        let ledger = locked(&self.0);
        ledger.get(&workflow).into_iter().flatten().map(part).collect()
    }

    pub(super) fn count(&self) -> u64 {
        let count: usize = locked(&self.0).values().map(Vec::len).sum();
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// The platform as a node sees it.
pub(super) struct SimPlatform {
    pub(super) universe: Arc<Universe>,
}

#[async_trait]
impl VideoPlatform for SimPlatform {
    fn describe(&self) -> String {
        "simulated platform".to_owned()
    }

    async fn find(
        &self,
        _channel: &ChannelName,
        workflow: WorkflowId,
        idempotency_key: &str,
    ) -> Result<Option<Publication>, Failure> {
        let ledger = locked(&self.universe.ledger.0);
        let mut entries = ledger.get(&workflow).into_iter().flatten();
        let found = entries.find(|entry| entry.idempotency_key == idempotency_key);
        if found.is_some() {
            self.universe.hit("platform", "adopted");
        }
        Ok(found.map(|entry| entry.publication.clone()))
    }

    async fn publish(
        &self,
        release: &Release,
        control: &JobControl,
    ) -> Result<Publication, Failure> {
        let longest_ms = self.universe.around.platform_ms.max(1);
        let mut rng = rng_about(self.universe.seed, &format!("publish {:?}", control.ticket));
        after(rng.between(1, longest_ms)).await;
        let publication = {
            let mut ledger = locked(&self.universe.ledger.0);
            let videos = ledger.entry(release.workflow).or_default();
            let video_id = format!("{}-{}", release.workflow, videos.len() + 1);
            let publication = Publication { path: format!("/watch/{video_id}"), video_id };
            videos.push(Entry {
                idempotency_key: release.idempotency_key.clone(),
                publication: publication.clone(),
                at: self.universe.time.wall(),
            });
            if videos.len() > 1 {
                let found = format!("{} was published {} times", release.workflow, videos.len());
                self.universe.break_promise(Violation { invariant: "D3", found });
            }
            publication
        };
        self.universe.hit("platform", "published");
        after(rng.between(1, longest_ms)).await;
        Ok(publication)
    }
}
