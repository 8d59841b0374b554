//! The machine itself: data folder, disk, lock, cores, memory, open files, clock.

use std::fs::File;
use std::path::Path;
use std::thread::available_parallelism;

use rustix::fs::{Access, FlockOperation, access, flock, statvfs};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::adapters::offline::storage::measure;
use crate::domain::disk::{DiskLevel, DiskState};
use crate::domain::timestamp::Timestamp;

use super::{Check, nearest_existing};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Below this the journal cannot even lay out its segments.
const FREE_NEEDED: u64 = 512 * MIB;
/// Below this the disk will soon be full.
const FREE_WANTED: u64 = 5 * GIB;
/// What one render and the node itself need.
const MEMORY_WANTED: u64 = 2 * GIB;
/// What a journal, a store, a socket per reader and the children need.
const OPEN_FILES_WANTED: u64 = 1_024;

/// Whether the data folder can be written, or made.
pub(super) fn check_data_folder(data_dir: &Path) -> Check {
    const NAME: &str = "data_folder";
    let place = data_dir.display();
    let existing = nearest_existing(data_dir);
    if !existing.is_dir() {
        let detail = format!("{} is not a folder", existing.display());
        return Check::error(NAME, detail, "name another folder with --data-dir");
    }
    if in_kernel_folder(existing) {
        let detail = format!("{place} is in a folder of the kernel's");
        return Check::error(NAME, detail, "name another folder with --data-dir");
    }
    if let Err(error) = access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        let detail = format!("{} cannot be written: {error}", existing.display());
        let remedy = "give yourself the right to write there, or name another with --data-dir";
        return Check::error(NAME, detail, remedy);
    }
    if existing == data_dir {
        Check::ok(NAME, format!("{place} can be written"))
    } else {
        Check::ok(NAME, format!("{place} is not there yet and can be made"))
    }
}

/// The kernel's own file systems let root "write" and then refuse every file.
fn in_kernel_folder(folder: &Path) -> bool {
    folder.starts_with("/proc") || folder.starts_with("/sys")
}

