//! How often this process asked the system to make a file durable, whoever in it asked.
//!
//! Why it exists: syncs are what durability costs, and the store's engine and libraries in C make
//! theirs where nothing of ours counts them. The three calls of the C library that do it are defined
//! here, in the program itself, which the linker prefers; each counts and makes the system call.
//!
//! Architecture invariant: they behave as those of the C library do.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Calls of `fsync`, `fdatasync` and `sync_file_range` so far.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// What the C library returns: 0, or -1 with `errno`.
fn answer(code: libc::c_long) -> libc::c_int {
    // `syscall` has set errno already.
    if code == 0 { 0 } else { -1 }
}

#[allow(unsafe_code, reason = "the C library's own functions, counted")]
mod shims {
    use super::{COUNT, Ordering, answer};

    #[unsafe(no_mangle)]
    extern "C" fn fsync(file: libc::c_int) -> libc::c_int {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the call takes a number and touches no memory.
        answer(unsafe { libc::syscall(libc::SYS_fsync, file) })
    }

    #[unsafe(no_mangle)]
    extern "C" fn fdatasync(file: libc::c_int) -> libc::c_int {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        answer(unsafe { libc::syscall(libc::SYS_fdatasync, file) })
    }

    #[unsafe(no_mangle)]
    extern "C" fn sync_file_range(
        file: libc::c_int,
        offset: libc::off64_t,
        bytes: libc::off64_t,
        flags: libc::c_uint,
    ) -> libc::c_int {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        answer(unsafe { libc::syscall(libc::SYS_sync_file_range, file, offset, bytes, flags) })
    }
}
