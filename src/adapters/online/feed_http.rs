//! Feeds over HTTP, read politely and with distrust.
//!
//! Why it exists: servers answer late, for ever, with something else or with far too much, and they
//! ask for patience. Whatever they do becomes a reading or one classed failure, within a minute.
//!
//! - Conditional requests (RFC 9110, section 13): `If-None-Match` and `If-Modified-Since`.
//! - At most five redirects, none in a circle, to nothing but `http` and `https`, and never from
//!   `https` to `http`.
//! - The body is counted after decompression and cut at [`MAX_FEED_BYTES`], so neither a lying
//!   length nor a gzip bomb matters.
//! - Hosts on this machine or in the local network are as good as others: the owner named them.
//!
//! Architecture invariant: one call is one request (and its redirects); nothing is retried here. No
//! message holds an address as it is, only as [`WebAddress`] shows it.

mod answer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use crate::adapters::offline::feeds::{FeedError, MAX_FEED_BYTES, parse_received};
use crate::domain::failure::Failure;
use crate::domain::web_address::WebAddress;
use crate::ports::clock::Clock;
use crate::ports::trends::{Reading, SourceReader, Validators};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// What we are called in the logs of those whom we read.
const USER_AGENT: &str = concat!("YTEMPIRE/", env!("CARGO_PKG_VERSION"), " (feed reader)");
/// What we like to get.
const ACCEPTED: &str = "application/rss+xml, application/atom+xml, application/feed+json, \
                        application/xml;q=0.9, application/json;q=0.9, */*;q=0.5";

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the next bytes come.
    pub read: Duration,
    /// All of it, redirects included.
    pub total: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), read: seconds(20), total: seconds(60) }
    }
}

/// What all feeds over HTTP share. Cheap to clone.
#[derive(Clone)]
pub struct FeedClient {
    client: Client,
    clock: Arc<dyn Clock>,
    limits: HttpLimits,
}

impl FeedClient {
    /// A client; `clock` is what a `Retry-After` with a date is measured against.
    ///
    /// # Errors
    /// [`Failure`], permanent `http_unavailable`, when the system's certificates cannot be used.
    pub fn new(clock: Arc<dyn Clock>, limits: HttpLimits) -> Result<Self, Failure> {
        // Process-wide, as the TLS library wants it; a second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect)
            .read_timeout(limits.read)
            // Minutes pass between two polls: an idle connection would be closed by then.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|error| {
                let told = deepest(&error.without_url());
                Failure::permanent("http_unavailable", format!("no HTTP client: {told}"))
            })?;
        Ok(Self { client, clock, limits })
    }
}

/// One feed at a web address.
#[derive(Clone)]
pub struct FeedHttp {
    client: FeedClient,
    address: WebAddress,
}

/// An answer that holds a feed, unread.
struct Body {
    bytes: Vec<u8>,
    charset: Option<String>,
    validators: Validators,
}

#[async_trait]
impl SourceReader for FeedHttp {
    async fn read(&self, known: &Validators) -> Result<Reading, Failure> {
        let limit = self.client.limits.total;
        let fetched = tokio::time::timeout(limit, self.fetch(known)).await;
        let Some(body) = fetched.map_err(|_| self.too_slow(limit))?? else {
            return Ok(Reading::NotModified);
        };
        let place = self.address.to_string();
        let parsing = tokio::task::spawn_blocking(move || {
            let content = parse_received(&place, &body.bytes, body.charset.as_deref())?;
            Ok(Reading::Fresh(content.into_reading(body.validators)))
        });
        let parsed = parsing.await.map_err(|_| Failure::interrupted("the node is stopping"))?;
        parsed.map_err(|error| received_failure(&error))
    }
}

impl FeedHttp {
    /// The feed at `address`.
    #[must_use]
    pub fn new(client: FeedClient, address: WebAddress) -> Self {
        Self { client, address }
    }

