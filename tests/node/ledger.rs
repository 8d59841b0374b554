//! A publication ledger that no death of the program reaches: the kernel notes for this process every
//! folder that is moved into the library, also one that is moved there a second time.

use std::collections::BTreeMap;
use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// The ledger of one library.
pub struct Ledger {
    notes: OwnedFd,
    /// How often each video was put into its place.
    published: BTreeMap<String, u32>,
}

impl Ledger {
    /// Notes from now on what is published for `channels` in `library`.
    pub fn of(library: &Path, channels: &[&str]) -> Self {
        let notes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for channel in channels {
            let folder = library.join(channel);
            fs::create_dir_all(&folder).unwrap();
            inotify::add_watch(&notes, &folder, WatchFlags::MOVED_TO).unwrap();
        }
        Self { notes, published: BTreeMap::new() }
    }

    /// Takes in what was noted since the last look, before the kernel's queue is full.
    pub fn look(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = Reader::new(&self.notes, &mut buffer);
        loop {
            let noted = match reader.next() {
                Err(Errno::WOULDBLOCK) => return,
                noted => noted.unwrap(),
            };
            assert!(!noted.events().contains(ReadFlags::QUEUE_OVERFLOW), "the ledger has a hole");
            let video = noted.file_name().expect("a name").to_str().unwrap().to_owned();
            *self.published.entry(video).or_default() += 1;
        }
    }

    /// Fails unless each of `videos` was published once, and no other.
    #[track_caller]
    pub fn holds_once(&mut self, videos: impl IntoIterator<Item = String>) {
        self.look();
        let once: BTreeMap<String, u32> = videos.into_iter().map(|video| (video, 1)).collect();
        assert_eq!(self.published, once, "published, and how often");
    }
}
