//! A channel's trend sources, read directly at every harvest: for the demo, which works offline and
//! once. A node that runs for days reads its sources by polls instead.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::feeds::{FeedSource, read_feed};
use crate::domain::failure::Failure;
use crate::domain::story_window::unite;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{SourceRole, Story};
use crate::ports::clock::Clock;
use crate::ports::trends::{
    Harvest, Reading, SourceProblem, SourceReader, TrendSource, Validators,
};

/// One feed in a file, or built in.
#[derive(Debug, Clone)]
pub struct FeedFile {
    source: FeedSource,
}

impl FeedFile {
    /// The feed at `source`.
    #[must_use]
    pub fn new(source: FeedSource) -> Self {
        Self { source }
    }

    fn read_now(&self, known: &Validators) -> Result<Reading, Failure> {
        let etag = match &self.source {
            // Looked at before the file is read: what is written in between is read next time.
            FeedSource::File(path) => state_of(path),
            FeedSource::Embedded { .. } => None,
        };
        let validators = Validators { etag, last_modified: None };
        if validators.etag.is_some() && *known == validators {
            return Ok(Reading::NotModified);
        }
        let content = read_feed(&self.source).map_err(|error| error.to_failure())?;
        Ok(Reading::Fresh(content.into_reading(validators)))
    }
}

/// Names the state of a file: which file it is, its size, and when it was changed.
fn state_of(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let (inode, size) = (metadata.ino(), metadata.size());
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    Some(format!("{inode}-{size}-{seconds}.{nanos}"))
}

#[async_trait]
impl SourceReader for FeedFile {
    async fn read(&self, known: &Validators) -> Result<Reading, Failure> {
        let (file, known) = (self.clone(), known.clone());
        let reading = tokio::task::spawn_blocking(move || file.read_now(&known)).await;
        reading.map_err(|_| Failure::interrupted("the node is stopping"))?
    }
}

/// A source and what it is to the channel.
#[derive(Clone)]
pub struct DirectSource {
    /// What messages call it.
    pub place: String,
    /// What its stories are to the channel.
    pub role: SourceRole,
    /// Reads it.
    pub reader: Arc<dyn SourceReader>,
}

impl DirectSource {
    /// The feed at `source`, in the role of a source of topics.
    #[must_use]
    pub fn feed(source: FeedSource) -> Self {
        let place = source.place();
        Self { place, role: SourceRole::Source, reader: Arc::new(FeedFile::new(source)) }
    }
}

/// The sources of one channel.
#[derive(Clone)]
pub struct DirectSources {
    sources: Vec<DirectSource>,
    as_of: Option<Timestamp>,
    clock: Arc<dyn Clock>,
}

impl DirectSources {
    /// These sources. Freshness counts against `as_of`, or against the clock.
    #[must_use]
    pub fn new(
        sources: Vec<DirectSource>,
        as_of: Option<Timestamp>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { sources, as_of, clock }
    }
}

#[async_trait]
impl TrendSource for DirectSources {
    async fn harvest(&self) -> Result<Harvest, Failure> {
        let mut stories: Vec<Vec<Story>> = Vec::new();
        let mut competitors: Vec<Vec<Story>> = Vec::new();
        let mut problems = Vec::new();
        for source in &self.sources {
            match source.reader.read(&Validators::default()).await {
                Ok(Reading::Fresh(fresh)) => {
                    problems.extend(fresh.problems);
                    match source.role {
                        SourceRole::Source => stories.push(fresh.stories),
                        SourceRole::Competitor => competitors.push(fresh.stories),
                    }
                }
                Ok(Reading::NotModified) => {}
                Err(failure) => problems.push(SourceProblem {
                    source: source.place.clone(),
                    code: failure.code,
                    message: failure.message,
                }),
            }
        }
        let (stories, _) = unite(stories);
        let (competitors, _) = unite(competitors);
        if stories.is_empty() {
            let first = problems.first().map_or("the channel has no sources", |p| &p.message);
            let message = format!("no source gave a story: {first}");
            return Err(Failure::permanent("no_source_readable", message));
        }
        let as_of = self.as_of.unwrap_or_else(|| self.clock.now());
        Ok(Harvest { as_of, stories, competitors, polls: Vec::new(), problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::system::SystemClock;

    const FEED: &str = "<rss version=\"2.0\"><channel><title>T</title><item><title>A</title>\
                        <guid>a</guid><description>Words.</description></item></channel></rss>";

    fn source(path: &Path, role: SourceRole) -> DirectSource {
        DirectSource { role, ..DirectSource::feed(FeedSource::File(path.to_owned())) }
    }

    #[tokio::test]
    async fn competitors_are_told_apart_and_never_make_a_harvest_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.xml");
        std::fs::write(&path, FEED).unwrap();
        let competitor = source(&path, SourceRole::Competitor);
        let missing = source(&folder.path().join("none.xml"), SourceRole::Source);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let alone =
            DirectSources::new(vec![competitor.clone(), missing.clone()], None, clock.clone());
        assert_eq!(alone.harvest().await.unwrap_err().code, "no_source_readable");
        let both = vec![competitor, missing, source(&path, SourceRole::Source)];
        let harvest = DirectSources::new(both, None, clock).harvest().await.unwrap();
        assert_eq!((harvest.stories.len(), harvest.competitors.len()), (1, 1));
        let codes: Vec<&str> = harvest.problems.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(codes, ["item_without_date", "feed_missing", "item_without_date"]);
        assert!(harvest.polls.is_empty());
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.xml");
        std::fs::write(&path, FEED).unwrap();
        let file = FeedFile::new(FeedSource::File(path.clone()));
        let Reading::Fresh(first) = file.read(&Validators::default()).await.unwrap() else {
            panic!("nothing was known");
        };
        assert_eq!(file.read(&first.validators).await.unwrap(), Reading::NotModified);
        std::fs::write(&path, FEED.replace("Words", "Other words")).unwrap();
        assert!(matches!(file.read(&first.validators).await.unwrap(), Reading::Fresh(_)));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.read(&first.validators).await.unwrap_err().code, "feed_missing");
    }
}
