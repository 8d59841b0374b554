//! A server for tests that does to its clients what the worst servers do. It speaks just enough
//! HTTP to be believed, on a port of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// How many came before it.
    pub(crate) number: usize,
    /// How many others were being answered when it came.
    pub(crate) beside: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server does, one after the other; then it closes the connection.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// These bytes again and again, with a wait before each.
    Drip(Vec<u8>, Duration),
    /// Breaks the connection off, so that the client sees a reset.
    Reset,
    /// Nothing, for ever.
    Hang,
}

/// A whole answer.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<Act> {
    let length = format!("Content-Length: {}", body.len());
    let mut all = headers.to_vec();
    all.push(&length);
    vec![Act::Send([head(status, &all).as_slice(), body].concat())]
}

/// The head of an answer, with nothing added.
pub(crate) fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\n").into_bytes()
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    answering: usize,
}

/// The server; dropping it ends it.
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Loopback {
    pub(crate) async fn start(
        script: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (noting, script) = (Arc::clone(&seen), Arc::new(script));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noting, script) = (Arc::clone(&noting), Arc::clone(&script));
                tokio::spawn(async move {
                    let Some(request) = receive(stream, &noting).await else { return };
                    let (stream, request) = request;
                    let acts = script(&request);
                    perform(stream, acts).await;
                    noting.lock().unwrap().answering -= 1;
                });
            }
        });
        Self { address, seen, accepting }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().requests.clone()
    }
}

async fn receive(mut stream: TcpStream, seen: &Mutex<Seen>) -> Option<(TcpStream, Request)> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0_u8];
        let read = stream.read(&mut byte).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let mut seen = seen.lock().unwrap();
    let (number, beside) = (seen.requests.len(), seen.answering);
    let request = Request { at: Instant::now(), path, headers, number, beside };
    seen.requests.push(request.clone());
    seen.answering += 1;
    Some((stream, request))
}

async fn perform(mut stream: TcpStream, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Drip(bytes, wait) => {
                while stream.write_all(&bytes).await.is_ok() {
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                }
                return;
            }
            Act::Reset => {
                // Closing at once, with bytes unread or unsent, resets the connection.
                let _ = stream.set_zero_linger();
                return;
            }
            Act::Hang => {
                // Until the client gives up.
                let mut byte = [0_u8];
                let _ = stream.read(&mut byte).await;
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
}
