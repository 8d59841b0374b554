//! What a person sees while the videos are made: bars with an ETA on a terminal, lines otherwise.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ByChannel;
use super::plan::{Plan, Step};
use crate::cli::run::Node;
use crate::domain::event::Event;
use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::stage::StageName;
use crate::feed::hub::FeedItem;
use crate::telemetry::tick::Tick;

/// Steps of a bar: per mille of a video.
const WHOLE: u64 = 1_000;

/// The display; dropping it ends it.
pub(super) struct Progress {
    task: AbortHandle,
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Shows what the channels of `plan` do from now on.
    pub(super) fn watch(node: &Node, plan: &Plan, json: bool) -> Self {
        let bars = (std::io::stderr().is_terminal() && !json).then(MultiProgress::new);
        let mut display = Display {
            names: node
                .channels
                .iter()
                .map(|(name, channel)| (channel.setup.profile.id, name.clone()))
                .collect(),
            bars: plan.steps.keys().filter_map(|name| bar(bars.as_ref(), name)).collect(),
            began: Instant::now(),
        };
        display.line(&format!("round {}", plan.round));
        for (name, step) in &plan.steps {
            display.open(name, step);
        }
        let mut feed = node.hub.subscribe();
        let task = tokio::spawn(async move {
            loop {
                match feed.recv().await {
                    Ok(FeedItem::Committed(frame)) => {
                        for event in &frame.commit.events {
                            display.event(frame.commit.channel, event);
                        }
                    }
                    Ok(FeedItem::Tick(tick)) => display.tick(&tick),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self { task: task.abort_handle(), bars }
    }

    /// Ends the display.
    pub(super) fn finish(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bars) = &self.bars {
            // A terminal that is gone needs no tidying.
            let _ = bars.clear();
        }
    }
}

fn bar(bars: Option<&MultiProgress>, name: &ChannelName) -> Option<(ChannelName, ProgressBar)> {
    let bar = bars?.add(ProgressBar::new(WHOLE));
    let look = "{prefix:>16} {bar:28} {percent:>3} %  {eta:>4} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(look) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_string());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    Some((name.clone(), bar))
}

struct Display {
    names: std::collections::BTreeMap<ChannelId, ChannelName>,
    bars: ByChannel<ProgressBar>,
    began: Instant,
}

/// The share of a video's time that has passed when `stage` begins, and the share of the stage.
fn share(stage: StageName) -> (f64, f64) {
    match stage {
        StageName::Trend => (0.0, 0.01),
        StageName::Script => (0.01, 0.01),
        StageName::Narration => (0.02, 0.08),
        StageName::Render => (0.10, 0.88),
        StageName::Upload => (0.98, 0.02),
    }
}

impl Display {
    fn line(&self, text: &str) {
        if self.bars.is_empty() {
            let seconds = self.began.elapsed().as_secs_f64();
            eprintln!("[{seconds:6.1} s] {text}");
        }
    }

    fn open(&mut self, name: &ChannelName, step: &Step) {
        let text = match step {
            Step::Start(_) => "begins",
            Step::GoOn(_) => "goes on where it was",
            Step::Retry(_) => "tries again what had failed",
            Step::Exhausted => "has no topic left",
        };
        self.say(name, text);
    }

    fn say(&self, name: &ChannelName, text: &str) {
        match self.bars.get(name) {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.line(&format!("{name}: {text}")),
        }
    }

    fn advance(&self, name: &ChannelName, stage: StageName, done: f64) {
        if let Some(bar) = self.bars.get(name) {
            let (begin, length) = share(stage);
            let per_mille = (WHOLE as f64 * (begin + length * done)).round();
            bar.set_position(bar.position().max(per_mille as u64));
        }
    }

    fn event(&mut self, channel: ChannelId, event: &Event) {
        let Some(name) = self.names.get(&channel) else { return };
        match event {
            Event::TrendDetected { title, score, .. } => {
                self.say(name, &format!("chose {title:?} (score {score:.2})"));
            }
            Event::StageStarted { stage, attempt, .. } => {
                let again =
                    if attempt.0 > 1 { format!(" (attempt {})", attempt.0) } else { String::new() };
                self.say(name, &format!("{stage}{again} …"));
                self.advance(name, *stage, 0.0);
            }
            Event::StageFailed { stage, failure, retry_at, .. } => {
                let next = retry_at.map_or("no retry".to_owned(), |at| format!("retry at {at}"));
                self.say(name, &format!("{stage} failed: {failure}; {next}"));
            }
            Event::WorkflowParked { cause, .. } => {
                self.say(name, &format!("parked: {}", cause.code));
            }
            Event::WorkflowCompleted { publication, .. } => {
                self.say(name, &format!("published {}", publication.path));
                if let Some(bar) = self.bars.get(name) {
                    bar.finish();
                }
            }
            Event::ChannelParked { reason } => self.say(name, &format!("given up: {reason}")),
            _ => {}
        }
    }

    fn tick(&mut self, tick: &Tick) {
        match tick {
            Tick::StageProgressed { channel, ticket, done, note } => {
                self.advance(channel, ticket.stage, *done);
                if let Some(bar) = self.bars.get(channel) {
                    bar.set_message(format!("{}: {note}", ticket.stage));
                }
            }
            Tick::SourceProblem { channel, message } => match self.bars.get(channel) {
                Some(bar) => bar.println(format!("{channel}: {message}")),
                None => self.line(&format!("{channel}: {message}")),
            },
        }
    }
}
