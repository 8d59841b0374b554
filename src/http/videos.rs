//! `/api/v1/videos`: what has been published.
//!
//! Architecture invariant: a video is listed when its workflow is completed, not before.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::Serialize;

use super::answer::Answer;
use super::archive::{Archive, ArchivedMonth};
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

/// What orders the list: newest first, ties by id.
type Place = (Timestamp, WorkflowId);

/// Where a video that is listed is found.
enum Listed {
    Live(ChannelId),
    /// In this one of the archived months, at this place.
    Archived(usize, usize),
}

/// When the video of a completed workflow was published.
fn published_at(workflow: &Workflow) -> Option<Timestamp> {
    match &workflow.progress {
        Progress::Finished { at, ending: Ending::Completed(_) } => Some(*at),
        _ => None,
    }
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
    let mut months: Vec<ArchivedMonth> = Vec::new();
    let mut places: Vec<(Place, Listed)> = Vec::new();
    for channel in fold.channels() {
        if only.is_some_and(|wanted| wanted != channel) {
            continue;
        }
        fold.read(channel, |state| {
            let placed = state.workflows.values().filter_map(|workflow| {
                published_at(workflow).map(|at| ((at, workflow.id), Listed::Live(channel)))
            });
            places.extend(placed);
        });
        for month in archive.of_channel(fold, channel) {
            let placed = month.iter().enumerate().filter_map(|(at, archived)| {
                let video = archived.video.as_ref()?;
                let place = (video.published_at, video.workflow);
                Some((place, Listed::Archived(months.len(), at)))
            });
            places.extend(placed);
            months.push(Arc::clone(&month));
        }
    }
    if let Some(after) = after {
        let named = places.iter().find(|((_, id), _)| id.to_string() == after);
        let after = named.map(|(place, _)| *place).ok_or_else(|| unknown_place(after))?;
        places.retain(|(place, _)| *place < after);
    }
    // Of a long list only what is shown is put in order.
    if places.len() > limit + 1 {
        places.select_nth_unstable_by_key(limit, |(place, _)| Reverse(*place));
        places.truncate(limit + 1);
    }
    places.sort_unstable_by_key(|(place, _)| Reverse(*place));
    let views = places.into_iter().filter_map(|((_, id), listed)| match listed {
        Listed::Live(channel) => fold.read(channel, |state| {
            let channel_id = channel.to_string();
            let name = state.name.as_ref().map_or(channel_id.as_str(), |name| name.as_str());
            state.workflows.get(&id).and_then(|workflow| video(channel, name, workflow))
        }),
        Listed::Archived(month, at) => months.get(month)?.get(at)?.video.clone(),
    });
    Ok(Page::cut(views.collect(), limit, |video| video.workflow.to_string()))
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
