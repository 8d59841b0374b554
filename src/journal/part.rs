//! The books in small pieces: what checkpoints and the store are made of.
//!
//! A channel grows for years, so no piece holds a whole one: its head, each workflow, each used
//! topic, each month of the history and the sentences' fingerprints (in 256 buckets by their highest byte) are pieces of their
//! own, and a change rewrites only the pieces it touches.
//!
//! Architecture invariant: pieces put together are the state they were made of, in whatever order
//! (D7). Variants are only ever added at the end: checkpoints hold their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::artifact::Digest;
use crate::domain::channel::{ChannelState, SlotRecord, UsedTopic};
use crate::domain::event::Event;
use crate::domain::history::{Month, SealedMonth};
use crate::domain::ids::{ChannelId, CommandId, WorkflowId};
use crate::domain::noted::NotedCommand;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Workflow;

/// A piece of the books, small enough to be encoded by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// A channel without what has pieces of its own.
    Channel(ChannelId, Box<ChannelState>),
    /// One workflow.
    Workflow(ChannelId, Box<Workflow>),
    /// One used topic, by its key.
    Topic(ChannelId, String, Arc<UsedTopic>),
    /// The fingerprints of used sentences whose highest byte is the given one, in order.
    Sentences(ChannelId, u8, Vec<u64>),
    /// What became of the channel's slots.
    Slots(ChannelId, BTreeMap<Timestamp, SlotRecord>),
    /// The noted commands in one of 256 buckets, in order.
    Commands(ChannelId, u8, Vec<(CommandId, NotedCommand)>),
    /// One month of the history.
    History(ChannelId, Month, Box<SealedMonth>),
}

/// A piece that is not there any more, or never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// One workflow.
    Workflow(ChannelId, WorkflowId),
    /// One month of the history.
    History(ChannelId, Month),
}

/// Which pieces have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    heads: BTreeSet<ChannelId>,
    workflows: BTreeSet<(ChannelId, WorkflowId)>,
    topics: BTreeSet<(ChannelId, String)>,
    sentences: BTreeSet<(ChannelId, u8)>,
    slots: BTreeSet<ChannelId>,
    commands: BTreeSet<(ChannelId, u8)>,
    history: BTreeSet<(ChannelId, Month)>,
}

impl Changed {
    /// Notes the pieces that `events` in `channel` change.
    pub fn note(&mut self, channel: ChannelId, events: &[Event]) {
        // The head is small, and a channel's first event makes it whatever the event is.
        self.heads.insert(channel);
        for event in events {
            if let Some(workflow) = event.workflow() {
                self.workflows.insert((channel, workflow));
            }
            if let Event::TrendDetected { profile, .. } = event {
                self.topics.insert((channel, profile.key.clone()));
            }
            if let Event::ContentReady { sentences, .. } = event {
                let buckets = sentences.iter().map(|sentence| (channel, bucket_of(*sentence)));
                self.sentences.extend(buckets);
            }
            if let Event::WorkflowStarted { slot: Some(_), .. } | Event::SlotSkipped { .. } = event
            {
                self.slots.insert(channel);
            }
            if let Event::CommandNoted { command, forgotten, .. } = event {
                let touched = forgotten.iter().chain([command]);
                self.commands.extend(touched.map(|id| (channel, bucket_of_command(id))));
            }
            if let Event::WorkflowsArchived { month, workflows, .. } = event {
                self.history.insert((channel, *month));
                self.workflows.extend(workflows.iter().map(|workflow| (channel, *workflow)));
            }
            if let Event::HistoryDropped { month } = event {
                self.history.insert((channel, *month));
            }
        }
    }

    /// Copies of those pieces as they are in `channels`.
    #[must_use]
    pub fn parts(&self, channels: &BTreeMap<ChannelId, ChannelState>) -> Vec<Part> {
        let mut parts = Vec::new();
        for channel in &self.heads {
            parts.extend(channels.get(channel).map(|state| head(*channel, state)));
        }
        for (channel, id) in &self.workflows {
            let workflow = channels.get(channel).and_then(|state| state.workflows.get(id));
            parts.extend(
                workflow.map(|workflow| Part::Workflow(*channel, Box::new(workflow.clone()))),
            );
        }
        for (channel, key) in &self.topics {
            let topic = channels.get(channel).and_then(|state| state.topics.get(key));
            parts.extend(topic.map(|topic| Part::Topic(*channel, key.clone(), Arc::clone(topic))));
        }
        for (channel, bucket) in &self.sentences {
            parts.extend(channels.get(channel).map(|state| sentences(*channel, state, *bucket)));
        }
        for channel in &self.slots {
            let state = channels.get(channel);
            parts.extend(state.map(|state| Part::Slots(*channel, state.slots.clone())));
        }
        for (channel, bucket) in &self.commands {
            parts.extend(channels.get(channel).map(|state| commands(*channel, state, *bucket)));
        }
        for (channel, month) in &self.history {
            let sealed = channels.get(channel).and_then(|state| state.history.get(month));
            parts.extend(
                sealed.map(|sealed| Part::History(*channel, *month, Box::new(sealed.clone()))),
            );
        }
        parts
    }

