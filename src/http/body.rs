//! Request bodies: JSON objects, of bounded size, in which nothing unknown is passed over.
//!
//! Architecture invariant: a body is held back from every endpoint until it is whole and small; a
//! wrong shape is 400 with the field's path, a value outside its range 422.

use std::ops::RangeInclusive;
use std::pin::pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use warp::{Buf, Stream};

use super::problem::Problem;

/// The largest body that is taken, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// What of a larger one is read and thrown away, so that its sender gets to see the answer.
const MAX_DRAINED: usize = 16 << 20;
/// How long a body may take.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// A body as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// It is whole.
    Whole(Vec<u8>),
    /// It is not, for this reason.
    Bad(Box<Problem>),
}

/// Reads a body.
pub async fn read<S, B, E>(stream: S, announced: Option<u64>) -> Body
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    if announced.is_some_and(|length| length > MAX_DRAINED as u64) {
        return Body::Bad(Box::new(too_large()));
    }
    match tokio::time::timeout(BODY_LIMIT, collect(stream)).await {
        Ok(body) => body,
        Err(_) => {
            let detail = format!("the body did not come within {} s", BODY_LIMIT.as_secs());
            Body::Bad(Box::new(Problem::new(408, "body_too_slow", detail)))
        }
    }
}

async fn collect<S, B, E>(stream: S) -> Body
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut stream = pin!(stream);
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(part) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let Ok(mut part) = part else {
            let detail = "the body ended too early";
            return Body::Bad(Box::new(Problem::new(400, "body_incomplete", detail)));
        };
        length = length.saturating_add(part.remaining());
        if length > MAX_DRAINED {
            break;
        }
        while part.has_remaining() {
            let chunk = part.chunk();
            let taken = chunk.len();
            if length <= MAX_BODY {
                bytes.extend_from_slice(chunk);
            }
            part.advance(taken);
        }
    }
    if length > MAX_BODY { Body::Bad(Box::new(too_large())) } else { Body::Whole(bytes) }
}

fn too_large() -> Problem {
    let detail = format!("a body has at most {MAX_BODY} bytes");
    Problem::new(413, "body_too_large", detail)
}

/// Refuses a body that does not say it is JSON. An empty one need not say anything.
///
/// # Errors
/// 415 `unsupported_media_type`.
pub fn check_content_type(content_type: Option<&[u8]>, body: &[u8]) -> Result<(), Problem> {
    let is_json = |value: &[u8]| {
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    };
    match content_type {
        Some(value) if is_json(value) => Ok(()),
        None if body.is_empty() => Ok(()),
        Some(_) | None => {
            Err(Problem::new(415, "unsupported_media_type", "a body must be JSON and say so")
                .field("content-type")
                .remedy("send Content-Type: application/json"))
        }
    }
}

/// The body as one JSON value, to compare requests by; an empty body counts as `{}`.
///
/// # Errors
/// 400 `malformed_json` when it is not one JSON object.
pub fn canonical(body: &[u8]) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Problem::new(400, "malformed_json", "the body must be a JSON object")),
        Err(error) => Err(malformed(&error)),
    }
}

/// Reads the body as a `T`, which must refuse unknown fields.
///
/// # Errors
/// 400 with the path of the field that is malformed, unknown or missing.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    canonical(body)?;
    let text = if body.is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        shape_problem(&path, error.inner())
    })
}

/// Reads a part of a body, found at `path`, as a `T`.
///
/// # Errors
/// As [`parse`].
pub fn parse_part<T: DeserializeOwned>(path: &str, part: Value) -> Result<T, Problem> {
    if !part.is_object() {
        let detail = format!("{path} must be a JSON object");
        return Err(Problem::new(400, "malformed_field", detail).field(path));
    }
    serde_path_to_error::deserialize(part).map_err(|error| {
        let inner = error.path().to_string();
        let whole = if inner == "." { path.to_owned() } else { format!("{path}.{inner}") };
        shape_problem(&whole, error.inner())
    })
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(400, "malformed_json", format!("the body is not JSON: {error}"))
}

/// What is wrong with the shape of the value at `path`.
fn shape_problem(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return malformed(error);
    }
    let text: String = error.to_string().chars().take(300).collect();
    let named = text.split('`').nth(1).unwrap_or_default();
    let below = |name: &str| {
        if path == "." || path == "?" { name.to_owned() } else { format!("{path}.{name}") }
    };
    // The path of an unknown field ends with it, or with what it is in.
    let at_or_below = |name: &str| {
        let has_it = path == name || path.ends_with(&format!(".{name}"));
        if has_it { path.to_owned() } else { below(name) }
    };
    let (code, field) = if text.starts_with("unknown field") {
        ("unknown_field", at_or_below(named))
    } else if text.starts_with("missing field") {
        ("missing_field", below(named))
    } else if text.starts_with("duplicate field") {
        ("malformed_field", at_or_below(named))
    } else {
        ("malformed_field", path.to_owned())
    };
    Problem::new(400, code, text).field(field)
}

