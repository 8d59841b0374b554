//! What is said about a published video: `metadata.json` for the platform and `provenance.json` for
//! whoever wants to check where everything comes from.
//!
//! Architecture invariant: built-in stand-ins are named as such, here and so everywhere behind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::film::chapter_lines;
use crate::domain::channel::ChannelProfile;
use crate::domain::ids::WorkflowId;
use crate::domain::script::Script;
use crate::domain::timeline::Timeline;
use crate::domain::trend::{Story, Topic};

/// Everything that is known of a video when it is published.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseParts<'a> {
    /// The workflow that made it.
    pub workflow: WorkflowId,
    /// Its channel.
    pub profile: &'a ChannelProfile,
    /// The key it is published under.
    pub idempotency_key: &'a str,
    /// Its topic.
    pub topic: &'a Topic,
    /// Stories of other topics that may be told in it as further chapters.
    pub related: &'a [Story],
    /// Its script.
    pub script: &'a Script,
    /// Its programme.
    pub timeline: &'a Timeline,
    /// Its length in seconds.
    pub duration_s: f64,
    /// Who spoke.
    pub voice: &'a str,
    /// How each picture was made.
    pub pictures: &'a [String],
    /// How the music was made.
    pub music: &'a str,
    /// Where it is published.
    pub platform: &'a str,
}

/// The description with its chapters in place.
#[must_use]
pub fn description(parts: &ReleaseParts<'_>) -> String {
    let chapters = chapter_lines(&parts.timeline.chapters, parts.duration_s);
    parts.script.description.replace("{chapters}", &chapters).trim().to_owned()
}

/// `metadata.json` without `published_at`.
#[must_use]
pub fn metadata(parts: &ReleaseParts<'_>) -> Value {
    let built_in = [
        format!("script: {}", parts.script.writer),
        format!("voice: {}", parts.voice),
        "pictures: designed cards and generative art, drawn by code".to_owned(),
        format!("music: {}", parts.music),
        format!("platform: {}", parts.platform),
    ];
    json!({
        "workflow": parts.workflow,
        "channel": parts.profile.name,
        "title": parts.script.title,
        "description": description(parts),
        "tags": parts.script.tags,
        "language": parts.script.language,
        "duration_s": parts.duration_s,
        "idempotency_key": parts.idempotency_key,
        "generator": {
            "name": "ytempire",
            "version": env!("CARGO_PKG_VERSION"),
            "built_in": built_in,
        },
    })
}

/// `provenance.json` without `digests`.
#[must_use]
pub fn provenance(parts: &ReleaseParts<'_>) -> Value {
    let told: BTreeSet<&String> =
        parts.script.sentences().filter_map(|(_, said)| said.source.as_ref()).collect();
    let related = parts.related.iter().filter(|story| told.contains(&story.id));
    let sources: Vec<Value> = parts
        .topic
        .stories
        .iter()
        .chain(related)
        .map(|story| {
            json!({
                "id": story.id,
                "title": story.title,
                "url": story.url,
                "published": story.published,
                "source": story.source,
                "reference": story.reference,
            })
        })
        .collect();
    let script: Vec<Value> = parts
        .script
        .scenes
        .iter()
        .flat_map(|scene| {
            scene.sentences.iter().map(|sentence| {
                json!({
                    "scene": scene.number,
                    "text": sentence.text,
                    "kind": sentence.kind,
                    "source": sentence.source,
                })
            })
        })
        .collect();
    json!({
        "topic": parts.topic.title,
        "score": parts.topic.score,
        "why": parts.topic.why,
        "sources": sources,
        "script": script,
        "voice": parts.voice,
        "pictures": parts.pictures,
        "music": parts.music,
    })
}
