//! `[[channel.trends]]`: where a channel's topics come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::domain::timestamp::Timestamp;

use super::problem::ProblemKind;
use super::quantity::duration_text;
use super::reader::Section;

/// Kinds of sources that are planned.
const LATER_KINDS: &[&str] = &[
    "folder",
    "google_trends",
    "youtube",
    "youtube_channel",
    "hacker_news",
    "wikipedia",
    "reddit",
];

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendKind {
    /// A feed: RSS, Atom or JSON Feed.
    Rss,
}

/// What a source's stories are to the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendRole {
    /// Topics to make videos of.
    Source,
}

/// One `[[channel.trends]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrendConfig {
    /// What kind of source it is.
    pub kind: TrendKind,
    /// The feed's file.
    pub path: PathBuf,
    /// What its stories are to the channel.
    pub role: TrendRole,
    /// How often it is looked at.
    #[serde(with = "duration_text")]
    pub poll_every: Duration,
    /// The time that counts as now for this source; a sample's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl TrendConfig {
    /// `None` when the source names no file, which is noted.
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Option<Self> {
        let kind = section
            .choice("kind", &[("rss", TrendKind::Rss)], LATER_KINDS)
            .unwrap_or(TrendKind::Rss);
        let path = section.path("path", folder);
        let url = section.take("url");
        match (&path, &url) {
            (_, Some(url)) => url.note(
                ProblemKind::NotAvailable,
                "a feed over the network is not available in this version",
                Some("save the feed as a file and use path".to_owned()),
            ),
            (None, None) => {
                let remedy = "name the feed's file: path = \"feeds/news.xml\"".to_owned();
                section.note(ProblemKind::MissingKey, "path", "missing", Some(remedy));
            }
            (Some(_), None) => {}
        }
        let role = section
            .choice("role", &[("source", TrendRole::Source)], &["competitor"])
            .unwrap_or(TrendRole::Source);
        let polls = Duration::from_secs(10)..=Duration::from_secs(7 * 24 * 60 * 60);
        let poll_every =
            section.duration("poll_every", polls).unwrap_or(Duration::from_secs(15 * 60));
        let as_of = section.take("as_of").and_then(|value| value.parsed(Timestamp::parse));
        section.finish();
        Some(Self { kind, path: path?, role, poll_every, as_of })
    }
}
