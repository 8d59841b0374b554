use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::adapters::online::loopback::{Act, Loopback, answer, head};
use crate::adapters::system::SystemClock;
use crate::ports::trends::FreshReading;

const FEED: &str = "<rss version=\"2.0\"><channel><title>Orbit</title><item><title>One</title>\
                    <guid>one</guid><description>It flew.</description></item></channel></rss>";
const LIMITS: HttpLimits = HttpLimits {
    connect: Duration::from_secs(2),
    read: Duration::from_millis(400),
    total: Duration::from_millis(1_500),
};

fn feed(address: &str) -> FeedHttp {
    let client = FeedClient::new(Arc::new(SystemClock), LIMITS).unwrap();
    FeedHttp::new(client, WebAddress::parse(address).unwrap())
}

async fn read(server: &Loopback) -> Result<Reading, Failure> {
    feed(&server.url("/feed?token=hunter2")).read(&Validators::default()).await
}

async fn fresh(server: &Loopback) -> FreshReading {
    match read(server).await.unwrap() {
        Reading::Fresh(fresh) => fresh,
        Reading::NotModified => panic!("nothing was known"),
    }
}

/// The failure that reading gives, as its code and class; its words must be fit to be shown.
async fn refused(server: &Loopback) -> (String, &'static str) {
    let failure = read(server).await.expect_err("it must fail");
    let message = &failure.message;
    assert!(!message.contains("hunter2") && !message.ends_with('.'), "{message}");
    assert!(message.contains(&server.address.to_string()), "{message}");
    (failure.code, failure.class.name())
}

fn says(code: &str, class: &'static str) -> (String, &'static str) {
    (code.to_owned(), class)
}

#[tokio::test]
async fn a_feed_is_read_once_and_then_only_when_it_has_changed() {
    let server = Loopback::start(|request| {
        let date = "Last-Modified: Sun, 22 Nov 2026 20:00:00 GMT";
        match request.header("if-none-match") {
            Some("\"v1\"") => answer("304 Not Modified", &["ETag: \"v1\""], b""),
            _ => answer("200 OK", &["ETag: \"v1\"", date], FEED.as_bytes()),
        }
    })
    .await;
    let first = fresh(&server).await;
    assert_eq!(first.stories[0].text, "It flew.");
    let again = feed(&server.url("/feed")).read(&first.validators).await.unwrap();
    assert_eq!(again, Reading::NotModified);
    let requests = server.requests();
    assert_eq!(requests[1].header("if-modified-since"), Some("Sun, 22 Nov 2026 20:00:00 GMT"));
    assert!(requests[0].header("if-none-match").is_none());
    assert!(requests[0].header("user-agent").unwrap().starts_with("YTEMPIRE/"));
}

