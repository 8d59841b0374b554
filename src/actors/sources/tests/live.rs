//! The poller against a server that misbehaves, over real sockets and in real time.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::super::*;
use crate::adapters::offline::polls::PollFiles;
use crate::adapters::offline::source_cache::SourceCache;
use crate::adapters::online::feed_http::{FeedClient, FeedHttp, HttpLimits};
use crate::adapters::online::loopback::{Act, Loopback, Request, answer, head};
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::domain::source::{SourceKind, SourceState};
use crate::domain::trend::SourceRole;
use crate::domain::web_address::WebAddress;
use crate::supervision::environment::Environment;
use crate::supervision::observe::Registry;
use crate::supervision::path::{ActorPath, ChildId};
use crate::supervision::spec::SupervisorSpec;
use crate::supervision::tree::{SupervisorHandle, Tree};

/// Feeds on the server.
const FEEDS: [&str; 3] = ["/one", "/two", "/three"];
/// What the server asks for when it asks for patience.
const PATIENCE: Duration = Duration::from_secs(2);
/// A timer may ring a little early on the other side's clock.
const SLACK: Duration = Duration::from_millis(20);

/// The feed at `path` with items 0 to `newest`, of which it shows the last five.
fn feed(path: &str, newest: usize) -> String {
    let item = |number: usize| {
        format!(
            "<item><title>Item {number} of {path}</title><guid>{path}-{number}</guid>\
             <description>Words of {number}.</description></item>"
        )
    };
    let items: String = (newest.saturating_sub(4)..=newest).map(item).collect();
    format!("<rss version=\"2.0\"><channel><title>{path}</title>{items}</channel></rss>")
}

/// One misdeed after the other; every fourth answer is good and brings a new item.
fn misbehave(request: &Request, turn: usize) -> Vec<Act> {
    let path = request.path.as_str();
    let newest = turn / 8;
    let etag = format!("ETag: \"{newest}\"");
    let known = request.header("if-none-match") == Some(format!("\"{newest}\"").as_str());
    let whole = feed(path, newest);
    match turn % 8 {
        0 | 4 if known => answer("304 Not Modified", &[], b""),
        0 | 4 => answer("200 OK", &[&etag], whole.as_bytes()),
        1 => {
            answer("429 Too Many Requests", &[&format!("Retry-After: {}", PATIENCE.as_secs())], b"")
        }
        2 => {
            let mut begun = head("200 OK", &["Content-Length: 5000"]);
            begun.extend(&whole.as_bytes()[..40]);
            vec![Act::Send(begun), Act::Reset]
        }
        3 => answer("200 OK", &[], &whole.as_bytes()[..whole.len() / 2]),
        5 => answer("200 OK", &[], b"<html><body>Sorry</body></html>"),
        6 => answer("500 Internal Server Error", &[], b""),
        _ => answer("200 OK", &[&etag], whole.replace("</title>", "</titel>").as_bytes()),
    }
}

/// Seconds of processor time that this process has used.
fn processor_time() -> Duration {
    // Linux shows them in hundredths of a second on every machine.
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<u64> =
        after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // The state is no number; utime and stime are fields 14 and 15 of all, counted from 1.
    Duration::from_millis((fields[10] + fields[11]) * TICK_MS)
}

