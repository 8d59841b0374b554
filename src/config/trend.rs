//! `[[channel.trends]]`: where a channel's topics come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::domain::source::SourceKind;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::SourceRole;
use crate::domain::web_address::WebAddress;

use super::problem::ProblemKind;
use super::quantity::duration_text;
use super::reader::Section;

/// Kinds of sources that are planned.
const LATER_KINDS: &[&str] =
    &["google_trends", "youtube", "youtube_channel", "hacker_news", "wikipedia", "reddit"];

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendPlace {
    /// The feed's file, or the folder of the notes.
    Path(PathBuf),
    /// The feed's address. It prints without what may be a secret.
    Url(WebAddress),
}

/// One `[[channel.trends]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrendConfig {
    /// What kind of source it is.
    pub kind: SourceKind,
    /// Where it is.
    #[serde(flatten)]
    pub place: TrendPlace,
    /// What its stories are to the channel.
    pub role: SourceRole,
    /// How often it is looked at.
    #[serde(with = "duration_text")]
    pub poll_every: Duration,
    /// The time that counts as now for this source; a sample's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl TrendConfig {
    /// `None` when the source names no place, which is noted.
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Option<Self> {
        let kinds = [("rss", SourceKind::Rss), ("folder", SourceKind::Folder)];
        let kind = section.choice("kind", &kinds, LATER_KINDS).unwrap_or(SourceKind::Rss);
        let place = read_place(&mut section, kind, folder);
        let roles = [("source", SourceRole::Source), ("competitor", SourceRole::Competitor)];
        let role = section.choice("role", &roles, &[]).unwrap_or(SourceRole::Source);
        let polls = Duration::from_secs(10)..=Duration::from_secs(7 * 24 * 60 * 60);
        let poll_every =
            section.duration("poll_every", polls).unwrap_or(Duration::from_secs(15 * 60));
        let as_of = section.take("as_of").and_then(|value| value.parsed(Timestamp::parse));
        section.finish();
        Some(Self { kind, place: place?, role, poll_every, as_of })
    }
}

/// `path` or `url`, one of them; notes are always in a folder of this machine.
fn read_place(section: &mut Section<'_>, kind: SourceKind, folder: &Path) -> Option<TrendPlace> {
    let path = section.path("path", folder);
    let url = section.take("url");
    let wanted = match kind {
        SourceKind::Rss => "name the feed: path = \"feeds/news.xml\" or url = \"https://…\"",
        SourceKind::Folder => "name the folder of the notes: path = \"notes\"",
    };
    match (path, url) {
        (Some(_), Some(_)) => {
            let message = "path and url both say where the source is";
            section.note(ProblemKind::Conflict, "url", message, Some("keep one".to_owned()));
            None
        }
        (None, Some(url)) if kind == SourceKind::Folder => {
            let message = "a folder of notes has no address";
            url.note(ProblemKind::BadValue, message, Some(wanted.to_owned()));
            None
        }
        (None, Some(url)) => url.parsed(WebAddress::parse).map(TrendPlace::Url),
        (Some(path), None) => Some(TrendPlace::Path(path)),
        (None, None) => {
            section.note(ProblemKind::MissingKey, "path", "missing", Some(wanted.to_owned()));
            None
        }
    }
}
