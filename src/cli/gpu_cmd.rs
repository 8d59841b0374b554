//! `ytempire gpu`: what there is of GPUs and whether they do what is relied on.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::node_link::{Link, NodeOption};
use super::options::CommonOptions;
use super::output::{CliError, Exit};
use super::share::Share;
use super::tables;
use crate::gpu::arbiter::{Arbiter, DeviceId, permille};
use crate::gpu::selftest::{self, SelfTest};
use crate::gpu::view::{BrokerView, Counts, DeviceReading};

/// See what is shared out of GPUs, cores and memory, and who holds what.
///
/// Without a running node: what one would share out here. JSON: {driver, life, counts{granted,
/// released, revoked, refused, out_of_memory, loads, evictions}, devices[{name,
/// total_bytes, budget_bytes, used_bytes, models[]}], pools[{pool, capacity, used, waiting}], waiting,
/// leases, reservations[], readings[], held[]}; `life` is 0 without a node.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct GpuArgs {
    #[command(subcommand)]
    command: Option<GpuCommand>,
    #[command(flatten)]
    node: NodeOption,
}

#[derive(Debug, Clone, Subcommand)]
enum GpuCommand {
    Selftest(SelftestArgs),
}

/// Work on each GPU for a second or two: right results, urgent work first, leases side by side, the
/// memory filled as far as it may be, and an out-of-memory survived.
///
/// A machine without a GPU is no failure unless --require says so. Run it while nothing else needs
/// the GPU. JSON: {no_gpu, fault, cards[{ordinal, name, compute, memory_bytes, budget_bytes,
/// checks[{name, passed, detail}]}]}.
#[derive(Debug, Clone, Args)]
struct SelftestArgs {
    /// Fail when there is no GPU
    #[arg(long)]
    require: bool,
}

/// Carries out `args`.
///
/// # Errors
/// [`CliError`]: a check failed, the driver does not work, or there is no GPU and one is required (1).
pub fn run(args: &GpuArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    if let Some(GpuCommand::Selftest(args)) = &args.command {
        return selftest(args, common);
    }
    let view = match Link::find(&args.node, common)? {
        Link::Node(node) => node.get("/api/v1/gpu")?,
        Link::Folder { settings, lock: _lock } => {
            let parts = Share::of(&settings.config).broker(Arc::new(drop));
            let count = u16::try_from(parts.setup.devices.len()).unwrap_or(u16::MAX);
            let mut arbiter = Arbiter::new(parts.setup, 1);
            let readings = (0..count).map(|device| {
                let reading = parts.driver.read(DeviceId(device));
                if let Some(foreign) = reading.foreign_bytes.or(reading.used_bytes) {
                    // What cannot be is not believed; the reading shows it.
                    let _ = arbiter.set_foreign_use(0, DeviceId(device), foreign);
                }
                DeviceReading { reading, drift_bytes: None }
            });
            let readings: Vec<DeviceReading> = readings.collect();
            serde_json::json!(BrokerView {
                driver: parts.driver.name(),
                life: 0,
                counts: Counts::default(),
                books: arbiter.view(),
                readings,
                held: Vec::new(),
            })
        }
    };
    common.output().result(&view, tables::gpu(&view))?;
    Ok(Exit::Done)
}

fn selftest(args: &SelftestArgs, common: &CommonOptions) -> Result<Exit, CliError> {
    let settings = common.settings()?;
    let report = selftest::run(permille(settings.config.gpu.memory_fraction));
    if let Some(reason) = &report.no_gpu {
        let message = format!("{reason}: there is no GPU to test, every stage uses the processor");
        if args.require {
            let remedy = "install the NVIDIA driver, or leave --require out";
            return Err(CliError::new(Exit::Failed, "no_gpu", message).remedy(remedy));
        }
        common.output().result(&report, message)?;
        return Ok(Exit::Done);
    }
    common.output().result(&report, tables::selftest(&serde_json::json!(report)))?;
    Ok(if report.passed() { Exit::Done } else { told_failure(&report, common) })
}

fn told_failure(report: &SelfTest, common: &CommonOptions) -> Exit {
    if let Some(fault) = &report.fault {
        common.output().say(fault);
    }
    Exit::Failed
}
