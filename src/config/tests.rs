use std::time::Duration;

use proptest::prelude::*;

use super::channel::{Aspect, MissedSlots, PALETTES, TONES, VOICES};
use super::problem::{Problem, ProblemKind};
use super::render::{CountOrAuto, PRESETS};
use super::secret::SecretAt;
use super::trend::TrendPlace;
use super::*;
use crate::domain::script::Style;
use crate::domain::source::SourceKind;
use crate::domain::trend::SourceRole;
use crate::domain::web_address::WebAddress;

const FOLDER: &str = "/srv/empire";

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(text, Path::new(FOLDER))
}

fn valid(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

fn only_problem(text: &str) -> Problem {
    let problems = parse(text).expect_err(text);
    assert_eq!(problems.len(), 1, "{text}\n{problems:#?}");
    problems.into_iter().next().expect("one problem")
}

const FULL: &str = r#"
[node]
name = "tower"
data_dir = "state"
execution_log = "log/runs.jsonl"
[http]
listen = "0.0.0.0:9000"
token_env = "YTEMPIRE_TOKEN"
[pipeline.render]
max_retries = 1
backoff_base = "250ms"
soft_limit = "10m"
hard_limit = "12m"
[render]
width = 320
height = 180
fps = 10
preset = "ultrafast"
crf = 28
threads = 2
[gpu]
memory_fraction = 0.5
[gpu.models]
tts = "3GiB"
my_model = "512MiB"
[host]
render_slots = 2
[limits]
live_workflows = 7
[retention]
artifacts = "7d"
history = "90d"
disk_budget = "20GB"
[providers.text]
kind = "built_in"
timeout = "30s"
max_concurrent = 2
api_key_file = "secrets/key"
[platform]
kind = "library"
api_base_url = "https://example.org/api"
[[channel]]
name = "space"
id = "0191a0b0-0000-7000-8000-000000000001"
niche = "the history of spaceflight"
language = "en-GB"
videos_per_day = 2
publish_hours = ["18:30", "09:00"]
lead = "1h30m"
timezone = "Europe/Berlin"
missed_slots = "skip"
video_length = ["6s", "8s"]
scenes = [2, 3]
refresh_token_env = "SPACE_TOKEN"
approval = false
personality = { voice = "rms", tone = "wry", audience = "pupils", style = "news" }
look = { palette = "ember", aspect = "9:16" }
[[channel.trends]]
kind = "rss"
path = "feeds/a.xml"
role = "source"
poll_every = "1m"
as_of = "2026-11-15T12:00:00Z"
[[channel.trends]]
kind = "rss"
path = "/feeds/b.xml"
[[channel.trends]]
kind = "rss"
url = "https://example.org/c.xml"
role = "competitor"
[[channel.trends]]
kind = "folder"
path = "notes"
[[channel]]
name = "kitchen"
"#;

#[test]
fn every_key_is_read() {
    let config = valid(FULL);
    assert_eq!(config.node.data_dir, Path::new("/srv/empire/state"));
    assert_eq!(config.node.execution_log, Some("/srv/empire/log/runs.jsonl".into()));
    assert_eq!(config.pipeline.render.backoff_base, Duration::from_millis(250));
    assert_eq!(config.render.threads, CountOrAuto::Count(2));
    assert_eq!(config.gpu.models["my_model"].0, 512 << 20);
    assert_eq!(config.gpu.models["llama_70b"].0, 16 << 30);
    assert_eq!(config.retention.disk_budget.0, 20_000_000_000);
    let [space, kitchen] = config.channels.as_slice() else { panic!("two channels") };
    let hours: Vec<String> = space.publish_hours.iter().map(ToString::to_string).collect();
    assert_eq!(hours, ["09:00", "18:30"]);
    assert_eq!(space.video_length, (Duration::from_secs(6), Duration::from_secs(8)));
    assert_eq!((space.missed_slots, space.look.aspect), (MissedSlots::Skip, Aspect::Upright));
    assert_eq!(
        (space.personality.style, kitchen.personality.style),
        (Style::News, Style::Educational)
    );
    let token = space.refresh_token.as_ref().map(|place| &place.at);
    assert_eq!(token, Some(&SecretAt::Env("SPACE_TOKEN".into())));
    let places: Vec<_> = space.trends.iter().map(|trend| trend.place.clone()).collect();
    let path = |path: &str| TrendPlace::Path(path.into());
    let url = WebAddress::parse("https://example.org/c.xml").expect("an address");
    let notes = path("/srv/empire/notes");
    let expected =
        [path("/srv/empire/feeds/a.xml"), path("/feeds/b.xml"), TrendPlace::Url(url), notes];
    assert_eq!(places, expected);
    let roles: Vec<_> = space.trends.iter().map(|trend| trend.role).collect();
    assert_eq!(roles[2], SourceRole::Competitor);
    assert_eq!(space.trends[3].kind, SourceKind::Folder);
    assert_eq!(kitchen.niche, "kitchen");
    assert_eq!(kitchen.id.to_string(), "74ada1fe-fa7e-5e2e-ab9d-89bb0598f788");
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = valid("");
    assert_eq!(config, Config::defaults(Path::new(FOLDER)));
    assert_eq!(config.node.data_dir, Path::new("/srv/empire/data/state"));
    let retries = |policy: &pipeline::StagePolicyConfig| {
        (policy.max_retries, policy.backoff_base.as_secs(), policy.soft_limit.as_secs() / 60)
    };
    let pipeline = &config.pipeline;
    assert_eq!(retries(&pipeline.trend), (3, 60, 25));
    assert_eq!(retries(&pipeline.script), (3, 60, 25));
    assert_eq!(retries(&pipeline.narration), (2, 120, 25));
    assert_eq!(retries(&pipeline.render), (2, 120, 25));
    assert_eq!(retries(&pipeline.upload), (3, 300, 25));
    assert_eq!(pipeline.upload.hard_limit, Duration::from_secs(30 * 60));
    let render = &config.render;
    assert_eq!((render.width, render.height, render.fps), (1_920, 1_080, 30));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
}

#[test]
fn slots_are_spread_evenly_when_no_hours_are_given() {
    for (count, expected) in [
        (1, vec!["09:00"]),
        (2, vec!["09:00", "21:00"]),
        (3, vec!["09:00", "15:00", "21:00"]),
        (4, vec!["09:00", "13:00", "17:00", "21:00"]),
    ] {
        let text = format!("[[channel]]\nname = \"a\"\nvideos_per_day = {count}");
        let config = valid(&text);
        let hours: Vec<String> =
            config.channels[0].publish_hours.iter().map(ToString::to_string).collect();
        assert_eq!(hours, expected);
    }
    let by_hours = valid("[[channel]]\nname = \"a\"\npublish_hours = [\"07:00\", \"08:00\"]");
    assert_eq!(by_hours.channels[0].videos_per_day, 2);
}

#[test]
fn unknown_keys_are_refused_with_place_path_and_near_miss() {
    let problem = only_problem("[pipeline.render]\nmax_retries = 1\n  max_retrys = 2\n");
    assert_eq!((problem.line, problem.column), (3, 3));
    assert_eq!(problem.code, ProblemKind::UnknownKey);
    assert_eq!(
        problem.to_string(),
        "3:3: pipeline.render.max_retrys: unknown key; did you mean max_retries?"
    );
    let cases = [
        ("[rendre]\n", "rendre", "did you mean render?"),
        ("[pipeline.renderer]\n", "pipeline.renderer", "did you mean render?"),
        ("[node]\nzzz = 1\n", "node.zzz", "known here: name, data_dir, execution_log"),
        ("[[channels]]\nname = \"a\"\n", "channels", "did you mean channel?"),
    ];
    for (text, key, remedy) in cases {
        let problem = only_problem(text);
        assert_eq!((problem.key.as_str(), problem.remedy.as_deref()), (key, Some(remedy)));
    }
    let nested = only_problem(
        "[[channel]]\nname=\"a\"\n[[channel.trends]]\nkind=\"rss\"\npath=\"a\"\npol_every=\"1m\"",
    );
    assert_eq!(nested.key, "channel[0].trends[0].pol_every");
}

#[test]
fn all_problems_of_a_file_are_told_at_once_in_order() {
    let problems = parse(
        "[render]\nfps = \"fast\"\nwidth = 15\nheigth = 4\n[limits]\nlive_workflows = 0\n\
         [[channel]]\nname = \"Bad Name\"\ntimezone = \"Mars/Olympus\"\n",
    )
    .expect_err("wrong in many ways");
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "render.fps",
            "render.width",
            "render.heigth",
            "limits.live_workflows",
            "channel[0].name",
            "channel[0].timezone"
        ]
    );
}

