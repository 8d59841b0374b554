//! The kill drill: SIGKILL at every stage's start and end, right after frames, and at random moments;
//! then everything is finished, each video is there once, and no finished work was done again.

use std::time::Duration;

use tokio::process::Child;
use tokio::time::{Instant, interval};
use ytempire::domain::ids::Seq;
use ytempire::journal::record::Commit;

use super::ledger::Ledger;
use super::site::{CHANNELS, LOOK_EVERY, PATIENCE, Site, end_of};
use super::trace::{
    JournalEnd, commits, counts, done_again, each_is_published_once, executions, verified,
};

/// Random kills, beside those at boundaries; and as many as the long drill makes.
const RANDOM_KILLS: u32 = 40;
const MANY_RANDOM_KILLS: u32 = 200;
/// After so many of them what is under way is let come to its end.
const KILLS_IN_A_ROW: u32 = 20;
/// Kills right after the n-th new frame, for n from 1 to this.
const FRAME_KILLS: u32 = 8;
/// What is still near a boundary.
const NEAR: Duration = Duration::from_millis(20);
/// Random kills come at most so long after the start.
const LONGEST_LIFE: Duration = Duration::from_millis(2_500);
const STAGES: [&str; 5] = ["trend", "script", "narration", "render", "upload"];

/// When to kill.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// So long after a stage's start or end was seen in the execution log.
    Noted { stage: &'static str, phase: &'static str, later: Duration },
    /// As soon as so many frames were committed.
    Frames(u32),
    /// So long after the start.
    After(Duration),
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform between nothing and `most`.
    fn duration(&mut self, most: Duration) -> Duration {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        most.mul_f64(share)
    }
}

struct Drill {
    site: Site,
    ledger: Ledger,
    /// Everything that was durable at the last look.
    history: Vec<(Seq, Commit)>,
    kills: u32,
    whole_runs: u32,
    torn_tails: u32,
    slowest_first_event: Duration,
    first_events: u32,
}

impl Drill {
    fn start(&self) -> Child {
        self.site.start(&["demo", "--json"])
    }

    /// Runs the program until it has been killed at `moment`; a round that is finished before that
    /// is followed by the next one.
    /// Returns how many rounds were finished before.
    async fn kill_at(&mut self, mut moment: Moment) -> u32 {
        let before = self.whole_runs;
        while !self.run_until(moment).await {
            self.whole_runs += 1;
            assert!(self.whole_runs < 30, "{moment:?} never comes");
            // What was left of the round was shorter than that.
            if let Moment::After(life) = moment {
                moment = Moment::After(life / 2);
            }
        }
        self.kills += 1;
        self.look(moment);
        self.whole_runs - before
    }

    /// Makes one round to its end, and gives the time it took from its beginning.
    async fn whole_round(&mut self) -> Duration {
        // What is left of the last one.
        self.site.run(&["demo"]).await.ended_with(0);
        let began = Instant::now();
        self.site.run(&["demo"]).await.ended_with(0);
        self.whole_runs += 2;
        began.elapsed()
    }

    /// Whether the program could be killed at `moment`; otherwise it ended by itself, well.
    async fn run_until(&mut self, moment: Moment) -> bool {
        let noted_before = executions(&self.site.execution_log()).len();
        let mut end = JournalEnd::of(&self.site.journal());
        let began = Instant::now();
        let mut child = self.start();
        let mut looks = interval(LOOK_EVERY);
        let mut frames = 0;
        let mut seen_at = None;
        loop {
            looks.tick().await;
            let first = frames == 0;
            while end.pass_frame() {
                frames += 1;
            }
            if first && frames > 0 {
                self.first_events += 1;
                self.slowest_first_event = self.slowest_first_event.max(began.elapsed());
            }
            let is_now = match moment {
                Moment::Noted { stage, phase, later } => {
                    let is_noted = seen_at.is_some()
                        || executions(&self.site.execution_log())
                            .iter()
                            .skip(noted_before)
                            .any(|line| line.stage == stage && line.phase == phase);
                    if is_noted {
                        seen_at.get_or_insert_with(Instant::now);
                    }
                    seen_at.is_some_and(|seen| seen.elapsed() >= later)
                }
                Moment::Frames(wanted) => frames >= wanted,
                Moment::After(life) => began.elapsed() >= life,
            };
            if let Some(status) = child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "{moment:?}: {}", self.site.told());
                return false;
            }
            if is_now {
                child.start_kill().unwrap();
                end_of(&mut child).await;
                return true;
            }
            assert!(began.elapsed() < PATIENCE, "{moment:?} never comes: {}", self.site.told());
        }
    }

    /// After a kill the journal is sound and holds everything it held before.
    fn look(&mut self, moment: Moment) {
        self.ledger.look();
        if !self.site.journal().exists() {
            return;
        }
        let found = verified(&self.site.journal());
        assert!(found.ok, "after a kill at {moment:?}: {found:?}");
        self.torn_tails += u32::from(!found.problems.is_empty());
        let now = commits(&self.site.journal());
        assert!(now.starts_with(&self.history), "after a kill at {moment:?} events are gone");
        self.history = now;
    }
}

