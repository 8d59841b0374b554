//! The real binding to CUDA against a driver of our own making, from the program's outside: it starts,
//! works and says what is wrong, whatever answers to the driver's name.

#![allow(clippy::expect_used, reason = "a test stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// The sorts of driver library that are built.
const SORTS: [(&str, &[&str]); 3] = [("whole", &[]), ("old", &["-DOLD"]), ("empty", &["-DEMPTY"])];

/// The folder with a library of each sort; built once.
fn drivers() -> &'static Path {
    static DRIVERS: OnceLock<PathBuf> = OnceLock::new();
    DRIVERS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mock-cuda");
        for (sort, flags) in SORTS {
            build("mock_cuda.c", flags, &folder.join(sort), "libcuda.so.1");
        }
        build("mock_nvml.c", &[], &folder.join("whole"), "libnvidia-ml.so.1");
        folder
    })
}

/// Builds a library of `source`, aside first: another run of the tests may be loading the last one.
fn build(source: &str, flags: &[&str], folder: &Path, name: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu").join(source);
    let aside = folder.join(format!("{name}.{}", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-w", "-o"]).arg(&aside);
    let built = compiler.args(flags).arg(&source).status().expect("a C compiler");
    assert!(built.success(), "{} does not compile", source.display());
    std::fs::rename(&aside, folder.join(name)).expect("renamed");
}

/// Runs the program with a driver of `sort` in this mode; no sort is no driver.
fn run(sort: Option<&str>, mode: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_ytempire"));
    program.args(arguments).current_dir(folder.path()).env("MOCK_CUDA", mode);
    match sort {
        Some(sort) => program.env("LD_LIBRARY_PATH", drivers().join(sort)),
        None => program.env_remove("LD_LIBRARY_PATH"),
    };
    program.output().expect("the program runs")
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

#[test]
fn doctor_starts_with_whatever_driver_there_is_and_says_what_is_wrong() {
    let cases = [
        (None, "", "no CUDA driver"),
        (Some("whole"), "", "Mock GPU with 4096 MiB"),
        (Some("whole"), "no_device", "no CUDA device"),
        (Some("whole"), "zero", "no CUDA device"),
        (Some("whole"), "mismatch", "SYSTEM_DRIVER_MISMATCH"),
        (Some("whole"), "oom", "memory is full"),
        (Some("old"), "", "lacks cuStreamCreateWithPriority"),
        (Some("empty"), "", "lacks cuInit"),
    ];
    for (sort, mode, wanted) in cases {
        let output = run(sort, mode, &["doctor"]);
        let told = text(&output);
        assert!(output.status.success(), "{sort:?} {mode}: {told}");
        assert!(told.contains(wanted), "{sort:?} {mode}: {told}");
        assert!(!told.contains("panicked"), "{sort:?} {mode}: {told}");
    }
}

#[test]
fn the_selftest_works_on_leases_and_passes_on_a_sound_device() {
    for mode in ["", "slow"] {
        let output = run(Some("whole"), mode, &["gpu", "selftest", "--json"]);
        assert!(output.status.success(), "{mode}: {}", text(&output));
        let report = json(&output);
        let card = &report["cards"][0];
        assert_eq!((&card["name"], &card["compute"]), (&"Mock GPU".into(), &"12.0".into()));
        let checks = card["checks"].as_array().expect("checks");
        let names: Vec<&str> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
        assert_eq!(names, ["arithmetic", "priorities", "overlap", "budget", "out of memory"]);
        assert!(checks.iter().all(|check| check["passed"] == true), "{report:#}");
    }
}

#[test]
fn the_selftest_notices_what_does_not_hold() {
    let failed = |mode: &str| -> Vec<String> {
        let output = run(Some("whole"), mode, &["gpu", "selftest", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{mode}: {}", text(&output));
        assert!(!text(&output).contains("panicked"), "{mode}: {}", text(&output));
        let report = json(&output);
        let checks = report["cards"][0]["checks"].as_array().cloned().unwrap_or_default();
        let failed = checks.iter().filter(|check| check["passed"] == false);
        failed.filter_map(|check| check["name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(failed("serial"), ["priorities", "overlap"]);
    assert_eq!(failed("lost").len(), 5);
    assert_eq!(failed("oom"), Vec::<String>::new());
}

#[test]
fn a_driver_that_lies_about_free_memory_is_not_believed() {
    let output = run(Some("whole"), "lies", &["gpu", "selftest", "--json"]);
    let report = json(&output);
    let card = &report["cards"][0];
    let (budget, total) = (card["budget_bytes"].as_u64(), card["memory_bytes"].as_u64());
    assert!(budget <= total.map(|total| total / 10 * 8 + 1_024), "{report:#}");
}

#[test]
fn without_a_gpu_the_selftest_says_so_and_fails_only_where_one_is_required() {
    for (sort, mode) in [(None, ""), (Some("whole"), "no_device")] {
        let plain = run(sort, mode, &["gpu", "selftest"]);
        assert!(plain.status.success(), "{}", text(&plain));
        assert!(text(&plain).contains("there is no GPU to test"), "{}", text(&plain));
        let required = run(sort, mode, &["gpu", "selftest", "--require"]);
        assert_eq!(required.status.code(), Some(1));
        assert!(text(&required).contains("no_gpu"), "{}", text(&required));
    }
}

/// What `ytempire gpu` tells of the one device when this of the management library fails.
fn reading(failing: &str) -> (Value, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_ytempire"));
    program.args(["gpu", "--json"]).current_dir(folder.path()).env("MOCK_NVML", failing);
    let output = program.env("LD_LIBRARY_PATH", drivers().join("whole")).output().expect("it runs");
    assert!(output.status.success(), "{failing}: {}", text(&output));
    let view = json(&output);
    (view["devices"][0].clone(), view["readings"][0].clone())
}

#[test]
fn the_management_library_may_fail_call_by_call() {
    let (device, whole) = reading("");
    // 4 GiB, of which others use one and half a GiB is kept free.
    assert_eq!(
        (&device["name"], &device["budget_bytes"]),
        (&"Mock GPU".into(), &(2_560_u64 << 20).into())
    );
    assert_eq!(whole["used_bytes"], 1_u64 << 30);
    assert_eq!(whole["foreign_bytes"], 1_u64 << 30, "process 1 is not ours");
    assert_eq!((&whole["utilisation_percent"], &whole["temperature_c"]), (&37.into(), &61.into()));
    let calls = [
        ("memory", "used_bytes"),
        ("utilisation", "utilisation_percent"),
        ("encoder", "encoder_percent"),
        ("temperature", "temperature_c"),
        ("processes", "foreign_bytes"),
    ];
    for (failing, lost) in calls {
        let (_, reading) = reading(failing);
        assert!(reading[lost].is_null(), "{failing}: {reading}");
        let problems = reading["problems"].to_string();
        assert!(problems.contains(failing), "{failing}: {problems}");
        let kept = calls.iter().filter(|(other, _)| *other != failing && failing != "memory");
        for (_, kept) in kept {
            assert!(!reading[*kept].is_null(), "{failing}: {kept} {reading}");
        }
    }
    for failing in ["init", "handle"] {
        let (_, reading) = reading(failing);
        assert!(reading["problems"].to_string().contains("NVML"), "{failing}: {reading}");
    }
}

#[test]
fn without_a_node_gpu_shows_what_one_would_share_out_here() {
    let output = run(None, "", &["gpu", "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    let view = json(&output);
    assert_eq!((&view["driver"], &view["life"]), (&"none".into(), &0.into()));
    assert_eq!(view["devices"], Value::Array(Vec::new()));
    let pools = view["pools"].as_array().expect("pools");
    let names: Vec<&str> = pools.iter().filter_map(|pool| pool["pool"].as_str()).collect();
    assert_eq!(names, ["render", "light", "model_memory", "video_memory", "cache_memory"]);
    assert!(pools.iter().all(|pool| pool["capacity"].as_u64() > Some(0)), "{view:#}");
    let told = text(&run(None, "", &["gpu"]));
    assert!(told.contains("no GPU") && told.contains("render"), "{told}");
}
