//! The rules of the house, as tests: what may import what, how long a file may be, which names say
//! nothing, which licences and versions are allowed, and that the documents tell the truth.
//!
//! Each rule is data in its module; a failure names the file, the line and the rule.

#![allow(clippy::expect_used, reason = "a test stops where it cannot go on")]

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/tree.rs"]
mod tree;

/// Fails with all `problems` of a rule, if there are any.
fn assert_none(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}
