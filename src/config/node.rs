//! `[node]`, `[http]`, `[limits]` and `[retention]`: the process, its door, and how much it keeps.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::problem::ProblemKind;
use super::quantity::{ByteSize, duration_text};
use super::reader::Section;
use super::secret::{SecretPlace, secret_place};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `[node]`: this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeConfig {
    /// The node's name among others, 1–60 characters.
    pub name: String,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where whoever executes a stage appends one JSON line at its start and one at its end; off by
    /// default.
    #[serde(serialize_with = "path_or_off")]
    pub execution_log: Option<PathBuf>,
}

fn path_or_off<S: serde::Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => path.serialize(serializer),
        None => serializer.serialize_str("off"),
    }
}

impl NodeConfig {
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Self {
        let name = section.text("name", 60).unwrap_or_else(|| "ytempire".to_owned());
        let data_dir =
            section.path("data_dir", folder).unwrap_or_else(|| folder.join("data").join("state"));
        let execution_log = section
            .take("execution_log")
            .filter(|value| !value.is_text("off"))
            .and_then(|value| value.text(4_096))
            .map(|path| folder.join(path));
        section.finish();
        Self { name, data_dir, execution_log }
    }
}

/// `[http]`: the node's API and dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpConfig {
    /// Where to listen; an address that others can reach needs a token.
    pub listen: SocketAddr,
    /// Where the token is that callers must show.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretPlace>,
}

impl HttpConfig {
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Self {
        let parse_address = |text: &str| {
            text.parse::<SocketAddr>()
                .map_err(|_| "not an address and a port: write it as \"127.0.0.1:8000\"".to_owned())
        };
        let listen = section
            .take("listen")
            .and_then(|value| value.parsed(parse_address))
            .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8_000)));
        let token = secret_place(&mut section, "token_env", "token_file", folder);
        if !listen.ip().is_loopback() && token.is_none() {
            section.note(
                ProblemKind::Conflict,
                "listen",
                format!("{listen} can be reached from other machines and no token is set"),
                Some("add token_env or token_file, or listen on 127.0.0.1".to_owned()),
            );
        }
        section.finish();
        Self { listen, token }
    }
}

/// `[limits]`: how much the node takes on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsConfig {
    /// The most unfinished workflows, 1–10,000.
    pub live_workflows: u32,
}

impl LimitsConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let live_workflows = section.integer("live_workflows", 1..=10_000).unwrap_or(100);
        section.finish();
        Self { live_workflows }
    }
}

/// `[retention]`: how long and how much the node keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionConfig {
    /// How long artifacts of finished workflows are kept.
    #[serde(with = "duration_text")]
    pub artifacts: Duration,
    /// How long the history of finished workflows is kept.
    #[serde(with = "duration_text")]
    pub history: Duration,
    /// The most bytes in the data folder.
    pub disk_budget: ByteSize,
}

impl RetentionConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let ages = DAY..=DAY * 36_500;
        let artifacts = section.duration("artifacts", ages.clone()).unwrap_or(DAY * 30);
        let history = section.duration("history", ages).unwrap_or(DAY * 365);
        let budgets = ByteSize::gib(1)..=ByteSize::gib(1 << 20);
        let disk_budget = section.size("disk_budget", budgets).unwrap_or(ByteSize::gib(100));
        section.finish();
        Self { artifacts, history, disk_budget }
    }
}
