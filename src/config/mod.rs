//! `ytempire.toml` as typed, validated data.
//!
//! Why it exists: a node must not find out in the middle of the night that a key was misspelt. So
//! unknown keys are refused, every value is checked when the file is read, all problems of a file
//! are told at once with line and column, and the effective config can be printed.
//!
//! Architecture invariant: a [`Config`] is valid by construction; it holds where a secret is, never
//! the secret; nothing here knows what the values are used for.
//!
//! Reading order: this file, [`channel`], the other sections, then `reader` and `value`, which they
//! all use.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::de::DeTable;

pub mod channel;
pub mod edit;
pub mod node;
pub mod pipeline;
pub mod problem;
pub mod providers;
pub mod quantity;
mod reader;
pub mod render;
pub mod scenario;
pub mod secret;
pub mod trend;
mod value;

use channel::ChannelConfig;
use node::{HttpConfig, LimitsConfig, NodeConfig, RetentionConfig};
use pipeline::PipelineConfig;
use problem::{ConfigError, Problem, ProblemKind};
use providers::{PlatformConfig, ProvidersConfig};
use reader::{Findings, Section};
use render::{GpuConfig, HostConfig, RenderConfig};

/// The file that is read when none is named, in the current folder.
pub const DEFAULT_FILE: &str = "ytempire.toml";

/// A commented file to start from; as it stands it means the same as no file.
pub const STARTER: &str = include_str!("starter.toml");

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Everything a config says, defaults filled in, paths absolute or relative to the folder it was
/// read with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// This process.
    pub node: NodeConfig,
    /// Its API and dashboard.
    pub http: HttpConfig,
    /// The policy of each stage.
    pub pipeline: PipelineConfig,
    /// How videos are encoded.
    pub render: RenderConfig,
    /// How GPU memory is shared.
    pub gpu: GpuConfig,
    /// What of the machine is used at once.
    pub host: HostConfig,
    /// How much is taken on at once.
    pub limits: LimitsConfig,
    /// How long and how much is kept.
    pub retention: RetentionConfig,
    /// Who writes, speaks and draws.
    pub providers: ProvidersConfig,
    /// Where videos are published.
    pub platform: PlatformConfig,
    /// The channels in the order of the file; names and ids differ.
    #[serde(rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelConfig>,
}

impl Config {
    /// What holds without a file; relative paths begin at `folder`.
    #[must_use]
    pub fn defaults(folder: &Path) -> Self {
        let findings = Findings::new("");
        Self::read(Section::new(&findings, String::new(), 0..0, None), folder)
    }

    /// Reads a config's text; its relative paths begin at `folder`.
    ///
    /// # Errors
    /// All problems in order of place, at least one.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        read_document(text, |root| Self::read(root, folder))
    }

    /// Reads the config file `file`; its relative paths begin at its folder.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or has a problem.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
        let text = read_text(file, MAX_FILE_BYTES).map_err(unreadable)?;
        let absolute: PathBuf = std::path::absolute(file).map_err(unreadable)?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, folder)
            .map_err(|problems| ConfigError::Invalid { file: file.to_owned(), problems })
    }

    /// The effective config as TOML, which reads back to the same config.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    fn read(mut root: Section<'_>, folder: &Path) -> Self {
        let config = Self {
            node: NodeConfig::read(root.section("node"), folder),
            http: HttpConfig::read(root.section("http"), folder),
            pipeline: PipelineConfig::read(root.section("pipeline")),
            render: RenderConfig::read(root.section("render")),
            gpu: GpuConfig::read(root.section("gpu")),
            host: HostConfig::read(root.section("host")),
            limits: LimitsConfig::read(root.section("limits")),
            retention: RetentionConfig::read(root.section("retention")),
            providers: ProvidersConfig::read(root.section("providers"), folder),
            platform: PlatformConfig::read(root.section("platform"), folder),
            channels: read_channels(root.sections("channel"), folder),
        };
        root.finish();
        config
    }
}

/// What `read` makes of a TOML text, unless it notes a problem.
fn read_document<T>(
    text: &str,
    read: impl for<'d> FnOnce(Section<'d>) -> T,
) -> Result<T, Vec<Problem>> {
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    let findings = Findings::new(text);
    for error in &syntax_errors {
        // Only the bare message: the library's own text quotes the line, which may hold a secret.
        let span = error.span().unwrap_or(0..0);
        findings.note(ProblemKind::Syntax, "", &span, error.message(), None);
    }
    if !syntax_errors.is_empty() {
        return Err(findings.into_problems());
    }
    let root = Section::new(&findings, String::new(), 0..0, Some(document.get_ref()));
    let made = read(root);
    let problems = findings.into_problems();
    if problems.is_empty() { Ok(made) } else { Err(problems) }
}

/// The channels, where a name or an id that was used before is noted.
fn read_channels(sections: Vec<Section<'_>>, folder: &Path) -> Vec<ChannelConfig> {
    let mut channels: Vec<ChannelConfig> = Vec::new();
    for section in sections {
        let place = section.place();
        let Some(channel) = ChannelConfig::read(section, folder) else { continue };
        let twin_by_name = channels.iter().any(|other| other.name == channel.name);
        let twin_by_id = channels.iter().find(|other| other.id == channel.id);
        if twin_by_name {
            let message = format!("there is already a channel {:?}", channel.name.as_str());
            let remedy = "give each channel its own name".to_owned();
            place.note(ProblemKind::Conflict, "name", message, Some(remedy));
        } else if let Some(twin) = twin_by_id {
            let message = format!("the channel {:?} has this id already", twin.name.as_str());
            place.note(ProblemKind::Conflict, "id", message, None);
        }
        channels.push(channel);
    }
    channels
}

fn read_text(file: &Path, longest: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(longest + 1).read_to_end(&mut bytes)?;
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    if bytes.len() as u64 > longest {
        return Err(invalid(format!("it is larger than {} MiB", longest >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests;
