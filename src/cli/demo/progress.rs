//! What a person sees while the videos are made: bars with an ETA on a terminal, lines otherwise.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ByChannel;
use super::plan::{Plan, Step};
use crate::cli::run::Node;
use crate::domain::event::Event;
use crate::domain::failure::FailureClass;
use crate::domain::ids::{ChannelId, ChannelName, Seq};
use crate::domain::stage::StageName;
use crate::feed::hub::FeedItem;
use crate::telemetry::tick::Tick;

/// Steps of a bar: per mille of a video.
const WHOLE: u64 = 1_000;
/// Without a terminal, progress within a stage is told this often.
const LINES_PER_STAGE: f64 = 4.0;
/// How long the display may take to tell the last news.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The display; dropping it ends it.
pub(super) struct Progress {
    task: AbortHandle,
    shown: watch::Receiver<Seq>,
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Shows what the channels of `plan` do from now on.
    pub(super) fn watch(node: &Node, plan: &Plan, json: bool) -> Self {
        let bars = (std::io::stderr().is_terminal() && !json).then(MultiProgress::new);
        let mut display = Display {
            names: node
                .channels
                .setups()
                .into_iter()
                .map(|(name, setup)| (setup.profile.id, name))
                .collect(),
            bars: plan.steps.keys().filter_map(|name| bar(bars.as_ref(), name)).collect(),
            told: BTreeMap::new(),
            began: Instant::now(),
        };
        display.line(&format!("round {}", plan.round));
        for (name, step) in &plan.steps {
            display.open(name, step);
        }
        let mut feed = node.hub.subscribe();
        let (showing, shown) = watch::channel(Seq(0));
        let task = tokio::spawn(async move {
            loop {
                match feed.recv().await {
                    Ok(FeedItem::Committed(frame)) => {
                        for event in &frame.commit.events {
                            display.event(frame.commit.channel, event);
                        }
                        let events = frame.commit.events.len() as u64;
                        showing.send_replace(Seq((frame.first_seq.0 + events).saturating_sub(1)));
                    }
                    Ok(FeedItem::Tick(tick)) => display.tick(&tick),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self { task: task.abort_handle(), shown, bars }
    }

    /// Ends the display when it has shown everything up to `last`.
    pub(super) async fn finish(mut self, last: Seq) {
        let all_shown = self.shown.wait_for(|shown| *shown >= last);
        // The display may have missed frames, or have ended; the report tells what counts.
        let _ = tokio::time::timeout(LAST_WORDS, all_shown).await;
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
    bar.enable_steady_tick(Duration::from_millis(200));
    Some((name.clone(), bar))
}

struct Display {
    names: BTreeMap<ChannelId, ChannelName>,
    bars: ByChannel<ProgressBar>,
    /// Without a terminal: the part of its stage that was told last, per channel.
    told: ByChannel<(StageName, u32)>,
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
            // Nobody is left to be told when stderr itself is gone.
            let _ = writeln!(std::io::stderr().lock(), "[{seconds:6.1} s] {text}");
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
            Event::StageFailed { stage, failure, .. }
                if failure.class == FailureClass::Interrupted =>
            {
                self.say(name, &format!("{stage} was interrupted and runs again"));
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

    /// Without bars, a line now and then shows that something happens.
    fn tell_part(&mut self, channel: &ChannelName, stage: StageName, done: f64) {
        let part = (done * LINES_PER_STAGE).floor().clamp(0.0, LINES_PER_STAGE) as u32;
        let before = match self.told.get(channel) {
            Some((of_stage, part)) if *of_stage == stage => *part,
            Some(_) | None => 0,
        };
        let is_news = part > before && f64::from(part) < LINES_PER_STAGE;
        if is_news {
            let percent = 100.0 * f64::from(part) / LINES_PER_STAGE;
            self.line(&format!("{channel}: {stage} {percent:.0} %"));
            self.told.insert(channel.clone(), (stage, part));
        }
    }

    fn tick(&mut self, tick: &Tick) {
        match tick {
            Tick::StageProgressed { channel, ticket, done, note } => {
                self.advance(channel, ticket.stage, *done);
                match self.bars.get(channel) {
                    Some(bar) => bar.set_message(format!("{}: {note}", ticket.stage)),
                    None => self.tell_part(channel, ticket.stage, *done),
                }
            }
            // Leases come and go with the stages, which are shown.
            Tick::Lease { .. } => {}
            Tick::DiskLevel { state } => self.line(&state.to_string()),
            Tick::SourceProblem { channel, message } => match self.bars.get(channel) {
                Some(bar) => bar.println(format!("{channel}: {message}")),
                None => self.line(&format!("{channel}: {message}")),
            },
        }
    }
}
