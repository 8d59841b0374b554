//! `ytempire render`: a timeline file into a video file.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::output::{CliError, Exit, Output};
use crate::config::render::{CountOrAuto, RenderConfig};
use crate::media::error::{MediaError, MediaFault};
use crate::media::load::load;
use crate::media::render::{Progress, RenderOptions, RenderReport, render};

/// The signal of a file that would grow over its limit, on all Linux machines but MIPS.
const SIGXFSZ: i32 = 25;

/// Render a timeline file (see docs/timeline.md) into a video.
#[derive(Debug, Clone, Args)]
pub struct RenderArgs {
    /// The timeline file
    #[arg(value_name = "TIMELINE.json")]
    pub timeline: PathBuf,
    /// The video file to write; an existing one is replaced when the new one is complete
    #[arg(long, value_name = "FILE.mp4")]
    pub out: PathBuf,
}

/// Renders, reports to people on stderr and, with `json`, to programs on stdout.
///
/// Must not be called on a thread of an async runtime: it blocks until the video is done.
#[must_use]
pub fn run(args: &RenderArgs, config: &RenderConfig, json: bool) -> ExitCode {
    match render_file(args, &options_of(config)) {
        Ok(report) => {
            if json {
                print_json(&report);
            } else {
                print_report(&report);
            }
            ExitCode::SUCCESS
        }
        Err(error) => Output { json }.fail(&told(&error)),
    }
}

/// A timeline names its own size; how it is encoded is the config's.
fn options_of(config: &RenderConfig) -> RenderOptions {
    let threads = match config.threads {
        CountOrAuto::Auto => 0,
        CountOrAuto::Count(count) => count,
    };
    let (preset, crf) = (config.preset.clone(), config.crf);
    RenderOptions { preset, crf, threads, ..RenderOptions::default() }
}

fn render_file(args: &RenderArgs, options: &RenderOptions) -> Result<RenderReport, MediaError> {
    let stop = Arc::new(AtomicBool::new(false));
    let _signals = watch_signals(&stop)?;
    let timeline = load(&args.timeline)?;
    let mut meter = Meter::new();
    let result =
        render(&timeline, &args.out, options, &mut |progress| meter.show(progress), &|| {
            stop.load(Ordering::Relaxed)
        });
    meter.finish();
    result
}

/// Sets `stop` on Ctrl-C and SIGTERM, and makes a file that may not grow an error instead of the
/// end of the process. It lasts as long as what is returned.
fn watch_signals(stop: &Arc<AtomicBool>) -> Result<Runtime, MediaError> {
    let broken = |error: std::io::Error| MediaError::engine("no_signals", error);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(broken)?;
    let entered = runtime.enter();
    // Registering the handler is all: the write then fails, and that is reported.
    let _registered = signal(SignalKind::from_raw(SIGXFSZ)).map_err(broken)?;
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut listener = signal(kind).map_err(broken)?;
        let stop = Arc::clone(stop);
        runtime.spawn(async move {
            if listener.recv().await.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
        });
    }
    drop(entered);
    Ok(runtime)
}

/// Shows progress: a bar on a terminal, a line for every tenth otherwise.
struct Meter {
    bar: Option<ProgressBar>,
    tenths_told: u64,
}

impl Meter {
    fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let look = "rendering {bar:32} {pos}/{len} frames, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(look) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, tenths_told: 0 }
    }

    fn show(&mut self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.frames);
            bar.set_position(progress.frame);
            return;
        }
        let tenths = progress.frame * 10 / progress.frames.max(1);
        if tenths > self.tenths_told {
            self.tenths_told = tenths;
            let (frame, frames) = (progress.frame, progress.frames);
            let _ = writeln!(stderr(), "rendering: frame {frame} of {frames} ({tenths}0 %)");
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn print_report(report: &RenderReport) {
    let loudness = report.lufs.map_or("silent".to_owned(), |lufs| format!("{lufs:.1} LUFS"));
    let _ = writeln!(
        stderr(),
        "{}: {} frames, {:.2} s, {loudness}, {} in {:.1} s ({:.1} s of CPU time)",
        report.out.display(),
        report.frames,
        report.duration_s,
        report.encoder,
        report.wall_s,
        report.cpu_s,
    );
}

/// A media error as all commands tell theirs.
fn told(error: &MediaError) -> CliError {
    let exit = match error.fault {
        MediaFault::Input => Exit::BadUsage,
        MediaFault::Machine | MediaFault::Output | MediaFault::Engine | MediaFault::Cancelled => {
            Exit::Failed
        }
    };
    let mut told = CliError::new(exit, error.code, &error.message);
    if !error.place.is_empty() {
        told = told.at(&error.place);
    }
    if !error.remedy.is_empty() {
        told = told.remedy(&error.remedy);
    }
    told
}

fn print_json(value: &impl serde::Serialize) {
    // A reader that went away does not make the render a failure.
    let text = serde_json::to_string(value).unwrap_or_default();
    let _ = writeln!(stdout(), "{text}");
}