    /// Those of the pieces that are not in `channels` any more.
    #[must_use]
    pub fn gone(&self, channels: &BTreeMap<ChannelId, ChannelState>) -> Vec<Gone> {
        let has_workflow = |(channel, id): &&(ChannelId, WorkflowId)| {
            channels.get(channel).is_some_and(|state| state.workflows.contains_key(id))
        };
        let has_month = |(channel, month): &&(ChannelId, Month)| {
            channels.get(channel).is_some_and(|state| state.history.contains_key(month))
        };
        let workflows = self.workflows.iter().filter(|piece| !has_workflow(piece));
        let months = self.history.iter().filter(|piece| !has_month(piece));
        let workflows = workflows.map(|(channel, id)| Gone::Workflow(*channel, *id));
        workflows.chain(months.map(|(channel, month)| Gone::History(*channel, *month))).collect()
    }
}

/// All pieces of a channel.
#[must_use]
pub fn parts_of(channel: ChannelId, state: &ChannelState) -> Vec<Part> {
    let mut parts = vec![head(channel, state)];
    let workflows = state.workflows.values();
    parts.extend(workflows.map(|workflow| Part::Workflow(channel, Box::new(workflow.clone()))));
    let topics = state.topics.iter();
    parts.extend(topics.map(|(key, topic)| Part::Topic(channel, key.clone(), Arc::clone(topic))));
    let buckets: BTreeSet<u8> = state.sentences.iter().map(|print| bucket_of(*print)).collect();
    parts.extend(buckets.into_iter().map(|bucket| sentences(channel, state, bucket)));
    if !state.slots.is_empty() {
        parts.push(Part::Slots(channel, state.slots.clone()));
    }
    let buckets: BTreeSet<u8> = state.commands.keys().map(bucket_of_command).collect();
    parts.extend(buckets.into_iter().map(|bucket| commands(channel, state, bucket)));
    let history = state.history.iter();
    parts.extend(
        history.map(|(month, sealed)| Part::History(channel, *month, Box::new(sealed.clone()))),
    );
    parts
}

/// Puts a piece where it belongs.
pub fn put_together(channels: &mut BTreeMap<ChannelId, ChannelState>, part: Part) {
    match part {
        Part::Channel(channel, state) => {
            let came_before = channels.insert(channel, *state).unwrap_or_default();
            let state = channels.entry(channel).or_default();
            state.workflows.extend(came_before.workflows);
            state.topics.extend(came_before.topics);
            state.sentences.extend(came_before.sentences);
            state.slots.extend(came_before.slots);
            state.commands.extend(came_before.commands);
            state.history.extend(came_before.history);
        }
        Part::Workflow(channel, workflow) => {
            channels.entry(channel).or_default().workflows.insert(workflow.id, *workflow);
        }
        Part::Topic(channel, key, topic) => {
            channels.entry(channel).or_default().topics.insert(key, topic);
        }
        Part::Sentences(channel, _, prints) => {
            channels.entry(channel).or_default().sentences.extend(prints);
        }
        Part::Slots(channel, slots) => {
            channels.entry(channel).or_default().slots = slots;
        }
        Part::Commands(channel, _, commands) => {
            channels.entry(channel).or_default().commands.extend(commands);
        }
        Part::History(channel, month, sealed) => {
            channels.entry(channel).or_default().history.insert(month, *sealed);
        }
    }
}

fn head(channel: ChannelId, state: &ChannelState) -> Part {
    // Written out in full, so that a new field of the state cannot be forgotten here.
    let ChannelState {
        name,
        generation,
        paused,
        parked,
        slots_after,
        workflows: _,
        topics: _,
        sentences: _,
        slots: _,
        commands: _,
        history: _,
        forgotten,
    } = state;
    let head = ChannelState {
        name: name.clone(),
        generation: *generation,
        paused: *paused,
        parked: parked.clone(),
        slots_after: *slots_after,
        forgotten: *forgotten,
        ..ChannelState::default()
    };
    Part::Channel(channel, Box::new(head))
}

fn sentences(channel: ChannelId, state: &ChannelState, bucket: u8) -> Part {
    let first = u64::from(bucket) << 56;
    let last = first | (u64::MAX >> 8);
    Part::Sentences(channel, bucket, state.sentences.range(first..=last).copied().collect())
}

fn commands(channel: ChannelId, state: &ChannelState, bucket: u8) -> Part {
    let of_bucket = state.commands.iter().filter(|(id, _)| bucket_of_command(id) == bucket);
    let commands = of_bucket.map(|(id, noted)| (id.clone(), noted.clone())).collect();
    Part::Commands(channel, bucket, commands)
}

fn bucket_of_command(id: &CommandId) -> u8 {
    let Digest([first, ..]) = Digest::of(id.as_str().as_bytes());
    first
}

fn bucket_of(fingerprint: u64) -> u8 {
    fingerprint.to_be_bytes()[0]
}
