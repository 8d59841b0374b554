//! Adding a channel to a config file and taking one out, without touching the rest of its text.
//!
//! Why it exists: the file says which channels exist, and it is its owner's: comments and order stay
//! as they are.
//!
//! Architecture invariant: an edit is only accepted when the new text reads as the old config with
//! exactly this one channel more or less; otherwise nothing is changed.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Config;
use super::problem::Problem;
use crate::domain::ids::ChannelName;

/// A text with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// What it says.
    pub config: Config,
}

/// Why a config is not edited.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The text has problems, before or after the edit.
    #[error("the config would not be valid")]
    Invalid(Vec<Problem>),
    /// There is a channel of this name.
    #[error("there is a channel {0} already")]
    Exists(ChannelName),
    /// There is no channel of this name.
    #[error("there is no channel {0} in the config")]
    Unknown(ChannelName),
    /// The text is written in a way that cannot be edited safely.
    #[error("the config file is written in a way that cannot be edited: {0}")]
    NotEditable(String),
}

#[derive(Serialize)]
struct OneChannel<'a> {
    channel: [&'a Map<String, Value>; 1],
}

/// `text` with one more channel, which has these settings of a `[[channel]]`.
///
/// # Errors
/// [`EditError`].
pub fn add_channel(
    text: &str,
    settings: &Map<String, Value>,
    folder: &Path,
) -> Result<Edited, EditError> {
    let before = Config::parse(text, folder).map_err(EditError::Invalid)?;
    let name = settings.get("name").and_then(Value::as_str).unwrap_or_default();
    if let Some(twin) = before.channels.iter().find(|channel| channel.name.as_str() == name) {
        return Err(EditError::Exists(twin.name.clone()));
    }
    let block = toml::to_string(&OneChannel { channel: [settings] })
        .map_err(|error| EditError::NotEditable(error.to_string()))?;
    let gap = if text.is_empty() || text.ends_with("\n\n") {
        ""
    } else if text.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let edited = format!("{text}{gap}{block}");
    let config = Config::parse(&edited, folder).map_err(EditError::Invalid)?;
    let mut expected = before;
    expected.channels.extend(config.channels.last().cloned());
    accept(edited, config, &expected)
}

/// `text` without the channel `name`.
///
/// # Errors
/// [`EditError`].
pub fn remove_channel(text: &str, name: &ChannelName, folder: &Path) -> Result<Edited, EditError> {
    let mut expected = Config::parse(text, folder).map_err(EditError::Invalid)?;
    let place = expected.channels.iter().position(|channel| channel.name == *name);
    let place = place.ok_or_else(|| EditError::Unknown(name.clone()))?;
    expected.channels.remove(place);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut headers = lines.iter().enumerate().filter(|(_, line)| is_channel_header(line));
    let Some((begin, _)) = headers.nth(place) else {
        let reason = format!("the channel {name} has no [[channel]] line of its own");
        return Err(EditError::NotEditable(reason));
    };
    let rest = lines.iter().enumerate().skip(begin + 1);
    let next = rest.clone().find(|(_, line)| begins_another_table(line));
    let end = next.map_or(lines.len(), |(line, _)| line);
    // Comments right above the next table belong to it.
    let comments = lines.get(begin + 1..end).unwrap_or_default().iter().rev();
    let comments = comments.take_while(|line| line.trim_start().starts_with('#')).count();
    let end = if next.is_some() { end - comments } else { end };
    let kept = lines.iter().take(begin).chain(lines.iter().skip(end));
    let edited: String = kept.copied().collect();
    let config = Config::parse(&edited, folder).map_err(EditError::Invalid)?;
    accept(edited, config, &expected)
}

fn accept(text: String, config: Config, expected: &Config) -> Result<Edited, EditError> {
    if config != *expected {
        let reason = "the edit would change more than this channel; edit the file by hand";
        return Err(EditError::NotEditable(reason.to_owned()));
    }
    Ok(Edited { text, config })
}

fn is_channel_header(line: &str) -> bool {
    header(line).is_some_and(|name| name == "[[channel]]")
}

