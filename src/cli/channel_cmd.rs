//! `ytempire channel`: what is published on, and whether it is at work.
//!
//! The config file says which channels exist; `add` and `remove` have the node edit it and take it
//! up. Without a node, `list` and `show` read the config and the journal.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::node_link::{Link, NodeOption, query, told_here};
use super::options::{CommonOptions, Settings};
use super::output::{CliError, Exit};
use super::settings::{profile_of, rules_of};
use super::tables;
use super::workflow_cmd::{fold_of, to_json};
use crate::adapters::system::SystemClock;
use crate::config::channel::ChannelConfig;
use crate::http::channels::ChannelView;
use crate::http::orchestrator::SlotView;
use crate::http::page::Page;
use crate::http::query::encode;
use crate::ports::clock::Clock;

/// See, add, pause and remove channels.
#[derive(Debug, Clone, Args)]
pub struct ChannelArgs {
    #[command(flatten)]
    node: NodeOption,
    #[command(subcommand)]
    command: ChannelCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ChannelCommand {
    /// List channels by name. JSON: {items[], next}.
    List(ListArgs),
    /// Show one channel with its slots and sources.
    Show(Named),
    /// Add a channel to the config, and start it. JSON: the channel.
    Add(AddArgs),
    /// Start nothing new in a channel.
    Pause(Named),
    /// Let a paused channel go on.
    Resume(Named),
    /// Take a channel out of the config, and stop it; its past stays in the journal.
    Remove(Named),
}

#[derive(Debug, Clone, Args)]
struct Named {
    /// The channel's name or id
    #[arg(value_name = "CHANNEL")]
    id: String,
}

#[derive(Debug, Clone, Args)]
struct ListArgs {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only those after this one in the list: the `next` of the list before
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct AddArgs {
    /// Its name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is about, in words
    #[arg(long, value_name = "TEXT")]
    niche: Option<String>,
    /// How many videos a day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=24))]
    videos_per_day: Option<u8>,
    /// The time zone of its publish hours, for example Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// A feed its topics come from: a path or URL; may be given more than once
    #[arg(long = "feed", value_name = "FEED")]
    feeds: Vec<String>,
    /// A folder of notes its topics come from; may be given more than once
    #[arg(long = "notes", value_name = "FOLDER")]
    notes: Vec<String>,
}

impl AddArgs {
    fn settings(&self) -> Value {
        let mut settings = Map::new();
        let mut put = |key: &str, value: Value| settings.insert(key.to_owned(), value);
        put("name", json!(self.name));
        if let Some(niche) = &self.niche {
            put("niche", json!(niche));
        }
        if let Some(count) = self.videos_per_day {
            put("videos_per_day", json!(count));
        }
        if let Some(timezone) = &self.timezone {
            put("timezone", json!(timezone));
        }
        let feeds = self.feeds.iter().map(|feed| {
            let key = if feed.contains("://") { "url" } else { "path" };
            json!({ "kind": "rss", key: feed })
        });
        let notes = self.notes.iter().map(|path| json!({ "kind": "folder", "path": path }));
        let trends: Vec<Value> = feeds.chain(notes).collect();
        if !trends.is_empty() {
            put("trends", json!(trends));
        }
        Value::Object(settings)
    }
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: channel unknown (1), settings that are wrong (2), no node for a command that changes
/// something (3), folder in use by a node that does not answer (4), journal damaged (5).
pub fn run(args: &ChannelArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let link = Link::find(&args.node, common)?;
    let path = |named: &Named| format!("/api/v1/channels/{}", encode(&named.id));
    let value = match &args.command {
        ChannelCommand::List(list) => {
            let page = match &link {
                Link::Node(node) => {
                    let (limit, after) = (Some(list.limit.to_string()), list.after.clone());
                    let parameters = query(&[("limit", limit), ("after", after)]);
                    node.get(&format!("/api/v1/channels{parameters}"))?
                }
                Link::Folder { settings, .. } => list_of_folder(list, settings)?,
            };
            common.output().result(&page, tables::channels(&page))?;
            return Ok(Exit::Done);
        }
        ChannelCommand::Show(named) => match &link {
            Link::Node(node) => node.get(&path(named))?,
            Link::Folder { settings, .. } => show_of_folder(named, settings)?,
        },
        ChannelCommand::Add(add) => link.node()?.post("/api/v1/channels", &add.settings())?,
        ChannelCommand::Pause(named) => {
            link.node()?.post(&format!("{}/pause", path(named)), &json!({}))?
        }
        ChannelCommand::Resume(named) => {
            link.node()?.post(&format!("{}/resume", path(named)), &json!({}))?
        }
        ChannelCommand::Remove(named) => {
            let removed = link.node()?.delete(&path(named))?;
            let words = format!("removed the channel {}", tables::text(&removed, "name"));
            common.output().result(&removed, words)?;
            return Ok(Exit::Done);
        }
    };
    common.output().result(&value, tables::channel(&value))?;
    Ok(Exit::Done)
}

/// The channels of the config with their slots, as the journal knows them, ordered by name.
fn views(settings: &Settings) -> Result<Vec<ChannelView>, CliError> {
    let (fold, now) = (fold_of(settings)?, SystemClock.now());
    let view = |channel: &ChannelConfig| {
        let (profile, rules) = (profile_of(channel), rules_of(channel));
        let slots =
            fold.read(profile.id, |state| SlotView::list(state, rules.schedule.as_ref(), now));
        ChannelView { slots, ..ChannelView::of(&fold, &profile) }
    };
    let mut views: Vec<ChannelView> = settings.config.channels.iter().map(view).collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(views)
}

fn list_of_folder(args: &ListArgs, settings: &Settings) -> Result<Value, CliError> {
    let name = |view: &ChannelView| view.name.to_string();
    let views = views(settings)?;
    let page = Page::of_list(views, usize::from(args.limit), args.after.as_deref(), name);
    to_json(&page.map_err(|problem| told_here(&problem).at("--after"))?)
}

fn show_of_folder(named: &Named, settings: &Settings) -> Result<Value, CliError> {
    let is_named =
        |view: &ChannelView| view.name.as_str() == named.id || view.id.to_string() == named.id;
    let found = views(settings)?.into_iter().find(is_named);
    let unknown = || {
        CliError::new(Exit::Failed, "not_found", format!("there is no channel {}", named.id))
            .at(&named.id)
            .remedy("list them with `ytempire channel list`")
    };
    to_json(&found.ok_or_else(unknown)?)
}
