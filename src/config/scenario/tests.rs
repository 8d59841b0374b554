//! Scenarios: what is read, and what is told of a wrong one.

use super::*;

fn problems(text: &str) -> Vec<String> {
    let found = Scenario::parse(text).expect_err("it has a problem");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_scenario_is_read_key_by_key() {
    let text = r#"
kind = "gpu"
seed = 9000000000
[[device]]
name = "card"
vram = "32607MiB"
[[model]]
name = "llama_70b"
weights = "16GiB"
load = "20s"
[[request]]
id = "first"
at = "12s"
kind = "llama_70b"
vram = "16GiB"
activation = "1GiB"
hold = "40s"
priority = 7
deadline = "10m"
channel = "b"
owner_dies_after = "20s"
device = "card"
[[request]]
after = "first"
kind = "small"
exclusive = true
vram = "4GiB"
uses = "5GiB"
estimate = "1m"
hold = "never"
[[arrivals]]
every = "poisson 40s"
until = "4h"
kind = "small"
hold = ["30s", "90s"]
[[arrivals]]
every = "0s"
count = 3
[[arrivals.step]]
kind = "small"
hold = "1s"
[[arrivals.step]]
kind = "tts"
hold = "2s"
[policy]
memory_fraction = 0.9
max_hold = "10m"
kinds = ["fifo", "broker", "fifo"]
"#;
    let Ok(Scenario::Gpu(scenario)) = Scenario::parse(text) else { panic!("it is valid") };
    assert_eq!(scenario.seed, 9_000_000_000);
    let [first, second] = scenario.requests.as_slice() else { panic!("two requests") };
    assert_eq!((first.at, first.work.priority), (Duration::from_secs(12), 7));
    assert_eq!(first.work.owner_dies_after, Some(Duration::from_secs(20)));
    assert_eq!((second.after.as_deref(), second.work.hold), (Some("first"), Hold::Never));
    let [stream, job] = scenario.arrivals.as_slice() else { panic!("two processes") };
    assert_eq!(stream.every, Every::Poisson(Duration::from_secs(40)));
    assert_eq!((job.count, job.steps.len()), (Some(3), 2));
    assert_eq!(scenario.policy.kinds, [PolicyKind::Fifo, PolicyKind::Broker]);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let text = "kind = \"gpu\"\n[[device]]\nname = \"card\"\nvram = \"-1GiB\"\n\
                [[request]]\nkind = \"a\"\nvram = \"1GiB\"\nhold = \"1s\"\nafter = \"nobody\"\n\
                [[request]]\nkind = \"a\"\nvram = \"2GiB\"\nhold = \"soon\"\nprioritty = 3\n\
                [[arrivals]]\nkind = \"a\"\nvram = \"2GiB\"\nhold = \"1s\"\nevery = \"poisson 0s\"\n\
                [policy]\nkinds = [\"lottery\"]\nmemory_fraction = 1.5\n";
    let told = problems(text);
    let places: Vec<&str> =
        told.iter().map(|line| line.split(": ").nth(1).unwrap_or_default()).collect();
    let wrong = [
        "device[0].vram",
        "request[0].after",
        "request[1].hold",
        "request[1].prioritty",
        "arrivals[0].every",
        "policy.kinds[0]",
        "policy.memory_fraction",
    ];
    assert_eq!(places, wrong, "{told:#?}");
}

#[test]
fn a_kind_has_one_weight_and_arrivals_end() {
    let two = "kind = \"gpu\"\n[[request]]\nkind = \"a\"\nvram = \"1GiB\"\nhold = \"1s\"\n\
               [[request]]\nkind = \"a\"\nvram = \"2GiB\"\nhold = \"1s\"\n";
    assert!(problems(two)[0].contains("the weights of \"a\" are 1GiB elsewhere"));
    let endless = "kind = \"gpu\"\n[[arrivals]]\nkind = \"a\"\nhold = \"1s\"\nevery = \"1s\"\n";
    assert!(problems(endless)[0].contains("arrivals must end"));
    let flood = "kind = \"gpu\"\n[[arrivals]]\nkind = \"a\"\nhold = \"1s\"\nevery = \"1ms\"\n\
                 until = \"10d\"\n";
    assert!(problems(flood)[0].contains("too many"));
    let far = "kind = \"gpu\"\n[[arrivals]]\nkind = \"a\"\nhold = \"1s\"\ncount = 2\n\
               every = \"18446744073709551615ms\"\nuses = \"9999999TiB\"\n";
    assert_eq!(problems(far).len(), 2, "{:?}", problems(far));
    assert!(problems("seed = 1\n")[0].contains("a scenario has a kind"));
    assert!(problems("kind = \"engine\"\n")[0].contains("nobody asks for a video"));
}

#[test]
fn the_shipped_scenarios_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let file = entry.expect("an entry").path();
        Scenario::load(&file).unwrap_or_else(|error| panic!("{error}"));
        count += 1;
    }
    assert!(count >= 14, "only {count} scenarios");
}

