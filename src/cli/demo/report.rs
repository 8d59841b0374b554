//! What came of the round, for people and for programs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{Plan, Step};
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit, print_json};
use crate::cli::run::Node;
use crate::domain::ids::{ChannelName, WorkflowId};
use crate::domain::stage::StageName;
use crate::domain::view::cause;
use crate::domain::workflow::{Ending, Workflow};

/// What came of the round.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    round: u64,
    wall_s: f64,
    videos: Vec<Video>,
    exhausted: Vec<ChannelName>,
    #[serde(skip)]
    failed: Vec<(ChannelName, WorkflowId, String)>,
}

#[derive(Debug, Clone, Serialize)]
struct Video {
    channel: ChannelName,
    workflow: WorkflowId,
    title: String,
    topic: Value,
    why: Value,
    duration_s: f64,
    video: String,
    thumbnail: String,
    bytes: u64,
    score: f64,
    stages: Vec<StageReport>,
}

#[derive(Debug, Clone, Serialize)]
struct StageReport {
    stage: StageName,
    attempts: u32,
    seconds: f64,
}

/// Gathers what came of the round.
///
/// # Errors
/// [`CliError`] when a published video's files cannot be read.
pub(super) async fn report(
    node: &Node,
    plan: &Plan,
    wall: Duration,
    root: &Path,
) -> Result<Report, CliError> {
    let mut report = Report {
        round: plan.round,
        wall_s: (wall.as_secs_f64() * 1_000.0).round() / 1_000.0,
        videos: Vec::new(),
        exhausted: Vec::new(),
        failed: Vec::new(),
    };
    for (name, step) in &plan.steps {
        let (Some(channel), Some(id)) = (node.channels.get(name), step.workflow()) else {
            if *step == Step::Exhausted {
                report.exhausted.push(name.clone());
            }
            continue;
        };
        let workflow =
            node.fold.read(channel.setup.profile.id, |state| state.workflows.get(&id).cloned());
        let Some(workflow) = workflow else { continue };
        match workflow.ending() {
            Some(Ending::Completed(publication)) => {
                let folder = root.join(&publication.path);
                let folder = folder.parent().unwrap_or(root);
                report.videos.push(video(name, &workflow, folder)?);
            }
            Some(Ending::Cancelled { .. } | Ending::Dropped { .. }) => {}
            None => {
                let why = cause(&workflow).unwrap_or_else(|| "its channel was given up".into());
                report.failed.push((name.clone(), id, why));
            }
        }
    }
    Ok(report)
}

fn video(name: &ChannelName, workflow: &Workflow, folder: &Path) -> Result<Video, CliError> {
    let metadata = read(folder, "metadata.json")?;
    let provenance = read(folder, "provenance.json")?;
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let file = |name: &str| folder.join(name).display().to_string();
    let bytes = fs::metadata(folder.join("video.mp4")).map_or(0, |found| found.len());
    Ok(Video {
        channel: name.clone(),
        workflow: workflow.id,
        title: workflow.title.clone().unwrap_or_default(),
        topic: provenance.get("topic").cloned().unwrap_or_default(),
        why: provenance.get("why").cloned().unwrap_or_default(),
        duration_s: number(&metadata, "duration_s"),
        video: file("video.mp4"),
        thumbnail: file("thumbnail.jpg"),
        bytes,
        score: number(&provenance, "score"),
        stages: workflow
            .done
            .iter()
            .map(|done| StageReport {
                stage: done.stage,
                attempts: done.attempt.0,
                seconds: done.completed_at.since(done.started_at).as_secs_f64(),
            })
            .collect(),
    })
}

fn read(folder: &Path, name: &str) -> Result<Value, CliError> {
    let path = folder.join(name);
    let unreadable = |error: String| {
        CliError::new(Exit::Failed, "library_unreadable", error)
            .at(path.display())
            .remedy("the video was published, but its folder was changed since")
    };
    let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
}

/// Tells it, and gives the exit code.
///
/// # Errors
/// [`CliError`] when stdout is gone, or when a video is parked.
pub(super) fn tell(report: &Report, common: &CommonOptions, root: &Path) -> Result<Exit, CliError> {
    let output = common.output();
    if !report.videos.is_empty() {
        output.say(table(report));
        output.say(format!("watch them: file://{}", root.join("library/index.html").display()));
    }
    if !report.exhausted.is_empty() {
        let names: Vec<&str> = report.exhausted.iter().map(ChannelName::as_str).collect();
        output.say(format!(
            "no topic left for {}: `ytempire demo --fresh` begins anew and keeps what is there",
            names.join(", ")
        ));
    }
    let failure = report.failed.first().map(|(name, workflow, why)| {
        CliError::new(Exit::Failed, "video_parked", format!("the video is parked: {why}"))
            .at(format!("channel {name}, workflow {workflow}"))
            .remedy("mend the cause and run the same command again: it tries again")
    });
    match failure {
        None => {
            if common.json {
                print_json(report)?;
            } else if !report.videos.is_empty() {
                output.say(BETTER);
            }
            Ok(Exit::Done)
        }
        Some(error) => {
            output.say(&error);
            if common.json {
                let mut value = json!(report);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("error".to_owned(), error.to_json());
                }
                print_json(&value)?;
            }
            Ok(Exit::Failed)
        }
    }
}

/// What would make the videos better.
const BETTER: &str = "\
made with built-in stand-ins: no language model wrote the scripts, and the voice is flite.
A later version takes a better voice and a language model by one config line each:
  [providers.voice] kind = \"openai\"    # any /v1/audio/speech server
  [providers.text]  kind = \"openai\"    # any OpenAI-compatible server, for example Ollama
run it again for the next round on other topics";

fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["channel", "video", "why this topic", "length", "size", "time per stage"]);
    for video in &report.videos {
        let stages: Vec<String> = video
            .stages
            .iter()
            .map(|stage| format!("{} {:.1} s", stage.stage, stage.seconds))
            .collect();
        table.add_row([
            video.channel.to_string(),
            video.title.clone(),
            why_in_words(video),
            format!("{:.1} s", video.duration_s),
            format!("{:.1} MB", video.bytes as f64 / 1e6),
            stages.join("\n"),
        ]);
    }
    format!("round {} in {:.1} s\n{table}", report.round, report.wall_s)
}

fn why_in_words(video: &Video) -> String {
    let parts = video.why.as_array().into_iter().flatten().filter_map(|part| {
        let name = part.get("part")?.as_str()?;
        let value = part.get("value")?.as_f64()?;
        Some(format!("{name} {value:.2}"))
    });
    let parts: Vec<String> = parts.collect();
    format!("score {:.2}\n{}", video.score, parts.join("\n"))
}
