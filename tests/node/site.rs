//! A folder with a config, feeds and a data folder, and the real binary run in it.
//!
//! Videos are tiny (320x180, 10 frames a second, about 6 s), so that a round takes seconds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

/// Long enough for a machine that is busy with other things; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How often a condition is looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The channels of [`Site::two_channels`].
pub const CHANNELS: [&str; 2] = ["space", "kitchen"];

/// Tiny videos, and retries that do not wait.
pub const HEAD: &str = r#"
[node]
data_dir = "state"
execution_log = "executions.jsonl"
[render]
width = 320
height = 180
fps = 10
preset = "ultrafast"
[pipeline.trend]
backoff_base = "10ms"
[pipeline.script]
backoff_base = "10ms"
[pipeline.narration]
backoff_base = "10ms"
[pipeline.render]
backoff_base = "10ms"
[pipeline.upload]
backoff_base = "10ms"
"#;

/// One of the sample feeds.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/samples").join(name)
}

/// A feed with many good stories for the channel `space`.
pub fn good_feed() -> PathBuf {
    sample("spaceflight/orbit-weekly.rss.xml")
}

/// A `[[channel]]` that reads `feeds`.
pub fn channel(name: &str, niche: &str, aspect: &str, feeds: &[PathBuf]) -> String {
    let mut text = format!(
        "[[channel]]\nname = {name:?}\nniche = {niche:?}\nvideo_length = [\"5s\", \"7s\"]\n\
         scenes = [1, 2]\nlook = {{ palette = \"ember\", aspect = {aspect:?} }}\n"
    );
    for feed in feeds {
        let path = feed.display();
        text.push_str(&format!(
            "[[channel.trends]]\nkind = \"rss\"\npath = \"{path}\"\nas_of = \"2026-11-15T12:00:00Z\"\n"
        ));
    }
    text
}

/// The channel `space`, reading `feeds`.
pub fn space(feeds: &[PathBuf]) -> String {
    channel("space", "the history of spaceflight: rockets, orbit, Moon, probes", "16:9", feeds)
}

/// The channel `kitchen`, reading `feeds`.
pub fn kitchen(feeds: &[PathBuf]) -> String {
    channel("kitchen", "kitchen science: cooking, food, heat, protein, baking", "9:16", feeds)
}

/// What a run of the program said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it told people.
    pub stderr: String,
}

impl Ran {
    /// The run again, if it ended with `code`; otherwise the test fails with what it said.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// The one JSON value on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("stdout is not one JSON value: {error}: {self:#?}"),
        }
    }

    /// The code of the error on stdout.
    #[track_caller]
    pub fn error_code(&self) -> String {
        let value = self.json();
        let error = &value["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{self:#?}");
        error["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A folder in which the program runs.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// A folder whose config is [`HEAD`] and `channels`.
    pub fn with(channels: &[String]) -> Self {
        let site = Self::bare();
        site.write("ytempire.toml", format!("{HEAD}{}", channels.concat()).as_bytes());
        site
    }

    /// A folder whose two channels read the sample feeds.
    pub fn two_channels() -> Self {
        Self::with(&[
            space(&[
                good_feed(),
                sample("spaceflight/archive-of-flight.atom.xml"),
                sample("spaceflight/launch-notes.feed.json"),
            ]),
            kitchen(&[
                sample("kitchen-science/the-test-kitchen.rss.xml"),
                sample("kitchen-science/pan-and-protein.atom.xml"),
                sample("kitchen-science/crumb-notes.feed.json"),
            ]),
        ])
    }

    /// An empty folder.
    pub fn bare() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A copy of a folder in which two channels have finished their first round.
    pub async fn finished() -> Self {
        static FINISHED: OnceCell<PathBuf> = OnceCell::const_new();
        let original = FINISHED
            .get_or_init(|| async {
                let made = Self::two_channels();
                made.run(&["demo"]).await.ended_with(0);
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished-round");
                let _ = fs::remove_dir_all(&kept);
                copy(made.path(), &kept).await;
                kept
            })
            .await;
        let site = Self::bare();
        copy(&original.join("."), site.path()).await;
        site
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.state().join("journal")
    }

    /// The execution log.
    pub fn execution_log(&self) -> PathBuf {
        self.path().join("executions.jsonl")
    }

    /// Writes a file of the site and gives its path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program with `args`, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ytempire"));
        command.args(args);
        self.dress(&mut command);
        command
    }

    /// The program with `args`, unable to write beyond `bytes` in any file.
    pub fn command_with_file_limit(&self, bytes: u64, args: &[&str]) -> Command {
        let mut command = Command::new("prlimit");
        command.arg(format!("--fsize={bytes}")).arg(env!("CARGO_BIN_EXE_ytempire")).args(args);
        self.dress(&mut command);
        command
    }

    fn dress(&self, command: &mut Command) {
        command.current_dir(self.path()).stdin(Stdio::null()).kill_on_drop(true);
        command.env_remove("YTEMPIRE_LOG");
    }

    /// Runs the program to its end.
    pub async fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args)).await
    }

    /// Starts the program; what it tells people goes to the file `stderr.txt`.
    pub fn start(&self, args: &[&str]) -> Child {
        let path = self.path().join("stderr.txt");
        let told = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        self.command(args).stdout(Stdio::null()).stderr(told).spawn().unwrap()
    }

    /// What programs started with [`Self::start`] told people.
    pub fn told(&self) -> String {
        fs::read_to_string(self.path().join("stderr.txt")).unwrap_or_default()
    }

    /// Every file and folder of the site with its content's digest, mode and time of change.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        take_snapshot(self.path(), &mut found);
        found
    }
}

/// Runs `command` to its end.
pub async fn ran(command: &mut Command) -> Ran {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("the program goes on and on").unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for the end of `child`.
pub async fn end_of(child: &mut Child) -> ExitStatus {
    tokio::time::timeout(PATIENCE, child.wait()).await.expect("it goes on and on").unwrap()
}

async fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg("--sparse=always").arg(from).arg(to).status();
    assert!(copied.await.unwrap().success());
}

fn take_snapshot(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() {
            blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string()
        } else {
            take_snapshot(&path, found);
            String::new()
        };
        let (mode, changed) = (metadata.permissions().mode(), metadata.modified().unwrap());
        found.insert(path, format!("{mode:o} {changed:?} {content}"));
    }
}
