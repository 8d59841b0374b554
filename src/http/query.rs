//! Query strings and path segments as text.
//!
//! Architecture invariant: a parameter that an endpoint does not know is refused, so that a misspelt
//! filter never reads as "no filter".

use std::collections::BTreeMap;
use std::str::FromStr;

use super::problem::Problem;

/// The parameters of a query string, each at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string, without its question mark.
    ///
    /// # Errors
    /// 400 when it cannot be decoded, or names a parameter twice.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) else {
                let detail = "the query holds a percent sign that encodes nothing, or no UTF-8";
                return Err(Problem::new(400, "malformed_query", detail));
            };
            if parameters.insert(name.clone(), value).is_some() {
                let detail = "the query names a parameter twice";
                return Err(Problem::new(400, "malformed_query", detail).field(name));
            }
        }
        Ok(Self(parameters))
    }

    /// Refuses parameters that are not in `known`.
    ///
    /// # Errors
    /// 400 `unknown_field`.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let offered = if known.is_empty() {
            "it takes no parameter".to_owned()
        } else {
            format!("it takes {}", known.join(", "))
        };
        let detail = format!("this endpoint does not know the parameter; {offered}");
        let shown: String = name.chars().take(100).collect();
        Err(Problem::new(400, "unknown_field", detail).field(shown))
    }

    /// The parameter `name`, if it is there.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The whole number `name`, if it is there.
    ///
    /// # Errors
    /// 422 when it is a number outside `least..=most`, 400 when it is none.
    pub fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_whole {
            let detail = format!("{name} is a whole number from {least} to {most}");
            return Err(Problem::new(400, "malformed_query", detail).field(name));
        }
        match u64::from_str(text) {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let detail = format!("{name} is a whole number from {least} to {most}");
                Err(Problem::out_of_range(name, detail))
            }
        }
    }

    /// The truth value `name`, false when it is not there.
    ///
    /// # Errors
    /// 400 when it is neither `true` nor `false`.
    pub fn truth(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let detail = format!("{name} is true or false");
                Err(Problem::new(400, "malformed_query", detail).field(name))
            }
        }
    }
}

/// The text that percent-encoded text stands for; `None` when it stands for nothing.
#[must_use]
pub fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus_is_space => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// `text` so that it can stand as a path segment or a query value.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_and_what_is_wrong_with_it_is_told() {
        let query = Query::parse("limit=5&channel=deep%2Dsea&&topic=a+b").unwrap();
        assert_eq!(query.number("limit", 1, 500), Ok(Some(5)));
        assert_eq!((query.text("channel"), query.text("topic")), (Some("deep-sea"), Some("a b")));
        assert_eq!(query.only(&["limit", "channel"]).unwrap_err().field.as_deref(), Some("topic"));
        for wrong in ["a=%", "a=%2", "a=%zz", "a=%ff", "a=1&a=2"] {
            assert_eq!(Query::parse(wrong).unwrap_err().status, 400, "{wrong}");
        }
        for (text, status) in [
            ("0", 422),
            ("501", 422),
            ("-1", 422),
            ("99999999999999999999", 422),
            ("", 400),
            ("x", 400),
            ("5.5", 400),
            ("+5", 400),
        ] {
            let query = Query::parse(&format!("limit={}", encode(text))).unwrap();
            assert_eq!(query.number("limit", 1, 500).unwrap_err().status, status, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_and_never_panics(text: String) {
            prop_assert_eq!(decode(&encode(&text), true), Some(text.clone()));
            let _ = decode(&text, false);
            let _ = Query::parse(&text);
        }
    }
}
