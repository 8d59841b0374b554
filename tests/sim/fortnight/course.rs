//! The course of a fortnight: when the node lives, how each life ends, and what happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ytempire::actors::messages::{ChannelMsg, CommandError};
use ytempire::domain::artifact::Digest;
use ytempire::domain::command::Command;
use ytempire::domain::failure::{Failure, FailureClass};
use ytempire::domain::ids::ChannelName;
use ytempire::domain::invariants::Violation;
use ytempire::domain::ticket::Ticket;
use ytempire::simulate::rng::Rng;
use ytempire::simulate::tree::deeds::Deed;
use ytempire::simulate::tree::live_once;
use ytempire::simulate::tree::node::{SimChannel, SimNode};
use ytempire::simulate::tree::universe::Universe;
use ytempire::supervision::envelope::Trace;

pub const MINUTE_MS: u64 = 60_000;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// How long it goes on after the fortnight, so that the last videos are finished.
const EPILOGUE_MS: u64 = 6 * HOUR_MS;
/// So long after its start a node has decided whatever had passed while it was off.
const SETTLED_MS: u64 = 2 * MINUTE_MS;
/// What was committed is taken in at least this often.
const LOOK_MS: u64 = 10 * MINUTE_MS;

/// One life of the node, in milliseconds since the fortnight began.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    pub from_ms: u64,
    pub until_ms: u64,
    is_killed: bool,
    off_ms: u64,
}

/// What happens while a node lives.
#[derive(Debug, Clone, Copy)]
enum Act {
    KillChannel(usize),
    KillBroker,
    Pause(usize),
    Resume(usize),
}