/// Runs the poller against the server for `span`, and checks everything that must hold.
async fn against_a_bad_server(span: Duration, every: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let turns: Arc<std::sync::Mutex<BTreeMap<String, usize>>> = Arc::default();
    let counting = Arc::clone(&turns);
    let server = Loopback::start(move |request| {
        let mut turns = counting.lock().unwrap();
        let turn = turns.entry(request.path.clone()).or_default();
        *turn += 1;
        misbehave(request, *turn - 1)
    })
    .await;

    let registry = Arc::new(Registry::new());
    let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 4);
    let root = ActorPath::root();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sources = Sources::new(SourcesParts {
        handle: Handle::new(&registry, &root.child(&ChildId::from("sources"))),
        store: Arc::new(SourceCache::new(folder.path().join("sources"))),
        polls: Arc::new(PollFiles::new(folder.path().join("polls"))),
        keep_polls: Duration::from_secs(24 * 3600),
        clock: Arc::clone(&clock),
        entropy: Arc::new(SystemEntropy),
        ticks: Arc::new(|_| {}),
    });
    let child = sources.clone();
    let spec = SupervisorSpec::new(move || vec![child.spec()]);
    let tree = Tree::start(&environment, &SupervisorHandle::new(&registry, &root), spec).await;
    let tree = tree.unwrap();
    tree.booted().await.unwrap();

    let client = FeedClient::new(clock, HttpLimits::default()).unwrap();
    let declared = FEEDS.map(|path| {
        let address = WebAddress::parse(&server.url(path)).unwrap();
        DeclaredSource {
            key: SourceKey::of(SourceKind::Rss, address.expose()),
            kind: SourceKind::Rss,
            place: address.to_string(),
            host: Some(address.host().to_owned()),
            every,
            role: SourceRole::Source,
            reader: Arc::new(FeedHttp::new(client.clone(), address)),
        }
    });
    let channel = ChannelName::new("one").unwrap();
    let used_before = processor_time();
    let began = Instant::now();
    sources.declare(&channel, declared.to_vec());
    let mut seen_states = BTreeSet::new();
    while began.elapsed() < span {
        let rows = sources.health();
        for row in &rows {
            let is_failing = row.state == SourceState::Failing;
            assert_eq!(is_failing, row.last_error.is_some());
            assert_eq!(is_failing, row.consecutive_failures > 0);
            seen_states.insert(row.last_error.as_ref().map(|error| error.code.clone()));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let used = processor_time().saturating_sub(used_before);
    let ran = began.elapsed();
    tree.shutdown(Duration::from_secs(10)).await;

    let requests = server.requests();
    check_politeness(&requests);
    let turns = turns.lock().unwrap().clone();
    check_stories(&sources, &channel, &turns).await;
    let share = used.as_secs_f64() / ran.as_secs_f64();
    println!(
        "{} requests in {ran:?}, {:.2} % of a core, states {seen_states:?}",
        requests.len(),
        share * 100.0
    );
    // Within a minute, one-off costs weigh too much to judge.
    if span >= Duration::from_secs(60) {
        assert!(share <= 0.01, "{:.2} % of a core", share * 100.0);
    }
    assert!(seen_states.len() >= 3, "{seen_states:?}");
}

/// One request at a time, a second apart, and patience when it was asked for.
fn check_politeness(requests: &[Request]) {
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut not_before: Option<Instant> = None;
    for (number, request) in requests.iter().enumerate() {
        assert_eq!(request.beside, 0, "request {number} came beside another");
        if let Some(earliest) = not_before {
            assert!(request.at + SLACK >= earliest, "request {number} came too early");
        }
        let turn = turns.entry(request.path.as_str()).or_default();
        let patience = if *turn % 8 == 1 { PATIENCE } else { Duration::from_secs(1) };
        *turn += 1;
        not_before = not_before.max(Some(request.at + patience));
    }
}

/// Every item of every good answer is there, once, in the stories and in the looks.
async fn check_stories(sources: &Sources, channel: &ChannelName, turns: &BTreeMap<String, usize>) {
    let harvest = sources.of_channel(channel, None).harvest().await.unwrap();
    let ids: Vec<&str> = harvest.stories.iter().map(|story| story.id.as_str()).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an item is there twice");
    let mut expected = BTreeSet::new();
    for (path, asked) in turns {
        // The last answer may have come when the poller was being stopped.
        let taken = 0..(*asked - 1).max(1);
        let newest = taken.filter(|turn| turn % 4 == 0).map(|turn| turn / 8).max().unwrap();
        expected.extend((0..=newest).map(|number| format!("{path}-{number}")));
    }
    assert!(expected.iter().all(|id| unique.contains(id.as_str())), "{unique:?}\n{expected:?}");
    let looked: BTreeSet<&str> = harvest
        .polls
        .iter()
        .flat_map(|poll| poll.sightings.iter().map(|sighting| sighting.story.as_str()))
        .collect();
    assert!(expected.iter().all(|id| looked.contains(id.as_str())));
}

#[tokio::test]
async fn a_bad_server_is_read_politely_and_loses_us_nothing() {
    against_a_bad_server(Duration::from_secs(15), Duration::from_millis(500)).await;
}

#[tokio::test]
#[ignore = "takes ten minutes: make drills"]
async fn ten_minutes_of_a_bad_server_cost_next_to_nothing() {
    against_a_bad_server(Duration::from_secs(600), Duration::from_secs(2)).await;
}
