//! FFmpeg as a library: started once, its log kept instead of printed, its numbers made errors.
//!
//! FFmpeg returns bare codes and says the reason only in its log. So the last lines of the log are
//! kept per process and put into the error. Architecture invariant: FFmpeg never writes to stderr.

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi;

use super::error::MediaError;

/// How many lines of the log are kept.
const KEPT_LINES: usize = 8;
/// The longest line that is kept, in bytes.
const LINE_BYTES: usize = 512;

static STARTED: Once = Once::new();
static LOG: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Makes FFmpeg ready; may be called any number of times.
pub fn start() {
    STARTED.call_once(|| {
        // Registering cannot fail in the versions that are supported; an old one would say so later.
        let _ = ffmpeg::init();
        keep_log();
    });
}

#[allow(unsafe_code, reason = "the log callback can only be set through the C interface")]
fn keep_log() {
    // SAFETY: the callback is a plain function that lives as long as the program, and FFmpeg allows
    // setting it at any time.
    unsafe {
        ffi::av_log_set_level(ffi::AV_LOG_WARNING);
        ffi::av_log_set_callback(Some(on_log_line));
    }
}

#[allow(unsafe_code, reason = "called by C with C's argument list")]
unsafe extern "C" fn on_log_line(
    source: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: *mut ffi::__va_list_tag,
) {
    if level > ffi::AV_LOG_WARNING {
        return;
    }
    let mut line: [c_char; LINE_BYTES] = [0; LINE_BYTES];
    let mut with_prefix: c_int = 1;
    // SAFETY: FFmpeg hands in a valid source, format and argument list for the time of this call;
    // the buffer's length is given, and the function always ends the text with a zero byte.
    let text = unsafe {
        ffi::av_log_format_line2(
            source,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            LINE_BYTES as c_int,
            &mut with_prefix,
        );
        CStr::from_ptr(line.as_ptr())
    };
    let text = text.to_string_lossy().trim().to_owned();
    if text.is_empty() {
        return;
    }
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == KEPT_LINES {
        log.pop_front();
    }
    log.push_back(text);
}

/// The last lines of FFmpeg's log, which are forgotten by this.
#[must_use]
pub fn take_log() -> String {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.drain(..).collect::<Vec<_>>().join(" | ")
}

/// FFmpeg's error as ours: a failed write is the disk's fault, everything else the engine's.
#[must_use]
pub fn failure(doing: &str, error: ffmpeg::Error) -> MediaError {
    let log = take_log();
    let reason = if log.is_empty() { error.to_string() } else { format!("{error} ({log})") };
    let message = format!("{doing}: {reason}");
    match error {
        ffmpeg::Error::Other { errno } if is_full(errno) => {
            MediaError::output("disk_full", message).remedy("free some space and run it again")
        }
        ffmpeg::Error::Other { errno } if is_unwritable(errno) => {
            MediaError::output("output_unwritable", message)
        }
        _ => MediaError::engine("encoder_failed", message),
    }
}

/// No room, or a file that may not grow.
fn is_full(errno: c_int) -> bool {
    matches!(errno, ffmpeg::error::ENOSPC | ffmpeg::error::EFBIG)
}

fn is_unwritable(errno: c_int) -> bool {
    use ffmpeg::error::{EACCES, EIO, EISDIR, ENOENT, ENOTDIR, EPERM, EROFS};
    matches!(errno, EACCES | EIO | EISDIR | ENOENT | ENOTDIR | EPERM | EROFS)
}

/// `path` as FFmpeg takes it: never mistaken for a protocol.
///
/// # Errors
/// Input `path_not_text` when the path is not UTF-8.
pub fn file_url(path: &Path) -> Result<String, MediaError> {
    let text = path.to_str().filter(|text| !text.contains('\0')).ok_or_else(|| {
        MediaError::input("path_not_text", "the file name is not UTF-8")
            .in_file(path)
            .remedy("choose another name")
    })?;
    Ok(format!("file:{text}"))
}
