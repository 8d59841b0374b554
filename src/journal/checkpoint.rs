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

use std::io;
use std::ops::Range;
use std::path::Path;

use super::frame::{u32_at, u64_at};
use super::log::LogError;
use super::segment::files::{FileLayer, OpenFile};
use crate::domain::ids::Seq;
use crate::telemetry::failpoint;

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

/// The state after the event `last_seq`, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last event that it contains.
    pub last_seq: Seq,
    content: Vec<u8>,
    /// The parts in the order in which they were written: where each name and its content are.
    sections: Vec<(Range<usize>, Range<usize>)>,
}

impl Checkpoint {
    /// The parts in the order in which they were written: name and content.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.sections.iter().map(|(name, content)| {
            let name = self.content.get(name.clone()).unwrap_or_default();
            // That it is UTF-8 was seen when it was read.
            let name = std::str::from_utf8(name).unwrap_or_default();
            (name, self.content.get(content.clone()).unwrap_or_default())
        })
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

/// Writes the checkpoint of the state after `last_seq` durably, section by section, so that it is
/// never in memory as a whole, and removes all but the two newest. Returns the sequence of the older
/// one that is kept: what is wholly before it is not needed any more.
///
/// # Errors
/// What the file layer or a section says; the checkpoints before are then untouched.
pub fn write<E: From<LogError>>(
    files: &dyn FileLayer,
    folder: &Path,
    last_seq: Seq,
    sections: impl ExactSizeIterator<Item = Result<Section, E>>,
) -> Result<Option<Seq>, E> {
    let name = file_name(last_seq);
    let path = folder.join(&name);
    let unfinished = folder.join(name.clone() + NEW_SUFFIX);
    let failed = |error| LogError::of_io("write", &unfinished, error);
    let count = u32::try_from(sections.len()).unwrap_or(u32::MAX);
    let mut manifest = Manifest::new(files.create(&unfinished).map_err(failed)?);
    manifest.add(MAGIC).map_err(failed)?;
    manifest.add(&last_seq.0.to_le_bytes()).map_err(failed)?;
    manifest.add(&count.to_le_bytes()).map_err(failed)?;
    for section in sections {
        let section = section?;
        let name_len = u32::try_from(section.name.len()).unwrap_or(u32::MAX);
        manifest.add(&name_len.to_le_bytes()).map_err(failed)?;
        manifest.add(&(section.bytes.len() as u64).to_le_bytes()).map_err(failed)?;
        manifest.add(section.name.as_bytes()).map_err(failed)?;
        manifest.add(&section.bytes).map_err(failed)?;
    }
    manifest.finish().map_err(failed)?;
    failpoint::pass(failpoint::DURING_CHECKPOINT);
    let renamed = files.rename(&unfinished, &path);
    renamed.map_err(|error| LogError::of_io("rename", &path, error))?;
    sync_folder(files, folder)?;
    Ok(remove_older(files, folder, &name)?)
}

/// A manifest that is being written.
struct Manifest {
    file: Box<dyn OpenFile>,
    offset: u64,
    buffer: Vec<u8>,
    hasher: blake3::Hasher,
}

impl Manifest {
    /// Bytes that are written at once.
    const PIECE: usize = 1 << 20;

