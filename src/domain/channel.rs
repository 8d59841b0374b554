//! One channel: what its owner wants it to be, and what has happened in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::{Month, SealedMonth};
use super::ids::{ChannelId, ChannelName, CommandId, Generation, WorkflowId};
use super::noted::NotedCommand;
use super::schedule::Schedule;
use super::script::Style;
use super::timestamp::Timestamp;
use super::trend::TopicProfile;
use super::workflow::Workflow;

/// The shape of the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aspect {
    /// 16:9.
    #[default]
    #[serde(rename = "16:9")]
    Landscape,
    /// 9:16.
    #[serde(rename = "9:16")]
    Portrait,
}

/// What a channel's owner wants it to be: everything that shapes a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelProfile {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: ChannelName,
    /// What it is about, in words; the words are matched against stories.
    pub niche: String,
    /// BCP 47 language of its videos.
    pub language: String,
    /// Name of the voice.
    pub voice: String,
    /// Name of the tone, for example `calm`.
    pub tone: String,
    /// Who it speaks to.
    pub audience: String,
    /// Which plan the narrative of its scripts follows.
    pub style: Style,
    /// Name of the palette.
    pub palette: String,
    /// Shape of its pictures.
    pub aspect: Aspect,
    /// Shortest and longest video.
    pub video_length: (Duration, Duration),
    /// Fewest and most scenes.
    pub scenes: (u32, u32),
}

/// What a channel's owner wants of its decisions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChannelRules {
    /// When it publishes; `None` when only somebody's command starts a video.
    pub schedule: Option<Schedule>,
    /// Whether a person must approve each video before it is published.
    pub approval: bool,
}

/// What became of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotRecord {
    /// A workflow was started for it.
    Taken(WorkflowId),
    /// It stays without a video; why, for people.
    Skipped(String),
}

/// A topic the channel has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTopic {
    /// Its title when it was used.
    pub title: String,
    /// What it is about.
    pub profile: TopicProfile,
    /// The workflow that used it.
    pub workflow: WorkflowId,
    /// When.
    pub at: Timestamp,
}

/// What has happened in a channel: the fold of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    /// Its name; empty until its first generation.
    pub name: Option<ChannelName>,
    /// The generation whose frames are accepted.
    pub generation: Generation,
    /// Whether it starts nothing new.
    pub paused: bool,
    /// Why its actor was given up, if it was.
    pub parked: Option<String>,
    /// Its workflows.
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    /// Topics that were used, by key; shared with the jobs that must not tell them again.
    pub topics: BTreeMap<String, Arc<UsedTopic>>,
    /// Fingerprints of source sentences that were used.
    pub sentences: BTreeSet<u64>,
    /// Slots up to and including this time are decided or none of its business; `None` before its
    /// schedule was first looked at.
    pub slots_after: Option<Timestamp>,
    /// What became of the latest slots, at most [`Self::KEPT_SLOTS`].
    pub slots: BTreeMap<Timestamp, SlotRecord>,
    /// Commands with an id from outside, as far as their answers are kept.
    pub commands: BTreeMap<CommandId, NotedCommand>,
    /// Finished workflows that were archived, by the month they finished in.
    pub history: BTreeMap<Month, SealedMonth>,
    /// Workflows of months that retention has removed: nothing but their topics is known any more.
    pub forgotten: u64,
}

impl ChannelState {
    /// How many slots are remembered one by one.
    pub const KEPT_SLOTS: usize = 400;

    /// The month whose history holds `workflow`, if one does.
    #[must_use]
    pub fn archived_in(&self, workflow: WorkflowId) -> Option<Month> {
        let mut months = self.history.iter();
        let found = months.find(|(_, sealed)| sealed.workflows.contains(&workflow));
        found.map(|(month, _)| *month)
    }

    /// Whether `workflow` is one of this channel's, in its state or its history.
    #[must_use]
    pub fn knows(&self, workflow: WorkflowId) -> bool {
        self.workflows.contains_key(&workflow) || self.archived_in(workflow).is_some()
    }
}
