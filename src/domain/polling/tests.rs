use proptest::prelude::*;

use super::super::source::SourceKind;
use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn key(name: &str) -> SourceKey {
    SourceKey::of(SourceKind::Rss, name)
}

fn rule(every_s: u64, host: Option<&str>) -> PollRule {
    PollRule { every: Duration::from_secs(every_s), host: host.map(str::to_owned) }
}

fn transient() -> Failure {
    Failure::transient("x", "x")
}

fn limited(retry_after_ms: u64) -> Failure {
    Failure::new(FailureClass::RateLimited { retry_after_ms }, "x", "x")
}

#[test]
fn a_source_is_read_at_its_interval_give_or_take_a_tenth() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(600, None), 0, 0);
    assert_eq!(polling.begin(0), [key("a")]);
    assert_eq!((polling.begin(0), polling.next_ms()), (Vec::new(), None));
    polling.finish(&key("a"), 1_000, None, 0);
    assert_eq!(polling.next_ms(), Some(1_000 + 9 * MINUTE));
    assert_eq!(polling.begin(9 * MINUTE), []);
    assert_eq!(polling.begin(10 * MINUTE), [key("a")]);
    polling.finish(&key("a"), 10 * MINUTE, None, u64::MAX);
    assert_eq!(polling.next_ms(), Some(21 * MINUTE));
}

#[test]
fn failures_wait_longer_and_longer_and_a_good_read_forgets_them() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(900, None), 0, 0);
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(polling.begin(now).len(), 1);
        polling.finish(&key("a"), now, Some(&transient()), u64::MAX);
        let next = polling.next_ms().unwrap();
        waits.push((next - now) / MINUTE);
        now = next;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    assert_eq!(polling.failures(&key("a")), 12);
    assert_eq!(polling.begin(now).len(), 1);
    polling.finish(&key("a"), now, None, 0);
    assert_eq!(polling.failures(&key("a")), 0);
}

#[test]
fn what_is_gone_is_looked_at_again_but_rarely() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(900, None), 0, 0);
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..7 {
        assert_eq!(polling.begin(now).len(), 1);
        polling.finish(&key("a"), now, Some(&Failure::permanent("feed_gone", "x")), u64::MAX / 2);
        let next = polling.next_ms().unwrap();
        waits.push((next - now) / MINUTE);
        now = next;
    }
    assert_eq!(waits, [11, 22, 45, 90, 180, 270, 270]);
}

#[test]
fn a_host_that_asks_for_patience_gets_it_from_all_its_sources() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(60, Some("h")), 0, 0);
    polling.declare(&key("b"), rule(60, Some("h")), 0, 0);
    polling.declare(&key("c"), rule(60, Some("other")), 0, 0);
    let first = polling.begin(0);
    assert_eq!(first.len(), 2, "one of each host");
    let (of_h, waits) = if first.contains(&key("a")) { ("a", "b") } else { ("b", "a") };
    polling.finish(&key(of_h), 10, Some(&limited(HOUR)), 0);
    polling.ask(&key(waits), 20);
    assert_eq!(polling.due_ms(&key(waits)), Some(10 + HOUR));
    assert_eq!(polling.begin(HOUR + 9), []);
    assert_eq!(polling.begin(HOUR + 10), [key(waits)]);
}

#[test]
fn nobody_is_made_to_wait_for_ever() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(60, Some("h")), 0, 0);
    assert_eq!(polling.begin(0).len(), 1);
    polling.finish(&key("a"), 0, Some(&limited(u64::MAX)), 0);
    assert_eq!(polling.next_ms(), Some(7 * 24 * HOUR));
}

