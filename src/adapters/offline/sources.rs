//! A channel's trend sources as feed files.

use async_trait::async_trait;

use super::feeds::{FeedSource, read_all};
use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::trends::{Harvest, SourceProblem, TrendSource};

use std::sync::Arc;

/// Feed files of one channel.
#[derive(Clone)]
pub struct FeedFiles {
    sources: Vec<FeedSource>,
    as_of: Option<Timestamp>,
    clock: Arc<dyn Clock>,
}

impl FeedFiles {
    /// These files. Freshness counts against `as_of`, or against the clock.
    #[must_use]
    pub fn new(sources: Vec<FeedSource>, as_of: Option<Timestamp>, clock: Arc<dyn Clock>) -> Self {
        Self { sources, as_of, clock }
    }
}

#[async_trait]
impl TrendSource for FeedFiles {
    async fn harvest(&self) -> Result<Harvest, Failure> {
        let sources = self.sources.clone();
        let reading = tokio::task::spawn_blocking(move || read_all(&sources)).await;
        let harvest = reading.map_err(|_| Failure::interrupted("the node is stopping"))?;
        let problems: Vec<SourceProblem> = harvest
            .problems
            .into_iter()
            .map(|problem| SourceProblem {
                source: problem.place,
                code: problem.code.to_owned(),
                message: problem.message,
            })
            .collect();
        if harvest.stories.is_empty() {
            let first = problems.first().map_or("the channel has no sources", |p| &p.message);
            let message = format!("no source gave a story: {first}");
            return Err(Failure::permanent("no_source_readable", message));
        }
        let as_of = self.as_of.unwrap_or_else(|| self.clock.now());
        Ok(Harvest { as_of, stories: harvest.stories, problems })
    }
}
