//! `ytempire script`: a script on a topic, without making a video of it.
//!
//! Without a running node, it is written from the sources that are files and folders.

use clap::Args;
use serde_json::{Map, Value, json};

use super::node_link::{Link, NodeOption, told_here};
use super::offline;
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::tables;
use crate::http::script::wish;

/// Write a script on a topic that the sources tell of. JSON: {script, scenes[], metadata}.
#[derive(Debug, Clone, Args)]
pub struct ScriptArgs {
    #[command(flatten)]
    node: NodeOption,
    /// What it should be about
    #[arg(long, value_name = "TEXT")]
    topic: String,
    /// How it is told
    #[arg(long, value_name = "STYLE", default_value = "educational", value_parser = [
        "educational", "entertainment", "news", "tutorial",
    ])]
    style: String,
    /// How long it should be, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(20..=600))]
    duration: u16,
    /// Who watches, for example children
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// How it should sound, for example calm
    #[arg(long, value_name = "TEXT")]
    tone: Option<String>,
}

impl ScriptArgs {
    fn request(&self) -> Value {
        let mut context = Map::new();
        if let Some(audience) = &self.audience {
            context.insert("target_audience".to_owned(), json!(audience));
        }
        if let Some(tone) = &self.tone {
            context.insert("tone".to_owned(), json!(tone));
        }
        json!({
            "topic": self.topic, "style": self.style, "duration": self.duration,
            "context": context,
        })
    }
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: no source tells of the topic (1), folder in use by a node that does not
/// answer (4).
pub fn run(args: &ScriptArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let request = args.request();
    let script = match Link::find(&args.node, common)? {
        Link::Node(node) => node.post("/api/v1/generate/script", &request)?,
        Link::Folder { settings, lock: _lock } => {
            let wish = wish(request.to_string().as_bytes());
            offline::script(&settings, &wish.map_err(|problem| told_here(&problem))?)?
        }
    };
    common.output().result(&script, tables::script(&script))?;
    Ok(Exit::Done)
}
