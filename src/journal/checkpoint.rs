//! Checkpoints: checksummed manifests beside the segments, so that opening need not fold from the
//! beginning and old segments can go.
//!
//! ```text
//! checkpoint-%016x (the hexadecimal last_seq), little-endian:
//! "YTCHKPT1" | last_seq u64 | sections u32 | per section: name_len u32, len u64, name, bytes | blake3 (32) of all before
//! ```
//! Written under `<name>.new`, synced, renamed, and the folder synced. The two newest are kept; a
//! damaged one is passed over for the older and reported.
//!
//! Architecture invariant: a section's bytes are opaque here; what they mean is the fold's.

use std::path::Path;

use super::frame::{u32_at, u64_at};
use super::log::LogError;
use super::segment::files::FileLayer;
use super::segment::prune::remove_segments_up_to;
use crate::domain::ids::Seq;

const MAGIC: &[u8; 8] = b"YTCHKPT1";
const PREFIX: &str = "checkpoint-";
const NEW_SUFFIX: &str = ".new";
const DIGEST_LEN: usize = 32;
const KEPT: usize = 2;
/// The longest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 1 << 30;

/// A named part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is, for example `channels`.
    pub name: String,
    /// Its content, opaque here.
    pub bytes: Vec<u8>,
}

/// The state after the event `last_seq`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last event that it contains.
    pub last_seq: Seq,
    /// Its parts, in the order in which they were written.
    pub sections: Vec<Section>,
}

impl Checkpoint {
    /// The bytes of the first section called `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        Some(&section.bytes)
    }
}

/// What reading found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latest {
    /// The newest sound checkpoint; `None` without one: fold from the beginning.
    pub checkpoint: Option<Checkpoint>,
    /// Names of newer ones that are damaged, to be reported. They are left where they are.
    pub damaged: Vec<String>,
}

/// Writes a checkpoint durably and removes all but the two newest.
///
/// # Errors
/// What the file layer says; the checkpoints before are then untouched.
pub fn write(
    files: &dyn FileLayer,
    folder: &Path,
    checkpoint: &Checkpoint,
) -> Result<(), LogError> {
    let name = file_name(checkpoint.last_seq);
    let path = folder.join(&name);
    let unfinished = folder.join(name + NEW_SUFFIX);
    let bytes = encode(checkpoint);
    let written = files.create(&unfinished).and_then(|mut file| {
        file.write_all_at(&bytes, 0)?;
        file.sync_data()
    });
    written.map_err(|error| LogError::of_io("write", &unfinished, error))?;
    let renamed = files.rename(&unfinished, &path);
    renamed.map_err(|error| LogError::of_io("rename", &path, error))?;
    sync_folder(files, folder)?;
    remove_older(files, folder)
}

/// Reads the newest sound checkpoint.
///
/// # Errors
/// [`LogError::Io`] when a file cannot be read; damage is a result, not an error.
pub fn latest(files: &dyn FileLayer, folder: &Path) -> Result<Latest, LogError> {
    let mut found = Latest::default();
    for name in names_newest_first(files, folder)? {
        match read(files, folder, &name)? {
            Some(checkpoint) => {
                found.checkpoint = Some(checkpoint);
                break;
            }
            None => found.damaged.push(name),
        }
    }
    Ok(found)
}

/// The sequence of the newest sound checkpoint, 0 without one.
///
/// # Errors
/// [`LogError::Io`] when a file cannot be read.
pub fn newest_seq(files: &dyn FileLayer, folder: &Path) -> Result<Seq, LogError> {
    let checkpoint = latest(files, folder)?.checkpoint;
    Ok(checkpoint.map_or(Seq(0), |checkpoint| checkpoint.last_seq))
}

/// Removes the segments wholly before the last two sound checkpoints, so that opening can still
/// fall back to the older one. Returns the names of removed segments; none with fewer than two.
///
/// # Errors
/// What the file layer says, or damage in a segment's header.
pub fn prune_segments(files: &dyn FileLayer, folder: &Path) -> Result<Vec<String>, LogError> {
    let mut sound = Vec::new();
    for name in names_newest_first(files, folder)? {
        sound.extend(read(files, folder, &name)?.map(|checkpoint| checkpoint.last_seq));
    }
    match sound.get(KEPT - 1) {
        Some(older) => remove_segments_up_to(files, folder, *older),
        None => Ok(Vec::new()),
    }
}

fn remove_older(files: &dyn FileLayer, folder: &Path) -> Result<(), LogError> {
    let remove = |name: &str| {
        let path = folder.join(name);
        files.remove(&path).map_err(|error| LogError::of_io("remove", &path, error))
    };
    let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
    for name in names {
        // What a killed process left half-written.
        if name.strip_suffix(NEW_SUFFIX).is_some_and(|name| seq_of_name(name).is_some()) {
            remove(&name)?;
        }
    }
    let mut sound = 0;
    for name in names_newest_first(files, folder)? {
        if sound >= KEPT {
            remove(&name)?;
        } else if read(files, folder, &name)?.is_some() {
            // A damaged one does not count, else it could push out the last sound one.
            sound += 1;
        }
    }
    sync_folder(files, folder)
}

fn sync_folder(files: &dyn FileLayer, folder: &Path) -> Result<(), LogError> {
    let synced = files.sync_folder(folder);
    synced.map_err(|error| LogError::of_io("sync folder", folder, error))
}

