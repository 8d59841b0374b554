//! The video platform as a local library: a folder per video, and a page to watch them.
//!
//! Architecture invariant: a video's folder appears complete or not at all; publishing under a key
//! that is there already changes nothing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::artifacts::blocking;
use super::library_page;
use crate::adapters::durable_file::{io_failure, sync_folder, write_durably};
use crate::domain::failure::Failure;
use crate::domain::ids::{ChannelName, WorkflowId};
use crate::domain::workflow::Publication;
use crate::ports::clock::Clock;
use crate::ports::job::JobControl;
use crate::ports::platform::{FileContent, Release, VideoPlatform};
use crate::telemetry::failpoint;

/// Name of the video file in a folder of the library.
const VIDEO: &str = "video.mp4";
/// Name of the file that says what the video is.
pub(super) const METADATA: &str = "metadata.json";
/// Name of the file that says where everything comes from.
pub(super) const PROVENANCE: &str = "provenance.json";
/// Where folders are built before they are renamed into their place.
pub(super) const INCOMING: &str = ".incoming";

/// A library in a local folder.
#[derive(Clone)]
pub struct LocalLibrary {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    page: Arc<tokio::sync::Mutex<()>>,
}

impl LocalLibrary {
    /// A library in `root`; the folder is made with the first video.
    #[must_use]
    pub fn new(root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { root, clock, page: Arc::new(tokio::sync::Mutex::new(())) }
    }

    fn folder(&self, channel: &ChannelName, workflow: WorkflowId) -> PathBuf {
        self.root.join(channel.as_str()).join(workflow.to_string())
    }

    async fn refresh_page(&self) -> Result<(), Failure> {
        // One at a time: of two writers, the later must have seen what the earlier published.
        let _only_writer = self.page.lock().await;
        let root = self.root.clone();
        blocking(move || {
            let page = library_page::draw(&root);
            let path = root.join("index.html");
            write_durably(&path, page.as_bytes())
                .map_err(|error| io_failure("write", &path, &error))
        })
        .await
    }
}

fn publication(channel: &ChannelName, workflow: WorkflowId) -> Publication {
    Publication {
        video_id: workflow.to_string(),
        path: format!("library/{channel}/{workflow}/{VIDEO}"),
    }
}

#[async_trait]
impl VideoPlatform for LocalLibrary {
    fn describe(&self) -> String {
        "local library (built in; nothing is uploaded)".to_owned()
    }

    async fn find(
        &self,
        channel: &ChannelName,
        workflow: WorkflowId,
        idempotency_key: &str,
    ) -> Result<Option<Publication>, Failure> {
        let path = self.folder(channel, workflow).join(METADATA);
        let key = idempotency_key.to_owned();
        let found = blocking(move || match fs::read(&path) {
            Ok(bytes) => {
                let metadata: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                if metadata.get("idempotency_key").and_then(Value::as_str) == Some(&key) {
                    return Ok(true);
                }
                let message = format!(
                    "{} is not what this workflow published; move its folder away and retry",
                    path.display()
                );
                Err(Failure::permanent("library_conflict", message))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_failure("read", &path, &error)),
        })
        .await?;
        if !found {
            return Ok(None);
        }
        self.refresh_page().await?;
        Ok(Some(publication(channel, workflow)))
    }

    async fn publish(
        &self,
        release: &Release,
        control: &JobControl,
    ) -> Result<Publication, Failure> {
        control.check()?;
        let known = self.find(&release.channel, release.workflow, &release.idempotency_key).await?;
        if let Some(publication) = known {
            return Ok(publication);
        }
        let incoming = self.root.join(INCOMING).join(release.workflow.to_string());
        let place = self.folder(&release.channel, release.workflow);
        let published_at = self.clock.now().to_string();
        let order = release.clone();
        blocking(move || {
            build(&incoming, &order, &published_at)
                .inspect(|()| failpoint::pass(failpoint::MID_EFFECT))
                .and_then(|()| move_into_place(&incoming, &place))
                .inspect_err(|_| drop(fs::remove_dir_all(&incoming)))
        })
        .await?;
        self.refresh_page().await?;
        Ok(publication(&release.channel, release.workflow))
    }
}

/// Builds the folder of a release aside, durably.
fn build(folder: &Path, release: &Release, published_at: &str) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_failure("clear", folder, &error)),
    }
    fs::create_dir_all(folder).map_err(|error| io_failure("make", folder, &error))?;
    let mut digests = serde_json::Map::new();
    let mut metadata = release.metadata.clone();
    if let Some(fields) = metadata.as_object_mut() {
        fields.insert("published_at".to_owned(), json!(published_at));
    }
    let mut files = release.files.clone();
    files.push((METADATA.to_owned(), FileContent::Bytes(pretty(&metadata))));
    for (name, content) in &files {
        let path = folder.join(name);
        let digest =
            write_file(&path, content).map_err(|error| io_failure("write", &path, &error))?;
        digests.insert(name.clone(), json!(digest));
    }
    let mut provenance = release.provenance.clone();
    if let Some(fields) = provenance.as_object_mut() {
        fields.insert("digests".to_owned(), Value::Object(digests));
    }
    let path = folder.join(PROVENANCE);
    write_file(&path, &FileContent::Bytes(pretty(&provenance)))
        .map_err(|error| io_failure("write", &path, &error))?;
    sync_folder(folder).map_err(|error| io_failure("sync", folder, &error))
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}

/// Writes and syncs a file, and returns the SHA-256 of its content.
fn write_file(path: &Path, content: &FileContent) -> io::Result<String> {
    let mut file = File::create(path)?;
    let mut hasher = Sha256::new();
    match content {
        FileContent::Bytes(bytes) => {
            hasher.update(bytes);
            file.write_all(bytes)?;
        }
        FileContent::File(source) => {
            let mut source = File::open(source)?;
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let count = source.read(&mut buffer)?;
                let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
                hasher.update(read);
                file.write_all(read)?;
            }
        }
    }
    file.sync_all()?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn move_into_place(incoming: &Path, place: &Path) -> Result<(), Failure> {
    let shelf = place.parent().unwrap_or(place);
    fs::create_dir_all(shelf).map_err(|error| io_failure("make", shelf, &error))?;
    fs::rename(incoming, place).map_err(|error| io_failure("rename", incoming, &error))?;
    // Stays while another video is being built in it.
    let _ = incoming.parent().map(fs::remove_dir);
    sync_folder(shelf).map_err(|error| io_failure("sync", shelf, &error))
}
