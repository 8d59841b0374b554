//! `/api/v1/videos`: what has been published.
//!
//! Architecture invariant: a video is listed when its workflow is completed, not before.

use std::cmp::Reverse;

use serde::Serialize;

use super::answer::Answer;
use super::archive::Archive;
use super::orchestrator::Orchestrator;
use super::page::{self, Page, unknown_place};
use super::problem::Problem;
use super::query::Query;
use crate::domain::ids::{ChannelId, WorkflowId};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{Ending, Progress, Workflow};
use crate::journal::fold::Fold;

/// A published video.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoView {
    /// The platform's id of it.
    pub video_id: String,
    /// The workflow that made it.
    pub workflow: WorkflowId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// The channel's name.
    pub channel: String,
    /// Its title.
    pub title: Option<String>,
    /// Where it is: a path below the data folder, or a URL.
    pub path: String,
    /// When its workflow was completed.
    pub published_at: Timestamp,
}

pub(super) fn video(
    channel_id: ChannelId,
    channel: &str,
    workflow: &Workflow,
) -> Option<VideoView> {
    let Progress::Finished { at, ending: Ending::Completed(publication) } = &workflow.progress
    else {
        return None;
    };
    Some(VideoView {
        video_id: publication.video_id.clone(),
        workflow: workflow.id,
        channel_id,
        channel: channel.to_owned(),
        title: workflow.title.clone(),
        path: publication.path.clone(),
        published_at: *at,
    })
}

/// A page of the videos, newest first; `after` is a workflow's id.
///
/// # Errors
/// 404 when `after` made no video.
pub fn list(
    fold: &Fold,
    archive: &Archive,
    only: Option<ChannelId>,
    limit: usize,
    after: Option<&str>,
) -> Result<Page<VideoView>, Problem> {
    let mut videos = Vec::new();
    for channel in fold.channels() {
        if only.is_some_and(|wanted| wanted != channel) {
            continue;
        }
        fold.read(channel, |state| {
            let id = channel.to_string();
            let name = state.name.as_ref().map_or(id.as_str(), |name| name.as_str());
            let workflows = state.workflows.values();
            videos.extend(workflows.filter_map(|workflow| video(channel, name, workflow)));
        });
        for month in archive.of_channel(fold, channel) {
            videos.extend(month.iter().filter_map(|archived| archived.video.clone()));
        }
    }
    let place = |video: &VideoView| Reverse((video.published_at, video.workflow));
    videos.sort_unstable_by_key(place);
    if let Some(after) = after {
        let is_named = |video: &VideoView| video.workflow.to_string() == after;
        let at = videos.iter().position(is_named).ok_or_else(|| unknown_place(after))?;
        videos.drain(..=at);
    }
    Ok(Page::cut(videos, limit, |video| video.workflow.to_string()))
}

/// GET: a page of the videos.
pub(super) fn answer_list(node: &Orchestrator, query: &Query) -> Result<Answer, Problem> {
    query.only(&["limit", "after", "channel"])?;
    let only = match query.text("channel") {
        Some(asked) => Some(
            node.channel_id(asked)
                .ok_or_else(|| Problem::not_found("channel", asked).field("channel"))?,
        ),
        None => None,
    };
    let page = list(&node.fold, &node.archive, only, page::limit(query)?, query.text("after"))?;
    Answer::json(200, &page)
}
