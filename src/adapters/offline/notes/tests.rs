use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn read(folder: &Path) -> FreshReading {
    let notes = NotesFolder::new(folder.to_owned());
    match notes.read_now(&Validators::default()).unwrap() {
        Reading::Fresh(fresh) => fresh,
        Reading::NotModified => panic!("nothing was known"),
    }
}

fn codes(reading: &FreshReading) -> Vec<&str> {
    reading.problems.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn notes_become_stories_in_the_order_of_their_names() {
    let folder = folder(&[
        ("b.md", b"---\ndate: 2026-11-01\ntags: [food]\n---\n# Bread\n\nIt is *old*."),
        ("sub/deep-note_one.txt", b"Words of a note."),
        ("a.txt", b"Salt\n\nIt is salty.\n\nCheck it in: B, C, 1999."),
        ("picture.png", b"\x89PNG"),
        (".hidden.md", b"Hidden."),
    ]);
    let reading = read(folder.path());
    assert_eq!(reading.problems, []);
    let told: Vec<_> =
        reading.stories.iter().map(|one| (one.id.as_str(), one.title.as_str())).collect();
    let expected = [
        ("note:a.txt", "Salt"),
        ("note:b.md", "Bread"),
        ("note:sub/deep-note_one.txt", "deep note one"),
    ];
    assert_eq!(told, expected);
    let bread = &reading.stories[1];
    assert_eq!(bread.text, "It is old.");
    assert_eq!(bread.tags, ["food"]);
    assert_eq!(bread.published, Timestamp::parse("2026-11-01T00:00:00Z").unwrap());
    assert_eq!(reading.stories[0].reference.as_deref(), Some("B, C, 1999."));
    assert!(reading.stories[0].published > Timestamp::parse("2020-01-01T00:00:00Z").unwrap());
}

#[test]
fn a_bad_note_is_named_and_the_others_are_read() {
    let folder = folder(&[
        ("binary.md", b"\x7fELF\0\0\x01"),
        ("empty.md", b""),
        ("good.md", b"Good words."),
        ("heading-only.md", b"# Title\n"),
        ("latin.txt", b"caf\xe9"),
        ("wide.txt", b"\xff\xfeh\0i\0"),
    ]);
    let huge = fs::File::create(folder.path().join("huge.md")).unwrap();
    huge.set_len(50_000_000).unwrap();
    let reading = read(folder.path());
    let stories: Vec<_> = reading.stories.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(stories, ["note:good.md", "note:wide.txt"]);
    let expected = ["note_not_text", "note_empty", "note_empty", "note_too_large", "note_not_text"];
    assert_eq!(codes(&reading), expected);
    for problem in &reading.problems {
        assert!(problem.message.starts_with(&problem.source), "{}", problem.message);
        assert!(!problem.message.ends_with('.'), "{}", problem.message);
    }
}

#[test]
fn links_are_not_followed_out_of_the_folder() {
    let outside = folder(&[("secret.md", b"Secret words."), ("more/a.md", b"More.")]);
    let folder = folder(&[("in.md", b"Words.")]);
    let at = |name: &str| folder.path().join(name);
    symlink(outside.path().join("secret.md"), at("out.md")).unwrap();
    symlink(outside.path().join("more"), at("more")).unwrap();
    symlink(at("in.md"), at("again.md")).unwrap();
    symlink(at("nowhere"), at("broken.md")).unwrap();
    symlink(folder.path(), at("circle")).unwrap();
    let reading = read(folder.path());
    let stories: Vec<_> = reading.stories.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(stories, ["note:again.md", "note:in.md"]);
    assert_eq!(codes(&reading), ["note_unreadable", "note_outside_folder"]);
}

#[test]
fn a_pipe_and_a_folder_that_is_too_deep_hold_nothing_up() {
    let deep = "d/".repeat(MAX_DEPTH);
    let folder = folder(&[(&format!("{deep}too-deep.md"), b"Words."), ("a.md", b"Words.")]);
    let pipe = folder.path().join("pipe.md");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let reading = read(folder.path());
    assert_eq!(reading.stories.len(), 1);
    assert_eq!(codes(&reading), ["note_not_a_file"]);
}

#[test]
fn an_unchanged_folder_is_not_read_again_and_a_changed_one_is() {
    let folder = folder(&[("a.md", b"Words.")]);
    let notes = NotesFolder::new(folder.path().to_owned());
    let first = read(folder.path());
    assert_eq!(notes.read_now(&first.validators).unwrap(), Reading::NotModified);
    fs::write(folder.path().join("b.md"), b"More words.").unwrap();
    let second = notes.read_now(&first.validators).unwrap();
    assert!(matches!(second, Reading::Fresh(fresh) if fresh.stories.len() == 2));
}

#[test]
fn a_missing_folder_and_a_file_are_told_apart() {
    let folder = folder(&[("a.md", b"Words.")]);
    let code = |name: &str| {
        let notes = NotesFolder::new(folder.path().join(name));
        notes.read_now(&Validators::default()).unwrap_err().code
    };
    assert_eq!((code("none").as_str(), code("a.md").as_str()), ("folder_missing", "not_a_folder"));
}
