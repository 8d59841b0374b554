//! The built-in text model: selects and orders sentences of the topic's own sources. No language
//! model; its scripts say so.

use async_trait::async_trait;

use crate::craft::pace::Pace;
use crate::craft::writer::{BUILT_IN_CREDITS, WriterBrief, write};
use crate::domain::failure::Failure;
use crate::domain::script::Script;
use crate::ports::job::JobControl;
use crate::ports::text::{ScriptBrief, TextModel};

/// The extractive writer.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtractiveWriter;

#[async_trait]
impl TextModel for ExtractiveWriter {
    fn describe(&self) -> String {
        "extractive writer 1".to_owned()
    }

    async fn write(&self, brief: &ScriptBrief, control: &JobControl) -> Result<Script, Failure> {
        control.check()?;
        let profile = &brief.profile;
        let (shortest, longest) = profile.video_length;
        let (fewest, most) = profile.scenes;
        let order = WriterBrief {
            topic: &brief.topic,
            related: &brief.related,
            style: profile.style,
            tone: &profile.tone,
            audience: &profile.audience,
            language: &profile.language,
            seconds: (shortest.as_secs_f64(), longest.as_secs_f64()),
            scenes: (fewest as usize, most as usize),
            pace: Pace::of_voice(&profile.voice),
            used: &brief.used_sentences,
            credits: BUILT_IN_CREDITS,
            seed: brief.seed,
        };
        write(&order).map_err(|error| error.to_failure())
    }
}
