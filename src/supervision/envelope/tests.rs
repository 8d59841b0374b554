use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr};
use tokio::sync::Notify;

use super::*;

#[derive(Debug)]
enum Ask {
    Echo(u32, Reply<u32>),
    Hold(Arc<Notify>),
    Forget(Reply<u32>),
    Panic,
}

impl Kind for Ask {
    fn kind(&self) -> &'static str {
        match self {
            Self::Echo(..) => "echo",
            Self::Hold(_) => "hold",
            Self::Forget(_) => "forget",
            Self::Panic => "panic",
        }
    }
}

struct Echo;

impl Actor for Echo {
    type Msg = Envelope<Ask>;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        _arguments: (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, ask) = envelope.open();
        match ask {
            Ask::Echo(value, reply) => reply.send(value),
            Ask::Hold(until) => until.notified().await,
            Ask::Forget(reply) => drop(reply),
            Ask::Panic => panic!("asked to"),
        }
        Ok(())
    }
}

const LIMIT: Duration = Duration::from_secs(1);

async fn mailbox() -> (Mailbox<Ask>, Arc<Stats>) {
    let (actor, _) = Echo::spawn(None, Echo, ()).await.unwrap();
    let stats = Arc::new(Stats::default());
    (Mailbox::new(actor, Arc::clone(&stats), Incarnation(1)), stats)
}

fn trace() -> Trace {
    Trace::default()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_timed_out_or_known_to_be_unanswered() {
    let (mailbox, _) = mailbox().await;
    let echoed = mailbox.call(LIMIT, trace(), |reply| Ask::Echo(7, reply)).await;
    assert_eq!(echoed, Ok(7));
    let forgotten = mailbox.call(LIMIT, trace(), Ask::Forget).await;
    assert_eq!(forgotten, Err(CallError::NoAnswer));
    mailbox.cast(trace(), Ask::Hold(Arc::new(Notify::new()))).unwrap();
    let late = mailbox.call(LIMIT, trace(), |reply| Ask::Echo(7, reply)).await;
    assert_eq!(late, Err(CallError::TimedOut { limit: LIMIT }));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_gives_the_message_back() {
    let (mailbox, stats) = mailbox().await;
    for _ in 0..3 {
        mailbox.try_cast(3, trace(), Ask::Hold(Arc::new(Notify::new()))).unwrap();
    }
    let refused = mailbox.try_cast(3, trace(), Ask::Panic).unwrap_err();
    assert_eq!(refused.code(), "mailbox_full");
    assert!(matches!(refused.into_message(), Some(Ask::Panic)));
    assert_eq!(stats.depth(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_depth_is_right_after_a_crash_drops_the_mailbox() {
    let (mailbox, stats) = mailbox().await;
    mailbox.cast(trace(), Ask::Panic).unwrap();
    for _ in 0..100 {
        mailbox.cast(trace(), Ask::Hold(Arc::new(Notify::new()))).unwrap();
    }
    assert_eq!(stats.depth(), 101);
    mailbox.actor().wait(None).await.unwrap();
    assert_eq!(stats.depth(), 0);
    let view = stats.view(Instant::now());
    assert_eq!((view.received, view.handled, view.panics), (101, 1, 1));
    assert_eq!(view.busy, None);
    let refused = mailbox.cast(trace(), Ask::Panic).unwrap_err();
    assert_eq!(refused.code(), "actor_not_running");
    assert_eq!(stats.depth(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_actor_is_busy_with_is_seen_without_asking_it() {
    let (mailbox, stats) = mailbox().await;
    let release = Arc::new(Notify::new());
    mailbox.cast(trace(), Ask::Hold(Arc::clone(&release))).unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    tokio::time::advance(Duration::from_millis(500)).await;
    let busy = stats.view(Instant::now()).busy.unwrap();
    assert_eq!(busy.kind, "hold");
    assert!(busy.for_ms >= 500);
    release.notify_one();
    assert_eq!(mailbox.call(LIMIT, trace(), |reply| Ask::Echo(1, reply)).await, Ok(1));
}
