use std::sync::Arc;

use ractor::Actor;
use tokio::sync::Notify;

use super::super::ground::field::{Duty, Field, Soldier};
use super::super::handle::StartContext;
use super::*;

const LIMIT: Duration = Duration::from_secs(1);

async fn mailbox() -> (Mailbox<Duty>, Arc<Stats>) {
    let field = Field::new();
    let handle = field.root("soldier");
    let orders = field.orders(handle.path(), &[]);
    let parent = Soldier::spawn(None, Soldier::new(Arc::clone(&orders), Incarnation(0)), ());
    let (parent, _) = parent.await.unwrap();
    let make = |context: &StartContext| (Soldier::new(orders, context.incarnation), ());
    let mailbox = handle.spawn(parent.get_cell(), make).await.unwrap();
    (mailbox, Arc::clone(handle.entry().stats()))
}

fn trace() -> Trace {
    Trace::default()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_timed_out_or_known_to_be_unanswered() {
    let (mailbox, _) = mailbox().await;
    let echoed = mailbox.call(LIMIT, trace(), Duty::Who).await;
    assert_eq!(echoed, Ok(Incarnation(1)));
    let forgotten = mailbox.call(LIMIT, trace(), Duty::Mute).await;
    assert_eq!(forgotten, Err(CallError::NoAnswer));
    mailbox.cast(trace(), Duty::Hold(Arc::new(Notify::new()))).unwrap();
    let late = mailbox.call(LIMIT, trace(), Duty::Who).await;
    assert_eq!(late, Err(CallError::TimedOut { limit: LIMIT }));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_gives_the_message_back() {
    let (mailbox, stats) = mailbox().await;
    for _ in 0..3 {
        mailbox.try_cast(3, trace(), Duty::Hold(Arc::new(Notify::new()))).unwrap();
    }
    let refused = mailbox.try_cast(3, trace(), Duty::Panic).unwrap_err();
    assert_eq!(refused.code(), "mailbox_full");
    assert!(matches!(refused.into_message(), Some(Duty::Panic)));
    assert_eq!(stats.depth(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_depth_is_right_after_a_crash_drops_the_mailbox() {
    let (mailbox, stats) = mailbox().await;
    mailbox.cast(trace(), Duty::Panic).unwrap();
    for _ in 0..100 {
        mailbox.cast(trace(), Duty::Hold(Arc::new(Notify::new()))).unwrap();
    }
    assert_eq!(stats.depth(), 101);
    mailbox.actor().wait(None).await.unwrap();
    assert_eq!(stats.depth(), 0);
    let view = stats.view(Instant::now());
    assert_eq!((view.received, view.handled, view.panics), (101, 1, 1));
    assert_eq!(view.busy, None);
    let refused = mailbox.cast(trace(), Duty::Panic).unwrap_err();
    assert_eq!(refused.code(), "actor_not_running");
    assert_eq!(stats.depth(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_actor_is_busy_with_is_seen_without_asking_it() {
    let (mailbox, stats) = mailbox().await;
    let release = Arc::new(Notify::new());
    mailbox.cast(trace(), Duty::Hold(Arc::clone(&release))).unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    tokio::time::advance(Duration::from_millis(500)).await;
    let busy = stats.view(Instant::now()).busy.unwrap();
    assert_eq!(busy.kind, "hold");
    assert!(busy.for_ms >= 500);
    release.notify_one();
    assert_eq!(mailbox.call(LIMIT, trace(), Duty::Who).await, Ok(Incarnation(1)));
}
