//! The files of the repository, without what git ignores.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", ".git", "data/state"];

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One text file.
pub(crate) struct TextFile {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// All files of the repository that are text, in order of path.
pub(crate) fn text_files() -> Vec<TextFile> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = String::from_utf8(fs::read(&path).expect("a readable file")).ok()?;
        Some(TextFile { path: relative(&path), text })
    };
    paths.into_iter().filter_map(read).collect()
}

/// All Rust files below `folder`.
pub(crate) fn rust_files(folder: &str) -> Vec<TextFile> {
    let prefix = format!("{folder}/");
    let is_ours = |file: &TextFile| file.path.starts_with(&prefix) && file.path.ends_with(".rs");
    text_files().into_iter().filter(is_ours).collect()
}

/// The text of one file, if it is there.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// The part of a source file that is shipped: all before its tests, which close the file.
pub(crate) fn shipped(file: &TextFile) -> &str {
    if file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
        return "";
    }
    let tests_begin = ["\n#[cfg(test)]\nmod ", "\n#[cfg(test)]\npub(crate) mod "]
        .iter()
        .filter_map(|mark| file.text.find(mark))
        .min();
    &file.text[..tests_begin.unwrap_or(file.text.len())]
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if SKIPPED.contains(&relative(&path).as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else if path.is_file() {
            paths.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("a path below the root");
    path.to_str().expect("a path in UTF-8").to_owned()
}
