//! Bits that flip, blocks that read as zeros and files that lose their end, anywhere in a data folder
//! that was closed cleanly: nothing panics, what is gone is told, and what is not told is there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::site::Site;

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap()
    }
}

/// A folder with history, workflows, a checkpoint and a store, closed cleanly.
async fn closed(site: &Site, data: &Path) {
    let path = data.to_str().unwrap();
    let seed =
        ["bench", "seed-history", "--channels", "3", "--workflows", "40", "--data-dir", path];
    site.run(&seed).await.ended_with(0);
    let mut node = Command::new(env!("CARGO_BIN_EXE_ytempire"))
        .args(["bench", "engine", "--hold", "--concurrency", "30", "--step", "2ms"])
        .args(["--channels", "3", "--payload", "700", "--data-dir", path])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(node.stderr.take().unwrap());
    assert!(told.lines().any(|line| line.unwrap().starts_with("holding 30 workflows")));
    let pid = Pid::from_raw(i32::try_from(node.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(node.wait().unwrap().success());
    // What was in flight is finished, so that every start after this one finds the same.
    let resume = ["bench", "engine", "--resume", "--channels", "3", "--data-dir", path];
    site.run(&resume).await.ended_with(0);
}

/// In this `bench engine` notes what it began. Where it is damaged the bench refuses it, or says that
/// an id that no node ever had is lost; all workflows must be there all the same.
const STARTED: &str = "started.txt";

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if fs::metadata(&path).unwrap().len() > 0 {
            found.push(path);
        }
    }
}

/// Damages one file of `folder`, and says which and how.
fn damage(folder: &Path, draws: &mut Draws) -> String {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    files.sort();
    let file = &files[draws.below(files.len())];
    let mut bytes = fs::read(file).unwrap();
    let how = match draws.below(3) {
        0 => {
            let (at, bit) = (draws.below(bytes.len()), draws.below(8));
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        1 => {
            let block = draws.below(bytes.len().div_ceil(4096));
            let end = bytes.len().min((block + 1) * 4096);
            bytes[block * 4096..end].fill(0);
            format!("block {block} zeroed")
        }
        _ => {
            let lost = (1 + draws.below(8192)).min(bytes.len());
            bytes.truncate(bytes.len() - lost);
            format!("{lost} bytes cut off")
        }
    };
    fs::write(file, bytes).unwrap();
    format!("{}: {how}", file.strip_prefix(folder).unwrap().display())
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg("--sparse=always").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// All workflows, or how the command failed.
async fn workflows(site: &Site, data: &str) -> Result<Value, i32> {
    let args = ["workflow", "list", "--json", "--limit", "500", "--data-dir", data];
    let ran = site.run(&args).await;
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    match ran.code {
        Some(0) => Ok(ran.json()),
        code => Err(code.expect("no signal ends it")),
    }
}

async fn trials(count: u64) {
    let site = Site::bare();
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let whole = folder.path().join("whole");
    closed(&site, &whole).await;
    let reference = workflows(&site, whole.to_str().unwrap()).await.unwrap();
    assert!(reference["items"].as_array().unwrap().len() > 120);
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..count {
        let trial = folder.path().join("trial");
        copy(&whole, &trial);
        let mut draws = Draws(seed);
        let damaged = damage(&trial, &mut draws);
        let what = format!("seed {seed}: {damaged}");
        let data = trial.to_str().unwrap();
        let verified = site.run(&["journal", "verify", "--json", "--data-dir", data]).await;
        assert!(!verified.stderr.contains("panicked"), "{what}: {verified:#?}");
        let is_told = match verified.code {
            Some(0) => false,
            Some(5) => true,
            _ => panic!("{what}: {verified:#?}"),
        };
        let before = workflows(&site, data).await;
        if !is_told {
            assert_eq!(before.as_ref(), Ok(&reference), "{what}: lost, and not told");
        }
        let resume = ["bench", "engine", "--resume", "--channels", "3", "--data-dir", data];
        let ran = site.run(&resume).await;
        assert!(!ran.stderr.contains("panicked at"), "{what}: {ran:#?}");
        let outcome = match (is_told, ran.code) {
            (false, Some(code)) if code == 0 || damaged.starts_with(STARTED) => {
                let after = workflows(&site, data).await;
                assert_eq!(after.as_ref(), Ok(&reference), "{what}: lost by a start");
                if ran.stderr.contains("set aside") { "rebuilt" } else { "harmless" }
            }
            (true, Some(0)) => "told, and the node goes on without it",
            (true, Some(5)) => "told, and the node does not start",
            _ => panic!("{what}: {ran:#?}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
        fs::remove_dir_all(&trial).unwrap();
    }
    println!("{count} trials: {outcomes:?}");
    assert!(outcomes.len() >= 3, "{outcomes:?}");
}

#[tokio::test]
async fn damage_anywhere_is_told_mended_or_harmless() {
    trials(25).await;
}

/// As many as the bar asks for; some minutes.
#[tokio::test]
#[ignore = "takes a minute: make drills"]
async fn damage_anywhere_two_hundred_times() {
    trials(200).await;
}