    fn new(file: Box<dyn OpenFile>) -> Self {
        let buffer = Vec::with_capacity(Self::PIECE);
        Self { file, offset: 0, buffer, hasher: blake3::Hasher::new() }
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < Self::PIECE {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_all_at(&self.buffer, self.offset)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if self.offset > MAX_MANIFEST - DIGEST_LEN as u64 {
            let what = format!("a checkpoint has at most {MAX_MANIFEST} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        let digest = self.hasher.finalize();
        self.file.write_all_at(digest.as_bytes(), self.offset)?;
        self.file.sync_data()
    }
}

/// Copies the checkpoint at `seq` from one folder into another, durably.
///
/// # Errors
/// [`LogError::Io`] when a file cannot be read or written.
pub fn copy(files: &dyn FileLayer, from: &Path, to: &Path, seq: Seq) -> Result<(), LogError> {
    let (from, path) = (from.join(file_name(seq)), to.join(file_name(seq)));
    let bytes = files.read(&from, MAX_MANIFEST);
    let bytes = bytes.map_err(|error| LogError::of_io("read", &from, error))?;
    let written = files.create(&path).and_then(|mut file| {
        file.write_all_at(&bytes, 0)?;
        file.sync_data()
    });
    written.map_err(|error| LogError::of_io("write", &path, error))?;
    sync_folder(files, to)
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

/// Removes all but the two newest sound ones, of which `newest` was just written; returns the
/// sequence of the other.
fn remove_older(
    files: &dyn FileLayer,
    folder: &Path,
    newest: &str,
) -> Result<Option<Seq>, LogError> {
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
    let mut older = None;
    for name in names_newest_first(files, folder)? {
        if sound >= KEPT {
            remove(&name)?;
        } else if name == newest {
            sound += 1;
        } else if is_sound(files, folder, &name)? {
            // A damaged one does not count, else it could push out the last sound one.
            sound += 1;
            older = seq_of_name(&name);
        }
    }
    sync_folder(files, folder)?;
    Ok(older)
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
    let checkpoint = decode(bytes);
    Ok(checkpoint.filter(|checkpoint| Some(checkpoint.last_seq) == seq_of_name(name)))
}

/// Whether a checkpoint by name holds what was written.
fn is_sound(files: &dyn FileLayer, folder: &Path, name: &str) -> Result<bool, LogError> {
    let path = folder.join(name);
    let bytes = files.read(&path, MAX_MANIFEST);
    let bytes = bytes.map_err(|error| LogError::of_io("read", &path, error))?;
    let seq = body_of(&bytes).and_then(|body| u64_at(body, 8));
    Ok(seq.is_some() && seq.map(Seq) == seq_of_name(name))
}

/// All but the digest, if that fits.
fn body_of(bytes: &[u8]) -> Option<&[u8]> {
    let body_len = bytes.len().checked_sub(DIGEST_LEN)?;
    let (body, digest) = bytes.split_at_checked(body_len)?;
    let fits = blake3::hash(body).as_bytes().as_slice() == digest && body.starts_with(MAGIC);
    fits.then_some(body)
}

fn decode(content: Vec<u8>) -> Option<Checkpoint> {
    let body = body_of(&content)?;
    let last_seq = Seq(u64_at(body, 8)?);
    let count = u32_at(body, 16)?;
    let mut at = 20;
    let mut sections = Vec::new();
    for _ in 0..count {
        let name_len = usize::try_from(u32_at(body, at)?).ok()?;
        let len = usize::try_from(u64_at(body, at + 4)?).ok()?;
        let name = at + 12..(at + 12).checked_add(name_len)?;
        let bytes = name.end..name.end.checked_add(len)?;
        std::str::from_utf8(body.get(name.clone())?).ok()?;
        body.get(bytes.clone())?;
        at = bytes.end;
        sections.push((name, bytes));
    }
    (at == body.len()).then_some(Checkpoint { last_seq, sections, content })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::segment::fault::{Faults, FaultyFiles};
    use crate::journal::segment::files::DiskFiles;

    const PARTS: [&str; 2] = ["channels", "topics"];

    /// Writes a checkpoint, and says which older one is kept.
    fn written(
        files: &dyn FileLayer,
        folder: &Path,
        last_seq: u64,
    ) -> Result<Option<Seq>, LogError> {
        let section = |name: &str| Ok(Section { name: name.to_owned(), bytes: vec![7; 100] });
        write(files, folder, Seq(last_seq), PARTS.map(section).into_iter())
    }

    fn encoded(last_seq: u64) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        written(&DiskFiles, folder.path(), last_seq).unwrap();
        std::fs::read(folder.path().join(file_name(Seq(last_seq)))).unwrap()
    }

    fn is_whole(checkpoint: Option<&Checkpoint>, last_seq: u64) -> bool {
        checkpoint.is_some_and(|found| {
            let parts: Vec<(&str, &[u8])> = found.sections().collect();
            found.last_seq == Seq(last_seq) && parts == PARTS.map(|name| (name, &[7; 100][..]))
        })
    }

    #[test]
    fn the_two_newest_are_kept_and_a_damaged_one_falls_back_to_the_older() {
        let folder = tempfile::tempdir().unwrap();
        for (last_seq, older) in [(10, None), (20, Some(10)), (30, Some(20))] {
            let kept = written(&DiskFiles, folder.path(), last_seq).unwrap();
            assert_eq!(kept, older.map(Seq));
        }
        let names = DiskFiles.names(folder.path()).unwrap();
        assert_eq!(names, ["checkpoint-0000000000000014", "checkpoint-000000000000001e"]);
        let found = latest(&DiskFiles, folder.path()).unwrap();
        assert!(is_whole(found.checkpoint.as_ref(), 30) && found.damaged.is_empty(), "{found:?}");

        let newest = folder.path().join(&names[1]);
        let mut bytes = std::fs::read(&newest).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&newest, bytes).unwrap();
        let found = latest(&DiskFiles, folder.path()).unwrap();
        assert!(is_whole(found.checkpoint.as_ref(), 20));
        assert_eq!(found.damaged, [names[1].clone()]);

        // The damaged one does not count as one of the two.
        let kept = written(&DiskFiles, folder.path(), 40).unwrap();
        assert_eq!(kept, Some(Seq(20)));
        assert_eq!(newest_seq(&DiskFiles, folder.path()).unwrap(), Seq(40));
        assert!(folder.path().join(&names[0]).exists());
    }

    #[test]
    fn a_full_disk_leaves_the_older_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let files = FaultyFiles::default();
        written(&files, folder.path(), 10).unwrap();
        files.set(Faults { room: Some(50), ..Faults::default() });
        let error = written(&files, folder.path(), 20).unwrap_err();
        assert_eq!(error.code(), "disk_full");
        assert_eq!(newest_seq(&files, folder.path()).unwrap(), Seq(10));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(position: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = encoded(9);
            prop_assert!(is_whole(decode(bytes.clone()).as_ref(), 9));
            let at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(decode(bytes), None);
        }

        #[test]
        fn hostile_bytes_under_a_good_digest_never_panic(body: Vec<u8>) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&body);
            let digest = blake3::hash(&bytes);
            bytes.extend_from_slice(digest.as_bytes());
            let _ = decode(bytes);
        }
    }
}
