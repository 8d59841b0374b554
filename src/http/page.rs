//! Lists in pages: `{items, next}`, newest first, where `next` is the `after` of the next page.

use serde::Serialize;

use super::problem::Problem;
use super::query::Query;

/// Items of a page unless `limit` says otherwise.
pub const DEFAULT_LIMIT: usize = 50;
/// The most items of a page.
pub const MAX_LIMIT: usize = 500;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `items`, which hold one more if there is a next page.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(name);
        Self { items, next }
    }

    /// The page of a whole list that begins after the item called `after`.
    ///
    /// # Errors
    /// 404 when the list holds no such item.
    pub fn of_list(
        mut items: Vec<T>,
        limit: usize,
        after: Option<&str>,
        name: impl Fn(&T) -> String,
    ) -> Result<Self, Problem> {
        if let Some(after) = after {
            let place = items.iter().position(|item| name(item) == after);
            let place = place.ok_or_else(|| unknown_place(after))?;
            items.drain(..=place);
        }
        Ok(Self::cut(items, limit, name))
    }
}

/// 404: no list goes on after `after`.
#[must_use]
pub fn unknown_place(after: &str) -> Problem {
    Problem::not_found("item in this list called", after)
        .field("after")
        .remedy("take the `next` of the page before")
}

/// The `limit` of a query.
///
/// # Errors
/// 400 or 422 when it is no number from 1 to [`MAX_LIMIT`].
pub fn limit(query: &Query) -> Result<usize, Problem> {
    let asked = query.number("limit", 1, MAX_LIMIT as u64)?;
    Ok(asked.map_or(DEFAULT_LIMIT, |limit| usize::try_from(limit).unwrap_or(MAX_LIMIT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_make_up_the_list() {
        let all: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page =
                Page::of_list(all.clone(), 3, after.as_deref(), ToString::to_string).unwrap();
            seen.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        let lost = Page::of_list(all, 3, Some("nine"), ToString::to_string).unwrap_err();
        assert_eq!((lost.status, &*lost.code), (404, "not_found"));
    }
}
