//! How sources look: length, names, docs, and what must not be left behind.

use super::assert_none;
use super::tree::{TextFile, rust_files, text_files};

/// Lines a Rust file may have.
const MAX_LINES: usize = 500;

/// Names that say nothing about what is inside.
const BANNED_NAMES: &[&str] =
    &["util", "utils", "common", "manager", "managers", "helper", "helpers", "misc", "stuff"];

/// What must not be in a Rust file, cut in two so that this file does not hold it.
const BANNED_CODE: &[(&str, &str, &str)] = &[
    ("todo", "!(", "finish it or file an issue"),
    ("unimplemented", "!(", "finish it or file an issue"),
    ("dbg", "!(", "use tracing"),
    ("#[ignore", "]", "say why: #[ignore = \"reason\"]"),
    ("#[rustfmt::", "skip]", "let rustfmt decide"),
];

/// What must not be in any file, cut in two likewise.
const BANNED_TEXT: &[(&str, &str, &str)] = &[
    ("/ro", "ot/", "a path of one machine"),
    ("/ho", "me/", "a path of one machine"),
    ("/wo", "rk/", "a path of one machine"),
    ("PRIVATE ", "KEY-----", "a private key"),
    ("AKI", "AIOSF", "an access key"),
    ("gh", "p_", "an access token"),
    ("AIz", "aSy", "an API key"),
    ("<<<<", "<<< ", "a merge that was not finished"),
];

#[test]
fn no_file_is_too_long() {
    let long = |file: TextFile| {
        let lines = file.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", file.path))
    };
    let problems: Vec<String> = all_rust_files().into_iter().filter_map(long).collect();
    assert_none(&format!("a file has one purpose and at most {MAX_LINES} lines"), &problems);
}

#[test]
fn names_say_what_is_inside() {
    let mut problems = Vec::new();
    for file in all_rust_files() {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        if let Some(name) = parts.find(|part| BANNED_NAMES.contains(part)) {
            problems.push(format!("{}: {name}", file.path));
        }
        for (number, line) in file.text.lines().enumerate() {
            let declared = line.trim_start().trim_start_matches("pub ").strip_prefix("mod ");
            let name = declared.and_then(|rest| rest.split([';', ' ', '{']).next());
            if name.is_some_and(|name| BANNED_NAMES.contains(&name)) {
                problems.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("no file or module is named after nothing", &problems);
}

#[test]
fn every_module_says_why_it_exists() {
    let is_bare = |file: &TextFile| {
        let tests_beside_code = file.path.starts_with("src/") && file.path.contains("/tests");
        !tests_beside_code && !file.text.starts_with("//!")
    };
    let bare: Vec<String> =
        all_rust_files().into_iter().filter(is_bare).map(|file| file.path).collect();
    assert_none("a file begins with //! and why it exists", &bare);
}

#[test]
fn nothing_unfinished_is_left() {
    let mut problems = Vec::new();
    for file in all_rust_files() {
        problems.extend(find_banned(&file, BANNED_CODE));
    }
    assert_none("nothing unfinished is left in the sources", &problems);
}

#[test]
fn nothing_secret_or_of_one_machine_is_left() {
    let mut problems = Vec::new();
    for file in text_files() {
        problems.extend(find_banned(&file, BANNED_TEXT));
    }
    assert_none("no secret and no path of one machine is in the repository", &problems);
}

fn find_banned(file: &TextFile, banned: &[(&str, &str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (left, right, why) in banned {
            if line.contains(&format!("{left}{right}")) {
                problems.push(format!("{}:{}: {left}{right} ({why})", file.path, number + 1));
            }
        }
    }
    problems
}

fn all_rust_files() -> Vec<TextFile> {
    ["src", "tests", "benches"].into_iter().flat_map(rust_files).collect()
}