proptest::proptest! {
    #[test]
    fn hostile_scenarios_never_panic(lines in proptest::collection::vec(
        proptest::sample::select(vec![
            "kind = \"gpu\"", "[[device]]", "[[request]]", "[[arrivals]]", "[[arrivals.step]]",
            "[policy]", "name = \"a\"", "vram = \"9999999TiB\"", "hold = [\"1s\"]", "hold = 3",
            "every = \"poisson\"", "every = \"1ms\"", "count = 0", "kinds = \"fifo\"", "after = \"\"",
            "kind = 4", "id = \"x\"", "after = \"x\"", "until = \"1s\"", "hold = \"1s\"",
        ]), 0..12,
    )) {
        let _ = Scenario::parse(&lines.join("\n"));
    }
}

#[test]
fn an_engine_scenario_is_read_key_by_key() {
    let text = r#"
kind = "engine"
seed = 7
[host]
render_slots = 3
light_slots = 4
[work]
script = ["20s", "40s"]
upload = "5s"
failures = 0.25
crash_every = "2h"
[[channel]]
name = "a"
videos = 3
from = "1m"
every = "8h"
priority = 9
[[channel]]
name = "b"
"#;
    let Ok(Scenario::Engine(scenario)) = Scenario::parse(text) else { panic!("it is valid") };
    let seconds = Duration::from_secs;
    assert_eq!((scenario.render_slots, scenario.light_slots), (3, 4));
    assert_eq!(scenario.work[1], Span(seconds(20), seconds(40)));
    assert_eq!(scenario.work[3], Span(Duration::ZERO, Duration::ZERO));
    assert_eq!(scenario.work[4], Span(seconds(5), seconds(5)));
    assert_eq!((scenario.failures_ppm, scenario.crash_every), (250_000, Some(seconds(7_200))));
    let [a, b] = scenario.channels.as_slice() else { panic!("{scenario:?}") };
    assert_eq!((a.videos, a.from, a.every, a.priority.get()), (3, seconds(60), seconds(28_800), 9));
    assert_eq!(
        (b.videos, b.from, b.every, b.priority.get()),
        (1, Duration::ZERO, Duration::ZERO, 5)
    );
}

#[test]
fn a_wrong_engine_scenario_is_told_with_its_places() {
    let text = "kind = \"engine\"\n[work]\nscript = [\"40s\", \"20s\"]\nfailures = 2\ncrash_every = \"1s\"\n\
                [[channel]]\nname = \"a\"\nvideos = 0\npriority = 11\n[[channel]]\nname = \"a\"\n";
    let found = problems(text);
    for place in
        ["work.script", "work.failures", "work.crash_every", "videos", "priority", "is used above"]
    {
        assert!(found.iter().any(|problem| problem.contains(place)), "{place}: {found:#?}");
    }
}