/// How much more fits beside the data folder.
pub(super) fn check_free_space(data_dir: &Path) -> Check {
    const NAME: &str = "free_space";
    let system = match statvfs(nearest_existing(data_dir)) {
        Ok(system) => system,
        Err(error) => {
            let detail = format!("the free space is unknown: {error}");
            return Check::warning(NAME, detail, "look with df whether the disk is there");
        }
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let detail = format!("{} MiB free", free / MIB);
    if free < FREE_NEEDED {
        return Check::error(NAME, detail, "make room: at least 512 MiB are needed to start");
    }
    if free < FREE_WANTED {
        return Check::warning(NAME, detail, "make room: 5 GiB last for some weeks of videos");
    }
    Check::ok(NAME, detail)
}

/// How much of its budget the data folder takes, and whether a node would begin anything new.
pub(super) fn check_disk_budget(data_dir: &Path, budget: u64) -> Check {
    const NAME: &str = "disk_budget";
    if !data_dir.is_dir() {
        return Check::ok(NAME, "the data folder takes no room yet");
    }
    let usage = match measure(data_dir) {
        Ok(usage) => usage,
        Err(error) => {
            let detail = format!("the data folder cannot be measured: {}", error.message);
            return Check::warning(NAME, detail, "look who owns the files in it");
        }
    };
    let state = DiskState::judge(DiskLevel::Fine, usage, budget);
    match state.level {
        DiskLevel::Fine => Check::ok(NAME, state.to_string()),
        DiskLevel::Warn => Check::warning(NAME, state.to_string(), state.remedy()),
        DiskLevel::Stop => {
            Check::warning(NAME, format!("a node would begin nothing new: {state}"), state.remedy())
        }
    }
}

/// Whether another process holds the data folder. The lock is only felt, for an instant and shared.
pub(super) fn check_lock(data_dir: &Path) -> Check {
    const NAME: &str = "lock";
    let Ok(lock) = File::open(data_dir.join("lock")) else {
        return Check::ok(NAME, "no process holds the data folder");
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Check::ok(NAME, "no process holds the data folder"),
        Err(Errno::WOULDBLOCK) => Check::warning(
            NAME,
            format!("a running process holds {}", data_dir.display()),
            "stop it first, or give this node another folder with --data-dir",
        ),
        Err(error) => {
            let detail = format!("the lock cannot be felt: {error}");
            Check::warning(NAME, detail, "use a folder on a local disk")
        }
    }
}

/// How many cores there are for renders.
pub(super) fn check_cores() -> Check {
    const NAME: &str = "cores";
    match available_parallelism() {
        Ok(cores) if cores.get() > 1 => Check::ok(NAME, format!("{cores} usable")),
        Ok(_) => Check::warning(NAME, "1 usable", "renders will be slow; two or more are better"),
        Err(error) => {
            let detail = format!("unknown: {error}");
            Check::warning(NAME, detail, "set [host] render_slots yourself")
        }
    }
}

/// How much memory is free, as the kernel estimates it.
pub(super) fn check_memory() -> Check {
    const NAME: &str = "memory";
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(available) = available_memory(&text) else {
        let detail = "the available memory is unknown";
        return Check::warning(NAME, detail, "look with free whether there are 2 GiB");
    };
    let detail = format!("{} MiB available", available / MIB);
    if available < MEMORY_WANTED {
        return Check::warning(NAME, detail, "close other programs: a render wants 2 GiB");
    }
    Check::ok(NAME, detail)
}

/// `MemAvailable` in bytes from the text of `/proc/meminfo` (proc(5)).
fn available_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// How many files a process may hold open.
pub(super) fn check_open_files() -> Check {
    const NAME: &str = "open_files";
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Check::ok(NAME, "no limit");
    };
    let detail = format!("at most {limit}");
    if limit < OPEN_FILES_WANTED {
        return Check::warning(NAME, detail, "raise the limit with: ulimit -n 1024");
    }
    Check::ok(NAME, detail)
}

/// Whether the clock can be true: after this version was written and within a person's reach.
pub(super) fn check_clock(now: Timestamp) -> Check {
    const NAME: &str = "clock";
    const WRITTEN: Timestamp = Timestamp(1_793_491_200_000); // 2026-11-01T00:00:00Z
    const FAR: Timestamp = Timestamp(4_102_444_800_000); // 2100-01-01T00:00:00Z
    if (WRITTEN..FAR).contains(&now) {
        return Check::ok(NAME, now.to_string());
    }
    let detail = format!("{now} cannot be the time");
    Check::error(NAME, detail, "set the clock, for example with timedatectl set-ntp true")
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_held_lock_is_seen_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(check_lock(folder.path()).level, Level::Ok);
        let lock = File::create(folder.path().join("lock")).expect("created");
        assert_eq!(check_lock(folder.path()).level, Level::Ok);
        flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("free after the check");
        assert_eq!(check_lock(folder.path()).level, Level::Warning);
    }

    #[test]
    fn a_file_in_place_of_the_data_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(check_data_folder(&file).level, Level::Error);
        assert_eq!(check_data_folder(&file.join("below")).level, Level::Error);
    }

    #[test]
    fn meminfo_is_read_in_kibibytes() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:    2097152 kB\n";
        assert_eq!(available_memory(text), Some(2 * GIB));
        for text in ["", "MemAvailable: x kB", "MemAvailable: 99999999999999999999 kB"] {
            assert_eq!(available_memory(text), None);
        }
    }

    #[test]
    fn the_clock_must_be_possible() {
        let level = |text: &str| check_clock(Timestamp::parse(text).expect("a time")).level;
        assert_eq!(level("2026-11-01T00:00:00Z"), Level::Ok);
        assert_eq!(level("2026-10-31T23:59:59Z"), Level::Error);
        assert_eq!(level("2100-01-01T00:00:00Z"), Level::Error);
    }
}
