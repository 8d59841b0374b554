//! Trends and scripts without a node: from the sources that can be read on this machine.
//!
//! Architecture invariant: nothing is fetched, polled or written.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::demo::samples;
use super::desk::trends_of;
use super::desk_script::script_on;
use super::node_link::told_here;
use super::options::Settings;
use super::output::{CliError, Exit};
use super::run::ChannelSetup;
use super::settings::{profile_of, rules_of};
use super::source_list::direct_source;
use super::workflow_cmd::{fold_of, to_json};
use crate::actors::trend_scout::told;
use crate::adapters::offline::sources::DirectSources;
use crate::adapters::system::SystemClock;
use crate::config::channel::ChannelConfig;
use crate::domain::ids::ChannelName;
use crate::http::orchestrator::ScriptWish;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::trends::{TrendView, sort};
use crate::ports::clock::Clock;

/// The channels of the config over those of their sources that are files and folders; the built-in
/// samples where it has none.
fn local_setups(settings: &Settings) -> Result<BTreeMap<ChannelName, ChannelSetup>, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channels = &settings.config.channels;
    let setups = if channels.is_empty() {
        samples::channels(&settings.config, &clock)?
    } else {
        let have_local = |channel: &&ChannelConfig| {
            channel.trends.iter().any(|trend| direct_source(trend).is_some())
        };
        let local = channels.iter().filter(have_local);
        local.map(|channel| local_setup(channel, &clock)).collect()
    };
    Ok(setups.into_iter().map(|setup| (setup.profile.name.clone(), setup)).collect())
}

fn local_setup(channel: &ChannelConfig, clock: &Arc<dyn Clock>) -> ChannelSetup {
    let sources = channel.trends.iter().filter_map(direct_source).collect();
    let as_of = channel.trends.iter().filter_map(|trend| trend.as_of).max();
    ChannelSetup {
        profile: profile_of(channel),
        rules: rules_of(channel),
        source: Arc::new(DirectSources::new(sources, as_of, Arc::clone(clock))),
        trends: channel.trends.clone(),
    }
}

fn wait_for<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::new(Exit::Failed, "no_runtime", error))?;
    runtime.block_on(work).map_err(|problem| told_here(&problem))
}

/// Writes a script.
///
/// # Errors
/// [`CliError`], exit 1 when no source tells of the topic.
pub(super) fn script(settings: &Settings, wish: &ScriptWish) -> Result<Value, CliError> {
    let setups = local_setups(settings)?;
    wait_for(script_on(&setups, wish))
}

/// A page of what is talked about around the channels.
///
/// # Errors
/// [`CliError`], exit 1 for an unknown channel or place.
pub(super) fn trends(
    settings: &Settings,
    channel: Option<&str>,
    limit: usize,
    after: Option<&str>,
) -> Result<Value, CliError> {
    let fold = fold_of(settings)?;
    let mut setups = local_setups(settings)?;
    if let Some(asked) = channel {
        setups
            .retain(|name, setup| name.as_str() == asked || setup.profile.id.to_string() == asked);
        if setups.is_empty() {
            return Err(told_here(&Problem::not_found("channel", asked).field("--channel")));
        }
    }
    let mut rows: Vec<TrendView> = Vec::new();
    for (name, setup) in &setups {
        let used = fold.read(setup.profile.id, |state| told(state.topics.values()));
        let found = wait_for(trends_of(setup, used))?;
        rows.extend(found.into_iter().map(|row| TrendView { channel: name.clone(), row }));
    }
    sort(&mut rows);
    let page = Page::of_list(rows, limit, after, TrendView::name);
    to_json(&page.map_err(|problem| told_here(&problem))?)
}
