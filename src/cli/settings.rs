//! From the config's data to what the node is built of.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::output::{CliError, Exit};
use super::share::Share;
use crate::actors::renderer::VideoSettings;
use crate::adapters::offline::renderer::Encoding;
use crate::config::Config;
use crate::config::channel::{self as config, Aspect as ConfigAspect, ChannelConfig};
use crate::config::pipeline::StagePolicyConfig;
use crate::domain::channel::{Aspect, ChannelProfile, ChannelRules};
use crate::domain::retention::RetentionRules;
use crate::domain::retry::{Policies, RetryPolicy, StagePolicy};
use crate::domain::schedule::{MissedSlots, Schedule};
use crate::journal::open::OpenError;

/// What a node is built with.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSettings {
    /// What of the machine is shared out.
    pub share: Share,
    /// How videos look.
    pub video: VideoSettings,
    /// How they are encoded.
    pub encoding: Encoding,
    /// The limits of the stages.
    pub policies: Policies,
    /// The folder of the sentence model that compares topics; none: the built-in does.
    pub sentence_model: Option<PathBuf>,
    /// Where executions are noted, if they are.
    pub execution_log: Option<PathBuf>,
    /// How many workflows may be live at once.
    pub live_workflows: u32,
    /// What is kept for how long.
    pub retention: RetentionRules,
    /// Where the node listens for HTTP.
    pub listen: SocketAddr,
    /// The token that callers must show, if any.
    pub token: Option<String>,
}

/// A grant must have come within this time.
const SCHEDULE_TO_START: Duration = Duration::from_secs(24 * 3600);

impl NodeSettings {
    /// What `config` asks for on this machine.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let share = Share::of(config);
        let stage = |stage: &StagePolicyConfig| StagePolicy {
            retry: RetryPolicy { max_retries: stage.max_retries, base: stage.backoff_base },
            soft_limit: stage.soft_limit,
            hard_limit: stage.hard_limit,
            schedule_to_start: SCHEDULE_TO_START,
        };
        let pipeline = &config.pipeline;
        Self {
            video: VideoSettings {
                width: config.render.width,
                height: config.render.height,
                fps: config.render.fps,
                threads: share.threads,
            },
            share,
            encoding: Encoding { preset: config.render.preset.clone(), crf: config.render.crf },
            policies: Policies::new([
                stage(&pipeline.trend),
                stage(&pipeline.script),
                stage(&pipeline.narration),
                stage(&pipeline.render),
                stage(&pipeline.upload),
            ]),
            sentence_model: config.providers.sentence_model(),
            execution_log: config.node.execution_log.clone(),
            live_workflows: config.limits.live_workflows,
            retention: RetentionRules {
                artifacts: config.retention.artifacts,
                history: config.retention.history,
                disk_budget: config.retention.disk_budget.0,
            },
            listen: config.http.listen,
            token: None,
        }
    }
}

/// The profile of a channel of the config.
#[must_use]
pub fn profile_of(channel: &ChannelConfig) -> ChannelProfile {
    ChannelProfile {
        id: channel.id,
        name: channel.name.clone(),
        niche: channel.niche.clone(),
        language: channel.language.clone(),
        voice: channel.personality.voice.clone(),
        tone: channel.personality.tone.clone(),
        audience: channel.personality.audience.clone(),
        style: channel.personality.style,
        palette: channel.look.palette.clone(),
        aspect: match channel.look.aspect {
            ConfigAspect::Landscape => Aspect::Landscape,
            ConfigAspect::Upright => Aspect::Portrait,
        },
        video_length: channel.video_length,
        scenes: channel.scenes,
    }
}

/// What the owner of a channel of the config wants of its decisions.
#[must_use]
pub fn rules_of(channel: &ChannelConfig) -> ChannelRules {
    // The config has checked the name of the zone.
    let timezone = TimeZone::get(&channel.timezone).unwrap_or(TimeZone::UTC);
    let schedule = Schedule {
        times: channel.publish_hours.iter().map(|time| time.minutes()).collect(),
        timezone,
        lead: channel.lead,
        missed: match channel.missed_slots {
            config::MissedSlots::Latest => MissedSlots::Latest,
            config::MissedSlots::Skip => MissedSlots::Skip,
        },
    };
    ChannelRules { schedule: Some(schedule), approval: channel.approval }
}

/// What a person is told of a journal that cannot be opened.
#[must_use]
pub fn open_error(folder: &Path, error: &OpenError) -> CliError {
    let exit = match error.code() {
        "journal_damaged" | "journal_unreadable" => Exit::DataDamaged,
        _ => Exit::Failed,
    };
    let place = match error.problem() {
        Some(problem) => {
            format!("{} at byte {}", folder.join(&problem.file).display(), problem.offset)
        }
        None => folder.display().to_string(),
    };
    let told = CliError::new(exit, error.code(), error).at(place);
    match exit {
        Exit::DataDamaged => told.remedy(
            "run `ytempire journal verify` to see all damage; restore the folder from a backup, or \
             move it away to begin anew; nothing was changed",
        ),
        _ if error.code() == "disk_full" => {
            told.remedy("free some space or name a folder on a larger disk with --data-dir")
        }
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::channel::{PALETTES, TONES, VOICES};
    use crate::craft::palette::palette_names;
    use crate::craft::tone::Tone;

    #[test]
    fn the_config_offers_what_the_built_ins_have() {
        assert_eq!(PALETTES, palette_names());
        for tone in TONES {
            assert_eq!(format!("{:?}", Tone::of(tone)).to_lowercase(), *tone);
        }
        assert_eq!(VOICES, crate::media::sound::speech::VOICES);
    }

    #[test]
    fn the_defaults_are_the_policies_of_the_design() {
        let config = Config::defaults(Path::new("."));
        assert_eq!(NodeSettings::of(&config).policies, Policies::default());
    }
}
