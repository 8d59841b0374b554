//! `/api/v1/trends`: what is talked about around each channel.
//!
//! Architecture invariant: the rows are those the trend stage chooses from; nothing is scored here.

use serde::Serialize;

use super::answer::Answer;
use super::orchestrator::Orchestrator;
use super::page::{self, Page};
use super::problem::Problem;
use super::query::Query;
use crate::domain::ids::ChannelName;
use crate::domain::trend::TrendRow;

/// A topic around a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendView {
    /// The channel's name.
    pub channel: ChannelName,
    /// The topic.
    #[serde(flatten)]
    pub row: TrendRow,
}

impl TrendView {
    /// Its name in the list: a topic may be known around several channels.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.channel, self.row.topic)
    }
}

/// Orders rows of several channels: the most promising first.
pub fn sort(rows: &mut [TrendView]) {
    rows.sort_by(|a, b| {
        b.row.viral_score.total_cmp(&a.row.viral_score).then_with(|| a.name().cmp(&b.name()))
    });
}

/// GET: a page of the topics, the most promising first.
pub(super) async fn answer_list(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&["limit", "after", "channel"])?;
    let limit = page::limit(query)?;
    let channels = match query.text("channel") {
        Some(asked) => vec![
            node.channels
                .find(asked)
                .ok_or_else(|| Problem::not_found("channel", asked).field("channel"))?,
        ],
        None => node.channels.all(),
    };
    let mut rows = Vec::new();
    let mut failed = None;
    for entry in channels {
        let channel = entry.profile.name;
        match node.desk.trends(&channel).await {
            Ok(found) => {
                let named = |row| TrendView { channel: channel.clone(), row };
                rows.extend(found.into_iter().map(named));
            }
            // The sources of one channel hide nothing of the others.
            Err(problem) => failed = failed.or(Some(problem)),
        }
    }
    if let (Some(problem), true) = (failed, rows.is_empty()) {
        return Err(problem);
    }
    sort(&mut rows);
    Answer::json(200, &Page::of_list(rows, limit, query.text("after"), TrendView::name)?)
}