/// For optional fields that must not be null: null is a wrong type, not an absence.
///
/// # Errors
/// What the type's own deserialisation says.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A whole number in `range`. A number such as 5.0 is whole.
///
/// # Errors
/// 422 `out_of_range`.
pub fn whole(field: &str, number: &Number, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    let exact = number.as_u64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        // Within this range, whole numbers are exact and the conversion keeps them.
        (0.0..=9_007_199_254_740_992.0).contains(&float).then_some(float as u64)
    });
    exact.filter(|value| range.contains(value)).ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        let detail = format!("{field} is a whole number from {least} to {most}");
        Problem::out_of_range(field, detail)
    })
}

/// A text of 1 to `most` characters, none of them a control character; spaces around it are cut.
///
/// # Errors
/// 422 `out_of_range`.
pub fn text(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    let trimmed = text.trim();
    let length = trimmed.chars().count();
    if length == 0 || length > most || trimmed.chars().any(char::is_control) {
        let detail = format!("{field} has 1 to {most} characters and no control characters");
        return Err(Problem::out_of_range(field, detail));
    }
    Ok(trimmed.to_owned())
}

/// One of `offered`, by name.
///
/// # Errors
/// 422 `out_of_range`, listing what there is.
pub fn choice<T: Copy>(field: &str, name: &str, offered: &[(&str, T)]) -> Result<T, Problem> {
    let found = offered.iter().find(|(offered, _)| *offered == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = offered.iter().map(|(name, _)| *name).collect();
        Problem::out_of_range(field, format!("{field} is one of {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        name: String,
        #[serde(default, deserialize_with = "given")]
        size: Option<Number>,
    }

    fn refused(body: &str) -> (u16, String, Option<String>) {
        let problem = parse::<Form>(body.as_bytes()).unwrap_err();
        (problem.status, problem.code.into_owned(), problem.field)
    }

    #[test]
    fn a_wrong_shape_is_400_with_the_path_of_the_field() {
        let field = |name: &str| Some(name.to_owned());
        let cases = [
            (r#"{"name":"a","colour":1}"#, "unknown_field", field("colour")),
            (r#"{"size":1}"#, "missing_field", field("name")),
            (r#"{"name":1}"#, "malformed_field", field("name")),
            (r#"{"name":"a","size":null}"#, "malformed_field", field("size")),
            (r#"{"name":"a","size":"1"}"#, "malformed_field", field("size")),
            (r#"{"name":"a","name":"b"}"#, "malformed_field", field("name")),
            (r#"["a"]"#, "malformed_json", None),
            ("null", "malformed_json", None),
            (r#"{"name":"a"} x"#, "malformed_json", None),
            (r#"{"name":"a""#, "malformed_json", None),
            ("\u{feff}{}", "malformed_json", None),
        ];
        for (body, code, field) in cases {
            assert_eq!(refused(body), (400, code.to_owned(), field), "{body}");
        }
        let deep = format!("{{\"name\":{}", "[".repeat(100_000));
        assert_eq!(refused(&deep).1, "malformed_json");
        assert_eq!(parse::<Form>(b"{\"name\":\"\xff\"}").unwrap_err().status, 400);
    }

    #[test]
    fn the_path_of_a_field_inside_a_part_is_whole() {
        let part = serde_json::json!({ "name": "a", "tone": 1 });
        let problem = parse_part::<Form>("context", part).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("context.tone"));
        assert_eq!(parse_part::<Form>("context", Value::Array(vec![])).unwrap_err().status, 400);
    }

    #[test]
    fn a_value_out_of_range_is_422() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        assert_eq!(whole("p", &number("5.0"), 1..=10), Ok(5));
        for wrong in ["0", "11", "-1", "5.5", "1e30", "99999999999999999999"] {
            let problem = whole("p", &number(wrong), 1..=10).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (422, Some("p")), "{wrong}");
        }
        for wrong in ["", "  ", "a\u{0}b", &"x".repeat(11)] {
            assert_eq!(text("t", wrong, 10).unwrap_err().status, 422, "{wrong:?}");
        }
        assert_eq!(choice("s", "b", &[("a", 1), ("b", 2)]), Ok(2));
        assert_eq!(choice("s", "c", &[("a", 1)]).unwrap_err().status, 422);
    }

    #[test]
    fn only_json_is_a_body() {
        let json: [&[u8]; 3] =
            [b"application/json", b"Application/JSON; charset=utf-8", b"application/json ;q=1"];
        for good in json {
            assert_eq!(check_content_type(Some(good), b"{}"), Ok(()));
        }
        let others: [Option<&[u8]>; 4] =
            [None, Some(b"text/plain"), Some(b"application/x-www-form-urlencoded"), Some(b"")];
        for wrong in others {
            assert_eq!(check_content_type(wrong, b"{}").unwrap_err().status, 415);
        }
        assert_eq!(check_content_type(None, b""), Ok(()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<Form>(&bytes);
        }

        #[test]
        fn no_text_make_it_panic(text in r#"[\{\}\[\]":,0-9a-z\\ ]{0,60}"#) {
            let _ = parse::<Form>(text.as_bytes());
        }
    }
}