#[test]
fn wrong_values_are_refused_with_what_would_be_right() {
    let channel = |line: &str| format!("[[channel]]\nname = \"a\"\n{line}\n");
    let cases = [
        ("[render]\nfps = 0\n".to_owned(), "must be from 1 to 120"),
        ("[render]\nfps = 99999999999999999999999\n".to_owned(), "must be from 1 to 120"),
        ("[render]\nfps = -1\n".to_owned(), "must be from 1 to 120"),
        ("[render]\nfps = 30.0\n".to_owned(), "expected a whole number"),
        ("[render]\nwidth = 321\n".to_owned(), "must be even"),
        ("[render]\nwidth = 1080\nheight = 1920\n".to_owned(), "is upright"),
        ("[render]\npreset = \"veryfats\"\n".to_owned(), "did you mean \"veryfast\"?"),
        ("[gpu]\nmemory_fraction = 0\n".to_owned(), "must be above 0 and at most 1"),
        ("[gpu]\nmemory_fraction = nan\n".to_owned(), "must be above 0 and at most 1"),
        ("[gpu.models]\ntts = \"8\"\n".to_owned(), "is not a size"),
        ("[pipeline.trend]\nbackoff_base = \"60\"\n".to_owned(), "is not a duration"),
        ("[pipeline.trend]\nhard_limit = \"10m\"\n".to_owned(), "must be below the hard limit"),
        ("[pipeline]\ntrend = 3\n".to_owned(), "expected a section, found a whole number"),
        ("[http]\nlisten = \"localhost\"\n".to_owned(), "not an address and a port"),
        ("[http]\nlisten = \"0.0.0.0:80\"\n".to_owned(), "no token is set"),
        ("[channel]\nname = \"a\"\n".to_owned(), "write [[channel]] with two brackets"),
        ("[[channel]]\nniche = \"x\"\n".to_owned(), "missing"),
        (channel("id = \"12\""), "not a UUID"),
        (channel("videos_per_day = 2\npublish_hours = [\"09:00\"]"), "1 hours for 2 videos"),
        (channel("publish_hours = [\"9:00\"]"), "is not a time of day"),
        (channel("publish_hours = [\"09:00\", \"09:00\"]"), "09:00 is named twice"),
        (channel("publish_hours = []"), "must name 1 to 24 times"),
        (channel("timezone = \"Europe/Berln\""), "not an IANA time zone"),
        (channel("video_length = [\"2s\", \"9s\"]"), "must be from 3s to 1h"),
        (channel("video_length = [\"9s\", \"5s\"]"), "must not be above the second"),
        (channel("video_length = [\"9s\"]"), "expected a list of two, found 1"),
        (channel("scenes = [8, 6]"), "must not be above the second"),
        (channel("look = { aspect = \"4:3\" }"), "use \"16:9\" or \"9:16\""),
        (channel("personality = { voice = \"stl\" }"), "did you mean \"slt\"?"),
        (channel("personality = { style = \"poem\" }"), "use \"educational\""),
        (channel("niche = \"\""), "must have 1 to 200 characters"),
        (channel("niche = \"a\\u0000b\""), "control characters"),
        (channel("trends = [{ kind = \"rss\" }]"), "missing; name the feed"),
        (channel("trends = [{ kind = \"folder\" }]"), "missing; name the folder of the notes"),
        (channel("trends = [{ kind = \"folder\", url = \"http://x/\" }]"), "has no address"),
        (channel("trends = [{ kind = \"rss\", url = \"ftp://x/\" }]"), "not a web address"),
        (channel("trends = [{ kind = \"rss\", url = \"http://x/\", path = \"y\" }]"), "both say"),
    ];
    for (text, expected) in cases {
        let problem = only_problem(&text);
        assert!(problem.to_string().contains(expected), "{text}\n{problem}\nwanted: {expected}");
    }
}

