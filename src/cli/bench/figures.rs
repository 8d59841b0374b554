//! What the operating system says of this process and of the disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::cli::data_folder::unwritable;
use crate::cli::output::{CliError, Exit};

/// `f_type` of file systems in memory (`statfs(2)`): tmpfs, ramfs.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58F6];

/// What a probe makes durable at a time.
const PIECE: [u8; 2_048] = [7; 2_048];
/// Bytes before the first piece.
const HEADER: usize = 4_096;
/// Where a segment's header has its slots (docs/journal-format.md).
const SLOT_AT: [u64; 2] = [512, 1_024];

/// Processor time of all threads of this process so far.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The most memory this process has had resident, in MiB; none where the system does not say.
pub(super) fn peak_rss_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Refuses folders that no disk is under: what is measured there is not durable.
pub(super) fn refuse_memory(folder: &Path) -> Result<(), CliError> {
    let failed = |error: std::io::Error| unwritable(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    let found = rustix::fs::statfs(folder).map_err(|error| failed(error.into()))?;
    if IN_MEMORY.contains(&found.f_type) {
        let message = "the data folder is in memory, where nothing is durable";
        return Err(CliError::new(Exit::BadUsage, "folder_in_memory", message)
            .at(folder.display())
            .remedy("name a folder on a disk with --data-dir"));
    }
    Ok(())
}

/// Measures how long it takes to make 2 KiB durable: appended to a file that is filled with zeros, as
/// the journal's are; and the same with a slot in the file's header, as the journal writes them, which
/// is one page more for the disk.
pub(super) struct SyncProbe {
    path: PathBuf,
    file: File,
    plain: Vec<Duration>,
    with_slot: Vec<Duration>,
}

/// What a probe found: medians.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SyncTimes {
    /// Of 2 KiB.
    pub(super) plain: Duration,
    /// Of 2 KiB and a slot.
    pub(super) with_slot: Duration,
}

impl SyncProbe {
    /// A probe in `folder` for `times` measurements of either kind.
    ///
    /// # Errors
    /// [`CliError`] when the folder cannot be written.
    pub(super) fn new(folder: &Path, times: usize) -> Result<Self, CliError> {
        let path = folder.join("sync-time");
        let make = || {
            let file = File::create(&path)?;
            file.write_all_at(&vec![0; HEADER + 2 * PIECE.len() * times], 0)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(|error| unwritable(&path, &error))?;
        let (plain, with_slot) = (Vec::with_capacity(times), Vec::with_capacity(times));
        Ok(Self { path, file, plain, with_slot })
    }

    /// Measures so often, one after the other: first the plain ones.
    ///
    /// # Errors
    /// [`CliError`] when the file cannot be written.
    pub(super) fn measure(&mut self, times: usize) -> Result<(), CliError> {
        for number in 0..2 * times {
            let with_slot = number >= times;
            let at = HEADER + (self.plain.len() + self.with_slot.len()) * PIECE.len();
            let began = Instant::now();
            let slot = (with_slot, SLOT_AT[number % 2]);
            self.append(at as u64, slot).map_err(|error| unwritable(&self.path, &error))?;
            let took = if with_slot { &mut self.with_slot } else { &mut self.plain };
            took.push(began.elapsed());
        }
        Ok(())
    }

    fn append(&self, at: u64, (with_slot, slot_at): (bool, u64)) -> std::io::Result<()> {
        self.file.write_all_at(&PIECE, at)?;
        if with_slot {
            self.file.write_all_at(&[7; 20], slot_at)?;
        }
        self.file.sync_data()
    }

    /// The medians; the file goes.
    ///
    /// # Errors
    /// [`CliError`] when the file cannot be removed.
    pub(super) fn medians(self) -> Result<SyncTimes, CliError> {
        fs::remove_file(&self.path).map_err(|error| unwritable(&self.path, &error))?;
        let median = |mut took: Vec<Duration>| {
            took.sort_unstable();
            took.get(took.len() / 2).copied().unwrap_or_default()
        };
        Ok(SyncTimes { plain: median(self.plain), with_slot: median(self.with_slot) })
    }
}
