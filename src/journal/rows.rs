//! The store's rows: what a channel's state is as keys and values, and back.
//!
//! `c/<channel>` holds the state without its workflows, `w/<channel>/<workflow>` one workflow without
//! the bytes of its inline outputs, `b/<digest>` the bytes. So no value is larger than a row may be.
//!
//! Architecture invariant: from rows comes exactly the state they were made of (D7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::store::{Batch, Row};
use crate::domain::artifact::{Artifact, Body, Digest};
use crate::domain::channel::ChannelState;
use crate::domain::ids::ChannelId;
use crate::domain::workflow::Workflow;

#[derive(Serialize, Deserialize)]
struct ChannelRow {
    id: ChannelId,
    state: ChannelState,
}

#[derive(Serialize, Deserialize)]
struct WorkflowRow {
    channel: ChannelId,
    workflow: Workflow,
    /// Digests of the outputs whose bytes are in rows of their own.
    inline: Vec<Digest>,
}

/// Puts the rows of a channel into `batch`.
///
/// # Errors
/// [`CodecError`] when a row is larger than a row may be.
pub fn put_channel(
    batch: &mut Batch,
    id: ChannelId,
    state: &ChannelState,
) -> Result<(), CodecError> {
    let mut head = state.clone();
    let workflows = std::mem::take(&mut head.workflows);
    batch.put(format!("c/{id}"), codec::encode(&ChannelRow { id, state: head })?);
    for mut workflow in workflows.into_values() {
        let mut inline = Vec::new();
        for artifact in artifacts_of(&mut workflow) {
            if let Body::Inline(bytes) = std::mem::replace(&mut artifact.body, Body::Stored) {
                inline.push(artifact.digest);
                batch.put(format!("b/{}", artifact.digest), bytes);
            }
        }
        let key = format!("w/{id}/{}", workflow.id);
        batch.put(key, codec::encode(&WorkflowRow { channel: id, workflow, inline })?);
    }
    Ok(())
}

fn artifacts_of(workflow: &mut Workflow) -> impl Iterator<Item = &mut Artifact> {
    workflow.done.iter_mut().flat_map(|done| done.output.artifacts.iter_mut())
}

/// The channels that `rows` hold.
///
/// # Errors
/// [`CodecError`] when a row cannot be read.
pub fn channels_of(rows: &[Row]) -> Result<BTreeMap<ChannelId, ChannelState>, CodecError> {
    let bytes: BTreeMap<&[u8], &[u8]> =
        rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
    let mut channels: BTreeMap<ChannelId, ChannelState> = BTreeMap::new();
    for (key, value) in rows {
        if key.starts_with(b"c/") {
            let row: ChannelRow = codec::decode(value)?;
            let workflows = channels.remove(&row.id).map(|state| state.workflows);
            let mut state = row.state;
            state.workflows = workflows.unwrap_or_default();
            channels.insert(row.id, state);
        } else if key.starts_with(b"w/") {
            let mut row: WorkflowRow = codec::decode(value)?;
            for artifact in artifacts_of(&mut row.workflow) {
                if row.inline.contains(&artifact.digest) {
                    let key = format!("b/{}", artifact.digest);
                    let body = bytes.get(key.as_bytes()).copied().unwrap_or_default();
                    artifact.body = Body::Inline(body.to_vec());
                }
            }
            let state = channels.entry(row.channel).or_default();
            state.workflows.insert(row.workflow.id, row.workflow);
        }
    }
    Ok(channels)
}