#[test]
fn a_removed_source_spares_its_host_until_its_read_has_ended() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(60, Some("h")), 0, 0);
    polling.declare(&key("b"), rule(60, Some("h")), 0, 1);
    assert_eq!(polling.begin(0), [key("a")]);
    polling.remove(&key("a"), 5);
    assert_eq!(polling.begin(5), []);
    polling.finish(&key("a"), 100, None, 0);
    assert_eq!(polling.begin(1_099), []);
    assert_eq!(polling.begin(1_100), [key("b")]);
    assert_eq!(polling.due_ms(&key("a")), None);
}

#[test]
fn asking_brings_a_read_forward_but_not_past_a_back_off() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(3_600, None), 0, HOUR);
    polling.ask(&key("a"), 5);
    assert_eq!(polling.begin(5), [key("a")]);
    polling.finish(&key("a"), 6, Some(&transient()), u64::MAX);
    polling.ask(&key("a"), 7);
    assert_eq!(polling.next_ms(), Some(6 + MINUTE));
}

#[test]
fn patience_from_before_a_restart_holds_for_the_host_whoever_asks() {
    let mut polling = Polling::new(4);
    polling.declare(&key("a"), rule(60, Some("h")), 0, 0);
    polling.declare(&key("b"), rule(60, Some("h")), 0, 0);
    polling.declare(&key("c"), rule(60, None), 0, 0);
    polling.spare(&key("a"), HOUR);
    polling.spare(&key("c"), 2 * HOUR);
    for name in ["a", "b", "c"] {
        polling.ask(&key(name), 10);
        polling.declare(&key(name), rule(60, (name != "c").then_some("h")), 10, 10);
    }
    assert_eq!(polling.begin(HOUR - 1), []);
    let of_host = polling.begin(HOUR);
    assert!(of_host == [key("a")] || of_host == [key("b")], "{of_host:?}");
    assert_eq!(polling.due_ms(&key("c")), Some(2 * HOUR));
}

/// What happens next in a random course.
#[derive(Debug, Clone)]
enum Deed {
    /// Time passes until something is due, or by this much.
    Wait(u64),
    /// The n-th running read ends so.
    End(usize, Ending, u64),
    /// Somebody needs the n-th source.
    Ask(usize),
    /// The n-th source goes.
    Remove(usize),
    /// The n-th source comes, or comes again.
    Declare(usize),
}

#[derive(Debug, Clone)]
enum Ending {
    Well,
    Transient,
    Permanent,
    Limited(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let ending = prop_oneof![
        4 => Just(Ending::Well),
        2 => Just(Ending::Transient),
        1 => Just(Ending::Permanent),
        1 => (0_u64..2 * HOUR).prop_map(Ending::Limited),
    ];
    prop_oneof![
        3 => (1_u64..20 * MINUTE).prop_map(Deed::Wait),
        4 => (0_usize..8, ending, any::<u64>()).prop_map(|(n, how, draw)| Deed::End(n, how, draw)),
        1 => (0_usize..8).prop_map(Deed::Ask),
        1 => (0_usize..6).prop_map(Deed::Remove),
        1 => (0_usize..6).prop_map(Deed::Declare),
    ]
}

/// The course with everything that must hold checked at every step.
struct Course {
    polling: Polling,
    hosts: Vec<Option<&'static str>>,
    now: u64,
    running: Vec<usize>,
    reads: Vec<u32>,
    not_before: BTreeMap<&'static str, u64>,
    at_once: usize,
}

impl Course {
    fn new(hosts: Vec<Option<&'static str>>, at_once: usize) -> Self {
        let polling = Polling::new(at_once);
        let reads = vec![0; hosts.len()];
        let not_before = BTreeMap::new();
        let mut course =
            Self { polling, hosts, now: 0, running: Vec::new(), reads, not_before, at_once };
        (0..course.hosts.len()).for_each(|number| course.declare(number));
        course
    }

    fn declare(&mut self, number: usize) {
        let rule = rule(300, self.hosts[number]);
        self.polling.declare(&key(&number.to_string()), rule, self.now, self.now);
    }

