//! `/api/v1/generate/script`: a script on a topic, without making a video of it.
//!
//! Architecture invariant: nothing is remembered of it; the channel's topics stay unused.

use serde::Deserialize;
use serde_json::{Number, Value};

use super::answer::Answer;
use super::body::{self, choice, given, parse_part, text, whole};
use super::orchestrator::{Orchestrator, ScriptWish};
use super::problem::Problem;
use super::service::Call;

/// The styles a script can have.
pub const STYLES: [&str; 4] = ["educational", "entertainment", "news", "tutorial"];
/// The shortest and the longest script, in seconds.
pub const SECONDS: (u64, u64) = (20, 600);
/// How long a script is unless somebody says otherwise, in seconds.
const USUAL_SECONDS: u32 = 60;
/// The longest topic that can be asked for, in characters.
const MAX_TOPIC: usize = 200;
/// The longest description of a channel, an audience or a tone, in characters.
const MAX_CONTEXT: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptBody {
    topic: String,
    #[serde(default, deserialize_with = "given")]
    style: Option<String>,
    #[serde(default, deserialize_with = "given")]
    duration: Option<Number>,
    #[serde(default, deserialize_with = "given")]
    context: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    #[serde(default)]
    channel_personality: Option<String>,
    #[serde(default)]
    target_audience: Option<String>,
    #[serde(default)]
    tone: Option<String>,
}

/// Reads and checks the body.
///
/// # Errors
/// 400 or 422.
pub fn wish(bytes: &[u8]) -> Result<ScriptWish, Problem> {
    let form: ScriptBody = body::parse(bytes)?;
    let context = match form.context {
        Some(part) => parse_part::<Context>("context", part)?,
        None => Context::default(),
    };
    let style = match &form.style {
        Some(name) => choice("style", name, &STYLES.map(|style| (style, style)))?,
        None => STYLES[0],
    };
    let seconds = match &form.duration {
        Some(number) => {
            let seconds = whole("duration", number, SECONDS.0..=SECONDS.1)?;
            u32::try_from(seconds).unwrap_or(USUAL_SECONDS)
        }
        None => USUAL_SECONDS,
    };
    let part = |field: &str, value: Option<String>| {
        value.map(|value| text(field, &value, MAX_CONTEXT)).transpose()
    };
    Ok(ScriptWish {
        topic: text("topic", &form.topic, MAX_TOPIC)?,
        style,
        seconds,
        personality: part("context.channel_personality", context.channel_personality)?,
        audience: part("context.target_audience", context.target_audience)?,
        tone: part("context.tone", context.tone)?,
    })
}

/// POST: writes a script; 200 with it.
pub(super) async fn write(node: &Orchestrator, call: &Call) -> Result<Answer, Problem> {
    let wish = wish(&call.body)?;
    Answer::json(200, &node.desk.script(&wish).await?)
}

#[cfg(test)]
mod tests {
    use super::wish;

    #[test]
    fn a_request_is_checked_to_its_last_field() {
        let full = br#"{"topic":"Saturn","style":"news","duration":45,
            "context":{"channel_personality":"calm","target_audience":"children","tone":"warm"}}"#;
        let full = wish(full).unwrap();
        assert_eq!((full.style, full.seconds, full.tone.as_deref()), ("news", 45, Some("warm")));
        let cases: [(&str, u16, Option<&str>); 9] = [
            (r#"{}"#, 400, Some("topic")),
            (r#"{"topic":""}"#, 422, Some("topic")),
            (r#"{"topic":"a","style":"poem"}"#, 422, Some("style")),
            (r#"{"topic":"a","duration":19}"#, 422, Some("duration")),
            (r#"{"topic":"a","duration":601}"#, 422, Some("duration")),
            (r#"{"topic":"a","duration":"60"}"#, 400, Some("duration")),
            (r#"{"topic":"a","context":[]}"#, 400, Some("context")),
            (r#"{"topic":"a","context":{"mood":1}}"#, 400, Some("context.mood")),
            (r#"{"topic":"a","context":{"tone":1}}"#, 400, Some("context.tone")),
        ];
        for (body, status, field) in cases {
            let problem = wish(body.as_bytes()).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (status, field), "{body}");
        }
    }
}