#[allow(clippy::disallowed_methods, reason = "a test is told its seed from outside")]
fn seed() -> u64 {
    let text = std::env::var("YTEMPIRE_KILL_SEED").unwrap_or_else(|_| "1".to_owned());
    text.parse().unwrap_or_else(|_| panic!("YTEMPIRE_KILL_SEED must be a number, not {text:?}"))
}

#[tokio::test]
async fn killed_at_any_moment_nothing_is_lost_and_nothing_is_done_twice() {
    kill_drill(RANDOM_KILLS).await;
}

/// As many as the bar asks for; some minutes.
#[tokio::test]
#[ignore = "takes some minutes: make drills"]
async fn two_hundred_random_kills() {
    kill_drill(MANY_RANDOM_KILLS).await;
}

async fn kill_drill(random_kills: u32) {
    let seed = seed();
    println!("kill drill: seed {seed}");
    let began = Instant::now();
    let site = Site::two_channels();
    let ledger = Ledger::of(&site.state().join("library"), &CHANNELS);
    let mut drill = Drill {
        site,
        ledger,
        history: Vec::new(),
        kills: 0,
        whole_runs: 0,
        torn_tails: 0,
        slowest_first_event: Duration::ZERO,
        first_events: 0,
    };
    let mut draws = Draws(seed);
    for stage in STAGES {
        for phase in ["start", "end"] {
            drill.kill_at(Moment::Noted { stage, phase, later: Duration::ZERO }).await;
        }
        // Between the note that it is done, the commit that says so, and the next start.
        let later = draws.duration(NEAR);
        drill.kill_at(Moment::Noted { stage, phase: "end", later }).await;
    }
    for frames in 1..=FRAME_KILLS {
        drill.kill_at(Moment::Frames(frames)).await;
    }
    let mut longest = drill.whole_round().await.mul_f64(0.8).min(LONGEST_LIFE);
    for kill in 1..=random_kills {
        let life = draws.duration(longest);
        // On a machine that got faster the longest lives outlast the round.
        for _ in 0..drill.kill_at(Moment::After(life)).await {
            longest = longest.mul_f64(0.9);
        }
        if kill % KILLS_IN_A_ROW == 0 {
            // On a machine that got slower no life may be long enough any more, and a video that is
            // interrupted fifty times is parked.
            drill.site.run(&["demo"]).await.ended_with(0);
        }
    }
    let last = drill.site.run(&["demo", "--json"]).await.ended_with(0);
    check(&mut drill, &last.json());
    assert!(drill.kills >= random_kills);
    println!(
        "kill drill: seed {seed} (another by YTEMPIRE_KILL_SEED), {} kills ({random_kills} of them \
         at random), {} workflows, {} torn tails, first event at most {:.0} ms after exec ({} \
         starts measured), {:.0} s in all",
        drill.kills,
        counts(&commits(&drill.site.journal())).len(),
        drill.torn_tails,
        drill.slowest_first_event.as_secs_f64() * 1e3,
        drill.first_events,
        began.elapsed().as_secs_f64(),
    );
}

/// Everything that was begun is finished, once.
fn check(drill: &mut Drill, last: &serde_json::Value) {
    let site = &drill.site;
    assert_eq!(last["videos"].as_array().map(Vec::len), Some(2), "{last}");

    let all = commits(&site.journal());
    assert!(all.starts_with(&drill.history));
    let counts = counts(&all);
    each_is_published_once(&counts, &site.state().join("library"));
    drill.ledger.holds_once(counts.keys().map(ToString::to_string));

    let executions = executions(&site.execution_log());
    let again = done_again(&executions);
    assert!(again.is_empty(), "finished work was done again: {again:#?}");
    let ends = executions.iter().filter(|line| line.phase == "end").count();
    assert!(ends <= counts.len() * STAGES.len(), "{ends} ends");

    assert!(!site.told().contains("panicked"), "{}", site.told());
    assert!(verified(&site.journal()).ok);
    let aside = std::fs::read_dir(site.state()).unwrap();
    let names: Vec<_> = aside.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names.iter().all(|name| !name.to_string_lossy().contains(".bad-")),
        "{names:?}: {}",
        site.told()
    );
}
