//! A folder of notes as stories: Markdown (`.md`) and plain text (`.txt`).
//!
//! Why it exists: an owner's own notes are the best material for videos that do not age.
//!
//! - Hidden files and other kinds of files are passed over; so are folders more than eight deep.
//! - A link is followed to a file inside the folder, never out of it, and never to a folder.
//! - What is binary, empty, larger than 1 MiB or unreadable is a problem that names the file; the
//!   other notes are read.
//!
//! Architecture invariant: nothing here writes, waits for a pipe, or holds more than
//! [`MAX_ALL_NOTES`] of text.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::feeds::split_reference;
use crate::craft::markdown::{Note, read_markdown, read_plain};
use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{NOTE_ID, Story};
use crate::ports::trends::{FreshReading, Reading, SourceProblem, SourceReader, Validators};

/// The largest note that is read: 1 MiB.
pub const MAX_NOTE_BYTES: u64 = 1024 * 1024;
/// The most text of one folder: 64 MiB.
pub const MAX_ALL_NOTES: u64 = 64 * 1024 * 1024;
/// How deep folders are looked into; the folder itself is the first.
pub const MAX_DEPTH: usize = 8;
/// The most files and folders that are looked at.
pub const MAX_ENTRIES: usize = 20_000;

/// A folder of notes.
#[derive(Debug, Clone)]
pub struct NotesFolder {
    folder: PathBuf,
}

impl NotesFolder {
    /// The notes in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads the folder. Blocking.
    ///
    /// # Errors
    /// [`Failure`], permanent, when it is missing or no folder; transient when it cannot be read.
    pub fn read_now(&self, known: &Validators) -> Result<Reading, Failure> {
        let place = self.folder.display();
        let root = self.folder.canonicalize().map_err(|error| {
            let message = format!(
                "{place}: there is no such folder of notes ({error}): correct the path of this trend source"
            );
            Failure::permanent("folder_missing", message)
        })?;
        if !root.is_dir() {
            let message = format!("{place}: this is not a folder: name the folder of the notes");
            return Err(Failure::permanent("not_a_folder", message));
        }
        let mut walk = Walk { root: &root, files: Vec::new(), problems: Vec::new(), entries: 0 };
        walk.folder(&root, 1)?;
        let Walk { mut files, mut problems, .. } = walk;
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let validators = Validators { etag: Some(fingerprint(&files)), last_modified: None };
        if *known == validators {
            return Ok(Reading::NotModified);
        }
        let mut stories = Vec::new();
        let mut bytes_left = MAX_ALL_NOTES;
        for file in &files {
            match file.story(&root, &mut bytes_left) {
                Ok(story) => stories.push(story),
                Err(problem) => problems.push(problem),
            }
        }
        Ok(Reading::Fresh(FreshReading { stories, problems, validators }))
    }
}

#[async_trait]
impl SourceReader for NotesFolder {
    async fn read(&self, known: &Validators) -> Result<Reading, Failure> {
        let (notes, known) = (self.clone(), known.clone());
        let reading = tokio::task::spawn_blocking(move || notes.read_now(&known)).await;
        reading.map_err(|_| Failure::interrupted("the node is stopping"))?
    }
}

/// A note's file.
struct NoteFile {
    path: PathBuf,
    /// Its path below the folder, with `/`.
    name: String,
    metadata: Metadata,
}

/// The search for notes.
struct Walk<'a> {
    root: &'a Path,
    files: Vec<NoteFile>,
    problems: Vec<SourceProblem>,
    entries: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let unreadable = |error: std::io::Error| {
            let message = format!(
                "{}: the folder cannot be read ({error}): this user must be allowed to",
                folder.display()
            );
            Failure::transient("folder_unreadable", message)
        };
        let listing = std::fs::read_dir(folder).map_err(unreadable)?;
        let mut paths = Vec::new();
        for entry in listing {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                let message = format!(
                    "{}: more than {MAX_ENTRIES} files: the rest is not read; name a smaller folder",
                    self.root.display()
                );
                self.problem(self.root, "folder_too_large", message);
                break;
            }
            paths.push(entry.map_err(unreadable)?.path());
        }
        paths.sort();
        for path in paths {
            if self.entries > MAX_ENTRIES {
                break;
            }
            self.entry(path, depth);
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, depth: usize) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            return;
        }
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.unreadable(&path, &error),
        };
        if metadata.is_dir() {
            if depth < MAX_DEPTH
                && let Err(failure) = self.folder(&path, depth + 1)
            {
                self.problem(&path, &failure.code, failure.message);
            }
            return;
        }
        if !is_note(&path) {
            return;
        }
        let metadata = match self.followed(&path, metadata) {
            Some(metadata) => metadata,
            None => return,
        };
        let name = path.strip_prefix(self.root).unwrap_or(&path);
        let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        self.files.push(NoteFile { path, name, metadata });
    }

    /// The metadata of the file that `path` is or leads to, if that is a file in the folder.
    fn followed(&mut self, path: &Path, metadata: Metadata) -> Option<Metadata> {
        let place = path.display();
        if !metadata.is_symlink() {
            if !metadata.is_file() {
                let message = format!("{place}: the note is not a regular file and was left out");
                self.problem(path, "note_not_a_file", message);
                return None;
            }
            return Some(metadata);
        }
        match path.canonicalize().and_then(|target| Ok((target.metadata()?, target))) {
            Ok((target_metadata, target)) if target.starts_with(self.root) => {
                target_metadata.is_file().then_some(target_metadata)
            }
            Ok(_) => {
                let message = format!(
                    "{place}: the note is a link out of its folder and was left out: copy it in"
                );
                self.problem(path, "note_outside_folder", message);
                None
            }
            Err(error) => {
                self.unreadable(path, &error);
                None
            }
        }
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        let message = format!("{}: the note cannot be read ({error})", path.display());
        self.problem(path, "note_unreadable", message);
    }

    fn problem(&mut self, path: &Path, code: &str, message: String) {
        let source = path.display().to_string();
        self.problems.push(SourceProblem { source, code: code.to_owned(), message });
    }
}

