//! Addresses on the web as an owner writes them, which may hold a secret.
//!
//! Why it exists: many feeds are private by a token in their address. The address must be used
//! whole and shown without the token.
//!
//! Architecture invariant: every way of printing an address hides what may be a secret; only
//! [`WebAddress::expose`] gives all of it.

use std::fmt;

use serde::{Serialize, Serializer};

/// What stands in the place of what is hidden.
const HIDDEN: &str = "***";
/// The longest address that is taken, in bytes.
const MAX_LEN: usize = 2_048;
/// A run of at least this many letters and digits may be a token.
const TOKEN_LEN: usize = 20;
/// A token changes between letters and digits at least so often; words and dates do not.
const TOKEN_CHANGES: usize = 4;
/// Parameters that name something public although their values look like tokens.
const PUBLIC_PARAMETERS: [&str; 2] = ["channel_id", "playlist_id"];
/// Parts of the names of parameters that hold secrets.
const SECRET_WORDS: [&str; 12] = [
    "key",
    "token",
    "secret",
    "auth",
    "pass",
    "pwd",
    "sig",
    "session",
    "code",
    "private",
    "access",
    "credential",
];

/// An `http` or `https` address. Prints without what may be a secret: user and password, the values
/// of parameters with telling names, and everything that looks like a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebAddress {
    whole: String,
    host: String,
    shown: String,
}

/// A text that is not a web address. The text is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a web address: write it as https://example.org/feed.xml")]
pub struct BadWebAddress;

impl WebAddress {
    /// Checks and takes an address; a fragment is dropped, because servers never see it.
    ///
    /// # Errors
    /// [`BadWebAddress`] when it is not `http://` or `https://` with a host, is longer than 2,048
    /// bytes, or holds white space or control characters.
    pub fn parse(text: &str) -> Result<Self, BadWebAddress> {
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\');
        if text.len() > MAX_LEN || !is_plain {
            return Err(BadWebAddress);
        }
        let whole = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = whole.split_once("://").ok_or(BadWebAddress)?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(BadWebAddress);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(authority_end);
        let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        if !is_host(&host) {
            return Err(BadWebAddress);
        }
        let shown = format!("{scheme}://{host}{}", without_secrets(after));
        Ok(Self { whole: whole.to_owned(), host, shown })
    }

    /// All of it, secrets included: for the request, never for a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.whole
    }

    /// The host with its port if one is named, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebAddress({})", self.shown)
    }
}

impl Serialize for WebAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port.
fn is_host(host: &str) -> bool {
    let after_name = match host.strip_prefix('[') {
        Some(inside) => inside.split_once(']'),
        None => {
            let end = host.find(':').unwrap_or(host.len());
            Some(host.split_at(end))
        }
    };
    let Some((name, port)) = after_name else { return false };
    let is_port_fine = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    !name.is_empty() && is_port_fine
}

/// Path and query with everything hidden that may be a secret.
fn without_secrets(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let hide_token = |part: &str| {
        if is_token_like(part) { HIDDEN.to_owned() } else { part.to_owned() }
    };
    let mut shown = path.split('/').map(hide_token).collect::<Vec<_>>().join("/");
    if let Some(query) = query {
        shown.push('?');
        shown.push_str(&query.split('&').map(shown_parameter).collect::<Vec<_>>().join("&"));
    }
    shown
}

fn shown_parameter(parameter: &str) -> String {
    let Some((name, value)) = parameter.split_once('=') else {
        // A bare parameter may itself be the key.
        return if is_token_like(parameter) { HIDDEN.to_owned() } else { parameter.to_owned() };
    };
    let lower_name = name.to_ascii_lowercase();
    let is_telling = SECRET_WORDS.iter().any(|word| lower_name.contains(word));
    let is_public = PUBLIC_PARAMETERS.contains(&lower_name.as_str());
    if !value.is_empty() && !is_public && (is_telling || is_token_like(value)) {
        return format!("{name}={HIDDEN}");
    }
    parameter.to_owned()
}

/// Long, without words: letters and digits in turn, as keys and UUIDs have them.
fn is_token_like(text: &str) -> bool {
    let characters: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let changes = characters
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    characters.len() >= TOKEN_LEN && changes >= TOKEN_CHANGES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        WebAddress::parse(text).expect(text).to_string()
    }

    #[test]
    fn an_ordinary_address_is_shown_as_it_is() {
        for text in [
            "https://example.org/feed.xml",
            "http://127.0.0.1:8080/a/2026-11-22-ten-things-of-2025?page=2",
            "https://[::1]:99/feed",
            "https://www.youtube.com/feeds/videos.xml?channel_id=UC1a2B3c4D5e6F7g8H9i0JkL",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(WebAddress::parse("HTTPS://Example.ORG/A#x").unwrap().host(), "example.org");
    }

    #[test]
    fn secrets_are_used_and_never_shown() {
        let cases = [
            ("https://me:hunter2@example.org/feed", "https://example.org/feed"),
            ("https://e.org/f?auth=hunter2&page=1", "https://e.org/f?auth=***&page=1"),
            ("https://e.org/f?X-Api-Key=hunter2", "https://e.org/f?X-Api-Key=***"),
            ("https://e.org/f/9a8b7c6d5e4f3a2b1c0dhunter2/rss", "https://e.org/f/***/rss"),
            ("https://e.org/f?u=9a8b7c6d5e4f3a2b1c0dhunter2", "https://e.org/f?u=***"),
            ("https://e.org/f?9a8b7c6d5e4f3a2b1c0dhunter2", "https://e.org/f?***"),
        ];
        for (whole, expected) in cases {
            let address = WebAddress::parse(whole).unwrap();
            assert_eq!(address.expose(), whole);
            let told = format!("{address} {address:?} {}", serde_json::json!(address));
            assert!(!told.contains("hunter2"), "{told}");
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "x",
            "http://",
            "https:///a",
            "ftp://e.org/",
            "file:///a",
            "http://e.org:99999/",
            "http://e.org/a b",
            "http://[::1/",
            "http://@/",
            "http://e.org:x/",
            "http://e.org\\@b/",
        ] {
            assert_eq!(WebAddress::parse(text), Err(BadWebAddress), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(https?://)?[a-z@:/?&=%\\[\\]#.é]{0,30}") {
            let _ = WebAddress::parse(&text);
        }
    }
}
