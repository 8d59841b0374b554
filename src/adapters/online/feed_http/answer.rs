//! What an answer without a feed means.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::domain::failure::{Failure, FailureClass};
use crate::domain::timestamp::Timestamp;
use crate::domain::web_address::WebAddress;

/// The failure for an answer with `status`, which is neither a success nor a redirect.
pub(super) fn refusal(
    address: &WebAddress,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Failure {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| retry_after(text, now));
    let number = status.as_u16();
    let limited = |asked: Duration| {
        let retry_after_ms = u64::try_from(asked.as_millis()).unwrap_or(u64::MAX);
        let class = FailureClass::RateLimited { retry_after_ms };
        let message = format!(
            "{address}: the server asks for patience (status {number}); read it less often with poll_every"
        );
        Failure::new(class, "feed_rate_limited", message)
    };
    let permanent = |code: &str, what: &str, remedy: &str| {
        Failure::permanent(code, format!("{address}: {what} (status {number}): {remedy}"))
    };
    match (number, asked) {
        (429, _) => limited(asked.unwrap_or(Duration::ZERO)),
        (503, Some(asked)) => limited(asked),
        (401 | 403 | 407, _) => permanent(
            "feed_forbidden",
            "the server does not let us read the feed",
            "check the address of this trend source, with its user or token",
        ),
        (404, _) => permanent(
            "feed_not_found",
            "there is no such feed",
            "correct the address of this trend source",
        ),
        (410, _) => permanent("feed_gone", "the feed is gone for good", "remove this trend source"),
        (400..=499, _) if !matches!(number, 408 | 421 | 425) => permanent(
            "feed_refused",
            "the server refuses the request",
            "correct the address of this trend source",
        ),
        _ => {
            let message = format!(
                "{address}: the server answers with status {number} instead of the feed; it is tried again"
            );
            Failure::transient("feed_server_error", message)
        }
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp(date.as_millisecond()).since(now))
}

/// The `charset` of a `Content-Type`.
pub(super) fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, label) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    let label = label.trim().trim_matches(['"', '\'']);
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT

    fn refused(status: u16, asked: Option<&str>) -> Failure {
        let address = WebAddress::parse("https://e.org/f?token=hunter2").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(asked) = asked {
            headers.insert(RETRY_AFTER, HeaderValue::from_str(asked).unwrap());
        }
        refusal(&address, StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let wait = |text: &str| refused(429, Some(text)).retry_after().unwrap().as_secs();
        assert_eq!(wait("120"), 120);
        assert_eq!(wait("Sun, 06 Nov 1994 08:51:37 GMT"), 120);
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), 0);
        assert_eq!(wait("soon"), 0);
        assert_eq!(wait("99999999999999999999999"), u64::from(u32::MAX));
    }

    #[test]
    fn answers_are_classed_by_what_helps() {
        let cases = [
            (404, None, "feed_not_found", "permanent"),
            (410, None, "feed_gone", "permanent"),
            (401, None, "feed_forbidden", "permanent"),
            (451, None, "feed_refused", "permanent"),
            (408, None, "feed_server_error", "transient"),
            (500, None, "feed_server_error", "transient"),
            (503, None, "feed_server_error", "transient"),
            (503, Some("5"), "feed_rate_limited", "rate_limited"),
            (429, None, "feed_rate_limited", "rate_limited"),
            (304, None, "feed_server_error", "transient"),
            (206, None, "feed_server_error", "transient"),
        ];
        for (status, asked, code, class) in cases {
            let failure = refused(status, asked);
            assert_eq!((failure.code.as_str(), failure.class.name()), (code, class), "{status}");
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_charset_is_found_in_a_content_type() {
        assert_eq!(charset("text/xml; q=1; Charset=\"ISO-8859-1\"").as_deref(), Some("ISO-8859-1"));
        assert_eq!(charset("text/xml; charset="), None);
        assert_eq!(charset("text/xml"), None);
    }
}