fn file_name(last_seq: Seq) -> String {
    format!("{PREFIX}{:016x}", last_seq.0)
}

fn seq_of_name(name: &str) -> Option<Seq> {
    let digits = name.strip_prefix(PREFIX)?;
    let seq = Seq(u64::from_str_radix(digits, 16).ok()?);
    (file_name(seq) == name).then_some(seq)
}

fn names_newest_first(files: &dyn FileLayer, folder: &Path) -> Result<Vec<String>, LogError> {
    let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
    let mut names: Vec<String> =
        names.into_iter().filter(|name| seq_of_name(name).is_some()).collect();
    // The names have one length, so their order is that of the numbers.
    names.reverse();
    Ok(names)
}

/// A checkpoint by name; `None` when it is damaged.
fn read(files: &dyn FileLayer, folder: &Path, name: &str) -> Result<Option<Checkpoint>, LogError> {
    let path = folder.join(name);
    let bytes =
        files.read(&path, MAX_MANIFEST).map_err(|error| LogError::of_io("read", &path, error))?;
    let checkpoint = decode(&bytes);
    Ok(checkpoint.filter(|checkpoint| Some(checkpoint.last_seq) == seq_of_name(name)))
}

fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let count = u32::try_from(checkpoint.sections.len()).unwrap_or(u32::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&checkpoint.last_seq.0.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    for section in &checkpoint.sections {
        let name_len = u32::try_from(section.name.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&name_len.to_le_bytes());
        bytes.extend_from_slice(&(section.bytes.len() as u64).to_le_bytes());
        bytes.extend_from_slice(section.name.as_bytes());
        bytes.extend_from_slice(&section.bytes);
    }
    let digest = blake3::hash(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Checkpoint> {
    let body_len = bytes.len().checked_sub(DIGEST_LEN)?;
    let (body, digest) = bytes.split_at_checked(body_len)?;
    if blake3::hash(body).as_bytes().as_slice() != digest || !body.starts_with(MAGIC) {
        return None;
    }
    let last_seq = Seq(u64_at(body, 8)?);
    let count = u32_at(body, 16)?;
    let mut rest = body.get(20..)?;
    let mut sections = Vec::new();
    for _ in 0..count {
        let name_len = usize::try_from(u32_at(rest, 0)?).ok()?;
        let len = usize::try_from(u64_at(rest, 4)?).ok()?;
        let (name, after_name) = rest.get(12..)?.split_at_checked(name_len)?;
        let (content, after_content) = after_name.split_at_checked(len)?;
        let name = String::from_utf8(name.to_vec()).ok()?;
        sections.push(Section { name, bytes: content.to_vec() });
        rest = after_content;
    }
    rest.is_empty().then_some(Checkpoint { last_seq, sections })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::segment::fault::{Faults, FaultyFiles};
    use crate::journal::segment::files::DiskFiles;

    fn checkpoint(last_seq: u64) -> Checkpoint {
        let section = |name: &str| Section { name: name.to_owned(), bytes: vec![7; 100] };
        Checkpoint {
            last_seq: Seq(last_seq),
            sections: vec![section("channels"), section("topics")],
        }
    }

    #[test]
    fn the_two_newest_are_kept_and_a_damaged_one_falls_back_to_the_older() {
        let folder = tempfile::tempdir().unwrap();
        for last_seq in [10, 20, 30] {
            write(&DiskFiles, folder.path(), &checkpoint(last_seq)).unwrap();
        }
        let names = DiskFiles.names(folder.path()).unwrap();
        assert_eq!(names, ["checkpoint-0000000000000014", "checkpoint-000000000000001e"]);
        let found = latest(&DiskFiles, folder.path()).unwrap();
        assert_eq!(found, Latest { checkpoint: Some(checkpoint(30)), damaged: Vec::new() });

        let newest = folder.path().join(&names[1]);
        let mut bytes = std::fs::read(&newest).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&newest, bytes).unwrap();
        let found = latest(&DiskFiles, folder.path()).unwrap();
        assert_eq!(found.checkpoint, Some(checkpoint(20)));
        assert_eq!(found.damaged, [names[1].clone()]);

        // The damaged one does not count as one of the two.
        write(&DiskFiles, folder.path(), &checkpoint(40)).unwrap();
        assert_eq!(newest_seq(&DiskFiles, folder.path()).unwrap(), Seq(40));
        assert!(folder.path().join(&names[0]).exists());
    }

    #[test]
    fn a_full_disk_leaves_the_older_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let files = FaultyFiles::default();
        write(&files, folder.path(), &checkpoint(10)).unwrap();
        files.set(Faults { room: Some(50), ..Faults::default() });
        let error = write(&files, folder.path(), &checkpoint(20)).unwrap_err();
        assert_eq!(error.code(), "disk_full");
        assert_eq!(newest_seq(&files, folder.path()).unwrap(), Seq(10));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(position: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = encode(&checkpoint(9));
            prop_assert_eq!(decode(&bytes), Some(checkpoint(9)));
            let at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn hostile_bytes_under_a_good_digest_never_panic(body: Vec<u8>) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&body);
            let digest = blake3::hash(&bytes);
            bytes.extend_from_slice(digest.as_bytes());
            let _ = decode(&bytes);
        }
    }
}
