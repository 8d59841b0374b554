//! Removing segments that no kept checkpoint needs.
//!
//! Architecture invariant: the newest segment is never removed, nor one of which a single event
//! lies after the given sequence; and the one that becomes the first holds a frame.

use std::path::Path;

use super::files::FileLayer;
use super::{SEGMENT_HEADER, file_name, read_header, segment_id_of};
use crate::domain::ids::Seq;
use crate::journal::frame::{MAGIC, u32_at};
use crate::journal::log::LogError;

/// Removes the segments whose events all lie at or before `up_to` (the older of the two kept
/// checkpoints), oldest first, and returns their names. Safe beside a running writer.
///
/// # Errors
/// [`LogError`] of the file layer, or `bad_header` of a segment that was to be judged. What was
/// removed until then stays removed; the rest continues the sequence.
pub fn remove_segments_up_to(
    files: &dyn FileLayer,
    folder: &Path,
    up_to: Seq,
) -> Result<Vec<String>, LogError> {
    let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
    let mut ids: Vec<u32> = names.iter().filter_map(|name| segment_id_of(name)).collect();
    ids.sort_unstable();
    let mut removed = Vec::new();
    for (id, successor) in ids.iter().zip(ids.iter().skip(1)) {
        let start = read_start(files, folder, *id)?;
        let slot = read_header(&start, *id).map_err(LogError::Damaged)?;
        let next = read_start(files, folder, *successor)?;
        let successor_holds_a_frame = u32_at(&next, SEGMENT_HEADER) == Some(MAGIC);
        // A sealed segment's slot is exact.
        if !slot.is_sealed() || slot.last_seq > up_to || !successor_holds_a_frame {
            break;
        }
        let path = folder.join(file_name(*id));
        files.remove(&path).map_err(|error| LogError::of_io("remove", &path, error))?;
        removed.push(file_name(*id));
    }
    if !removed.is_empty() {
        let synced = files.sync_folder(folder);
        synced.map_err(|error| LogError::of_io("sync folder", folder, error))?;
    }
    Ok(removed)
}

fn read_start(files: &dyn FileLayer, folder: &Path, id: u32) -> Result<Vec<u8>, LogError> {
    let path = folder.join(file_name(id));
    let start = files.read_start(&path, SEGMENT_HEADER as u64 + 4);
    start.map_err(|error| LogError::of_io("read", &path, error))
}
