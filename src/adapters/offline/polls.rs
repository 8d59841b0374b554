//! The looks at the sources, as lines of JSON: `polls/<channel>/<yyyy-mm-dd>.jsonl`, days in UTC.
//!
//! Why it exists: how fast a topic grows shows only over hours and days, restarts or not.
//!
//! Architecture invariant: a line is written whole with one append, and a line that is damaged, as
//! the last one may be after a crash, is passed over; the next append begins a line of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::adapters::durable_file::io_failure;
use crate::domain::failure::Failure;
use crate::domain::ids::ChannelName;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Poll;
use crate::ports::source_store::PollLog;

/// Longest line that is read, in bytes; longer ones are damage.
const MAX_LINE: u64 = 4 * 1024 * 1024;
/// The length of a day's name, `yyyy-mm-dd`.
const DAY_LENGTH: usize = 10;

/// The folder of the polls.
#[derive(Debug, Clone)]
pub struct PollFiles {
    folder: PathBuf,
}

impl PollFiles {
    /// The polls in `folder`, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The days of a channel's folder, in order.
    fn days(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
        let listing = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(|error| io_failure("read", folder, &error))?,
        };
        let mut days = Vec::new();
        for entry in listing {
            let path = entry.map_err(|error| io_failure("read", folder, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(day) = name.strip_suffix(".jsonl").filter(|day| day.len() == DAY_LENGTH) {
                days.push((day.to_owned(), path));
            }
        }
        days.sort();
        Ok(days)
    }
}

/// The day of `at` in UTC, `yyyy-mm-dd`.
fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(DAY_LENGTH).collect()
}

impl PollLog for PollFiles {
    fn append(&self, channel: &ChannelName, poll: &Poll) -> Result<(), Failure> {
        let folder = self.folder.join(channel.as_str());
        fs::create_dir_all(&folder).map_err(|error| io_failure("write", &folder, &error))?;
        let path = folder.join(format!("{}.jsonl", day_of(poll.at)));
        let mut line =
            serde_json::to_vec(poll).map_err(|error| Failure::permanent("poll_not_kept", error))?;
        line.push(b'\n');
        append_line(&path, line).map_err(|error| io_failure("write", &path, &error))
    }

    fn read(
        &self,
        channel: &ChannelName,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Poll>, Failure> {
        let (first, last) = (day_of(from), day_of(until));
        let mut polls = Vec::new();
        for (day, path) in Self::days(&self.folder.join(channel.as_str()))? {
            if day < first || day > last {
                continue;
            }
            let of_day = read_day(&path).map_err(|error| io_failure("read", &path, &error))?;
            polls.extend(of_day.into_iter().filter(|poll| poll.at >= from && poll.at < until));
        }
        polls.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.source.cmp(&b.source)));
        Ok(polls)
    }

    fn sweep(&self, before: Timestamp) -> Result<usize, Failure> {
        let first_kept = day_of(before);
        let channels = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            listing => listing.map_err(|error| io_failure("read", &self.folder, &error))?,
        };
        let mut removed = 0;
        for channel in channels {
            let channel = channel.map_err(|error| io_failure("read", &self.folder, &error))?.path();
            for (day, path) in Self::days(&channel)? {
                if day < first_kept {
                    fs::remove_file(&path).map_err(|error| io_failure("remove", &path, &error))?;
                    removed += 1;
                }
            }
            // A channel's folder goes with its last day; one that is not empty stays.
            let _ = fs::remove_dir(&channel);
        }
        Ok(removed)
    }
}

/// Appends a line; after one that was torn by a crash, on a line of its own.
fn append_line(path: &Path, mut line: Vec<u8>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0_u8];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, b'\n');
        }
    }
    file.write_all(&line)
}

fn read_day(path: &Path) -> std::io::Result<Vec<Poll>> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut polls = Vec::new();
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(polls);
        }
        // The rest of a line that is too long reads as further lines, which are no polls either.
        polls.extend(serde_json::from_slice::<Poll>(&line).ok());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::trend::SourceRole;

    const HOUR: Duration = Duration::from_secs(3600);

    fn channel() -> ChannelName {
        ChannelName::new("space").unwrap()
    }

    fn poll(hours: u32) -> Poll {
        let start = Timestamp::parse("2026-11-20T00:00:00Z").unwrap();
        let at = start.plus(HOUR * hours);
        let source = format!("source {hours}");
        Poll { at, source, role: SourceRole::Source, sightings: Vec::new() }
    }

    #[test]
    fn polls_are_read_back_by_time_over_days() {
        let folder = tempfile::tempdir().unwrap();
        let files = PollFiles::new(folder.path().join("polls"));
        assert_eq!(files.read(&channel(), Timestamp(0), poll(99).at).unwrap(), []);
        for hours in [0, 23, 24, 47, 48, 60] {
            files.append(&channel(), &poll(hours)).unwrap();
        }
        let read = files.read(&channel(), poll(23).at, poll(48).at).unwrap();
        assert_eq!(read, [poll(23), poll(24), poll(47)]);
        assert!(folder.path().join("polls/space/2026-11-21.jsonl").is_file());
    }

    #[test]
    fn a_torn_line_costs_itself_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let files = PollFiles::new(folder.path().to_owned());
        files.append(&channel(), &poll(0)).unwrap();
        files.append(&channel(), &poll(1)).unwrap();
        let path = folder.path().join("space/2026-11-20.jsonl");
        let bytes = fs::read(&path).unwrap();
        for cut in 1..bytes.len() / 2 {
            fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            files.append(&channel(), &poll(2)).unwrap();
            let read = files.read(&channel(), Timestamp(0), poll(9).at).unwrap();
            let whole_line_survives = cut == 1;
            let expected = if whole_line_survives {
                vec![poll(0), poll(1), poll(2)]
            } else {
                vec![poll(0), poll(2)]
            };
            assert_eq!(read, expected, "cut by {cut}");
        }
    }

    #[test]
    fn old_days_are_removed_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = PollFiles::new(folder.path().to_owned());
        for hours in [0, 24, 48] {
            files.append(&channel(), &poll(hours)).unwrap();
        }
        assert_eq!(files.sweep(poll(30).at).unwrap(), 1);
        let left = files.read(&channel(), Timestamp(0), poll(99).at).unwrap();
        assert_eq!(left, [poll(24), poll(48)]);
        assert_eq!(files.sweep(poll(999).at).unwrap(), 2);
        assert!(!folder.path().join("space").exists());
    }
}
