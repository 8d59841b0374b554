//! Requests that come again and again: every so often, or by chance, one by one or as the steps of a
//! job.

use std::time::Duration;

use super::super::problem::ProblemKind;
use super::super::quantity::parse_duration;
use super::super::reader::Section;
use super::{LONGEST, Work};

/// More arrivals than this are no scenario but a mistake.
pub const MAX_ARRIVALS: u64 = 1_000_000;

/// How far apart arrivals are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Exactly so far.
    Fixed(Duration),
    /// A Poisson process: so far on average.
    Poisson(Duration),
}

/// A process of arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// How far apart. The first comes one such span after `from`; all at once when it is zero.
    pub every: Every,
    /// From when.
    pub from: Duration,
    /// Until when, itself included.
    pub until: Option<Duration>,
    /// How many at the most.
    pub count: Option<u64>,
    /// What each of them asks for, each step when the one before it has ended; at least one.
    pub steps: Vec<Work>,
}

impl Arrivals {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let every = super::required(&mut section, "every", |section| {
            section.take("every")?.parsed(parse_every)
        });
        let from = section.duration("from", Duration::ZERO..=LONGEST).unwrap_or_default();
        let until = section.duration("until", Duration::ZERO..=LONGEST);
        let count = section.whole("count", 1..=MAX_ARRIVALS);
        let steps = read_steps(&mut section);
        if let Some(every) = every {
            check_end(&section, every, until.map(|until| until.saturating_sub(from)), count);
        }
        section.finish();
        Some(Self { every: every?, from, until, count, steps: steps? })
    }
}

fn read_steps(section: &mut Section<'_>) -> Option<Vec<Work>> {
    if !section.has("step") {
        return Work::read(section).map(|work| vec![work]);
    }
    let steps = section.sections("step").into_iter().map(|mut step| {
        let work = Work::read(&mut step);
        step.finish();
        work
    });
    steps.collect::<Option<Vec<Work>>>().filter(|steps| !steps.is_empty())
}

fn parse_every(text: &str) -> Result<Every, String> {
    let mean = text.strip_prefix("poisson ");
    let span = parse_duration(mean.unwrap_or(text).trim())
        .map_err(|error| format!("{error}, or as \"poisson 40s\""))?;
    if span > LONGEST {
        return Err("no simulated time is longer than ten years".to_owned());
    }
    match mean {
        Some(_) if span.is_zero() => Err("the mean of a Poisson process is above zero".to_owned()),
        Some(_) => Ok(Every::Poisson(span)),
        None => Ok(Every::Fixed(span)),
    }
}

/// Notes arrivals that have no end or far too many.
fn check_end(section: &Section<'_>, every: Every, lasts: Option<Duration>, count: Option<u64>) {
    let (Every::Fixed(apart) | Every::Poisson(apart)) = every;
    let by_time =
        lasts.filter(|_| !apart.is_zero()).map(|lasts| lasts.as_millis() / apart.as_millis());
    let many = u128::from(MAX_ARRIVALS);
    match (by_time, count) {
        (None, None) => {
            let remedy = "say until = \"4h\" or count = 100".to_owned();
            section.note(ProblemKind::MissingKey, "until", "arrivals must end", Some(remedy));
        }
        (Some(by_time), None) if by_time > many => {
            let message = format!("{by_time} arrivals are too many; at most {many} are simulated");
            section.note(ProblemKind::BadValue, "every", message, None);
        }
        _ => {}
    }
}
