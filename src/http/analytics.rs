//! `/api/v1/analytics`: how published videos do.
//!
//! Nothing measures that yet: the local library has no viewers. So the list is empty, which is true.

use serde_json::Value;

use super::answer::Answer;
use super::page::{self, Page, unknown_place};
use super::problem::Problem;
use super::query::Query;

/// GET: a page of the measurements, of which there are none.
pub(super) fn answer_list(query: &Query) -> Result<Answer, Problem> {
    query.only(&["limit", "after", "channel"])?;
    page::limit(query)?;
    if let Some(after) = query.text("after") {
        return Err(unknown_place(after));
    }
    Answer::json(200, &Page::<Value> { items: Vec::new(), next: None })
}