/// A table that is not a part of the channel before it.
fn begins_another_table(line: &str) -> bool {
    let is_part = |name: &str| name.starts_with("[channel.") || name.starts_with("[[channel.");
    header(line).is_some_and(|name| !is_part(&name))
}

/// The table that a line begins, without spaces and comment; `None` for other lines.
fn header(line: &str) -> Option<String> {
    let code = line.split('#').next().unwrap_or_default();
    let name: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    (name.starts_with('[') && name.ends_with(']')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# My node.
[node]
name = \"desk\" # mine

# The sea.
[[channel]]
name = \"deep-sea\"
niche = \"the sea\"
  [channel.look]
  palette = \"ocean\"
  [[channel.trends]]
  kind = \"rss\"
  path = \"sea.xml\"

# The kitchen.
[[channel]] # second
name = \"kitchen\"

[limits]
live_workflows = 5
";

    fn names(edited: &Edited) -> Vec<&str> {
        edited.config.channels.iter().map(|channel| channel.name.as_str()).collect()
    }

    fn settings(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_channel_is_added_at_the_end_and_the_rest_stays_to_the_byte() {
        let new = settings(serde_json::json!({
            "name": "space", "videos_per_day": 2, "personality": { "tone": "warm" },
            "trends": [{ "kind": "rss", "path": "space.xml" }],
        }));
        let edited = add_channel(TEXT, &new, Path::new("/c")).unwrap();
        assert!(edited.text.starts_with(TEXT));
        assert_eq!(names(&edited), ["deep-sea", "kitchen", "space"]);
        assert_eq!(edited.config.channels[2].trends.len(), 1);
        let back =
            remove_channel(&edited.text, &ChannelName::new("space").unwrap(), Path::new("/c"));
        assert_eq!(back.unwrap().config, Config::parse(TEXT, Path::new("/c")).unwrap());
        let first = add_channel("", &new, Path::new("/c")).unwrap();
        assert_eq!(names(&first), ["space"]);
    }

    #[test]
    fn a_channel_is_taken_out_with_all_its_parts_and_nothing_else() {
        let without = |name: &str| {
            remove_channel(TEXT, &ChannelName::new(name).unwrap(), Path::new("/c")).unwrap()
        };
        let edited = without("deep-sea");
        assert_eq!(names(&edited), ["kitchen"]);
        assert!(!edited.text.contains("ocean"), "{}", edited.text);
        assert!(edited.text.contains("# The kitchen.\n[[channel]] # second"), "{}", edited.text);
        let edited = without("kitchen");
        assert_eq!(names(&edited), ["deep-sea"]);
        assert!(edited.text.contains("live_workflows = 5"));
    }

    #[test]
    fn an_edit_that_would_be_wrong_changes_nothing() {
        let add = |value: Value| add_channel(TEXT, &settings(value), Path::new("/c")).unwrap_err();
        let kitchen = ChannelName::new("kitchen").unwrap();
        assert_eq!(add(serde_json::json!({ "name": "kitchen" })), EditError::Exists(kitchen));
        let wrong = add(serde_json::json!({ "name": "a", "colour": 1 }));
        assert!(
            matches!(wrong, EditError::Invalid(problems) if problems[0].key.contains("colour"))
        );
        assert!(matches!(add(serde_json::json!({ "name": null })), EditError::NotEditable(_)));
        let unknown = ChannelName::new("space").unwrap();
        let lost = remove_channel(TEXT, &unknown, Path::new("/c")).unwrap_err();
        assert_eq!(lost, EditError::Unknown(unknown));
        let inline = "channel = [{ name = \"kitchen\" }]\n";
        let refused =
            remove_channel(inline, &ChannelName::new("kitchen").unwrap(), Path::new("/c"));
        assert!(matches!(refused, Err(EditError::NotEditable(_))));
        let tricky = "[[channel]]\nname = \"kitchen\"\nniche = \"\"\"\na\n[[channel]]\nb\"\"\"\n[[channel]]\nname = \"sea\"\n";
        let outcome = remove_channel(tricky, &ChannelName::new("sea").unwrap(), Path::new("/c"));
        if let Ok(edited) = outcome {
            assert_eq!(names(&edited), ["kitchen"]);
        }
    }
}