    /// `None`: nothing has changed.
    async fn fetch(&self, known: &Validators) -> Result<Option<Body>, Failure> {
        let address = &self.address;
        let mut url = Url::parse(address.expose()).map_err(|_| {
            Failure::permanent("feed_bad_address", format!("{address}: not a web address"))
        })?;
        let mut visited: BTreeSet<String> = BTreeSet::new();
        loop {
            if !visited.insert(url.to_string()) {
                return Err(self.permanent("feed_redirects_for_ever", "it redirects in a circle"));
            }
            if visited.len() > MAX_REDIRECTS + 1 {
                let detail = format!("it redirects more than {MAX_REDIRECTS} times");
                return Err(self.permanent("feed_redirects_for_ever", &detail));
            }
            let mut response = self.ask(&url, known).await?;
            let status = response.status();
            if status == StatusCode::NOT_MODIFIED && *known != Validators::default() {
                return Ok(None);
            }
            if status.is_success() && status != StatusCode::PARTIAL_CONTENT {
                return self.take_body(&mut response).await.map(Some);
            }
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = self.redirected(&url, response.headers())?;
                continue;
            }
            let now = self.client.clock.now();
            return Err(answer::refusal(address, status, response.headers(), now));
        }
    }

    async fn ask(&self, url: &Url, known: &Validators) -> Result<Response, Failure> {
        let mut request = self.client.client.get(url.clone()).header(ACCEPT, ACCEPTED);
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &known.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        request.send().await.map_err(|error| self.broken(error))
    }

    /// Where a redirect leads.
    fn redirected(&self, from: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
        let code = "feed_bad_redirect";
        let Some(target) = text_of(headers, &LOCATION) else {
            return Err(self.permanent(code, "it redirects without saying where to"));
        };
        let Ok(mut to) = from.join(&target) else {
            return Err(self.permanent(code, "it redirects to something that is no address"));
        };
        let is_web = matches!(to.scheme(), "http" | "https") && to.has_host();
        let is_downgrade = from.scheme() == "https" && to.scheme() != "https";
        if !is_web || is_downgrade {
            let detail = format!("it redirects from {} to {}", from.scheme(), to.scheme());
            return Err(self.permanent(code, &detail));
        }
        to.set_fragment(None);
        if from.origin() == to.origin() && to.username().is_empty() && to.password().is_none() {
            // A failure means that the address cannot hold them, and then it held none before.
            let _ = to.set_username(from.username());
            let _ = to.set_password(from.password());
        }
        Ok(to)
    }

    async fn take_body(&self, response: &mut Response) -> Result<Body, Failure> {
        if let Some(encoding) = text_of(response.headers(), &CONTENT_ENCODING)
            && !encoding.eq_ignore_ascii_case("identity")
        {
            let detail = "it is compressed in a way that was not asked for";
            return Err(self.permanent("feed_compressed", detail));
        }
        let charset = text_of(response.headers(), &CONTENT_TYPE);
        let charset = charset.as_deref().and_then(answer::charset);
        let validators = Validators {
            etag: text_of(response.headers(), &ETAG),
            last_modified: text_of(response.headers(), &LAST_MODIFIED),
        };
        let declared = response.content_length().unwrap_or(0);
        self.check_size(declared)?;
        let mut bytes = Vec::new();
        while let Some(more) = response.chunk().await.map_err(|error| self.broken(error))? {
            self.check_size(bytes.len() as u64 + more.len() as u64)?;
            bytes.extend_from_slice(&more);
        }
        Ok(Body { bytes, charset, validators })
    }

    fn check_size(&self, bytes: u64) -> Result<(), Failure> {
        if bytes <= MAX_FEED_BYTES {
            return Ok(());
        }
        let place = self.address.to_string();
        Err(received_failure(&FeedError::TooLarge { place, bytes, limit: MAX_FEED_BYTES }))
    }

    fn permanent(&self, code: &str, detail: &str) -> Failure {
        let address = &self.address;
        let message = format!("{address}: {detail}: correct the address of this trend source");
        Failure::permanent(code, message)
    }

    fn too_slow(&self, limit: Duration) -> Failure {
        let address = &self.address;
        let seconds = limit.as_secs_f32();
        let message = format!("{address}: no whole answer within {seconds} s; it is tried again");
        Failure::transient("feed_timed_out", message)
    }

    fn broken(&self, error: reqwest::Error) -> Failure {
        let address = &self.address;
        if error.is_timeout() {
            let limit = if error.is_connect() {
                self.client.limits.connect
            } else {
                self.client.limits.read
            };
            return self.too_slow(limit);
        }
        let (code, what) = if error.is_connect() {
            ("feed_unreachable", "the server cannot be reached")
        } else if error.is_decode() || error.is_body() {
            ("feed_cut_off", "the answer broke off")
        } else {
            ("feed_unreachable", "the server gave no answer")
        };
        let cause = deepest(&error.without_url());
        Failure::transient(code, format!("{address}: {what} ({cause}); it is tried again"))
    }
}

/// A feed that arrived cut off or empty may come whole next time; the rest is as it is.
fn received_failure(error: &FeedError) -> Failure {
    match error {
        FeedError::Empty { .. } | FeedError::Truncated { .. } => {
            Failure::transient(error.code(), error)
        }
        _ => error.to_failure(),
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The innermost cause, which says what happened; the outer ones only where.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
