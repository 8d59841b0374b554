//! The sixteen promises, each over random histories.
//!
//! A history is a list of commands that shrinks. All promises are watched in every history; each
//! test fails for its own. Set `PROPTEST_CASES` for longer runs.

use proptest::prelude::*;

use super::super::Setup;
use super::chaos::{self, Broken};
use super::commands::{Command, commands};
use super::obedient::{self, Arrival, arrivals};
use super::{config, setup};

/// Machines of every sort: one or two devices, models that go at once or slowly, holders whose
/// bytes stay in doubt.
fn machine() -> impl Strategy<Value = Setup> {
    (1_usize..3, any::<bool>(), any::<bool>()).prop_map(|(devices, drains, doubts)| {
        let mut machine = setup(devices);
        machine.limits.drain_ms = if drains { 4_000 } else { 0 };
        machine.limits.quarantine_ms = if doubts { 3_000 } else { 0 };
        machine
    })
}

fn broken_by(broken: &[Broken], property: u8) -> Vec<&String> {
    broken.iter().filter(|(number, _)| *number == property).map(|(_, how)| how).collect()
}

/// Fails if the history breaks the promise of this number.
fn holds_in_chaos(property: u8, machine: Setup, commands: &[Command]) -> Result<(), TestCaseError> {
    let mut run = chaos::run(machine, commands);
    run.wind_up();
    let broken = broken_by(&run.broken, property);
    prop_assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

fn holds_in_order(property: u8, machine: Setup, arrivals: &[Arrival]) -> Result<(), TestCaseError> {
    let run = obedient::run(machine, arrivals);
    let broken = broken_by(&run.broken, property);
    prop_assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn p01_what_is_used_never_exceeds_the_budget(
        machine in machine(), commands in commands(), arrivals in arrivals(),
    ) {
        holds_in_chaos(1, machine.clone(), &commands)?;
        holds_in_order(1, machine, &arrivals)?;
    }

    #[test]
    fn p02_no_lease_is_given_twice_and_epochs_rise(machine in machine(), commands in commands()) {
        holds_in_chaos(2, machine, &commands)?;
    }

    #[test]
    fn p03_every_request_ends_exactly_once(machine in machine(), commands in commands()) {
        holds_in_chaos(3, machine, &commands)?;
    }

    #[test]
    fn p04_when_all_is_returned_only_idle_models_are_left_and_then_nothing(
        machine in machine(), commands in commands(), arrivals in arrivals(),
    ) {
        holds_in_chaos(4, machine.clone(), &commands)?;
        holds_in_order(4, machine, &arrivals)?;
    }

    #[test]
    fn p05_a_lease_is_freed_once_however_it_ends(machine in machine(), commands in commands()) {
        holds_in_chaos(5, machine, &commands)?;
    }

    #[test]
    fn p06_nobody_waits_longer_than_the_holds_ahead(machine in machine(), arrivals in arrivals()) {
        holds_in_order(6, machine, &arrivals)?;
    }

    #[test]
    fn p07_going_ahead_never_delays_the_first_in_line(
        machine in machine(), arrivals in arrivals(),
    ) {
        // A promise to meet a deadline may move a reservation; without any nothing does.
        let mut patient = arrivals;
        for (_, wish) in &mut patient {
            wish.deadline_s = None;
        }
        holds_in_order(7, machine, &patient)?;
    }

    #[test]
    fn p08_a_used_model_stays_and_a_leaving_one_serves_nobody(
        machine in machine(), commands in commands(),
    ) {
        holds_in_chaos(8, machine, &commands)?;
    }

    #[test]
    fn p09_what_cannot_be_is_refused_at_once_and_what_is_promised_is_kept(
        machine in machine(), commands in commands(), arrivals in arrivals(),
    ) {
        holds_in_chaos(9, machine.clone(), &commands)?;
        holds_in_order(9, machine, &arrivals)?;
    }

    #[test]
    fn p10_equals_are_served_first_come_first_served(
        machine in machine(), arrivals in arrivals(),
    ) {
        let overtakings = obedient::run(machine, &arrivals).overtakings();
        prop_assert!(overtakings.is_empty(), "{:?}", overtakings);
    }

    #[test]
    fn p11_nobody_waits_for_what_is_free(machine in machine(), commands in commands()) {
        holds_in_chaos(11, machine, &commands)?;
    }

    #[test]
    fn p12_out_of_memory_lowers_the_budget_for_a_while(
        machine in machine(), commands in commands(),
    ) {
        holds_in_chaos(12, machine, &commands)?;
    }

    #[test]
    fn p13_a_stale_epoch_is_always_refused(machine in machine(), commands in commands()) {
        holds_in_chaos(13, machine, &commands)?;
    }

    #[test]
    fn p14_a_device_loads_one_model_at_a_time(machine in machine(), commands in commands()) {
        holds_in_chaos(14, machine, &commands)?;
    }

    #[test]
    fn p15_without_a_gpu_the_same_commands_are_answered_no_device(commands in commands()) {
        let run = chaos::run(setup(0), &commands);
        prop_assert!(run.broken.is_empty(), "{:#?}", run.broken);
    }

    #[test]
    fn p16_the_same_commands_give_the_same_trace(machine in machine(), commands in commands()) {
        let once = chaos::run(machine.clone(), &commands).trace;
        prop_assert_eq!(once, chaos::run(machine, &commands).trace);
    }
}
