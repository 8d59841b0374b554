//! Stories for the tests of the craft.

use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;

/// The time that counts as now in tests.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A story that was published just now, with its title as its id.
pub(super) fn story(source: &str, title: &str, text: &str) -> Story {
    Story {
        id: title.to_owned(),
        title: title.to_owned(),
        url: None,
        published: NOW,
        text: text.to_owned(),
        tags: Vec::new(),
        views: None,
        source: source.to_owned(),
        reference: None,
    }
}
