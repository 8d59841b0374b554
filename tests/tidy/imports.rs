//! Which module may import which, and which may touch the outside.

use std::collections::BTreeSet;

use super::assert_none;
use super::tree::{TextFile, rust_files, shipped};

/// Every top module and what of ours it may import. A module may import only what stands above it,
/// which another test proves, so there are no circles.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("craft", &["domain"]),
    ("ports", &["domain"]),
    ("worker", &["domain"]),
    ("config", &["domain"]),
    ("telemetry", &["domain"]),
    ("supervision", &["domain"]),
    ("journal", &["domain", "telemetry"]),
    ("media", &["domain", "craft"]),
    ("gpu", &["domain", "ports", "supervision", "telemetry"]),
    // `gpu`: a model in a child holds a lease.
    ("adapters", &["ports", "craft", "domain", "worker", "gpu", "telemetry"]),
    ("feed", &["domain", "journal", "telemetry"]),
    ("actors", &["domain", "craft", "journal", "ports", "supervision", "gpu", "telemetry"]),
    // The rim.
    (
        "http",
        &[
            "domain",
            "config",
            "ports",
            "journal",
            "supervision",
            "gpu",
            "feed",
            "actors",
            "telemetry",
        ],
    ),
    ("cluster", &["domain", "config", "ports", "worker", "supervision", "actors", "telemetry"]),
    (
        "simulate",
        &[
            "domain",
            "craft",
            "config",
            "ports",
            "journal",
            "supervision",
            "gpu",
            "feed",
            "actors",
            "adapters",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "craft",
            "ports",
            "worker",
            "config",
            "telemetry",
            "supervision",
            "journal",
            "adapters",
            "gpu",
            "feed",
            "actors",
            "http",
            "cluster",
            "simulate",
        ],
    ),
];

/// Imports the table does not allow, for these files only.
const ALSO_ALLOWED: &[(&str, &str)] = &[
    // The worker child's main, and the command that renders without a node.
    ("src/cli/stage_worker", "media"),
    ("src/cli/render", "media"),
];

/// What belongs to the outside, and where it may be named.
const OUTSIDE: &[(&str, &[&str])] = &[
    (
        "std::fs",
        &[
            "adapters",
            "journal",
            "media",
            "worker",
            "config",
            "cli",
            "http",
            "cluster",
            "gpu/torch",
        ],
    ),
    ("tokio::fs", &["adapters", "journal", "worker", "cli", "http", "cluster"]),
    ("std::process", &["adapters", "media", "worker", "cli", "main.rs"]),
    ("tokio::process", &["adapters", "worker", "cli"]),
    ("std::net::Tcp", &["adapters", "http", "cluster", "cli"]),
    ("tokio::net", &["adapters", "http", "cluster", "cli"]),
    ("sled::", &["journal/store"]),
    ("ffmpeg_next", &["media", "cli/doctor", "cli/stage_worker", "cli/render"]),
    ("cudarc", &["gpu/device", "gpu/torch", "gpu/cuda"]),
    ("nvml_wrapper", &["gpu/nvml"]),
    ("tch::", &["gpu/torch"]),
    ("libloading", &["gpu/torch"]),
    ("bincode::", &["journal/codec"]),
];

#[test]
fn imports_follow_the_table() {
    let mut problems = Vec::new();
    for file in rust_files("src") {
        let Some(module) = top_module(&file.path) else { continue };
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            problems.push(format!("{}: the module {module} is not in the table", file.path));
            continue;
        };
        for (line, imported) in imports(&file) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
            let excepted = ALSO_ALLOWED
                .iter()
                .any(|(path, name)| file.path.starts_with(path) && *name == imported);
            let is_fine = imported == module || allowed.contains(&imported.as_str()) || excepted;
            if known && !is_fine {
                problems.push(format!("{}:{line}: {module} must not import {imported}", file.path));
            }
        }
    }
    assert_none("imports go one way (the table is in tests/tidy/imports.rs)", &problems);
}

