//! The measurement: many workflows at once, then one at a time, then whether all of it is there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::EngineArgs;
use super::bench_node::BenchNode;
use super::drive::{Listener, Starter, run_all};
use super::figures::{cpu_time, peak_rss_mib, refuse_memory, sync_time};
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
const CROWD: &str = "crowd";
const ALONE: &str = "alone";

/// What was measured.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    workflows: u32,
    concurrency: u32,
    channels: u32,
    payload: u32,
    wall_s: f64,
    wf_per_s: f64,
    cpu_ms_per_wf: f64,
    syncs_per_wf: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    fdatasync_ms: f64,
    rss_mb: Option<f64>,
    recovery_s: f64,
    verified: bool,
    payloads_read: u64,
}

/// Measures, and checks what is on the disk afterwards.
///
/// # Errors
/// [`CliError`], also when a workflow or a payload is not there.
pub(super) async fn measure(args: &EngineArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let folder = settings.data_dir();
    refuse_memory(folder)?;
    refuse_used(folder)?;
    let fdatasync = sync_time(folder)?;
    let bench = BenchNode {
        channels: args.channels,
        payload: args.payload as usize,
        step: Duration::ZERO,
        logs_executions: false,
    };
    let node = bench.start(folder, common).await?;
    let mut crowd = Starter::new(&node, args.channels, CROWD)?;
    let mut listener = Listener::new(&node);
    let syncs = crate::telemetry::syncs::count();
    let (began, cpu) = (Instant::now(), cpu_time());
    run_all(&node, &mut crowd, &mut listener, args.workflows, args.concurrency).await?;
    node.store_caught_up().await;
    let (wall, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
    let syncs = crate::telemetry::syncs::count() - syncs;
    let mut alone = Starter::new(&node, 1, ALONE)?;
    let mut latencies = Vec::new();
    for _ in 0..args.alone {
        let began = Instant::now();
        run_all(&node, &mut alone, &mut listener, 1, 1).await?;
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    node.stop().await;
    let rss_mb = peak_rss_mib();
    let (fold, recovery_s, verified) = read_again(folder)?;
    let payloads_read = check(&fold, CROWD, args.workflows, args.payload as usize)?;
    check(&fold, ALONE, args.alone, args.payload as usize)?;
    let count = f64::from(args.workflows);
    let figures = Figures {
        workflows: args.workflows,
        concurrency: args.concurrency,
        channels: args.channels,
        payload: args.payload,
        wall_s: wall.as_secs_f64(),
        wf_per_s: count / wall.as_secs_f64(),
        cpu_ms_per_wf: cpu.as_secs_f64() * 1e3 / count,
        syncs_per_wf: syncs as f64 / count,
        p50_ms: quantile(&latencies, 0.5),
        p99_ms: quantile(&latencies, 0.99),
        fdatasync_ms: fdatasync.as_secs_f64() * 1e3,
        rss_mb,
        recovery_s,
        verified,
        payloads_read,
    };
    common.output().result(&figures, in_words(&figures))?;
    Ok(if verified { Exit::Done } else { Exit::DataDamaged })
}

/// A bench measures from nothing: what is there already is not its own.
fn refuse_used(folder: &Path) -> Result<(), CliError> {
    if !journal_folder(folder).exists() {
        return Ok(());
    }
    let message = "the data folder has a journal already";
    Err(CliError::new(Exit::BadUsage, "folder_not_new", message)
        .at(folder.display())
        .remedy("name a new folder with --data-dir, or finish what was held with --resume"))
}

/// Verifies the journal, and folds it anew as a node that starts does.
fn read_again(folder: &Path) -> Result<(Fold, f64, bool), CliError> {
    let journal = journal_folder(folder);
    let verified = verify(Arc::new(DiskFiles), &journal);
    let verified =
        verified.map_err(|error| CliError::new(Exit::DataDamaged, error.code(), &error))?.ok;
    let began = Instant::now();
    let fold = read_only(&journal).map_err(|error| open_error(&journal, &error))?;
    Ok((fold, began.elapsed().as_secs_f64(), verified))
}

/// Every payload of the first `count` workflows of `series` must be what its stage returned.
fn check(fold: &Fold, series: &str, count: u32, bytes: usize) -> Result<u64, CliError> {
    let lost = |workflow: WorkflowId, what: &str| {
        CliError::new(Exit::DataDamaged, "payload_lost", what.to_owned()).at(workflow)
    };
    let mut found = std::collections::BTreeMap::new();
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

fn quantile(sorted: &[Duration], share: f64) -> Option<f64> {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    let one = sorted.get(at.saturating_sub(1))?;
    Some(one.as_secs_f64() * 1e3)
}

fn in_words(figures: &Figures) -> String {
    let alone = match (figures.p50_ms, figures.p99_ms) {
        (Some(p50), Some(p99)) => format!(
            "\none at a time: p50 {p50:.2} ms, p99 {p99:.2} ms (a sync here takes {:.3} ms)",
            figures.fdatasync_ms
        ),
        _ => String::new(),
    };
    format!(
        "{} workflows, {} at once in {} channels: {:.0} a second\n\
         {:.3} ms of processor and {:.3} syncs for each; at most {:.0} MiB resident{alone}\n\
         read again in {:.2} s: journal {}, {} payloads as they were",
        figures.workflows,
        figures.concurrency,
        figures.channels,
        figures.wf_per_s,
        figures.cpu_ms_per_wf,
        figures.syncs_per_wf,
        figures.rss_mb.unwrap_or(0.0),
        figures.recovery_s,
        if figures.verified { "sound" } else { "DAMAGED" },
        figures.payloads_read,
    )
}
