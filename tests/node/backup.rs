//! Taking a journal elsewhere: a backup and an exported text of a running node are whole, a node goes
//! on with them, and what is not whole is refused with its place.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::site::Site;

/// A node with forty workflows in flight.
fn held(data: &Path) -> Child {
    let mut held = Command::new(env!("CARGO_BIN_EXE_ytempire"))
        .args(["bench", "engine", "--hold", "--concurrency", "40", "--step", "5ms"])
        .args(["--channels", "3", "--data-dir"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(held.stderr.take().unwrap());
    assert!(told.lines().any(|line| line.unwrap().starts_with("holding 40 workflows")));
    held
}

struct Folders {
    site: Site,
    folder: TempDir,
}

impl Folders {
    fn new() -> Self {
        Self { site: Site::bare(), folder: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command of the journal on the data folder `data`.
    async fn journal(&self, what: &str, name: Option<&str>, data: &str, code: i32) -> Value {
        let (place, data) = (name.map(|name| self.path(name)), self.path(data));
        let mut args = vec!["journal", what, "--json", "--data-dir", &data];
        args.extend(place.as_deref());
        self.site.run(&args).await.ended_with(code).json()
    }

    /// All workflows that the data folder `data` knows.
    async fn workflows(&self, data: &str) -> Value {
        let data = self.path(data);
        let args = ["workflow", "list", "--json", "--limit", "500", "--data-dir", &data];
        self.site.run(&args).await.ended_with(0).json()
    }
}

#[tokio::test]
async fn a_backup_and_a_text_of_a_running_node_are_ones_that_a_node_goes_on_with() {
    let folders = Folders::new();
    let mut held = held(&folders.folder.path().join("state"));
    let backup = folders.journal("backup", Some("backup"), "state", 0).await;
    let text = folders.journal("export", Some("text"), "state", 0).await;
    assert!(backup["frames"].as_u64() > Some(40), "{backup}");
    assert!(text["last_seq"].as_u64() >= backup["last_seq"].as_u64(), "{text} {backup}");
    assert_eq!(held.try_wait().unwrap(), None, "the node does not notice");
    held.kill().unwrap();
    held.wait().unwrap();
    // The backup is a data folder itself, and can be restored into another.
    let restored = folders.journal("restore", Some("backup"), "restored", 0).await;
    assert_eq!(restored["last_seq"], backup["last_seq"]);
    assert_eq!(folders.workflows("restored").await, folders.workflows("backup").await);
    let imported = folders.journal("import", Some("text"), "imported", 0).await;
    assert_eq!(imported["last_seq"], text["last_seq"]);
    for data in ["backup", "restored", "imported"] {
        assert_eq!(folders.journal("verify", None, data, 0).await["ok"], true);
        let path = folders.path(data);
        let args = ["bench", "engine", "--resume", "--channels", "3", "--data-dir", &path];
        folders.site.run(&args).await.ended_with(0);
        let list = folders.workflows(data).await;
        let items = list["items"].as_array().unwrap();
        assert!(
            items.len() >= 40 && items.iter().all(|one| one["status"] == "completed"),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_copy_of_a_copy_is_the_same_to_the_bit() {
    let folders = Folders::new();
    let state = folders.path("state");
    let seed = ["bench", "seed-history", "--channels", "2", "--workflows", "600", "--data-dir"];
    let seed: Vec<&str> = seed.into_iter().chain([state.as_str()]).collect();
    folders.site.run(&seed).await.ended_with(0);
    // A start and a clean stop leave a checkpoint beyond the seeds.
    let engine = ["bench", "engine", "--resume", "--channels", "2", "--data-dir", &state];
    folders.site.run(&engine).await.ended_with(0);
    folders.journal("export", Some("one"), "state", 0).await;
    folders.journal("import", Some("one"), "imported", 0).await;
    folders.journal("export", Some("two"), "imported", 0).await;
    let (one, two) =
        (fs::read(folders.path("one")).unwrap(), fs::read(folders.path("two")).unwrap());
    assert!(one == two && one.len() > 1_000, "{} and {} bytes", one.len(), two.len());
    let backup = folders.journal("backup", Some("backup"), "state", 0).await;
    assert_eq!(backup["history_files"], 2, "{backup}");
    folders.journal("restore", Some("backup"), "restored", 0).await;
    assert_eq!(folders.workflows("restored").await, folders.workflows("state").await);
}

#[tokio::test]
async fn what_is_not_whole_or_in_the_way_is_refused_with_its_place() {
    let folders = Folders::new();
    let code = |value: &Value| value["error"]["code"].as_str().unwrap().to_owned();
    let mut held = held(&folders.folder.path().join("state"));
    held.kill().unwrap();
    held.wait().unwrap();
    let none = folders.journal("backup", Some("x"), "nothing", 1).await;
    assert_eq!(code(&none), "no_journal");
    let filled = folders.journal("backup", Some("state"), "state", 2).await;
    assert_eq!(code(&filled), "folder_not_empty");
    let none = folders.journal("restore", Some("state"), "new", 2).await;
    assert_eq!(code(&none), "not_a_backup");
    let source = folders.journal("verify", None, "state", 0).await;
    let backup = folders.journal("backup", Some("backup"), "state", 0).await;
    assert_eq!(backup["last_seq"], source["last_seq"], "the last group is in it after a kill, too");
    let used = folders.journal("restore", Some("backup"), "state", 2).await;
    assert_eq!(code(&used), "folder_not_new");
    folders.journal("export", Some("text"), "state", 0).await;
    let again = folders.journal("export", Some("text"), "state", 2).await;
    assert_eq!(code(&again), "file_unusable");
    let used = folders.journal("import", Some("text"), "state", 2).await;
    assert_eq!(code(&used), "folder_not_new");
    // A text that was cut off, or of which a line is gone or wrong.
    let text = fs::read_to_string(folders.path("text")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (last, all) = lines.split_last().unwrap();
    let wrong = [
        (all.join("\n"), format!("line {}", lines.len())),
        ([&all[..3], &all[4..], &[*last][..]].concat().join("\n"), "line 4".to_owned()),
        (text.replacen("\"kind\":\"events\"", "\"kind\":\"odd\"", 1), "line ".to_owned()),
        ("{}\n".to_owned(), "line 1".to_owned()),
    ];
    for (number, (text, place)) in wrong.iter().enumerate() {
        fs::write(folders.path("wrong"), text).unwrap();
        let data = format!("into-{number}");
        let refused = folders.journal("import", Some("wrong"), &data, 2).await;
        assert_eq!(code(&refused), "export_malformed");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(place), "{message}");
        assert!(!Path::new(&folders.path(&data)).join("journal").exists());
    }
    // A backup in which a byte has changed.
    let segment = Path::new(&folders.path("backup")).join("journal/0000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[5_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let damaged = folders.journal("restore", Some("backup"), "elsewhere", 5).await;
    assert_eq!(code(&damaged), "journal_damaged");
    assert!(!Path::new(&folders.path("elsewhere")).join("journal").exists());
}