    fn begin(&mut self) {
        for begun in self.polling.begin(self.now) {
            let number = (0..self.hosts.len()).find(|n| key(&n.to_string()) == begun).unwrap();
            if let Some(host) = self.hosts[number] {
                let earliest = self.not_before.get(host).copied().unwrap_or(0);
                assert!(self.now >= earliest, "{host} was asked {} ms early", earliest - self.now);
                let is_busy = self.running.iter().any(|other| self.hosts[*other] == Some(host));
                assert!(!is_busy, "two requests to {host} at once");
            }
            assert!(!self.running.contains(&number));
            self.running.push(number);
            self.reads[number] += 1;
        }
        assert!(self.running.len() <= self.at_once);
        let is_past = self.polling.next_ms().is_some_and(|next| next <= self.now);
        assert!(!is_past, "something was due and not begun: its alarm would ring for ever");
    }

    fn end(&mut self, which: usize, how: &Ending, draw: u64) {
        if self.running.is_empty() {
            return;
        }
        let number = self.running.remove(which % self.running.len());
        let failure = match how {
            Ending::Well => None,
            Ending::Transient => Some(transient()),
            Ending::Permanent => Some(Failure::permanent("x", "x")),
            Ending::Limited(asked) => Some(limited(*asked)),
        };
        self.polling.finish(&key(&number.to_string()), self.now, failure.as_ref(), draw);
        if let Some(host) = self.hosts[number] {
            let asked = if let Ending::Limited(asked) = how { *asked } else { 0 };
            let earliest = self.not_before.entry(host).or_default();
            *earliest = (*earliest).max(self.now + asked.max(1_000));
        }
    }
}

proptest! {
    #[test]
    fn hosts_are_spared_and_every_source_is_read_in_any_course(
        deeds in prop::collection::vec(deed(), 0..120), at_once in 1_usize..4,
    ) {
        let hosts = vec![Some("a"), Some("a"), Some("a"), Some("b"), None, None];
        let mut course = Course::new(hosts, at_once);
        course.begin();
        for deed in deeds {
            match deed {
                Deed::Wait(span) => {
                    let next = course.polling.next_ms();
                    course.now = next.map_or(course.now + span, |at| at.min(course.now + span));
                }
                Deed::End(which, how, draw) => course.end(which, &how, draw),
                Deed::Ask(number) => course.polling.ask(&key(&number.to_string()), course.now),
                Deed::Remove(number) => {
                    course.polling.remove(&key(&number.to_string()), course.now);
                }
                Deed::Declare(number) => course.declare(number),
            }
            course.begin();
        }
        // From here on all are there and everything goes well: within the longest wait, each is read
        // once more.
        (0..6).for_each(|number| course.declare(number));
        course.begin();
        let before = course.reads.clone();
        let until = course.now + 14 * HOUR;
        while course.now < until {
            while !course.running.is_empty() {
                course.end(0, &Ending::Well, 0);
                course.now += 10;
                course.begin();
            }
            let Some(next) = course.polling.next_ms() else { break };
            course.now = next;
            course.begin();
        }
        for (number, reads) in course.reads.iter().enumerate() {
            prop_assert!(*reads > before[number], "source {number} was forgotten");
        }
    }

    #[test]
    fn a_wait_is_within_its_bounds(every_s in 10_u64..604_800, failures in 1_u32..60, draw: u64) {
        let every = Duration::from_secs(every_s);
        let usual = usual_wait_ms(every, draw);
        prop_assert!(usual >= every_s * 900 && usual <= every_s * 1_100);
        let wait = failed_wait_ms(every, failures, FailureClass::Transient, draw);
        prop_assert!((1_000..=6 * HOUR).contains(&wait));
        let wait = failed_wait_ms(every, failures, FailureClass::Permanent, draw);
        prop_assert!(wait >= every_s * 500 && wait <= (6 * HOUR).max(every_s * 1_000) + 1);
    }
}
