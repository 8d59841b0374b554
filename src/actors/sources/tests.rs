mod live;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::time::Instant;

use super::*;
use crate::adapters::offline::polls::PollFiles;
use crate::adapters::offline::source_cache::SourceCache;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::source::{SourceKind, SourceState};
use crate::domain::trend::{SourceRole, Story};
use crate::ports::trends::{FreshReading, Reading, SourceProblem, SourceReader, Validators};
use crate::supervision::environment::Environment;
use crate::supervision::observe::Registry;
use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::spec::SupervisorSpec;
use crate::supervision::tree::{SupervisorHandle, Tree};

const MINUTE: Duration = Duration::from_secs(60);
const BASE: Timestamp = Timestamp(1_800_000_000_000);

/// Wall-clock time that follows the paused clock.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        BASE.plus(self.0.elapsed())
    }
}

/// Chance that is a sequence.
#[derive(Default)]
struct Sequence(AtomicU64);

impl Entropy for Sequence {
    fn draw(&self) -> u64 {
        self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// What a scripted source does at a read, by the number of the read and what the reader knows.
type Script = dyn Fn(usize, &Validators) -> Result<Reading, Failure> + Send + Sync;

/// A source that does what the test says.
struct Scripted {
    script: Box<Script>,
    reads: AtomicUsize,
    times: Mutex<Vec<Instant>>,
}

impl Scripted {
    fn new(
        script: impl Fn(usize, &Validators) -> Result<Reading, Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (reads, times) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { script: Box::new(script), reads, times })
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SourceReader for Scripted {
    async fn read(&self, known: &Validators) -> Result<Reading, Failure> {
        self.times.lock().unwrap().push(Instant::now());
        let number = self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        (self.script)(number, known)
    }
}

/// A source that never answers.
struct Silent;

#[async_trait]
impl SourceReader for Silent {
    async fn read(&self, _known: &Validators) -> Result<Reading, Failure> {
        std::future::pending().await
    }
}

fn story(id: &str) -> Story {
    Story {
        id: id.to_owned(),
        title: format!("title of {id}"),
        url: None,
        published: BASE,
        text: "Words.".to_owned(),
        tags: Vec::new(),
        views: None,
        source: "feed".to_owned(),
        reference: None,
    }
}

fn holds(ids: &[&str]) -> Result<Reading, Failure> {
    let stories = ids.iter().map(|id| story(id)).collect();
    let validators = Validators { etag: Some(ids.concat()), last_modified: None };
    Ok(Reading::Fresh(FreshReading { stories, problems: Vec::new(), validators }))
}

fn fails() -> Result<Reading, Failure> {
    Err(Failure::transient("feed_unreachable", "the server cannot be reached"))
}

/// A poller in a tree of its own, with real files.
struct Ground {
    sources: Sources,
    tree: Tree,
    told: Arc<Mutex<Vec<(ChannelName, String)>>>,
}

impl Ground {
    async fn start(folder: &std::path::Path) -> Self {
        let registry = Arc::new(Registry::new());
        let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 4);
        let root = ActorPath::root();
        let path = root.child(&ChildId::from("sources"));
        let told: Arc<Mutex<Vec<_>>> = Arc::default();
        let noting = Arc::clone(&told);
        let sources = Sources::new(SourcesParts {
            handle: Handle::new(&registry, &path),
            store: Arc::new(SourceCache::new(folder.join("sources"))),
            polls: Arc::new(PollFiles::new(folder.join("polls"))),
            keep_polls: Duration::from_secs(30 * 24 * 3600),
            clock: Arc::new(PausedClock(Instant::now())),
            entropy: Arc::new(Sequence::default()),
            ticks: Arc::new(move |tick| {
                if let Tick::SourceProblem { channel, message } = tick {
                    noting.lock().unwrap().push((channel, message));
                }
            }),
        });
        let child = sources.clone();
        let spec = SupervisorSpec::new(move || vec![child.spec()]);
        let tree = Tree::start(&environment, &SupervisorHandle::new(&registry, &root), spec).await;
        let tree = tree.unwrap();
        tree.booted().await.unwrap();
        Self { sources, tree, told }
    }

    async fn harvest(&self, channel: &str) -> Result<Vec<String>, Failure> {
        let harvest = self.sources.of_channel(&name(channel), None).harvest().await?;
        Ok(harvest.stories.into_iter().map(|story| story.id).collect())
    }

    async fn stop(self) {
        let report = self.tree.shutdown(MINUTE).await;
        assert_eq!(report.forced().count(), 0);
    }
}

fn name(channel: &str) -> ChannelName {
    ChannelName::new(channel).unwrap()
}

fn declared(place: &str, reader: Arc<dyn SourceReader>) -> DeclaredSource {
    DeclaredSource {
        key: SourceKey::of(SourceKind::Rss, place),
        kind: SourceKind::Rss,
        place: place.to_owned(),
        host: Some("host".to_owned()),
        every: MINUTE * 10,
        role: SourceRole::Source,
        reader,
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_two_channels_name_is_read_once_for_both() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let feed = Scripted::new(|_, _| holds(&["a", "b"]));
    ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
    ground.sources.declare(&name("two"), vec![declared("feed", feed.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap(), ["a", "b"]);
    assert_eq!(ground.harvest("two").await.unwrap(), ["a", "b"]);
    assert_eq!(feed.reads(), 1);
    for channel in ["one", "two"] {
        let harvest = ground.sources.of_channel(&name(channel), None).harvest().await.unwrap();
        assert_eq!(harvest.polls.len(), 1, "{channel}");
        assert_eq!(harvest.polls[0].sightings[1].story, "b");
    }
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_feed_gives_its_stories_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let script = |_: usize, known: &Validators| match known.etag.as_deref() {
        Some("a") => Ok(Reading::NotModified),
        _ => holds(&["a"]),
    };
    for (round, reads) in [(0, 1), (1, 0)] {
        let ground = Ground::start(folder.path()).await;
        let feed = Scripted::new(script);
        ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
        assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
        assert_eq!(feed.reads(), reads, "round {round}: it was read not long ago");
        tokio::time::sleep(MINUTE * 12).await;
        assert_eq!(feed.reads(), reads + 1);
        assert_eq!(ground.sources.health()[0].state, SourceState::Ok);
        ground.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_is_told_once_tried_ever_less_and_forgiven() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let feed = Scripted::new(|number, _| match number {
        0 => holds(&["a"]),
        1..=14 => fails(),
        _ => holds(&["b"]),
    });
    ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
    while ground.sources.health()[0].consecutive_failures < 10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let row = ground.sources.health().remove(0);
    assert_eq!((row.state, row.consecutive_failures), (SourceState::Failing, 10));
    assert_eq!(row.last_error.unwrap().code, "feed_unreachable");
    assert!(row.next_poll.unwrap() > row.last_ok.unwrap());
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"], "what it gave is still there");
    assert_eq!(ground.told.lock().unwrap().len(), 1, "a problem is told when it arises");
    while feed.reads() < 16 {
        tokio::time::sleep(MINUTE).await;
    }
    tokio::time::sleep(MINUTE).await;
    assert_eq!(ground.harvest("one").await.unwrap(), ["b", "a"]);
    let row = ground.sources.health().remove(0);
    assert_eq!((row.state, row.last_error, row.items), (SourceState::Ok, None, 2));
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn patience_that_a_server_asked_for_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let hour_ms = 3_600_000;
    let limited = move |_: usize, _: &Validators| {
        let class = FailureClass::RateLimited { retry_after_ms: hour_ms };
        Err(Failure::new(class, "feed_rate_limited", "the server asks for patience"))
    };
    let ground = Ground::start(folder.path()).await;
    let feed = Scripted::new(limited);
    ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap_err().code, "no_source_readable");
    ground.stop().await;
    // The clock of this ground begins anew at the same time: the hour is still to come.
    let ground = Ground::start(folder.path()).await;
    let feed = Scripted::new(|_, _| holds(&["a"]));
    ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
    tokio::time::sleep(MINUTE * 59).await;
    assert_eq!(feed.reads(), 0);
    tokio::time::sleep(MINUTE * 2).await;
    assert_eq!(feed.reads(), 1);
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn sources_come_and_go_while_the_poller_runs() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    assert_eq!(ground.harvest("one").await.unwrap_err().code, "no_source_readable");
    let (first, second) =
        (Scripted::new(|_, _| holds(&["a"])), Scripted::new(|_, _| holds(&["b"])));
    ground.sources.declare(&name("one"), vec![declared("first", first.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
    ground.sources.declare(&name("one"), vec![declared("second", second.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap(), ["b"]);
    tokio::time::sleep(MINUTE * 60).await;
    assert_eq!(first.reads(), 1, "a source that was removed is read no more");
    assert!(second.reads() >= 5);
    ground.sources.remove(&name("one"));
    assert_eq!(ground.sources.health(), []);
    let reads = second.reads();
    tokio::time::sleep(MINUTE * 60).await;
    assert_eq!(second.reads(), reads);
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_or_hangs_holds_no_other_up() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let panics = Scripted::new(|_, _| panic!("a bug"));
    let good = Scripted::new(|_, _| holds(&["a"]));
    let mut silent = declared("silent", Arc::new(Silent));
    silent.host = Some("another host".to_owned());
    let sources = vec![silent, declared("panics", panics), declared("good", good.clone())];
    ground.sources.declare(&name("one"), sources);
    let began = Instant::now();
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
    assert!(began.elapsed() <= MINUTE + Duration::from_secs(1), "{:?}", began.elapsed());
    tokio::time::sleep(MINUTE * 60).await;
    assert!(good.reads() >= 5);
    let codes: Vec<_> = ground
        .sources
        .health()
        .into_iter()
        .map(|row| row.last_error.map(|error| error.code).unwrap_or_default())
        .collect();
    assert_eq!(codes, ["source_timed_out", "source_reader_failed", ""]);
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_poller_that_is_started_anew_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let feed = Scripted::new(|_, _| holds(&["a"]));
    ground.sources.declare(&name("one"), vec![declared("feed", feed.clone())]);
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
    ground.tree.handle().restart(&ChildId::from("sources")).await.unwrap();
    assert_eq!(ground.harvest("one").await.unwrap(), ["a"]);
    tokio::time::sleep(MINUTE * 5).await;
    assert_eq!(feed.reads(), 1);
    tokio::time::sleep(MINUTE * 7).await;
    assert_eq!(feed.reads(), 2);
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn competitors_polls_and_problems_of_items_reach_whom_they_concern() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let problem = SourceProblem {
        source: "notes".to_owned(),
        code: "note_empty".to_owned(),
        message: "a.md: the note has no text".to_owned(),
    };
    let notes = Scripted::new(move |_, _| {
        let problems = vec![problem.clone()];
        let stories = vec![story("a")];
        Ok(Reading::Fresh(FreshReading { stories, problems, ..FreshReading::default() }))
    });
    let rival = Scripted::new(|_, _| holds(&["a", "r"]));
    let mut competitor = declared("rival", rival);
    competitor.role = SourceRole::Competitor;
    ground.sources.declare(&name("one"), vec![declared("notes", notes.clone()), competitor]);
    let harvest = ground.sources.of_channel(&name("one"), Some(BASE)).harvest().await.unwrap();
    assert_eq!((harvest.stories.len(), harvest.competitors.len()), (1, 2));
    assert_eq!((harvest.as_of, harvest.problems), (BASE, Vec::new()));
    let mut roles: Vec<_> = harvest.polls.iter().map(|poll| poll.role).collect();
    roles.sort();
    assert_eq!(roles, [SourceRole::Source, SourceRole::Competitor]);
    tokio::time::sleep(MINUTE * 55).await;
    assert!(notes.reads() >= 4);
    let told = ground.told.lock().unwrap().clone();
    assert_eq!(told, [(name("one"), "a.md: the note has no text".to_owned())]);
    let rows = ground.sources.health();
    assert_eq!(rows[0].item_problems[0].code, "note_empty");
    // What stays as it is is noted once an hour, not at every look.
    let harvest = ground.sources.of_channel(&name("one"), None).harvest().await.unwrap();
    assert_eq!(harvest.polls.len(), 2);
    tokio::time::sleep(MINUTE * 30).await;
    let harvest = ground.sources.of_channel(&name("one"), None).harvest().await.unwrap();
    assert_eq!(harvest.polls.len(), 4);
    ground.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_with_many_sources_is_asked_one_at_a_time_with_pauses() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let feeds: Vec<_> =
        (0..6).map(|n| Scripted::new(move |_, _| holds(&[&n.to_string()]))).collect();
    let sources = feeds.iter().enumerate();
    let sources = sources.map(|(n, feed)| declared(&format!("feed {n}"), feed.clone()));
    ground.sources.declare(&name("one"), sources.collect());
    assert_eq!(ground.harvest("one").await.unwrap().len(), 6);
    tokio::time::sleep(MINUTE * 100).await;
    let mut times: Vec<Instant> =
        feeds.iter().flat_map(|feed| feed.times.lock().unwrap().clone()).collect();
    times.sort();
    assert!(times.len() >= 48, "{}", times.len());
    for pair in times.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(
            apart >= Duration::from_millis(1_100),
            "a read of 100 ms, then a second: {apart:?}"
        );
    }
    ground.stop().await;
}

#[test]
fn the_most_frequent_reader_of_a_source_counts_and_it_goes_with_the_last() {
    let board = SourceBoard::default();
    let feed = Scripted::new(|_, _| holds(&["a"]));
    let feed_every = |every| DeclaredSource { every, ..declared("feed", feed.clone()) };
    let key = feed_every(MINUTE).key;
    let poller = Schedule::new(1);
    board.attach(poller.clone());
    let told = || {
        let changed = board.take_changed(&poller).into_iter();
        changed.map(|(_, posted)| posted.map(|posted| posted.rule.every)).collect::<Vec<_>>()
    };
    let roles = || {
        let readers = board.job(&key).map(|job| job.readers).unwrap_or_default();
        readers.into_iter().map(|(channel, _)| channel.to_string()).collect::<Vec<_>>()
    };
    board.declare(&name("one"), vec![feed_every(MINUTE * 30)]);
    board.declare(&name("two"), vec![feed_every(MINUTE * 20), feed_every(MINUTE * 10)]);
    assert_eq!((told(), roles().len()), (vec![Some(MINUTE * 10)], 3));
    assert_eq!(told(), [], "each change is told once");
    board.declare(&name("two"), vec![feed_every(MINUTE * 40)]);
    assert_eq!((told(), roles()), (vec![Some(MINUTE * 30)], vec!["one".into(), "two".into()]));
    board.declare(&name("one"), Vec::new());
    assert_eq!((told(), roles()), (vec![Some(MINUTE * 40)], vec!["two".into()]));
    board.declare(&name("two"), Vec::new());
    assert_eq!((told(), board.keys()), (vec![None], Vec::new()));
    board.declare(&name("two"), vec![feed_every(MINUTE)]);
    assert_eq!(told(), [Some(MINUTE)]);
    let next = Schedule::new(1);
    board.attach(next.clone());
    assert_eq!(told(), [], "an old life of the poller takes nothing away");
    assert_eq!(board.take_changed(&next).len(), 1, "a new one is told everything");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_sources_of_a_thousand_channels_are_all_read_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::start(folder.path()).await;
    let feeds: Vec<_> = (0..1_000).map(|_| Scripted::new(|_, _| holds(&["a"]))).collect();
    for (number, feed) in feeds.iter().enumerate() {
        let source = declared(&format!("feed-{number}"), feed.clone());
        let source = DeclaredSource { host: None, ..source };
        ground.sources.declare(&name(&format!("channel-{number}")), vec![source]);
    }
    while ground.sources.health().iter().any(|row| row.last_ok.is_none()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(feeds.iter().all(|feed| feed.reads() == 1));
    let health = ground.sources.health();
    let (first, last) = (BASE.plus(MINUTE * 9), BASE.plus(MINUTE * 13));
    assert!(health.iter().all(|row| (first..last).contains(&row.next_poll.unwrap())));
    ground.stop().await;
}