fn is_note(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["md", "markdown", "txt"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Names the state of the folder: every note's name, size and time of change.
fn fingerprint(files: &[NoteFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let (size, changed) = (file.metadata.len(), modified(&file.metadata));
        let nanos = file.metadata.modified().ok().and_then(|at| {
            at.duration_since(std::time::UNIX_EPOCH).ok().map(|span| span.subsec_nanos())
        });
        hasher.update(format!("{}\n{size}\n{changed}\n{nanos:?}\n", file.name).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn modified(metadata: &Metadata) -> Timestamp {
    let since_epoch =
        metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Timestamp::default().plus(since_epoch.unwrap_or_default())
}

impl NoteFile {
    fn story(&self, root: &Path, bytes_left: &mut u64) -> Result<Story, SourceProblem> {
        let place = self.path.display();
        let problem = |code: &str, message: String| SourceProblem {
            source: place.to_string(),
            code: code.to_owned(),
            message,
        };
        let size = self.metadata.len();
        if size > MAX_NOTE_BYTES {
            let message = format!(
                "{place}: the note has {size} bytes, and at most {MAX_NOTE_BYTES} are read: split it"
            );
            return Err(problem("note_too_large", message));
        }
        let bytes = self.bytes().map_err(|error| {
            problem("note_unreadable", format!("{place}: the note cannot be read ({error})"))
        })?;
        let length = bytes.len() as u64;
        if length > (*bytes_left).min(MAX_NOTE_BYTES) {
            let message = format!(
                "{place}: the notes of this folder have more than {MAX_ALL_NOTES} bytes in all: \
                 this one was left out; name a smaller folder"
            );
            return Err(problem("folder_too_large", message));
        }
        *bytes_left -= length;
        let text = decoded(&bytes).ok_or_else(|| {
            let message = format!(
                "{place}: the note is not text in UTF-8: save it as UTF-8, or move it away"
            );
            problem("note_not_text", message)
        })?;
        let is_plain = self.path.extension().is_some_and(|found| found.eq_ignore_ascii_case("txt"));
        let note = if is_plain { read_plain(&text) } else { read_markdown(&text) };
        let (prose, reference) = split_reference(&note.text);
        if prose.is_empty() {
            let message = format!("{place}: the note has no text and was left out");
            return Err(problem("note_empty", message));
        }
        let title = note.title.clone().unwrap_or_else(|| self.spoken_name());
        let source = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Story {
            id: format!("{NOTE_ID}{}", self.name),
            title,
            url: None,
            published: published(&note).unwrap_or_else(|| modified(&self.metadata)),
            text: prose,
            tags: note.tags,
            views: None,
            source,
            reference,
        })
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(MAX_NOTE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The file's name as words: `bread-and_salt.md` → `bread and salt`.
    fn spoken_name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let words = stem.replace(['-', '_'], " ");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// UTF-8, or UTF-16 with its mark; `None` for everything else.
fn decoded(bytes: &[u8]) -> Option<String> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        let decoded = encoding.decode_without_bom_handling_and_without_replacement(text)?;
        return Some(decoded.into_owned());
    }
    if bytes.contains(&0) {
        return None;
    }
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// The date of the front matter: RFC 3339, or a day (midnight UTC).
fn published(note: &Note) -> Option<Timestamp> {
    let date = note.date.as_deref()?;
    let day = || Timestamp::parse(&format!("{}T00:00:00Z", date.get(..10)?)).ok();
    Timestamp::parse(date).ok().or_else(day)
}

#[cfg(test)]
mod tests;
