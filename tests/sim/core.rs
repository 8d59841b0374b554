//! The pure core: thousands of histories.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ytempire::simulate::core::{CoreReport, MIN_COMMANDS, MIN_FAULTS, MIN_RESTARTS, run_core};
use ytempire::simulate::coverage::Coverage;

use super::number_from;

const SEEDS: u64 = 5_000;
const THREADS: usize = 2;

#[derive(Default)]
struct Totals {
    commands: u64,
    faults: u64,
    restarts: u64,
    events: u64,
    publications: u64,
    coverage: Coverage,
}

impl Totals {
    fn add(&mut self, seed: u64, report: &CoreReport) {
        assert!(report.commands >= MIN_COMMANDS, "seed {seed}: {} commands", report.commands);
        assert!(report.faults >= MIN_FAULTS, "seed {seed}: {} faults", report.faults);
        assert!(report.restarts >= MIN_RESTARTS, "seed {seed}: no restart");
        self.commands += report.commands;
        self.faults += report.faults;
        self.restarts += report.restarts;
        self.events += report.events;
        self.publications += report.publications;
        self.coverage.merge(&report.coverage);
    }

    fn join(&mut self, other: &Self) {
        self.commands += other.commands;
        self.faults += other.faults;
        self.restarts += other.restarts;
        self.events += other.events;
        self.publications += other.publications;
        self.coverage.merge(&other.coverage);
    }
}

fn run_one(seed: u64) -> CoreReport {
    run_core(seed).unwrap_or_else(|failure| panic!("\n{failure}"))
}

#[test]
fn no_seed_breaks_an_invariant_and_together_they_reach_everything() {
    if let Some(seed) = number_from("YTEMPIRE_SIM_SEED") {
        println!("{:#?}", run_one(seed));
        return;
    }
    let seeds = number_from("YTEMPIRE_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let work = || {
        let mut totals = Totals::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return totals;
            }
            totals.add(seed, &run_one(seed));
        }
    };
    let mut totals = Totals::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            totals.join(&worker.join().expect("a seed failed; its report is above"));
        }
    });
    println!(
        "{seeds} seeds: {} commands, {} events, {} faults, {} restarts, {} publications\n{}",
        totals.commands,
        totals.events,
        totals.faults,
        totals.restarts,
        totals.publications,
        totals.coverage
    );
    if seeds >= 200 {
        assert_eq!(totals.coverage.missing(), Vec::<String>::new(), "never reached");
    }
}

#[test]
fn two_runs_of_a_seed_are_the_same_history() {
    for seed in 0..20 {
        assert_eq!(run_one(seed), run_one(seed), "seed {seed}");
    }
    assert_ne!(run_one(1).trace_hash, run_one(2).trace_hash);
}
