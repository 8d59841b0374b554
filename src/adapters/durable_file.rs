//! Files that are there as a whole or not at all: temporary file → fsync → rename → fsync folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::domain::failure::Failure;

/// Makes what was written or renamed in `folder` survive a crash.
///
/// # Errors
/// Whatever the file system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes `bytes` to `path` so that a crash leaves the old file, or none, or the new one.
///
/// # Errors
/// Whatever the file system says; the temporary file is removed.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = write_and_sync(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(folder)
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whether `error` says that there is no room.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The failure for an I/O error at `path`. A full disk needs a person; the rest may pass.
#[must_use]
pub fn io_failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    let place = path.display();
    if is_full(error) {
        let message = format!(
            "no room to {what} {place}: {error}; free some space or give the data folder a larger disk"
        );
        return Failure::permanent("disk_full", message);
    }
    Failure::transient("file_error", format!("cannot {what} {place}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("file");
        write_durably(&path, b"one").unwrap();
        write_durably(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::create_dir(&path).unwrap();
        assert!(write_durably(&path, b"two").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_needs_a_person_and_other_errors_may_pass() {
        let path = Path::new("a");
        let full = io_failure("write", path, &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((full.class, full.code.as_str()), (FailureClass::Permanent, "disk_full"));
        let other = io_failure("write", path, &io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(other.class, FailureClass::Transient);
    }
}