#[test]
fn what_this_version_cannot_do_is_said_plainly() {
    let channel = |line: &str| format!("[[channel]]\nname = \"a\"\n{line}\n");
    let cases = [
        ("[providers.text]\nkind = \"openai\"\n".to_owned(), "use \"built_in\""),
        ("[providers.voice]\nkind = \"elevenlabs\"\n".to_owned(), "use \"built_in\""),
        ("[platform]\nkind = \"youtube\"\n".to_owned(), "use \"library\""),
        (channel("trends = [{ kind = \"reddit\", path = \"x\" }]"), "use \"rss\""),
        (channel("language = \"de\""), "use \"en\""),
    ];
    for (text, remedy) in cases {
        let problem = only_problem(&text);
        assert_eq!(problem.code, ProblemKind::NotAvailable, "{text}");
        assert!(problem.message.contains("not available in this version"), "{problem}");
        assert!(problem.remedy.as_deref().unwrap_or_default().contains(remedy), "{problem}");
    }
}

#[test]
fn channels_differ_in_name_and_id() {
    let twins = only_problem("[[channel]]\nname = \"a\"\n[[channel]]\nname = \"a\"\n");
    assert_eq!((twins.key.as_str(), twins.line), ("channel[1].name", 4));
    assert_eq!(twins.message, "there is already a channel \"a\"");
    let id = "id = \"0191a0b0-0000-7000-8000-000000000001\"";
    let same_id = format!("[[channel]]\nname = \"a\"\n{id}\n[[channel]]\nname = \"b\"\n{id}\n");
    assert_eq!(only_problem(&same_id).key, "channel[1].id");
}

