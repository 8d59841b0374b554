//! The path of one video: a workflow without trouble takes six frames, in this order; and the path
//! that ARCHITECTURE.md tells leads through files that exist.

use std::path::Path;

use ytempire::domain::event::Event;

use super::site::Site;
use super::trace::{commits, commits_of, counts};

/// The events of a workflow without trouble, frame by frame.
const PATH: [&[&str]; 6] = [
    &["workflow.started", "stage.started trend"],
    &["stage.succeeded trend", "trend.detected", "stage.started script"],
    &["stage.succeeded script", "content.ready", "stage.started narration"],
    &["stage.succeeded narration", "stage.started render"],
    &["stage.succeeded render", "stage.started upload"],
    &["stage.succeeded upload", "video.published", "workflow.completed"],
];

fn in_words(event: &Event) -> String {
    match event {
        Event::StageStarted { stage, .. } | Event::StageSucceeded { stage, .. } => {
            format!("{} {stage}", event.event_type())
        }
        _ => event.event_type().to_owned(),
    }
}

#[tokio::test]
async fn a_workflow_without_trouble_takes_six_frames() {
    let site = Site::finished().await;
    let workflows = counts(&commits(&site.journal()));
    assert_eq!(workflows.len(), 2);
    for workflow in workflows.into_keys() {
        let frames: Vec<Vec<String>> = commits_of(&site.journal(), workflow)
            .iter()
            .map(|commit| commit.events.iter().map(in_words).collect())
            .collect();
        assert_eq!(frames, PATH, "workflow {workflow}");
    }
}

#[tokio::test]
async fn events_are_numbered_densely_from_one() {
    let site = Site::finished().await;
    let mut next = 1;
    for (first_seq, commit) in commits(&site.journal()) {
        assert_eq!(first_seq.0, next);
        assert!(!commit.events.is_empty());
        next += commit.events.len() as u64;
    }
    assert!(next > 1);
}

#[test]
fn the_path_that_the_architecture_tells_leads_through_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(root.join("ARCHITECTURE.md")) else { return };
    let told = text.split("The path of one video").nth(1).expect("the path of one video is told");
    let block = told.split("```").nth(1).expect("it is told in a block");
    let words = block.split(|c: char| c.is_whitespace() || "`,()→".contains(c));
    let files: Vec<&str> = words.filter(|word| word.ends_with(".rs")).collect();
    assert!(files.len() >= 8, "the path names few files: {files:?}");
    let mut folder = Path::new("");
    for file in &files {
        let path = Path::new(file.trim_start_matches("src/"));
        // A bare name is a neighbour of the file before it.
        let path = match path.parent() {
            Some(parent) if parent != Path::new("") => {
                folder = parent;
                path.to_owned()
            }
            _ => folder.join(path),
        };
        assert!(root.join("src").join(&path).exists(), "ARCHITECTURE.md names {file}");
    }
}
