//! How a command reaches what it asks about: a running node over HTTP, or the data folder when no
//! node runs.
//!
//! Architecture invariant: a folder that is held is never read behind its node's back; the token is
//! sent in a header and is in no message.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::data_folder::{NodeFile, feel_lock};
use super::options::{CommonOptions, Settings};
use super::output::{CliError, Exit};
use super::secret::secret_of;
use crate::http::problem::Problem;
use crate::http::query::encode;

/// How long a connection to a node may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Where the node is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NodeOption {
    /// The node to ask, for example <http://127.0.0.1:8000> [default: the one of the data folder]
    #[arg(long, global = true, value_name = "URL", value_parser = node_url)]
    pub node: Option<String>,
}

fn node_url(text: &str) -> Result<String, String> {
    let has_host = text.strip_prefix("http://").is_some_and(|rest| !rest.is_empty());
    if has_host && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write it as http://127.0.0.1:8000".to_owned())
    }
}

/// What a command asks.
#[derive(Debug)]
pub enum Link {
    /// A running node.
    Node(NodeClient),
    /// Nobody runs: the data folder, for reading. The lock is held as long as this lives, so that no
    /// node starts in between.
    Folder {
        /// The settings.
        settings: Box<Settings>,
        /// The lock, shared; `None` when the folder does not exist.
        lock: Option<File>,
    },
}

impl Link {
    /// Finds out whether a node runs.
    ///
    /// # Errors
    /// Exit 4 when the folder is held and its holder cannot be asked; 2 for a wrong config.
    pub fn find(option: &NodeOption, common: &CommonOptions) -> Result<Self, CliError> {
        let settings = common.settings()?;
        if let Some(url) = &option.node {
            return NodeClient::new(url, Origin::Named, &settings).map(Self::Node);
        }
        match feel_lock(settings.data_dir()) {
            Ok(lock) => Ok(Self::Folder { settings: Box::new(settings), lock }),
            Err(error) if error.exit == Exit::FolderInUse => {
                let Some(url) = url_of(settings.data_dir()) else { return Err(error) };
                NodeClient::new(&url, Origin::Folder, &settings).map(Self::Node)
            }
            Err(error) => Err(error),
        }
    }

    /// The running node, for commands that change something.
    ///
    /// # Errors
    /// Exit 3 when none runs.
    pub fn node(self) -> Result<NodeClient, CliError> {
        match self {
            Self::Node(client) => Ok(client),
            Self::Folder { settings, .. } => {
                let message = "no node runs in this data folder";
                Err(CliError::new(Exit::NodeUnreachable, "node_unreachable", message)
                    .at(settings.data_dir().display())
                    .remedy("start one with `ytempire run`, or name one with --node"))
            }
        }
    }
}

fn url_of(data_dir: &Path) -> Option<String> {
    let bytes = fs::read(data_dir.join("node.json")).ok()?;
    serde_json::from_slice::<NodeFile>(&bytes).ok()?.url
}

/// How a node's address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was named on the command line.
    Named,
    /// The holder of the data folder wrote it there.
    Folder,
}

/// A running node.
#[derive(Debug)]
pub struct NodeClient {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    url: String,
    origin: Origin,
    token: Option<String>,
}

impl NodeClient {
    fn new(url: &str, origin: Origin, settings: &Settings) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::new(Exit::Failed, "no_client", format!("cannot make a client: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        // Whichever provider is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        let token = settings.config.http.token.as_ref().map(secret_of).transpose()?;
        Ok(Self { http, runtime, url: url.to_owned(), origin, token })
    }

    /// Asks for what is at `path`, which begins with a slash.
    ///
    /// # Errors
    /// What the node says, or exit 3 or 4 when it does not answer.
    pub fn get(&self, path: &str) -> Result<Value, CliError> {
        self.ask(self.http.get(self.address(path)))
    }

    /// Sends a command.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.ask(self.http.post(self.address(path)).json(body))
    }

    /// Has something removed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn delete(&self, path: &str) -> Result<Value, CliError> {
        self.ask(self.http.delete(self.address(path)))
    }

    /// Lets `span` pass.
    pub fn pause(&self, span: Duration) {
        // A sleep can only be made inside the runtime.
        self.runtime.block_on(async { tokio::time::sleep(span).await });
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, CliError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answered = self.runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let (status, body) = answered.map_err(|error| self.unreachable(&error))?;
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        match (status, value) {
            (200 | 201, Some(value)) => Ok(value),
            (_, Some(problem)) if problem.get("code").is_some() => Err(told(&problem)),
            (status, _) => {
                let message = format!("the answer has status {status} and is none of a node");
                Err(CliError::new(Exit::NodeUnreachable, "not_a_node", message)
                    .at(&self.url)
                    .remedy("check the address; `ytempire run` says where its node listens"))
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let why = if error.is_timeout() {
            "it did not answer in time"
        } else if error.is_connect() {
            "nobody listens there"
        } else {
            "the connection broke"
        };
        let message = format!("the node cannot be reached: {why}");
        match self.origin {
            Origin::Named => CliError::new(Exit::NodeUnreachable, "node_unreachable", message)
                .at(&self.url)
                .remedy("check the address, or start the node with `ytempire run`"),
            Origin::Folder => CliError::new(Exit::FolderInUse, "node_not_answering", message)
                .at(&self.url)
                .remedy("the process of node.json holds the data folder; wait for it or stop it"),
        }
    }
}

/// The exit code of a problem with this HTTP status.
fn exit_of(status: u64) -> Exit {
    match status {
        400 | 413 | 415 | 422 => Exit::BadUsage,
        _ => Exit::Failed,
    }
}

/// A problem document as the command line tells it.
fn told(problem: &Value) -> CliError {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = problem.get("status").and_then(Value::as_u64).unwrap_or(500);
    let code = text("code").unwrap_or_else(|| "failed".to_owned());
    let message = text("detail").unwrap_or_else(|| "the node refused".to_owned());
    let mut error = CliError::new(exit_of(status), code, message);
    error.place = text("field");
    error.remedy = text("remedy");
    error
}

/// A problem that arose in this process, told alike.
#[must_use]
pub fn told_here(problem: &Problem) -> CliError {
    told(&serde_json::to_value(problem).unwrap_or_default())
}

/// A query string of the parameters that are there, with its question mark.
#[must_use]
pub fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!("{name}={}", encode(value)))
    });
    let pairs: Vec<String> = given.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_and_has_no_slash_at_its_end() {
        assert_eq!(node_url("http://127.0.0.1:8000/"), Ok("http://127.0.0.1:8000".to_owned()));
        for wrong in ["127.0.0.1:8000", "http://", "ftp://a", "http://a b", ""] {
            assert!(node_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_problem_of_the_node_is_told_as_an_error_of_the_command() {
        let here = told_here(&Problem::out_of_range("priority", "1 to 10").remedy("choose"));
        assert_eq!((here.exit, &*here.code), (Exit::BadUsage, "out_of_range"));
        assert_eq!(
            (here.place.as_deref(), here.remedy.as_deref()),
            (Some("priority"), Some("choose"))
        );
        let unknown = told_here(&Problem::not_found("workflow", "x"));
        assert_eq!((unknown.exit, &*unknown.code), (Exit::Failed, "not_found"));
    }

    #[test]
    fn a_query_holds_what_is_given_and_nothing_else() {
        let given =
            [("limit", Some("5".to_owned())), ("after", None), ("channel", Some("a b".to_owned()))];
        assert_eq!(query(&given), "?limit=5&channel=a%20b");
        assert_eq!(query(&[("after", None)]), "");
    }
}