#[test]
fn a_secret_is_neither_taken_nor_repeated() {
    let secret = "sk-Very.Secret";
    let cases = [
        format!("[providers.text]\napi_key = \"{secret}\"\n"),
        format!("[providers.text]\napi_key_env = \"{secret}\"\n"),
        format!("[http]\ntoken = \"{secret}\"\n"),
        format!("[platform]\nmy_secret = \"{secret}\"\n"),
        format!("[providers.text]\nbase_url = \"https://u:{secret}@example.org\"\n"),
        format!("[providers.text]\nbase_url = \"https://example.org/?key={secret}\"\n"),
        format!("[http]\ntoken_env = \"{secret}\n"),
    ];
    for text in cases {
        let problems = parse(&text).expect_err(&text);
        let told = format!("{problems:?}");
        assert!(!told.contains("Very"), "{told}");
    }
    let feed = "https://u:Very@example.org/feed?token=Very";
    let config = valid(&format!(
        "[[channel]]\nname = \"a\"\ntrends = [{{ kind = \"rss\", url = \"{feed}\" }}]\n"
    ));
    let shown = format!("{config:?}{}", config.to_toml().expect("printable"));
    assert!(shown.contains("example.org/feed") && !shown.contains("Very"), "{shown}");
    let remedy = only_problem("[providers.text]\napi_key = \"x\"\n").remedy.unwrap_or_default();
    assert!(remedy.contains("api_key_env = \"NAME_OF_VARIABLE\" or api_key_file"), "{remedy}");
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let problem = parse("[node]\nname = \n").expect_err("broken").remove(0);
    assert_eq!((problem.code, problem.line), (ProblemKind::Syntax, 2));
    let twice = parse("[node]\nname = \"a\"\nname = \"b\"\n").expect_err("twice").remove(0);
    assert_eq!((twice.code, twice.line), (ProblemKind::Syntax, 3));
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Config::load(&folder.path().join("none.toml")).expect_err("missing");
    assert_eq!(missing.code(), "config_unreadable");
    let cases: [(&str, Vec<u8>, &str); 2] = [
        ("latin1.toml", b"[node]\nname = \"\xe9\"\n".to_vec(), "not UTF-8"),
        ("huge.toml", vec![b'#'; 17 << 20], "larger than 16 MiB"),
    ];
    for (name, bytes, expected) in cases {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        let error = Config::load(&file).expect_err(name);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn problems_of_a_file_name_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ytempire.toml");
    std::fs::write(&file, "[node]\nnmae = \"a\"\n").expect("written");
    let error = Config::load(&file).expect_err("wrong");
    assert_eq!(error.code(), "config_invalid");
    let expected = format!("{}:2:1: node.nmae: unknown key; did you mean name?", file.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_printed_config_reads_back() {
    for text in ["", FULL, STARTER] {
        let config = valid(text);
        let printed = config.to_toml().expect("printable");
        let again = Config::parse(&printed, Path::new("/elsewhere"))
            .unwrap_or_else(|problems| panic!("{printed}\n{problems:#?}"));
        assert_eq!(again, config, "{printed}");
    }
}

/// The starter with every setting that is commented out switched on.
fn starter_switched_on() -> String {
    let switch_on = |line: &'static str| -> &'static str {
        let Some(rest) = line.strip_prefix("# ") else { return line };
        let key_len =
            rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        let is_setting =
            rest.starts_with('[') || (key_len > 0 && rest[key_len..].starts_with(" = "));
        if is_setting { rest } else { line }
    };
    STARTER.lines().map(switch_on).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_starter_means_the_defaults() {
    assert_eq!(valid(STARTER), valid(""));
    let mut switched_on = valid(&starter_switched_on());
    assert_eq!(switched_on.channels.len(), 1);
    let plain = valid("[[channel]]\nname = \"my-channel\"\n");
    let mut channel = switched_on.channels.remove(0);
    channel.trends.clear();
    channel.niche = "my channel".to_owned();
    assert_eq!(channel, plain.channels[0]);
    assert_eq!(switched_on, valid(""));
}

fn toml_like() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "node",
        "name",
        "channel",
        "render",
        "fps",
        "trends",
        "pipeline",
        "http",
        "listen",
        "publish_hours",
        "video_length",
        "look",
        "a.b",
        "\"\"",
        "gpu.models",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1.5",
        "nan",
        "true",
        "\"x\"",
        "\"30s\"",
        "[]",
        "[1, \"a\"]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "[[], [{}]]",
        "\"\"",
        "0x7f",
        "1e400",
        "'''\n'''",
    ]);
    let line = (key, value, 0..4_u8).prop_map(|(key, value, shape)| match shape {
        0 => format!("[{key}]"),
        1 => format!("[[{key}]]"),
        _ => format!("{key} = {value}"),
    });
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

proptest! {
    #[test]
    fn hostile_toml_never_panics(text in "\\PC{0,200}", lines in toml_like()) {
        let _ = parse(&text);
        if let Err(problems) = parse(&lines) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1));
        }
    }

    #[test]
    fn any_valid_config_shows_and_reads_back(
        fps in 1_u32..=120,
        crf in 0_u32..=51,
        half_side in 8_u32..=3_840,
        preset in prop::sample::select(PRESETS),
        millis in 0_u64..86_400_000,
        fraction in 1_u32..=1_000,
        minutes in prop::collection::btree_set(0_u16..1_440, 1..6),
        niche in "[a-zA-Z\"'\\\\é#=\\[\\] ]{0,20}x",
        palette in prop::sample::select(PALETTES),
        tone in prop::sample::select(TONES),
        voice in prop::sample::select(VOICES),
    ) {
        let hours: Vec<String> = minutes
            .iter()
            .map(|at| quoted(&quantity::TimeOfDay::from_minutes(*at).to_string()))
            .collect();
        let text = format!(
            "[render]\nwidth = {side}\nheight = {side}\nfps = {fps}\ncrf = {crf}\npreset = \"{preset}\"\n\
             [gpu]\nmemory_fraction = {fraction}\n[pipeline.script]\nbackoff_base = \"{millis}ms\"\n\
             [[channel]]\nname = \"a\"\nniche = {niche:?}\npublish_hours = [{hours}]\n\
             personality = {{ voice = \"{voice}\", tone = \"{tone}\" }}\nlook.palette = \"{palette}\"\n",
            side = half_side * 2,
            fraction = f64::from(fraction) / 1_000.0,
            hours = hours.join(", "),
        );
        let config = valid(&text);
        let printed = config.to_toml().expect("printable");
        prop_assert_eq!(valid(&printed), config);
    }
}
