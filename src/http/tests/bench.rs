use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::site::Site;

/// Clients at once.
const CLIENTS: usize = 100;

/// A client that keeps its connection. It shares the cores with the node it asks, so it reads no
/// more of an answer than it needs.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back: the status, and the body as it is.
struct Raw {
    status: u16,
    body: Vec<u8>,
}

impl Client {
    async fn ask(&mut self, request: String) -> Raw {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        loop {
            if let Some((head, body)) = answer_length(&self.buffer)
                && self.buffer.len() >= head + body
            {
                let status = std::str::from_utf8(&self.buffer[9..12]).unwrap().parse().unwrap();
                let answer: Vec<u8> = self.buffer.drain(..head + body).collect();
                return Raw { status, body: answer[head..].to_vec() };
            }
            let mut some = [0_u8; 64 * 1024];
            let read = self.stream.read(&mut some).await.unwrap();
            assert!(read > 0, "the connection was closed");
            self.buffer.extend_from_slice(&some[..read]);
        }
    }
}

/// The bytes of the head and the body of the answer that `buffer` begins with, when the head is
/// there.
fn answer_length(buffer: &[u8]) -> Option<(usize, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some((end, length.trim().parse().ok()?))
}

#[derive(Default)]
struct Tally {
    gets: Vec<Duration>,
    posts: Vec<Duration>,
    failures: Vec<u16>,
    full: usize,
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let place = ((times.len() as f64 - 1.0) * share).round() as usize;
    times.get(place).copied().unwrap_or_default()
}

/// One client: mostly reads, now and then a start or a command, at an even pace.
async fn client(site: Arc<Site>, number: usize, until: Instant, pace: Duration) -> Tally {
    let stream = TcpStream::connect(site.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut client = Client { stream, buffer: Vec::new() };
    let mut tally = Tally::default();
    let mut mine = String::new();
    let mut turn = number;
    // They come one after the other, as people do, not all at the same instant.
    tokio::time::sleep(pace.mul_f64(number as f64 / CLIENTS as f64)).await;
    while Instant::now() < until {
        turn += 1;
        let host = format!("host: {}\r\n", site.address);
        let get = |path: String| format!("GET {path} HTTP/1.1\r\n{host}\r\n");
        let post = |path: String, body: String| {
            format!(
                "POST {path} HTTP/1.1\r\n{host}content-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let channel = if number.is_multiple_of(2) { "deep-sea" } else { "kitchen" };
        let request = match turn % 10 {
            0 => {
                let body = json!({ "channel_id": channel, "topic": format!("whales {turn}") });
                post("/api/v1/workflows".to_owned(), body.to_string())
            }
            1 | 2 if !mine.is_empty() => get(format!("/api/v1/workflows/{mine}")),
            3 => get("/api/v1/channels".to_owned()),
            4 => get("/api/v1/videos?limit=20".to_owned()),
            5 => get(format!(
                "/api/v1/events?after={}",
                site.node.fold.applied().0.saturating_sub(20)
            )),
            6 => get("/readyz".to_owned()),
            _ => get("/api/v1/workflows?limit=20".to_owned()),
        };
        let is_post = request.starts_with("POST");
        let began = Instant::now();
        let reply = client.ask(request).await;
        let took = began.elapsed();
        match reply.status {
            200 if !is_post => {
                assert_eq!(reply.body.first(), Some(&b'{'));
                tally.gets.push(took);
            }
            201 => {
                tally.posts.push(took);
                let workflow: Value = serde_json::from_slice(&reply.body).unwrap();
                mine = workflow["id"].as_str().unwrap().to_owned();
            }
            429 => tally.full += 1,
            other => tally.failures.push(other),
        }
        tokio::time::sleep(pace.saturating_sub(took)).await;
    }
    tally
}

async fn load(seconds: u64, pace: Duration) -> Tally {
    let site = Arc::new(Site::new().await);
    let until = Instant::now() + Duration::from_secs(seconds);
    let clients =
        (0..CLIENTS).map(|number| tokio::spawn(client(Arc::clone(&site), number, until, pace)));
    let mut all = Tally::default();
    for one in clients.collect::<Vec<_>>() {
        let tally = one.await.unwrap();
        all.gets.extend(tally.gets);
        all.posts.extend(tally.posts);
        all.failures.extend(tally.failures);
        all.full += tally.full;
    }
    // What was answered with 201 is in the journal, whoever reads it.
    let page = site.get("/api/v1/workflows?limit=1").await;
    if let Some(newest) = page.body["items"][0]["id"].as_str() {
        assert!(site.is_durable(newest));
    }
    let (gets, posts) = (all.gets.len(), all.posts.len());
    let get = |all: &mut Tally, share| quantile(&mut all.gets, share);
    println!(
        "{CLIENTS} clients for {seconds} s: {gets} GET (p50 {:?}, p99 {:?}, max {:?}), \
         {posts} POST 201 (p50 {:?}, p99 {:?}), {} x 429, failures {:?}",
        get(&mut all, 0.5),
        get(&mut all, 0.99),
        get(&mut all, 1.0),
        quantile(&mut all.posts, 0.5),
        quantile(&mut all.posts, 0.99),
        all.full,
        all.failures,
    );
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_at_once_are_served_without_a_failure() {
    let tally = load(2, Duration::from_millis(200)).await;
    assert_eq!(tally.failures, Vec::<u16>::new());
    assert!(!tally.gets.is_empty() && !tally.posts.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and measures: make bench"]
async fn a_hundred_clients_for_a_minute_wait_at_most_50_ms_for_what_they_read() {
    let mut tally = load(60, Duration::from_millis(100)).await;
    assert_eq!(tally.failures, Vec::<u16>::new());
    assert!(quantile(&mut tally.gets, 0.99) <= Duration::from_millis(50));
}
