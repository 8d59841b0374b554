//! Whether everything that a measurement made is there, seen by a process that begins from nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::EngineArgs;
use super::work::{PAYLOAD, payload};
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit};
use crate::cli::settings::open_error;
use crate::domain::artifact::{Body, Digest};
use crate::domain::ids::{CommandId, WorkflowId};
use crate::domain::stage::StageName;
use crate::journal::fold::Fold;
use crate::journal::open::{journal_folder, read_only};
use crate::journal::segment::files::DiskFiles;
use crate::journal::verify::verify;

/// The series of workflows that run at once, and of those that run alone.
pub(super) const CROWD: &str = "crowd";
pub(super) const ALONE: &str = "alone";

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReadBack {
    /// Folding the journal anew, as a node does that starts.
    pub(super) recovery_s: f64,
    /// Whether the journal is sound.
    pub(super) verified: bool,
    /// Payloads of the crowd that are what their stages returned.
    pub(super) payloads_read: u64,
}

/// A bench begins from nothing: what is there already is not its own.
///
/// # Errors
/// [`CliError`] when there is a journal.
pub(super) fn refuse_used(folder: &Path) -> Result<(), CliError> {
    if !journal_folder(folder).exists() {
        return Ok(());
    }
    let message = "the data folder has a journal already";
    Err(CliError::new(Exit::BadUsage, "folder_not_new", message)
        .at(folder.display())
        .remedy("name a new folder with --data-dir, or finish what was held with --resume"))
}

/// Lets another process of this program read what is in `folder`.
///
/// # Errors
/// [`CliError`], also when a workflow or a payload is not there.
pub(super) fn in_another_process(args: &EngineArgs, folder: &Path) -> Result<ReadBack, CliError> {
    let failed = |error: String| CliError::new(Exit::Failed, "read_back_failed", error);
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let output = Command::new(program)
        .args(["bench", "engine", "--read-back", "--json", "--data-dir"])
        .arg(folder)
        .args(["--workflows", &args.workflows.to_string()])
        .args(["--alone", &args.alone.to_string()])
        .args(["--payload", &args.payload.to_string()])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        CliError::new(Exit::DataDamaged, "read_back_failed", told).at(folder.display())
    })
}

/// Verifies the journal, folds it, and reads every payload.
///
/// # Errors
/// [`CliError`] when the journal cannot be read, or a workflow or a payload is not there.
pub(super) fn read_back(args: &EngineArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let journal = journal_folder(settings.data_dir());
    let began = Instant::now();
    let fold = read_only(&journal).map_err(|error| open_error(&journal, &error))?;
    let recovery_s = began.elapsed().as_secs_f64();
    let bytes = args.payload as usize;
    let payloads_read = check(&fold, CROWD, args.workflows, bytes)?;
    check(&fold, ALONE, args.alone, bytes)?;
    drop(fold);
    let verified = verify(Arc::new(DiskFiles), &journal);
    let verified =
        verified.map_err(|error| CliError::new(Exit::DataDamaged, error.code(), &error))?.ok;
    let found = ReadBack { recovery_s, verified, payloads_read };
    common.output().result(&found, format!("{found:?}"))?;
    Ok(Exit::Done)
}

/// Every payload of the first `count` workflows of `series` must be what its stage returned.
fn check(fold: &Fold, series: &str, count: u32, bytes: usize) -> Result<u64, CliError> {
    let lost = |workflow: WorkflowId, what: &str| {
        CliError::new(Exit::DataDamaged, "payload_lost", what.to_owned()).at(workflow)
    };
    let mut found = BTreeMap::new();
    for channel in fold.channels() {
        fold.read(channel, |state| {
            for (id, workflow) in &state.workflows {
                found.insert(*id, workflow.clone());
            }
        });
    }
    let mut read = 0;
    for number in 0..count {
        let id = CommandId::new(format!("bench-{series}-{number}"))
            .map_err(|error| CliError::new(Exit::Failed, "bad_command_id", error))?;
        let id = WorkflowId::of_command(&id);
        let workflow = found.get(&id).ok_or_else(|| lost(id, "the workflow is not there"))?;
        for stage in StageName::ALL {
            let output = workflow.output(stage).and_then(|output| output.get(PAYLOAD));
            let artifact = output.ok_or_else(|| lost(id, "a stage has no payload"))?;
            let expected = payload(id, stage, bytes);
            let is_right = match &artifact.body {
                Body::Inline(bytes) => **bytes == *expected,
                Body::Stored => false,
            };
            if !is_right || artifact.digest != Digest::of(&expected) {
                return Err(lost(id, "a payload is not what its stage returned"));
            }
            read += 1;
        }
    }
    Ok(read)
}