#[test]
fn the_table_has_no_circles() {
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for (module, allowed) in MAY_IMPORT {
        let below: Vec<&&str> = allowed.iter().filter(|name| !above.contains(**name)).collect();
        assert!(below.is_empty(), "{module} stands above {below:?}");
        assert!(above.insert(module), "{module} stands twice");
    }
}

#[test]
fn only_the_named_modules_touch_the_outside() {
    let mut problems = Vec::new();
    for file in rust_files("src") {
        let below_src = file.path.trim_start_matches("src/");
        for (number, line) in code_lines(&file) {
            for (outside, places) in OUTSIDE {
                let may = places.iter().any(|place| below_src.starts_with(place));
                if names(line, outside) && !may {
                    problems.push(format!(
                        "{}:{number}: {outside} is only for {}",
                        file.path,
                        places.join(", ")
                    ));
                }
            }
        }
    }
    assert_none("the outside is behind ports", &problems);
}

/// Whether the line names `outside`, not only something whose name ends like it.
fn names(line: &str, outside: &str) -> bool {
    let is_part = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(outside).any(|(at, _)| !is_part(&line[..at]))
}

/// `src/gpu/device.rs` and `src/gpu.rs` belong to `gpu`; the crate's two roots to nobody.
fn top_module(path: &str) -> Option<&str> {
    let below_src = path.strip_prefix("src/")?;
    match below_src.split_once('/') {
        Some((module, _)) => Some(module),
        None => below_src.strip_suffix(".rs").filter(|name| !["lib", "main"].contains(name)),
    }
}

/// The shipped lines that are no comments, with their numbers from 1.
fn code_lines(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let lines = shipped(file).lines().enumerate();
    lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The top modules of ours that a file names, with the line: after `crate::`, or after as many
/// `super::` as lead to the root.
fn imports(file: &TextFile) -> Vec<(usize, String)> {
    let numbered: Vec<(usize, &str)> = code_lines(file).collect();
    let mut code = String::new();
    let mut starts = Vec::new();
    for (number, line) in numbered {
        starts.push((code.len(), number));
        code.push_str(line);
        code.push('\n');
    }
    let line_of = |at: usize| {
        let index = starts.partition_point(|(start, _)| *start <= at);
        starts.get(index.saturating_sub(1)).map_or(0, |(_, number)| *number)
    };
    let root_by_super = "super::".repeat(depth(&file.path));
    let mut found = Vec::new();
    for root in ["crate::", root_by_super.as_str()] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            let continues = before.is_some_and(|c| c.is_alphanumeric() || "_$:".contains(c));
            if !continues {
                let names = names_after(&code[at + root.len()..]);
                found.extend(names.into_iter().map(|name| (line_of(at), name)));
            }
        }
    }
    found
}

/// How many `super::` lead from a file's module to the root.
fn depth(path: &str) -> usize {
    let folders = path.trim_start_matches("src/").split('/').count();
    if path.ends_with("/mod.rs") { folders - 1 } else { folders }
}

/// The first name of a path, or all first names of a group in braces.
fn names_after(path: &str) -> Vec<String> {
    let name_of = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name_of(path)] };
    let mut names = vec![name_of(group)];
    let mut level = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => level += 1,
            '}' => level -= 1,
            ',' if level == 1 => names.push(name_of(&group[at + 1..])),
            _ => {}
        }
        if level == 0 {
            break;
        }
    }
    names
}

#[test]
fn the_check_sees_every_form_of_import() {
    let text = "use crate::{a::{x, y}, b};\nuse crate::c::z;\n// crate::no\n\
                fn f() { crate::d::g(); super::super::e::h(); }\nlet m = $crate::no;\n\
                #[cfg(test)]\nmod tests { use crate::no; }\n";
    let file = TextFile { path: "src/gpu/device.rs".to_owned(), text: text.to_owned() };
    let found: Vec<(usize, String)> = imports(&file);
    let expected = [(1, "a"), (1, "b"), (2, "c"), (4, "d"), (4, "e")];
    let expected: Vec<(usize, String)> =
        expected.iter().map(|(line, name)| (*line, (*name).to_owned())).collect();
    assert_eq!(found, expected);
}
