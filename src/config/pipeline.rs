//! `[pipeline.<stage>]`: how long a stage may take and how it is tried again.

use std::time::Duration;

use serde::Serialize;

use super::problem::ProblemKind;
use super::quantity::{duration_text, print_duration};
use super::reader::Section;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The policy of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StagePolicyConfig {
    /// Counted retries after the first attempt, 0–20: 3 means at most 4 counted attempts.
    pub max_retries: u32,
    /// Retry k (k = 0, 1, 2 …) waits uniformly in [0, base·2^k].
    #[serde(with = "duration_text")]
    pub backoff_base: Duration,
    /// After this long from its grant the work is asked to finish.
    #[serde(with = "duration_text")]
    pub soft_limit: Duration,
    /// After this long from its grant the work is killed; above the soft limit.
    #[serde(with = "duration_text")]
    pub hard_limit: Duration,
}

impl StagePolicyConfig {
    fn read(mut section: Section<'_>, max_retries: u32, backoff_seconds: u64) -> Self {
        let spans = Duration::from_secs(1)..=HOUR * 24;
        let bases = Duration::ZERO..=HOUR * 24;
        let max_retries = section.integer("max_retries", 0..=20).unwrap_or(max_retries);
        let backoff_base =
            section.duration("backoff_base", bases).unwrap_or(Duration::from_secs(backoff_seconds));
        let given_soft = section.duration("soft_limit", spans.clone());
        let given_hard = section.duration("hard_limit", spans);
        let soft_limit = given_soft.unwrap_or(Duration::from_secs(25 * 60));
        let hard_limit = given_hard.unwrap_or(Duration::from_secs(30 * 60));
        if soft_limit >= hard_limit {
            let key = if given_hard.is_some() { "hard_limit" } else { "soft_limit" };
            let message = format!(
                "the soft limit ({}) must be below the hard limit ({})",
                print_duration(soft_limit),
                print_duration(hard_limit)
            );
            section.note(ProblemKind::Conflict, key, message, None);
        }
        section.finish();
        Self { max_retries, backoff_base, soft_limit, hard_limit }
    }
}

/// `[pipeline]`: the policy of each stage, in the order of the path of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineConfig {
    /// Finding a topic.
    pub trend: StagePolicyConfig,
    /// Writing.
    pub script: StagePolicyConfig,
    /// Speaking.
    pub narration: StagePolicyConfig,
    /// Making the video.
    pub render: StagePolicyConfig,
    /// Publishing.
    pub upload: StagePolicyConfig,
}

impl PipelineConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            trend: StagePolicyConfig::read(section.section("trend"), 3, 60),
            script: StagePolicyConfig::read(section.section("script"), 3, 60),
            narration: StagePolicyConfig::read(section.section("narration"), 2, 120),
            render: StagePolicyConfig::read(section.section("render"), 2, 120),
            upload: StagePolicyConfig::read(section.section("upload"), 3, 300),
        };
        section.finish();
        config
    }
}