/// The generator for everything about one thing.
fn rng_about(seed: u64, thing: &str) -> Rng {
    let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(format!("{seed} {thing}").as_bytes());
    Rng::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// The work of a node that is mostly well.
pub fn deeds(seed: u64) -> impl Fn(&ChannelName, &Ticket) -> Deed + Send + Sync {
    move |_, ticket| {
        let mut rng = rng_about(seed, &format!("{ticket:?}"));
        let ms = rng.between(10_000, 4 * MINUTE_MS);
        match rng.below(1_000) {
            0..=899 => Deed::Work(ms),
            900..=929 => Deed::Fail(ms, Failure::transient("simulated_transient", "simulated")),
            930..=944 => {
                let retry_after_ms = rng.between(MINUTE_MS, 20 * MINUTE_MS);
                let class = FailureClass::RateLimited { retry_after_ms };
                Deed::Fail(ms, Failure::new(class, "simulated_rate_limit", "simulated"))
            }
            945..=947 => Deed::Fail(ms, Failure::permanent("simulated_permanent", "simulated")),
            948..=967 => Deed::DoneButFails(ms, Failure::ambiguous("simulated_lost", "simulated")),
            968..=987 => Deed::Panic(ms),
            988..=993 => Deed::Slow,
            _ => Deed::Hang,
        }
    }
}

/// Lives one after the other, with two days off that begin at `days_off_ms`.
fn lives(rng: &mut Rng, days_off_ms: u64) -> Vec<Life> {
    let end_ms = 14 * DAY_MS + EPILOGUE_MS;
    let mut lives = Vec::new();
    let mut from_ms = 0;
    while from_ms < end_ms {
        let drawn_ms = from_ms + rng.between(2 * HOUR_MS, 22 * HOUR_MS);
        let is_before_days_off = from_ms < days_off_ms && drawn_ms + 6 * HOUR_MS > days_off_ms;
        let (until_ms, off_ms) = if is_before_days_off {
            (days_off_ms, 2 * DAY_MS)
        } else {
            let off_ms = match rng.below(10) {
                0..=5 => rng.between(1_000, 2 * MINUTE_MS),
                6..=8 => rng.between(5 * MINUTE_MS, 40 * MINUTE_MS),
                _ => rng.between(HOUR_MS, 5 * HOUR_MS),
            };
            (drawn_ms.min(end_ms), off_ms)
        };
        lives.push(Life { from_ms, until_ms, is_killed: rng.chance(500), off_ms });
        from_ms = until_ms + off_ms;
    }
    lives
}

/// The accidents of `channels` channels, and an owner who pauses the fifth of them for a day.
fn acts(rng: &mut Rng, channels: usize) -> Vec<(u64, Act)> {
    let pause_ms = 3 * DAY_MS + rng.between(0, 12 * HOUR_MS);
    let mut acts = vec![(pause_ms, Act::Pause(4)), (pause_ms + DAY_MS, Act::Resume(4))];
    let mut at_ms = 0;
    while at_ms < 14 * DAY_MS {
        at_ms += rng.between(HOUR_MS, 24 * HOUR_MS);
        let index = usize::try_from(rng.below(channels as u64)).expect("an index");
        let is_broker = rng.chance(300);
        acts.push((at_ms, if is_broker { Act::KillBroker } else { Act::KillChannel(index) }));
    }
    acts.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    acts
}

/// What is to happen in a fortnight.
pub struct Course {
    rng: Rng,
    pub lives: Vec<Life>,
    /// The next one is the last of them.
    acts: Vec<(u64, Act)>,
}

impl Course {
    pub fn new(seed: u64, channels: usize) -> Self {
        let mut rng = rng_about(seed, "fortnight");
        let days_off_ms = 9 * DAY_MS + rng.between(0, DAY_MS);
        let lives = lives(&mut rng, days_off_ms);
        let acts = acts(&mut rng, channels);
        Self { rng, lives, acts }
    }

    pub fn kills_and_stops(&self) -> (usize, usize) {
        let kills = self.lives.iter().filter(|life| life.is_killed).count();
        (kills, self.lives.len() - kills)
    }

    /// Goes through it; `look` is called when a node has settled and before it ends.
    pub fn run(
        &mut self,
        universe: &Arc<Universe>,
        look: &dyn Fn(&Universe),
    ) -> Result<(), Violation> {
        for (number, life) in (0..).zip(self.lives.clone()) {
            live_once(universe, life.off_ms, self.live(universe, number, life, look))?;
            let disk = &universe.disk;
            let tail = disk.frames().len().saturating_sub(disk.synced_frames());
            let survivors = self.rng.below(u64::try_from(tail).unwrap_or(0) + 1);
            disk.crash(usize::try_from(survivors).unwrap_or(0));
        }
        Ok(())
    }

    async fn live(
        &mut self,
        universe: &Arc<Universe>,
        number: u64,
        life: Life,
        look: &dyn Fn(&Universe),
    ) -> Result<(), Violation> {
        let node = SimNode::start(universe, number).await?;
        node.tree.booted().await.expect("a tree");
        let settled_ms = life.from_ms + SETTLED_MS;
        let mut has_looked = false;
        loop {
            universe.check()?;
            let now_ms = universe.time.now_ms();
            if !has_looked && now_ms >= settled_ms {
                look(universe);
                has_looked = true;
            }
            if now_ms >= life.until_ms {
                break;
            }
            while let Some((_, act)) = self.acts.pop_if(|(at_ms, _)| *at_ms <= now_ms) {
                self.act(universe, &node, act).await;
            }
            let first_look_ms = if has_looked { u64::MAX } else { settled_ms };
            let next_act_ms = self.acts.last().map_or(u64::MAX, |(at_ms, _)| *at_ms);
            let wake_ms = (universe.time.now_ms() + LOOK_MS).min(life.until_ms);
            let wake_ms = wake_ms.min(first_look_ms).min(next_act_ms);
            let wait_ms = wake_ms.saturating_sub(universe.time.now_ms());
            let next = Instant::now() + Duration::from_millis(wait_ms);
            tokio::select! {
                biased;
                ended = node.tree.ended() => panic!("the tree ended: {ended:?}"),
                () = tokio::time::sleep_until(next) => {}
            }
        }
        look(universe);
        if !life.is_killed {
            node.stop().await;
        }
        universe.check()
    }

    async fn act(&mut self, universe: &Universe, node: &SimNode, act: Act) {
        match act {
            Act::KillChannel(index) => kill(&node.channels[index]),
            Act::KillBroker => {
                if let Some(broker) = node.empire.broker.handle().current() {
                    broker.actor().kill();
                }
            }
            Act::Pause(index) | Act::Resume(index) => {
                let command = match act {
                    Act::Pause(_) => Command::PauseChannel,
                    _ => Command::ResumeChannel,
                };
                let ask = |reply| ChannelMsg::Command {
                    command,
                    id: None,
                    note: None,
                    reply: Some(reply),
                };
                let handle = &node.channels[index].handle;
                let answer = handle.call(Duration::from_secs(10), Trace::default(), ask).await;
                // Whoever got no answer asks again; that it was done already is then no surprise.
                if !matches!(answer, Ok(Ok(_) | Err(CommandError::Rejected(_)))) {
                    self.acts.push((universe.time.now_ms() + MINUTE_MS, act));
                    self.acts.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
                }
            }
        }
    }
}

/// Kills a channel, its stages first: the engine would kill them after it in the order of a hash
/// map.
fn kill(channel: &SimChannel) {
    channel.stage_cells().iter().for_each(ractor::ActorCell::kill);
    if let Some(mailbox) = channel.handle.current() {
        mailbox.actor().kill();
    }
}
