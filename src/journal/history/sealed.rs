//! The bytes of a sealed file.
//!
//! Architecture invariant: nothing is decoded before length and checksum are those that the journal
//! names.

use std::path::Path;

use super::HistoryError;
use crate::domain::artifact::Digest;
use crate::domain::history::{HistoryFile, Month};
use crate::domain::ids::ChannelId;
use crate::domain::upcast;
use crate::domain::workflow::Workflow;
use crate::journal::codec;
use crate::journal::frame::u32_at;
use crate::journal::record::{SCHEMA, is_known};

const MAGIC: &[u8; 8] = b"YTHIST01";
const FORMAT: u16 = 1;
const HEADER_LEN: usize = 40;
pub(super) const DIGEST_LEN: usize = 32;

/// The checksum at the end.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    let digest = bytes.last_chunk::<DIGEST_LEN>().copied();
    Digest(digest.unwrap_or_default())
}

/// Everything before the first workflow.
pub(super) fn header(schema: u16, channel: ChannelId, month: Month, workflows: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&schema.to_le_bytes());
    bytes.extend_from_slice(&workflows.to_le_bytes());
    bytes.extend_from_slice(channel.0.as_bytes());
    bytes.extend_from_slice(month.to_string().as_bytes());
    bytes.resize(HEADER_LEN, 0);
    bytes
}

/// The file that holds `workflows`, in the order in which they finished.
pub(super) fn encode(
    channel: ChannelId,
    month: Month,
    workflows: &[Workflow],
) -> Result<Vec<u8>, HistoryError> {
    let mut ordered: Vec<&Workflow> = workflows.iter().collect();
    ordered.sort_by_key(|workflow| (workflow.finished_at(), workflow.id));
    let mut bytes =
        header(SCHEMA, channel, month, u32::try_from(ordered.len()).unwrap_or(u32::MAX));
    for workflow in ordered {
        let content = codec::encode(workflow)?;
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&content);
    }
    let digest = Digest::of(&bytes);
    bytes.extend_from_slice(&digest.0);
    Ok(bytes)
}

/// The workflows in `bytes`, which the file at `path` holds and `file` describes.
pub(super) fn decode(
    bytes: &[u8],
    channel: ChannelId,
    month: Month,
    file: &HistoryFile,
    path: &Path,
) -> Result<Vec<Workflow>, HistoryError> {
    let damaged = |what| HistoryError::Damaged { path: path.to_path_buf(), what };
    if bytes.len() as u64 != file.bytes {
        return Err(damaged("its length is another"));
    }
    let Some((body, _)) = bytes.split_last_chunk::<DIGEST_LEN>() else {
        return Err(damaged("it is too short"));
    };
    if digest_of(bytes) != file.digest || Digest::of(body) != file.digest {
        return Err(damaged("its checksum does not match"));
    }
    let schema = body.get(10..12).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes);
    let Some((head, mut rest)) = body.split_at_checked(HEADER_LEN) else {
        return Err(damaged("it is too short"));
    };
    let schema = schema.unwrap_or_default();
    if !is_known(schema) {
        return Err(HistoryError::Newer { path: path.to_path_buf(), found: schema });
    }
    if head != header(schema, channel, month, file.workflows) {
        return Err(damaged("it is of another channel, month or format"));
    }
    let mut workflows = Vec::new();
    while !rest.is_empty() {
        let length = u32_at(rest, 0).and_then(|length| usize::try_from(length).ok());
        let after = length.and_then(|length| rest.get(4..)?.split_at_checked(length));
        let Some((content, next)) = after else { return Err(damaged("a workflow is cut off")) };
        workflows.push(upcast::written_in(schema, || codec::decode(content))?);
        rest = next;
    }
    if workflows.len() as u64 != u64::from(file.workflows) {
        return Err(damaged("it holds another number of workflows"));
    }
    Ok(workflows)
}
