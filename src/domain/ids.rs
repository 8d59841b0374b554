//! Names of things. Each id is its own type, so that one cannot stand where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::timestamp::Timestamp;

/// A channel's name as its owner writes it in the config: a slug of 1–40 lower-case letters,
/// digits and single hyphens, that begins with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(String);

impl ChannelName {
    /// The longest name that is accepted, in characters.
    pub const MAX_LEN: usize = 40;

    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`BadName`] when `name` is not a slug as described on the type.
    pub fn new(name: impl Into<String>) -> Result<Self, BadName> {
        let name = name.into();
        let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        let chars_fit =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let hyphens_fit = !name.ends_with('-') && !name.contains("--");
        if begins_well && chars_fit && hyphens_fit && name.len() <= Self::MAX_LEN {
            Ok(Self(name))
        } else {
            Err(BadName(name))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a channel name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a channel name: use 1 to 40 lower-case letters, digits and single hyphens, beginning with a letter"
)]
pub struct BadName(pub String);

impl TryFrom<String> for ChannelName {
    type Error = BadName;
    fn try_from(name: String) -> Result<Self, BadName> {
        Self::new(name)
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel's id. By default derived from its name, so that a lost journal does not rename it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelId(pub Uuid);

impl ChannelId {
    /// The default id: UUIDv5 in the URL namespace of `ytempire:channel:<name>`.
    #[must_use]
    pub fn of_name(name: &ChannelName) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("ytempire:channel:{name}").as_bytes()))
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A workflow's id: the making of one video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkflowId(pub Uuid);

impl WorkflowId {
    /// The id of the workflow that `command` starts: UUIDv5 in the URL namespace of
    /// `ytempire:workflow:<command id>`, so that a repeated command finds the same workflow.
    #[must_use]
    pub fn of_command(command: &CommandId) -> Self {
        let name = format!("ytempire:workflow:{}", command.as_str());
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WorkflowId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// Makes a command idempotent: the same id asks for the same thing once. 1–200 visible ASCII
/// characters (it is the `Idempotency-Key` of the HTTP API).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId(String);

impl CommandId {
    /// The longest id that is accepted, in bytes.
    pub const MAX_LEN: usize = 200;

    /// Checks and takes an id.
    ///
    /// # Errors
    /// [`BadCommandId`] when it is empty, too long, or holds anything but visible ASCII.
    pub fn new(id: impl Into<String>) -> Result<Self, BadCommandId> {
        let id = id.into();
        let fits = !id.is_empty()
            && id.len() <= Self::MAX_LEN
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(id)) } else { Err(BadCommandId) }
    }

    /// The id of round `round` of `ytempire demo` on `channel`: a digest of exactly these three,
    /// so that a demo that was killed continues its workflow instead of starting another.
    #[must_use]
    pub fn of_demo_round(round: u64, channel: &ChannelName) -> Self {
        Self(blake3::hash(format!("demo\n{round}\n{channel}").as_bytes()).to_hex().to_string())
    }

    /// The id of the start for the slot at `slot` of `channel`: a digest of exactly these, so that
    /// one slot has one workflow.
    #[must_use]
    pub fn of_slot(channel: &str, slot: Timestamp) -> Self {
        Self(blake3::hash(format!("slot\n{channel}\n{}", slot.0).as_bytes()).to_hex().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command id has 1 to 200 visible ASCII characters")]
pub struct BadCommandId;

impl TryFrom<String> for CommandId {
    type Error = BadCommandId;
    fn try_from(id: String) -> Result<Self, BadCommandId> {
        Self::new(id)
    }
}

impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A position in the journal: events are numbered densely from 1; 0 is before the first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many times a channel's actor has been (re)born: the fencing token of its frames.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

/// Counts the starts of one stage of one workflow: the fencing token of its outcomes. It rises at
/// every start, whatever the reason; 0 is before the first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Attempt(pub u32);

/// Counts how often a person asked for a stage's work anew: part of the artifact key, so that a
/// retry does not find the old result.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Take(pub u32);
