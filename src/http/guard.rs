//! Who may ask: `Host`, `Origin` and the token are looked at before anything else.
//!
//! A page of another site that a person looks at can send requests to this machine. It cannot choose
//! the `Host` of an address of ours unless its own name leads here (DNS rebinding), and it cannot
//! hide its `Origin`; so both must name us.
//!
//! Architecture invariant: a token is compared by digest, in constant time, and is in no message.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use warp::host::Authority;
use warp::http::header::{AUTHORIZATION, HOST, ORIGIN};
use warp::http::{HeaderMap, HeaderValue};

use super::problem::Problem;

/// The rules of one listening address.
#[derive(Clone)]
pub struct Guard {
    listen: SocketAddr,
    token: Option<blake3::Hash>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({}, token: {})", self.listen, self.token.is_some())
    }
}

impl Guard {
    /// The rules for `listen`, with the token that callers must show, if any.
    #[must_use]
    pub fn new(listen: SocketAddr, token: Option<&str>) -> Self {
        Self { listen, token: token.map(|token| blake3::hash(token.as_bytes())) }
    }

    /// Lets a request pass, or says why not. `authority` is what the request is addressed to.
    ///
    /// # Errors
    /// 400 without exactly one host, 403 `host_not_allowed` or `origin_not_allowed`, 401 without
    /// the token.
    pub fn check(
        &self,
        authority: Option<&Authority>,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<(), Problem> {
        let hosts = headers.get_all(HOST).iter().count();
        let Some(authority) = authority.filter(|_| hosts <= 1) else {
            let detail = "a request names exactly one host";
            return Err(Problem::new(400, "malformed_request", detail).field("host"));
        };
        if !self.is_us(authority.host()) {
            let detail = "the request is addressed to another host";
            return Err(Problem::new(403, "host_not_allowed", detail)
                .field("host")
                .remedy(format!("address it to {}", self.listen)));
        }
        for origin in headers.get_all(ORIGIN) {
            if !self.is_own_origin(origin, authority) {
                let detail = "a page of another origin may not ask";
                return Err(Problem::new(403, "origin_not_allowed", detail).field("origin"));
            }
        }
        if path == "/healthz" {
            return Ok(());
        }
        self.check_token(headers)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(expected) = &self.token else { return Ok(()) };
        let shown = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then(|| blake3::hash(token.trim_ascii()))
        });
        // Digests are compared in constant time.
        if shown.is_some_and(|shown| shown == *expected) {
            return Ok(());
        }
        let detail = "the request does not show this node's token";
        Err(Problem::new(401, "unauthorised", detail)
            .field("authorization")
            .remedy("send Authorization: Bearer with the token of [http]"))
    }

    /// Whether `host` is a name or an address of ours. Names other than localhost could be made to
    /// lead here by anybody, addresses could not.
    fn is_us(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if bare.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let Ok(address) = bare.parse::<IpAddr>() else { return false };
        let own = self.listen.ip();
        address.is_loopback() || address == own || own.is_unspecified()
    }

    /// Whether `origin` is a page that we served, at the port at which we are asked.
    fn is_own_origin(&self, origin: &HeaderValue, asked: &Authority) -> bool {
        let Ok(text) = origin.to_str() else { return false };
        let Some((scheme, rest)) = text.split_once("://") else { return false };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let Ok(authority) = rest.parse::<Authority>() else { return false };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
        self.is_us(authority.host()) && port(&authority) == port(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(
        guard: &Guard,
        host: &str,
        extra: &[(&'static str, &str)],
    ) -> Result<(), (u16, String)> {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::try_from(host).unwrap());
        for (name, value) in extra {
            headers.append(*name, HeaderValue::try_from(*value).unwrap());
        }
        let authority = host.parse::<Authority>().ok();
        guard
            .check(authority.as_ref(), &headers, "/api/v1/workflows")
            .map_err(|problem| (problem.status, problem.code.into_owned()))
    }

    fn local() -> Guard {
        Guard::new(SocketAddr::from(([127, 0, 0, 1], 8000)), None)
    }

    #[test]
    fn only_names_of_this_node_are_hosts() {
        for good in ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.1"] {
            assert_eq!(asked(&local(), good, &[]), Ok(()), "{good}");
        }
        for wrong in
            ["evil.example", "evil.example:8000", "10.0.0.1:8000", "localhost.evil.example"]
        {
            assert_eq!(asked(&local(), wrong, &[]).unwrap_err().0, 403, "{wrong}");
        }
        let twice = asked(&local(), "localhost", &[("host", "evil.example")]);
        assert_eq!(twice.unwrap_err().0, 400);
        let everywhere = Guard::new(SocketAddr::from(([0, 0, 0, 0], 8000)), Some("t"));
        let token = [("authorization", "Bearer t")];
        assert_eq!(asked(&everywhere, "192.168.1.5:8000", &token), Ok(()));
        assert_eq!(asked(&everywhere, "evil.example:8000", &token).unwrap_err().0, 403);
    }

    #[test]
    fn only_pages_of_this_node_may_ask() {
        let ask = |origin| asked(&local(), "127.0.0.1:8000", &[("origin", origin)]);
        for good in ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"] {
            assert_eq!(ask(good), Ok(()), "{good}");
        }
        let wrong = ["null", "http://evil.example", "http://localhost:3000", "http://localhost"];
        for wrong in wrong.into_iter().chain(["file://", "", "http://127.0.0.1:8000.evil.example"])
        {
            assert_eq!(ask(wrong).unwrap_err().0, 403, "{wrong}");
        }
    }

    #[test]
    fn where_there_is_a_token_it_must_be_shown() {
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], 8000)), Some("secret"));
        let ask = |value| asked(&guard, "localhost", &[("authorization", value)]);
        assert_eq!(ask("Bearer secret"), Ok(()));
        assert_eq!(ask("bearer secret"), Ok(()));
        for wrong in ["Bearer secreT", "Bearer ", "Bearer", "Basic secret", "secret", ""] {
            assert_eq!(ask(wrong).unwrap_err(), (401, "unauthorised".to_owned()), "{wrong}");
        }
        assert_eq!(asked(&guard, "localhost", &[]).unwrap_err().0, 401);
        assert!(!format!("{guard:?}").contains("secret"));
    }
}
