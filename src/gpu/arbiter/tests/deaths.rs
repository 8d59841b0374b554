//! Holders that die at random.

use std::collections::BTreeMap;

use super::super::{Event, Grant, KindId, OwnerId};
use super::{GIB, arbiter, ask};

#[test]
fn ten_thousand_deaths_leave_idle_models_only_and_honour_no_late_return() {
    let mut arbiter = arbiter(2);
    let mut held: BTreeMap<u64, Grant> = BTreeMap::new();
    let mut late: Vec<Grant> = Vec::new();
    let (mut now_ms, mut deaths, mut chance) = (0_u64, 0, 1_u64);
    // A linear congruential generator (Knuth, MMIX): the run is the same every time.
    let mut draw = |most: u64| {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % most
    };
    let mut last = 0;
    while deaths < 10_000 {
        last += 1;
        let id = last;
        now_ms += draw(2_000);
        let kind = KindId(u16::try_from(draw(5)).unwrap());
        let request = match draw(2) {
            0 => ask(id).with_model(kind, GIB),
            _ => ask(id).with_own_memory(kind, (1 + draw(8)) * GIB),
        };
        // A full queue is no matter here.
        arbiter.request(now_ms, request).ok();
        if draw(3) > 0 {
            // Mostly somebody who holds, now and then anybody.
            let holders = u64::try_from(held.len()).unwrap();
            let holder = usize::try_from(draw(holders + 1)).unwrap();
            let victim = held.keys().nth(holder).copied().unwrap_or_else(|| 1 + draw(id));
            deaths += arbiter.owner_died(now_ms, OwnerId(victim));
            late.extend(held.remove(&victim));
        } else if let Some(grant) = late.pop() {
            let returned = arbiter.release(now_ms, grant.owner, grant.lease, grant.epoch);
            assert!(returned.is_err(), "a return after death frees nothing");
        }
        for event in arbiter.take_events() {
            match event {
                Event::Granted(grant) => {
                    held.insert(grant.owner.0, grant);
                }
                Event::Load { device, kind } => drop(arbiter.loaded(now_ms, device, kind)),
                Event::Revoked { owner, .. } => late.extend(held.remove(&owner.0)),
                _ => {}
            }
        }
        // Whoever holds for long enough returns.
        if held.len() > 6
            && let Some((owner, grant)) = held.pop_first()
        {
            arbiter.release(now_ms, OwnerId(owner), grant.lease, grant.epoch).ok();
        }
        arbiter.audit().unwrap();
    }
    for id in 0..=last {
        arbiter.owner_died(now_ms, OwnerId(id));
        for event in arbiter.take_events() {
            if let Event::Load { device, kind } = event {
                arbiter.loaded(now_ms, device, kind).ok();
            }
        }
    }
    for device in arbiter.view().devices {
        assert_eq!((device.leases, device.lease_bytes), (0, 0));
        assert_eq!(device.used_bytes, device.idle_bytes, "only idle models are left");
    }
}
