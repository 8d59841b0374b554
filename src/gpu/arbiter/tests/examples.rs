//! The order by example.

use super::super::{Arbiter, Event, Grant, Pool, Request, RequestId, Setup};
use super::{OwnerId, channel};
use crate::domain::workflow::Priority;

fn one_slot() -> Arbiter {
    Arbiter::new(Setup::host_only(1, 1), 1)
}

fn render(id: u64, of: u128, priority: u8) -> Request {
    Request::new(RequestId(id), OwnerId(id), channel(of), 3_600_000)
        .with_host(Pool::Render, 1)
        .with_priority(Priority::new(priority).unwrap())
}

/// What was granted since the last look.
fn granted(arbiter: &mut Arbiter) -> Vec<Grant> {
    let grants = arbiter.take_events().into_iter().filter_map(|event| match event {
        Event::Granted(grant) => Some(grant),
        _ => None,
    });
    grants.collect()
}

#[test]
fn the_more_urgent_goes_first_and_age_makes_urgent() {
    let mut arbiter = one_slot();
    arbiter.request(0, render(1, 1, 5)).unwrap();
    let first = granted(&mut arbiter)[0];
    arbiter.request(0, render(2, 1, 1)).unwrap();
    arbiter.request(1, render(3, 1, 9)).unwrap();
    arbiter.release(2, first.owner, first.lease, first.epoch).unwrap();
    let urgent = granted(&mut arbiter)[0];
    assert_eq!(urgent.request, RequestId(3));
    arbiter.request(300_000, render(4, 1, 9)).unwrap();
    arbiter.release(300_000, urgent.owner, urgent.lease, urgent.epoch).unwrap();
    assert_eq!(granted(&mut arbiter)[0].request, RequestId(2));
}

#[test]
fn a_channel_that_has_much_waiting_lets_another_go_between() {
    let mut arbiter = one_slot();
    for id in 0..4 {
        arbiter.request(id, render(id, 1, 5)).unwrap();
    }
    arbiter.request(9, render(9, 2, 5)).unwrap();
    let mut served = Vec::new();
    let mut holder = granted(&mut arbiter)[0];
    for now_ms in 11..15 {
        arbiter.release(now_ms, holder.owner, holder.lease, holder.epoch).unwrap();
        holder = granted(&mut arbiter)[0];
        served.push(holder.request.0);
    }
    assert_eq!(served, [1, 9, 2, 3]);
}

#[test]
fn a_holder_that_never_returns_is_asked_to_yield_and_then_revoked() {
    let mut arbiter = one_slot();
    arbiter.request(0, render(1, 1, 5)).unwrap();
    arbiter.request(0, render(2, 1, 5)).unwrap();
    let first = granted(&mut arbiter)[0];
    let mut happened = Vec::new();
    while let Some(at_ms) = arbiter.next_wakeup_ms().filter(|at_ms| *at_ms <= first.expires_ms) {
        arbiter.tick(at_ms);
        happened.extend(arbiter.take_events());
    }
    let asked = happened.iter().position(|event| matches!(event, Event::AskToYield { .. }));
    let revoked = happened
        .iter()
        .position(|event| matches!(event, Event::Revoked { lease, .. } if *lease == first.lease));
    let next = happened
        .iter()
        .position(|event| matches!(event, Event::Granted(grant) if grant.request == RequestId(2)));
    assert!(asked.is_some() && asked < revoked && revoked < next, "{happened:?}");
    assert!(arbiter.release(first.expires_ms, first.owner, first.lease, first.epoch).is_err());
}

#[test]
fn who_was_passed_over_for_a_promise_starts_when_the_promised_one_does() {
    let mut arbiter = super::arbiter(1);
    let tts = arbiter.kind("tts").unwrap();
    let llama = arbiter.kind("llama_70b").unwrap();
    let ask = |id: u64, hold_s: u64, priority: u8| {
        Request::new(RequestId(id), OwnerId(id), channel(1), hold_s * 1_000)
            .with_priority(Priority::new(priority).unwrap())
    };
    arbiter.request(0, ask(1, 1, 1).with_model(tts, super::GIB / 2)).unwrap();
    // Its load takes far longer than it should; the second waits for it with a promise.
    let promised = ask(2, 85, 1).with_model(tts, super::GIB / 2).with_deadline(198_002);
    arbiter.request(80_002, promised).unwrap();
    arbiter.request(80_002, ask(3, 1, 2).with_model(llama, super::GIB / 2)).unwrap();
    arbiter.tick(88_003);
    arbiter.take_events();
    arbiter.loaded(88_003, super::super::DeviceId(0), tts).unwrap();
    let happened = arbiter.take_events();
    assert!(happened.contains(&Event::Load { device: super::super::DeviceId(0), kind: llama }));
    arbiter.look_again();
    assert_eq!(arbiter.take_events(), []);
}
