//! Bad requests and bad returns: each is refused by name, and the books stay balanced.

use super::super::{DeviceId, Epoch, Event, KindId, LeaseId, OwnerId, Pool, Refusal, RequestId};
use super::{GIB, arbiter, ask};

#[test]
fn requests_that_make_no_sense_or_can_never_be_met_are_refused_at_once() {
    let mut arbiter = arbiter(1);
    let largest = (32_607_u64 << 20) * 8 / 10;
    let nothing = ask(1);
    let no_time = super::Request { max_hold_ms: 0, ..ask(1).with_host(Pool::Light, 1) };
    let cases = [
        (nothing, "nothing_asked"),
        (no_time, "nothing_asked"),
        (ask(1).with_own_memory(KindId(4), 0), "nothing_asked"),
        (ask(1).with_own_memory(KindId(4), largest + 1), "never_fits"),
        (ask(1).with_own_memory(KindId(4), u64::MAX), "never_fits"),
        (ask(1).with_model(KindId(0), u64::MAX), "never_fits"),
        (ask(1).with_host(Pool::Render, 4), "never_fits"),
        (ask(1).with_model(KindId(99), GIB), "unknown_kind"),
        (ask(1).with_model(KindId(2), GIB).on_device(DeviceId(7)), "unknown_device"),
        (
            super::Request { max_hold_ms: u64::MAX, ..ask(1).with_model(KindId(2), GIB) },
            "hold_too_long",
        ),
    ];
    for (request, code) in cases {
        let refusal = arbiter.request(5, request).unwrap_err();
        assert_eq!(refusal.code(), code, "{request:?}");
        arbiter.audit().unwrap();
    }
    assert_eq!(arbiter.waiting(), 0);
    assert_eq!(arbiter.take_events(), []);
}

#[test]
fn a_clock_that_goes_back_changes_nothing() {
    let mut arbiter = arbiter(0);
    arbiter.request(1_000, ask(1).with_host(Pool::Light, 1)).unwrap();
    let back = arbiter.request(999, ask(2).with_host(Pool::Light, 1));
    assert_eq!(back, Err(Refusal::ClockWentBack { now_ms: 999, last_ms: 1_000 }));
    arbiter.tick(5);
    assert_eq!(arbiter.now_ms(), 1_000);
    arbiter.audit().unwrap();
}

#[test]
fn only_the_holder_returns_a_lease_once_and_with_its_token() {
    let mut arbiter = arbiter(1);
    arbiter.request(0, ask(1).with_own_memory(KindId(4), GIB)).unwrap();
    let events = arbiter.take_events();
    let [Event::Granted(grant)] = events.as_slice() else { panic!("{events:?}") };
    let stranger = arbiter.release(1, OwnerId(2), grant.lease, grant.epoch);
    assert_eq!(stranger, Err(Refusal::NotYours));
    let stale = arbiter.release(1, OwnerId(1), grant.lease, Epoch(grant.epoch.0 - 1));
    assert_eq!(stale.unwrap_err().code(), "stale_epoch");
    let unknown = arbiter.release(1, OwnerId(1), LeaseId(u64::MAX), grant.epoch);
    assert_eq!(unknown, Err(Refusal::UnknownLease));
    assert_eq!(arbiter.view().devices[0].lease_bytes, GIB);
    arbiter.release(1, OwnerId(1), grant.lease, grant.epoch).unwrap();
    let again = arbiter.release(1, OwnerId(1), grant.lease, grant.epoch);
    assert_eq!(again, Err(Refusal::AlreadyEnded));
    assert_eq!(arbiter.view().devices[0].used_bytes, 0);
}

#[test]
fn a_driver_that_lies_is_not_believed() {
    let mut arbiter = arbiter(1);
    let total = arbiter.view().devices[0].total_bytes;
    arbiter.set_foreign_use(0, DeviceId(0), 8 * GIB).unwrap();
    let budget = arbiter.view().devices[0].budget_bytes;
    let lie = arbiter.set_foreign_use(1, DeviceId(0), total + 1);
    assert_eq!(lie.unwrap_err().code(), "bad_reading");
    assert_eq!(arbiter.view().devices[0].budget_bytes, budget);
    assert_eq!(arbiter.loaded(1, DeviceId(0), KindId(0)), Err(Refusal::NotUnderWay));
}

#[test]
fn a_hundred_thousand_requests_at_once_fill_the_queue_and_no_more() {
    let mut arbiter = arbiter(0);
    let mut busy = 0;
    for id in 0..100_000 {
        match arbiter.request(0, ask(id).with_host(Pool::Render, 1)) {
            Ok(()) => {}
            Err(Refusal::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    // Three slots are held, a thousand wait.
    assert_eq!((arbiter.waiting(), busy), (1_000, 100_000 - 1_003));
    assert!(arbiter.cancel(1, RequestId(3)) && !arbiter.cancel(1, RequestId(3)));
    arbiter.audit().unwrap();
}
