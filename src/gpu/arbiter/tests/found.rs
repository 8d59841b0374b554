//! Histories that long random runs found, each of which once broke a promise.

use super::super::{DeviceChoice, DeviceId, GpuMemory, KindId, Pool};
use super::chaos;
use super::commands::{Command, Wish};
use super::obedient::{self, Arrival};
use super::{GIB, setup};

fn wish(memory: Option<GpuMemory>, priority: u8, estimate_s: u64, deadline_s: Option<u64>) -> Wish {
    Wish {
        memory,
        device: DeviceChoice::Any,
        pool: None,
        priority,
        channel: 0,
        owner: 1,
        estimate_s,
        slack: 10,
        deadline_s,
        renews: false,
    }
}

fn own(gib: u64) -> Option<GpuMemory> {
    Some(GpuMemory::Own { kind: KindId(4), bytes: gib * GIB })
}

fn shared(kind: u16, bytes: u64) -> Option<GpuMemory> {
    Some(GpuMemory::Shared { kind: KindId(kind), activation: bytes })
}

fn render() -> Arrival {
    (0, Wish { pool: Some((Pool::Render, 2)), ..wish(None, 5, 10, None) })
}

fn after(ms: u64, wish: Wish) -> Arrival {
    (ms, wish)
}

#[track_caller]
fn keeps_everything(devices: usize, arrivals: &[Arrival]) {
    let mut machine = setup(devices);
    machine.limits.drain_ms = 4_000;
    let run = obedient::run(machine, arrivals);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
}

#[test]
fn who_joins_a_load_waits_for_the_room_and_the_load_at_once() {
    let mut arrivals: Vec<Arrival> = (0..7).map(|_| render()).collect();
    arrivals.push(after(0, wish(shared(2, GIB / 2), 5, 10, None)));
    arrivals.extend([render(), render()]);
    arrivals.push(after(0, wish(shared(1, GIB / 2), 5, 10, None)));
    arrivals.extend([render(), render()]);
    arrivals.push(after(8_909, wish(shared(1, GIB / 2), 5, 68, None)));
    arrivals.push(after(0, wish(own(16), 5, 75, None)));
    arrivals.push(after(38_679, wish(shared(3, GIB / 2), 5, 10, None)));
    arrivals.push(after(0, wish(shared(0, GIB), 6, 10, None)));
    arrivals.push(after(1_413, wish(shared(0, GIB / 2), 5, 69, Some(122))));
    arrivals.push(after(0, wish(own(4), 5, 29, None)));
    let on_one = Wish { device: DeviceChoice::One(DeviceId(1)), ..wish(own(16), 6, 10, None) };
    arrivals.push(after(0, on_one));
    keeps_everything(2, &arrivals);
}

#[test]
fn a_model_that_is_promised_soon_is_not_sent_away() {
    let two_slots = |wish: Wish| Wish { pool: Some((Pool::Render, 2)), ..wish };
    keeps_everything(
        1,
        &[
            after(0, two_slots(wish(own(16), 5, 58, None))),
            after(3_117, two_slots(wish(shared(1, GIB), 5, 10, None))),
            after(7_455, wish(shared(1, GIB / 2), 5, 10, None)),
            after(29_429, wish(own(8), 5, 43, Some(47))),
            after(0, wish(shared(2, GIB / 2), 5, 73, None)),
            after(3_648, wish(shared(3, GIB / 2), 5, 16, None)),
            after(3_356, render().1),
            after(0, wish(shared(2, GIB), 5, 10, None)),
            after(26_829, wish(shared(1, GIB / 2), 5, 28, None)),
            after(0, wish(own(16), 6, 21, None)),
            after(27_429, wish(own(16), 5, 10, None)),
            after(31_738, wish(shared(3, GIB / 2), 5, 46, Some(63))),
            render(),
            after(15_001, render().1),
        ],
    );
}

#[test]
fn who_was_too_late_alone_joins_a_load_that_begins_after_it_was_looked_at() {
    let ask = |wish: Wish| Command::Ask(Wish { slack: 1, owner: 0, ..wish });
    let commands = [
        ask(wish(shared(1, GIB / 2), 1, 1, None)),
        ask(wish(shared(0, 2 * GIB), 3, 85, Some(122))),
        ask(wish(shared(0, GIB), 1, 1, None)),
        Command::Pass(8_867),
        Command::Pass(4_134),
        Command::LoadEnds { at: 1, well: false },
        Command::LoadEnds { at: 0, well: true },
        Command::Release(0),
    ];
    let mut machine = setup(2);
    machine.limits.drain_ms = 4_000;
    let run = chaos::run(machine, &commands);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
}

#[test]
fn a_reservation_that_comes_too_late_keeps_nobody_out() {
    let ask = |wish: Wish| Command::Ask(Wish { slack: 1, owner: 0, ..wish });
    let commands = [
        ask(wish(shared(0, GIB / 2), 7, 41, Some(72))),
        Command::LoadEnds { at: 0, well: false },
        ask(wish(shared(1, GIB / 2), 1, 1, None)),
        Command::Pass(11_001),
    ];
    let run = chaos::run(setup(1), &commands);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
}

/// The test was wrong here: a deadline that leaves no time for an idle model to leave is refused.
#[test]
fn a_deadline_that_an_idle_model_is_in_the_way_of_may_be_refused() {
    let ask = |wish: Wish| Command::Ask(Wish { slack: 1, owner: 0, ..wish });
    let commands = [
        ask(wish(shared(1, GIB / 2), 1, 1, None)),
        Command::LoadEnds { at: 0, well: true },
        Command::Release(0),
        ask(wish(shared(0, 2 * GIB), 1, 28, Some(48))),
    ];
    let mut machine = setup(1);
    machine.limits.drain_ms = 4_000;
    let run = chaos::run(machine, &commands);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
}
