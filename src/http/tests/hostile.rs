use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::{Reply, Site};

#[tokio::test]
async fn garbage_on_the_line_is_refused_and_the_node_goes_on() {
    let site = Site::new().await;
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100_000));
    let many_headers =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let garbage: [&[u8]; 10] = [
        b"",
        b"\r\n\r\n",
        b"\0\xff\xfe\x16\x03\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n",
        b"POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        long_line.as_bytes(),
        many_headers.as_bytes(),
    ];
    for bytes in garbage {
        let answer = site.raw(bytes).await;
        let status = Reply::read(&answer).status;
        assert!(answer.is_empty() || (400..500).contains(&status), "{status}: {bytes:?}");
    }
    assert_eq!(site.get("/healthz").await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn a_request_that_names_no_host_two_hosts_or_a_bad_one_is_malformed() {
    let site = Site::new().await;
    let requests = [
        "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: a b\r\n\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\n\r\n",
    ];
    for request in requests {
        let reply = Reply::read(&site.raw(request.as_bytes()).await);
        reply.is_problem(400, "malformed_request");
    }
    let absolute = "GET http://evil.example/healthz HTTP/1.1\r\nconnection: close\r\nhost: evil.example\r\n\r\n";
    let reply = Reply::read(&site.raw(absolute.as_bytes()).await);
    reply.is_problem(403, "host_not_allowed");
    site.stop().await;
}

#[tokio::test]
async fn a_body_that_is_chunked_is_read_and_one_without_end_is_cut() {
    let site = Site::new().await;
    let head = "POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = r#"{"channel_id":"deep-sea","topic":"hold"}"#;
    let whole = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(Reply::read(&site.raw(whole.as_bytes()).await).status, 201);
    let chunk = format!("{:x}\r\n{}\r\n", 30_000, " ".repeat(30_000));
    let endless = format!("{head}{}0\r\n\r\n", chunk.repeat(3));
    Reply::read(&site.raw(endless.as_bytes()).await).is_problem(413, "body_too_large");
    let announced = "POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                     content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
    Reply::read(&site.raw(announced.as_bytes()).await).is_problem(413, "body_too_large");
    site.stop().await;
}

#[tokio::test]
async fn clients_that_hang_up_or_stall_hold_nobody_up() {
    let site = Site::new().await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let half =
            b"POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{";
        stream.write_all(half).await.unwrap();
        stalled.push(stream);
    }
    let asked = tokio::time::timeout(Duration::from_secs(5), site.get("/healthz")).await.unwrap();
    assert_eq!(asked.status, 200);
    drop(stalled);
    // An idle connection does not hold the stop up either.
    let mut idle = TcpStream::connect(site.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut some = [0_u8; 16];
    idle.read_exact(&mut some).await.unwrap();
    tokio::time::timeout(Duration::from_secs(8), site.stop()).await.unwrap();
}
