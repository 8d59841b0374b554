//! The measurement: many workflows at once, then one at a time; then another process sees whether all
//! of it is there.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::EngineArgs;
use super::bench_node::BenchNode;
use super::drive::{Listener, Starter, run_all};
use super::figures::{SyncProbe, cpu_time, peak_rss_mib, refuse_memory};
use super::read_back::{ALONE, CROWD, ReadBack, in_another_process, refuse_used};
use crate::cli::options::CommonOptions;
use crate::cli::output::{CliError, Exit};
use crate::cli::runtime::Vigil;
use crate::telemetry::syncs;

/// So many syncs are measured after so many workflows.
const PROBES: usize = 20;
/// Syncs of a kind that are measured at the most.
const MOST_PROBES: usize = 400;

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
    group_sync_ms: f64,
    rss_mb: Option<f64>,
    #[serde(flatten)]
    read: ReadBack,
}

/// Measures, and checks what is on the disk afterwards.
///
/// # Errors
/// [`CliError`], also when a workflow or a payload is not there.
pub(super) async fn measure(
    args: &EngineArgs,
    common: &CommonOptions,
    vigil: Vigil,
) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let folder = settings.data_dir();
    refuse_memory(folder)?;
    refuse_used(folder)?;
    let bench = BenchNode {
        channels: args.channels,
        payload: args.payload as usize,
        step: Duration::ZERO,
        logs_executions: false,
    };
    let node = bench.start(folder, common, vigil).await?;
    let mut crowd = Starter::new(&node, args.channels, CROWD)?;
    let mut listener = Listener::new(&node);
    let synced_before = syncs::count();
    let (began, cpu) = (Instant::now(), cpu_time());
    run_all(&node, &mut crowd, &mut listener, args.workflows, args.concurrency).await?;
    node.store_caught_up().await;
    let (wall, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
    let synced = syncs::count() - synced_before;
    let mut alone = Starter::new(&node, 1, ALONE)?;
    let mut latencies = Vec::new();
    // Syncs are measured in between: what one takes changes within seconds.
    let mut probe = SyncProbe::new(folder, MOST_PROBES)?;
    for number in 0..args.alone as usize {
        if number % PROBES == 0 && number < MOST_PROBES {
            probe.measure(PROBES)?;
        }
        let began = Instant::now();
        run_all(&node, &mut alone, &mut listener, 1, 1).await?;
        latencies.push(began.elapsed());
    }
    if latencies.is_empty() {
        probe.measure(PROBES)?;
    }
    let syncs = probe.medians()?;
    latencies.sort_unstable();
    drop(listener);
    node.stop().await;
    let rss_mb = peak_rss_mib();
    let read = in_another_process(args, folder)?;
    let count = f64::from(args.workflows);
    let figures = Figures {
        workflows: args.workflows,
        concurrency: args.concurrency,
        channels: args.channels,
        payload: args.payload,
        wall_s: wall.as_secs_f64(),
        wf_per_s: count / wall.as_secs_f64(),
        cpu_ms_per_wf: cpu.as_secs_f64() * 1e3 / count,
        syncs_per_wf: synced as f64 / count,
        p50_ms: quantile(&latencies, 0.5),
        p99_ms: quantile(&latencies, 0.99),
        fdatasync_ms: syncs.plain.as_secs_f64() * 1e3,
        group_sync_ms: syncs.with_slot.as_secs_f64() * 1e3,
        rss_mb,
        read,
    };
    common.output().result(&figures, in_words(&figures))?;
    Ok(if figures.read.verified { Exit::Done } else { Exit::DataDamaged })
}

fn quantile(sorted: &[Duration], share: f64) -> Option<f64> {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    let one = sorted.get(at.saturating_sub(1))?;
    Some(one.as_secs_f64() * 1e3)
}

fn in_words(figures: &Figures) -> String {
    let alone = match (figures.p50_ms, figures.p99_ms) {
        (Some(p50), Some(p99)) => format!(
            "\none at a time: p50 {p50:.2} ms, p99 {p99:.2} ms (a sync here takes {:.3} ms, one with \
             the journal's slot {:.3} ms)",
            figures.fdatasync_ms, figures.group_sync_ms
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
        figures.read.recovery_s,
        if figures.read.verified { "sound" } else { "DAMAGED" },
        figures.read.payloads_read,
    )
}
