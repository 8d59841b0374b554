//! Lines with a limit, because the other side may be broken.

use std::io::{self, BufRead, Read};

use super::protocol::ProtocolError;

/// Reads one line, without its line feed; `None` at the end of the stream. Never keeps more than
/// `limit` bytes.
///
/// # Errors
/// [`ProtocolError::TooLong`] when the line is longer than `limit`, [`ProtocolError::CutOff`] when
/// the stream ends inside it, [`ProtocolError::Io`] when it cannot be read.
pub fn read_line(
    stream: &mut impl BufRead,
    limit: usize,
) -> Result<Option<Vec<u8>>, ProtocolError> {
    let mut line = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = stream.take(most).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Some(line));
    }
    if line.len() > limit {
        Err(ProtocolError::TooLong { limit })
    } else {
        Err(ProtocolError::CutOff)
    }
}

/// Reads and forgets everything up to the end of the stream.
///
/// # Errors
/// When the stream cannot be read.
pub fn read_to_end_and_forget(stream: &mut impl Read) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(|_| ())
}

/// The last lines of a stream, for a message to a person.
#[derive(Debug, Default)]
pub struct LastLines {
    lines: std::collections::VecDeque<String>,
}

impl LastLines {
    /// How many lines are kept.
    pub const KEPT: usize = 12;
    /// How many bytes of each line are kept.
    pub const MAX_LINE: usize = 300;

    /// Reads `stream` to its end and keeps its last lines. A stream that breaks has ended.
    #[must_use]
    pub fn of(stream: impl Read) -> Self {
        let mut last = Self::default();
        let mut stream = io::BufReader::new(stream);
        loop {
            let mut start = Vec::new();
            let limit = u64::try_from(Self::MAX_LINE).unwrap_or(u64::MAX);
            match stream.by_ref().take(limit).read_until(b'\n', &mut start) {
                Ok(0) | Err(_) => return last,
                Ok(_) => last.push(&start),
            }
        }
    }

    fn push(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if text.is_empty() {
            return;
        }
        if self.lines.len() == Self::KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(text);
    }

    /// The lines, separated by ` | `; empty when there were none.
    #[must_use]
    pub fn joined(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_then_the_end() {
        let mut stream: &[u8] = b"one\n\ntwo\n";
        assert_eq!(read_line(&mut stream, 10).unwrap(), Some(b"one".to_vec()));
        assert_eq!(read_line(&mut stream, 10).unwrap(), Some(Vec::new()));
        assert_eq!(read_line(&mut stream, 3).unwrap(), Some(b"two".to_vec()));
        assert_eq!(read_line(&mut stream, 10).unwrap(), None);
    }

    #[test]
    fn a_line_over_the_limit_is_refused_without_being_read_whole() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        let error = read_line(&mut endless, 1_000).unwrap_err();
        assert!(matches!(error, ProtocolError::TooLong { limit: 1_000 }));
    }

    #[test]
    fn a_stream_that_ends_inside_a_line_is_cut_off() {
        let mut stream: &[u8] = b"half";
        assert!(matches!(read_line(&mut stream, 10).unwrap_err(), ProtocolError::CutOff));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let joined = LastLines::of(text.as_bytes()).joined();
        assert!(joined.starts_with("line 88 | ") && joined.ends_with(" | line 99"), "{joined}");
    }

    #[test]
    fn an_endless_line_is_kept_in_pieces_of_bounded_size() {
        let bytes = vec![b'y'; 1_000_000];
        let joined = LastLines::of(bytes.as_slice()).joined();
        assert!(joined.len() <= LastLines::KEPT * (LastLines::MAX_LINE + 3));
    }
}
