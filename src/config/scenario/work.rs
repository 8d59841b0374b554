//! What somebody asks for in a scenario, and a request that is listed by itself.

use std::time::Duration;

use super::super::problem::ProblemKind;
use super::super::quantity::{ByteSize, parse_duration};
use super::super::reader::Section;
use super::super::value::Value;
use super::{LONGEST, required, required_text};

/// How long a lease is held once it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Uniformly between these; both the same: exactly so long.
    Between(Duration, Duration),
    /// Until it is taken away.
    Never,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The model kind.
    pub kind: String,
    /// The model's weights, shared by its leases; with `exclusive` bytes of this lease alone. None:
    /// as the model is listed, or the design's default for the kind.
    pub vram: Option<ByteSize>,
    /// Bytes beside them, of this lease alone.
    pub activation: ByteSize,
    /// Whether nothing of it is shared, and so nothing loaded ahead.
    pub exclusive: bool,
    /// How long it is held.
    pub hold: Hold,
    /// How long its holder says it will be held; none: as long as it is.
    pub estimate: Option<Duration>,
    /// Bytes its holder really uses of its own; none: what it asked for.
    pub uses: Option<ByteSize>,
    /// 1 to 10.
    pub priority: u8,
    /// After how long from asking it must be finished.
    pub deadline: Option<Duration>,
    /// For which channel.
    pub channel: String,
    /// How long after the grant its owner dies, unless it has returned the lease.
    pub owner_dies_after: Option<Duration>,
    /// On this device only.
    pub device: Option<String>,
}

impl Work {
    /// Reads what is asked for out of a section that may hold other keys too.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let any_size = ByteSize(0)..=ByteSize(u64::MAX);
        let any_time = Duration::ZERO..=LONGEST;
        let kind = required_text(section, "kind");
        let vram = section.size("vram", any_size.clone());
        let activation = section.size("activation", any_size.clone()).unwrap_or(ByteSize(0));
        let exclusive = section.boolean("exclusive").unwrap_or(false);
        let hold = required(section, "hold", |section| read_hold(&section.take("hold")?));
        let work = Self {
            kind: kind.unwrap_or_default(),
            vram,
            activation,
            exclusive,
            hold: hold.unwrap_or(Hold::Never),
            estimate: section.duration("estimate", any_time.clone()),
            uses: section.size("uses", ByteSize(0)..=ByteSize::gib(1 << 20)),
            priority: section
                .integer("priority", 1..=10)
                .map_or(5, |number| u8::try_from(number).unwrap_or(5)),
            deadline: section.duration("deadline", any_time.clone()),
            channel: section.text("channel", 100).unwrap_or_else(|| "a".to_owned()),
            owner_dies_after: section.duration("owner_dies_after", any_time),
            device: section.text("device", 100),
        };
        (!work.kind.is_empty() && hold.is_some()).then_some(work)
    }
}

fn read_hold(value: &Value<'_>) -> Option<Hold> {
    if value.is_text("never") {
        return Some(Hold::Never);
    }
    if value.is_list() {
        return read_pair(value).map(|(low, high)| Hold::Between(low, high));
    }
    let parsed = value.parsed(|text| {
        parse_duration(text).map_err(|error| {
            format!("{error}; [\"30s\", \"90s\"] for any time between, \"never\" for no return")
        })
    })?;
    if parsed > LONGEST {
        value.note(ProblemKind::BadValue, "no simulated hold is longer than ten years", None);
        return None;
    }
    Some(Hold::Between(parsed, parsed))
}

/// A list of the shortest and the longest time.
pub(super) fn read_pair(value: &Value<'_>) -> Option<(Duration, Duration)> {
    value.ordered_pair(|item: &Value<'_>| item.duration(Duration::ZERO..=LONGEST))
}

/// A request that is listed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When it is uttered; with `after`, not before.
    pub at: Duration,
    /// Its name, for others to follow it.
    pub id: Option<String>,
    /// It is uttered when that one has ended, however it ended.
    pub after: Option<String>,
    /// What is asked for.
    pub work: Work,
}

impl Asked {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let at = section.duration("at", Duration::ZERO..=LONGEST).unwrap_or_default();
        let id = section.text("id", 100);
        let after = section.text("after", 100);
        let work = Work::read(&mut section);
        section.finish();
        Some(Self { at, id, after, work: work? })
    }
}