#[tokio::test]
async fn user_and_password_of_an_address_are_sent_and_never_shown() {
    let server = Loopback::start(|_| answer("404 Not Found", &[], b"")).await;
    let address = format!("http://me:hunter2@{}/feed", server.address);
    let failure = feed(&address).read(&Validators::default()).await.unwrap_err();
    assert!(!failure.to_string().contains("hunter2"), "{failure}");
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some("Basic bWU6aHVudGVyMg=="));
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_told_apart_from_one_that_fails() {
    let server = Loopback::start(|request| match request.number {
        0 => answer("429 Too Many Requests", &["Retry-After: 77"], b"slow down"),
        1 => answer("503 Service Unavailable", &["Retry-After: 5"], b""),
        2 => answer("500 Internal Server Error", &[], b""),
        _ => answer("410 Gone", &[], b""),
    })
    .await;
    let patience = read(&server).await.unwrap_err();
    assert_eq!(patience.retry_after(), Some(Duration::from_secs(77)));
    assert_eq!(refused(&server).await, says("feed_rate_limited", "rate_limited"));
    assert_eq!(refused(&server).await, says("feed_server_error", "transient"));
    assert_eq!(refused(&server).await, says("feed_gone", "permanent"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_lies_about_its_length_is_tried_again() {
    let half = &FEED.as_bytes()[..FEED.len() / 2];
    let long = head("200 OK", &["Content-Length: 9999"]);
    let short = head("200 OK", &[&format!("Content-Length: {}", half.len())]);
    let whole = FEED.as_bytes();
    let scripts = [
        (vec![Act::Send(long.clone()), Act::Send(half.to_vec()), Act::Reset], "feed_cut_off"),
        (vec![Act::Send([&long, whole].concat())], "feed_cut_off"),
        (vec![Act::Send([&short, whole].concat())], "feed_truncated"),
        (vec![Act::Reset], "feed_unreachable"),
        (vec![Act::Send(b"HTTP/1.1 200".to_vec())], "feed_unreachable"),
        (vec![Act::Send(b"nonsense\r\n\r\n".to_vec())], "feed_unreachable"),
        (answer("200 OK", &[], b""), "feed_empty"),
    ];
    for (script, code) in scripts {
        let server = Loopback::start(move |_| script.clone()).await;
        assert_eq!(refused(&server).await, says(code, "transient"));
    }
}

#[tokio::test]
async fn a_slow_or_endless_answer_is_cut_in_time() {
    let begun = Act::Send([&head("200 OK", &[]), &b"<rss>"[..]].concat());
    let drip = Act::Drip(b" ".to_vec(), Duration::from_millis(100));
    let scripts = [vec![Act::Hang], vec![begun.clone(), Act::Hang], vec![begun, drip]];
    for script in scripts {
        let server = Loopback::start(move |_| script.clone()).await;
        let began = tokio::time::Instant::now();
        assert_eq!(refused(&server).await, says("feed_timed_out", "transient"));
        assert!(began.elapsed() < LIMITS.total + Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_flood_is_refused_whether_declared_endless_or_packed() {
    let declared = vec![Act::Send(head("200 OK", &["Content-Length: 99999999999"])), Act::Hang];
    let flood = vec![b'x'; 1024 * 1024];
    let endless = vec![Act::Send(head("200 OK", &[])), Act::Drip(flood, Duration::ZERO)];
    let packed = answer("200 OK", &["Content-Encoding: gzip"], &gzip_bomb());
    for script in [declared, endless, packed] {
        let server = Loopback::start(move |_| script.clone()).await;
        // A megabyte takes its time on a busy machine.
        let patient = HttpLimits { total: Duration::from_secs(30), ..LIMITS };
        let client = FeedClient::new(Arc::new(SystemClock), patient).unwrap();
        let address = WebAddress::parse(&server.url("/")).unwrap();
        let failure = FeedHttp::new(client, address).read(&Validators::default()).await;
        let failure = failure.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.class.name()), ("feed_too_large", "permanent"));
    }
}

#[tokio::test]
async fn a_packed_feed_is_unpacked_and_a_strange_packing_refused() {
    let packed = gzip_stored(FEED.as_bytes());
    let server =
        Loopback::start(move |_| answer("200 OK", &["Content-Encoding: gzip"], &packed)).await;
    assert_eq!(fresh(&server).await.stories.len(), 1);
    let server = Loopback::start(|_| answer("200 OK", &["Content-Encoding: br"], b"xyz")).await;
    assert_eq!(refused(&server).await, says("feed_compressed", "permanent"));
    let server =
        Loopback::start(|_| answer("200 OK", &["Content-Encoding: gzip"], b"no gzip at all")).await;
    assert_eq!(refused(&server).await, says("feed_cut_off", "transient"));
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever_and_not_anywhere() {
    let to = |target: &str| answer("302 Found", &[&format!("Location: {target}")], b"");
    let server = Loopback::start(move |request| match request.path.as_str() {
        "/found" => answer("200 OK", &[], FEED.as_bytes()),
        "/feed?token=hunter2" => to("elsewhere#part"),
        "/elsewhere" => to("/found"),
        "/circle" => to("/circle"),
        "/round" => to("/about"),
        "/about" => to("/round"),
        "/ftp" => to("ftp://127.0.0.1/feed"),
        "/file" => to("file:///etc/passwd"),
        "/nowhere" => answer("301 Moved Permanently", &[], b""),
        "/bad" => to("http://[x"),
        longer => to(&format!("{longer}x")),
    })
    .await;
    assert_eq!(fresh(&server).await.stories.len(), 1);
    let cases = [
        ("/circle", "feed_redirects_for_ever"),
        ("/round", "feed_redirects_for_ever"),
        ("/longer", "feed_redirects_for_ever"),
        ("/ftp", "feed_bad_redirect"),
        ("/file", "feed_bad_redirect"),
        ("/nowhere", "feed_bad_redirect"),
        ("/bad", "feed_bad_redirect"),
    ];
    for (path, code) in cases {
        let before = server.requests().len();
        let failure = feed(&server.url(path)).read(&Validators::default()).await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.class.name()), (code, "permanent"), "{path}");
        assert!(server.requests().len() - before <= MAX_REDIRECTS + 1, "{path}");
    }
}

#[tokio::test]
async fn a_page_or_broken_text_is_no_feed_and_the_server_may_name_the_encoding() {
    let html = "<!DOCTYPE html><html><body>Log in</body></html>";
    let server =
        Loopback::start(|_| answer("200 OK", &["Content-Type: text/html"], html.as_bytes()));
    assert_eq!(refused(&server.await).await, says("feed_not_a_feed", "permanent"));

    let latin: Vec<u8> = FEED.replace("flew", "fl\u{e9}w").chars().map(|c| c as u8).collect();
    let bare = latin.clone();
    let server = Loopback::start(move |_| answer("200 OK", &[], &bare)).await;
    assert_eq!(refused(&server).await, says("feed_encoding", "permanent"));
    let told = "Content-Type: application/rss+xml; charset=iso-8859-1";
    let server = Loopback::start(move |_| answer("200 OK", &[told], &latin)).await;
    assert_eq!(fresh(&server).await.stories[0].text, "It fléw.");

    let utf8 = FEED.replace("flew", "fl\u{e9}w");
    let server = Loopback::start(move |_| answer("200 OK", &[told], utf8.as_bytes())).await;
    let reading = fresh(&server).await;
    assert_eq!(reading.stories[0].text, "It fléw.");
    assert_eq!(reading.problems[0].code, "feed_encoding_undeclared");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let gone = Loopback::start(|_| Vec::new()).await;
    let url = gone.url("/feed?token=hunter2");
    drop(gone);
    tokio::task::yield_now().await;
    let failure = feed(&url).read(&Validators::default()).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.class.name()), ("feed_unreachable", "transient"));
    assert!(!failure.message.contains("hunter2"), "{failure}");
}

const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Gzip without compression (RFC 1951, section 3.2.4; RFC 1952).
fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let mut packed = GZIP_HEAD.to_vec();
    packed.push(1);
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// A blank, then "the last byte, 258 times more" again and again: 20 MB in a hundredth of it.
fn gzip_bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false]; // last block, fixed Huffman codes
    let mut code = |value: u32, length: u32| {
        bits.extend((0..length).rev().map(|at| value >> at & 1 == 1));
    };
    code(0x30 + u32::from(b' '), 8);
    for _ in 0..80_000 {
        code(0b1100_0101, 8); // length 258
        code(0, 5); // distance 1
    }
    let mut packed = GZIP_HEAD.to_vec();
    packed.extend(
        bits.chunks(8)
            .map(|byte| byte.iter().rev().fold(0_u8, |value, bit| value << 1 | u8::from(*bit))),
    );
    packed
}
