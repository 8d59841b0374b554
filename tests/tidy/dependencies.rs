//! Licences, known-bad versions, pins and duplicates, from `Cargo.lock` and the manifests of what is
//! built for this platform. `deny.toml` says the same for those who have the advisory database.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::assert_none;
use super::tree::root;

/// Licences of what we build in.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates under another licence: crate, licence, when and why it is accepted.
const LICENCE_EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("ffmpeg-next", "WTFPL", "2026-11-22: permissive; the binding to FFmpeg"),
    ("ffmpeg-sys-next", "WTFPL", "2026-11-22: permissive; the binding to FFmpeg"),
];

/// Crates with an advisory: crate, the first good version (none: all are bad), advisory.
const KNOWN_BAD: &[(&str, Option<&str>, &str)] = &[
    ("ansi_term", None, "RUSTSEC-2021-0139"),
    ("atomic-polyfill", None, "RUSTSEC-2023-0089"),
    ("atty", None, "RUSTSEC-2021-0145"),
    ("bincode", None, "RUSTSEC-2025-0141"),
    ("chrono", Some("0.4.20"), "RUSTSEC-2020-0159"),
    ("crossbeam-epoch", Some("0.9.20"), "RUSTSEC-2026-0204"),
    ("derivative", None, "RUSTSEC-2024-0388"),
    ("fxhash", None, "RUSTSEC-2025-0057"),
    ("instant", None, "RUSTSEC-2024-0384"),
    ("paste", None, "RUSTSEC-2024-0436"),
    ("proc-macro-error", None, "RUSTSEC-2024-0370"),
    ("remove_dir_all", Some("0.8.0"), "RUSTSEC-2023-0018"),
    ("tempdir", None, "RUSTSEC-2018-0017"),
    ("time", Some("0.2.23"), "RUSTSEC-2020-0071"),
];

/// Advisories we live with: crate, version, when and why.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("bincode", "2.0.1", "2026-11-22: unmaintained; decodes behind a length and a checksum only"),
    (
        "fxhash",
        "0.2.1",
        "2026-11-22: unmaintained; comes with sled, which holds what can be rebuilt",
    ),
    ("instant", "0.1.13", "2026-11-22: unmaintained; comes with sled by parking_lot 0.11"),
];

/// Versions that must not move by themselves: newer numbers are something else or untested.
const PINNED: &[(&str, &str)] =
    &[("sled", "0.34.7"), ("bincode", "2.0.1"), ("ffmpeg-next", "9.0.0"), ("cudarc", "0.19.10")];

/// Crates that cost much to build, or that must be one to work; two versions are a mistake.
const ONLY_ONCE: &[&str] = &[
    "bindgen",
    "clap",
    "cudarc",
    "ffmpeg-next",
    "ffmpeg-sys-next",
    "image",
    "jiff",
    "ractor",
    "regex",
    "resvg",
    "rustix",
    "serde",
    "serde_json",
    "sled",
    "tiny-skia",
    "tokio",
    "tracing",
    "usvg",
    "uuid",
];

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
}

/// What is built for this platform, as cargo resolves the lock file; no network is used.
fn packages() -> Vec<Package> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &platform])
        .current_dir(root())
        .output()
        .expect("cargo can be run");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {told}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    packages
        .iter()
        .map(|package| Package {
            name: text(&package["name"]).expect("a name"),
            version: text(&package["version"]).expect("a version"),
            licence: text(&package["license"]),
        })
        .collect()
}

#[test]
fn licences_are_allowed() {
    let mut problems = Vec::new();
    let mut used_exceptions = BTreeSet::new();
    for package in packages() {
        let exception = LICENCE_EXCEPTIONS.iter().find(|(name, _, _)| *name == package.name);
        let accepts = |licence: &str| {
            LICENCES.contains(&licence) || exception.is_some_and(|(_, other, _)| *other == licence)
        };
        let licence = package.licence.clone().unwrap_or_default();
        if !is_satisfied(&licence, &accepts) {
            problems.push(format!("{} {}: {licence:?}", package.name, package.version));
        }
        used_exceptions.extend(exception.map(|(name, _, _)| *name));
    }
    for (name, _, _) in LICENCE_EXCEPTIONS {
        if !used_exceptions.contains(name) {
            problems.push(format!("{name}: its exception is not needed any more"));
        }
    }
    assert_none("licences", &problems);
}

#[test]
fn no_version_is_known_to_be_bad() {
    let mut problems = Vec::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for package in packages() {
        let bad = KNOWN_BAD.iter().find(|(name, _, _)| *name == package.name);
        let Some((name, first_good, advisory)) = bad else { continue };
        let is_bad = first_good.is_none_or(|good| numbers(&package.version) < numbers(good));
        let is_accepted = ACCEPTED
            .iter()
            .any(|(crate_name, version, _)| crate_name == name && *version == package.version);
        if is_accepted {
            used.insert(name);
        } else if is_bad {
            problems.push(format!("{name} {}: {advisory}", package.version));
        }
    }
    for (name, version, _) in ACCEPTED {
        if !used.contains(name) {
            problems.push(format!("{name} {version}: its exception is not needed any more"));
        }
    }
    assert_none("known-bad versions", &problems);
}

#[test]
fn exceptions_are_dated_and_have_a_reason() {
    let reasons = LICENCE_EXCEPTIONS.iter().chain(ACCEPTED).map(|(_, _, reason)| reason);
    for reason in reasons {
        let (date, why) = reason.split_once(": ").expect("a date, then a reason");
        let digits_fit = date.chars().all(|c| c.is_ascii_digit() || c == '-');
        assert!(date.len() == 10 && digits_fit && why.len() > 10, "{reason}");
    }
}

#[test]
fn pins_hold_and_heavy_crates_come_once() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let mut problems = Vec::new();
    for (name, version) in PINNED {
        let found: Vec<&String> = versions.get(*name).into_iter().flatten().collect();
        if found != [version] {
            problems.push(format!("{name} must be {version}, found {found:?}"));
        }
    }
    for name in ONLY_ONCE {
        let found: Vec<&String> = versions.get(*name).into_iter().flatten().collect();
        if found.len() > 1 {
            problems.push(format!("{name} is built more than once: {found:?}"));
        }
    }
    assert_none("pins and duplicates", &problems);
}

/// The dotted numbers of a version, without what follows a hyphen or a plus.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|part| part.parse().expect("a number")).collect()
}

/// Whether an SPDX expression can be met with the licences that `accepts` knows. The old form
/// `A/B` means `A OR B`.
fn is_satisfied(expression: &str, accepts: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, accepts);
    met && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, accepts: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all_of(words, at, accepts);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, accepts);
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, accepts: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, at, accepts);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, accepts);
    }
    met
}

fn one(words: &[&str], at: &mut usize, accepts: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, accepts);
        let is_closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && is_closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return accepts(&format!("{word} WITH {exception}"));
    }
    accepts(word)
}

#[test]
fn licence_expressions_are_understood() {
    let accepts = |licence: &str| ["MIT", "Zlib", "Apache-2.0 WITH X"].contains(&licence);
    let cases = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("Apache-2.0 WITH X OR GPL-3.0", true),
        ("Apache-2.0 WITH Y", false),
        ("(MIT", false),
        ("MIT )", false),
        ("", false),
    ];
    for (expression, expected) in cases {
        assert_eq!(is_satisfied(expression, &accepts), expected, "{expression}");
    }
}
