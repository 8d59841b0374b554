//! What never goes, over random states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::house::{Books, DAY_MS, Hands, House, MadeUp, at, stored, workflow};
use crate::actors::upkeep::{Memory, tidy};
use crate::domain::artifact::{Digest, StageOutput};
use crate::domain::command::{Finding, StageSuccess};
use crate::domain::failure::Failure;
use crate::domain::history::{Month, SealedMonth};
use crate::domain::ids::{ChannelId, ChannelName, WorkflowId};
use crate::domain::retention::RetentionRules;
use crate::domain::stage::{ParkCause, StageState};
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::{Ending, Progress, Workflow};
use crate::journal::fold::{Fold, Point, Snapshot};
use crate::journal::history::HistoryFolder;
use crate::journal::part::Part;
use crate::journal::segment::files::DiskFiles;
use crate::ports::storage::StoredContent;

const POOL: u8 = 12;
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
const RULES: RetentionRules = RetentionRules {
    artifacts: DAY.saturating_mul(30),
    history: DAY.saturating_mul(365),
    disk_budget: 1 << 40,
};

fn content(number: u8) -> Digest {
    Digest::of(&[number])
}

/// How a workflow stands, and for how many hours.
#[derive(Debug, Clone, Copy)]
enum Stand {
    Ready,
    Running,
    BackingOff,
    Parked,
    Finished(i64),
    Archived(i64),
}

#[derive(Debug, Clone)]
struct Video {
    stand: Stand,
    paused: bool,
    made: BTreeSet<u8>,
    /// What a record on its workbench names.
    recorded: BTreeSet<u8>,
}

impl Video {
    /// Whether somebody may still need what it made.
    fn keeps(&self) -> bool {
        match self.stand {
            Stand::Finished(hours) | Stand::Archived(hours) => hours < 30 * 24,
            Stand::Ready | Stand::Running | Stand::BackingOff | Stand::Parked => true,
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self.stand, Stand::Finished(_) | Stand::Archived(_))
    }

    fn build(&self, number: u64) -> Workflow {
        let cause = ParkCause { code: "drawn".to_owned(), failure: Failure::permanent("x", "x") };
        let failure = Failure::transient("x", "x");
        let since = Timestamp(0);
        let progress = match self.stand {
            Stand::Ready => at(StageState::Ready { since }),
            Stand::Running => at(StageState::Running { since }),
            Stand::BackingOff => at(StageState::BackingOff { until: NOW, failure }),
            Stand::Parked => at(StageState::Parked { cause, since }),
            Stand::Finished(hours) | Stand::Archived(hours) => Progress::Finished {
                at: Timestamp(NOW.0 - hours * 3_600_000),
                ending: Ending::Cancelled { cause: "drawn".to_owned() },
            },
        };
        let made = self.made.iter().map(|number| content(*number)).collect();
        let mut workflow = workflow(number, progress, &made);
        workflow.paused = self.paused && !self.is_finished();
        workflow
    }
}

fn video() -> impl Strategy<Value = Video> {
    let stand = prop_oneof![
        Just(Stand::Ready),
        Just(Stand::Running),
        Just(Stand::BackingOff),
        Just(Stand::Parked),
        (0_i64..90 * 24).prop_map(Stand::Finished),
        (24_i64..90 * 24).prop_map(Stand::Archived),
    ];
    let some = || prop::collection::btree_set(0..POOL, 0..4);
    (stand, any::<bool>(), some(), some()).prop_map(|(stand, paused, made, recorded)| Video {
        stand,
        paused,
        made,
        recorded,
    })
}

/// A fold of `videos` over two channels, with their sealed files.
fn fold_of(videos: &[Video], history: &HistoryFolder) -> Fold {
    let channels = ["one", "two"].map(|name| ChannelId::of_name(&ChannelName::new(name).unwrap()));
    let mut parts = Vec::new();
    let mut sealed: BTreeMap<(ChannelId, Month), Vec<Workflow>> = BTreeMap::new();
    for (number, video) in (0..).zip(videos) {
        let channel = channels[usize::try_from(number % 2).unwrap()];
        let workflow = video.build(number);
        match (video.stand, workflow.finished_at()) {
            (Stand::Archived(_), Some(at)) => {
                sealed.entry((channel, Month::of(at))).or_default().push(workflow);
            }
            _ => parts.push(Part::Workflow(channel, Box::new(workflow))),
        }
    }
    for ((channel, month), workflows) in sealed {
        let file = history.write(channel, month, &workflows).unwrap();
        let ids: BTreeSet<WorkflowId> = workflows.iter().map(|workflow| workflow.id).collect();
        let month_sealed = SealedMonth { file, workflows: ids };
        parts.push(Part::History(channel, month, Box::new(month_sealed)));
    }
    Fold::from_snapshot(Snapshot { point: Point::default(), parts, gone: Vec::new() })
}

fn record(names: &BTreeSet<u8>) -> Vec<u8> {
    let artifacts = names.iter().map(|number| stored("made", content(*number))).collect();
    let success = StageSuccess { output: StageOutput { artifacts }, finding: Finding::Nothing };
    serde_json::to_vec(&success).unwrap()
}

struct Drawn {
    house: House,
    storage: Arc<MadeUp>,
    _folder: tempfile::TempDir,
}

/// A house with `videos`, and contents last written so many hours ago.
fn drawn(videos: &[Video], ages: &[i64]) -> Drawn {
    let folder = tempfile::tempdir().unwrap();
    let history = HistoryFolder::new(folder.path(), Arc::new(DiskFiles));
    let clock = Arc::new(Hands::default());
    *clock.0.lock().unwrap() = NOW;
    let books = Books::new(fold_of(videos, &history), &clock);
    let storage = Arc::new(MadeUp::default());
    for (number, hours) in (0..POOL).zip(ages) {
        let (digest, written) = (content(number), Timestamp(NOW.0 - hours * 3_600_000));
        let one = StoredContent { digest, bytes: 20_000, written };
        storage.contents.lock().unwrap().insert(digest, one);
    }
    for (number, video) in (0..).zip(videos).filter(|(_, video)| !video.is_finished()) {
        let records = vec![b"cut off".to_vec(), record(&video.recorded)];
        storage.records.lock().unwrap().insert(video.build(number).id, records);
    }
    let house = House::new(folder.path(), books, Arc::clone(&storage) as _, RULES);
    Drawn { house, storage, _folder: folder }
}

fn left(storage: &MadeUp) -> BTreeSet<Digest> {
    storage.contents.lock().unwrap().keys().copied().collect()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn exactly_what_no_live_or_young_workflow_names_and_is_old_goes(
        videos in prop::collection::vec(video(), 1..9),
        ages in prop::collection::vec(0_i64..90 * 24, usize::from(POOL)),
    ) {
        let Drawn { house, storage, _folder } = drawn(&videos, &ages);
        let mut memory = Memory::default();
        let tidied = run(tidy(&house.parts, &mut memory));
        prop_assert_eq!(&tidied.problems, &Vec::<String>::new());
        let named = videos.iter().filter(|video| video.keeps()).flat_map(|video| {
            let recorded = video.recorded.iter().filter(|_| !video.is_finished());
            video.made.iter().chain(recorded)
        });
        let named: BTreeSet<u8> = named.copied().collect();
        let stays = (0..POOL).zip(&ages).filter(|(number, hours)| {
            named.contains(number) || **hours <= 48
        });
        let expected: BTreeSet<Digest> = stays.map(|(number, _)| content(number)).collect();
        prop_assert_eq!(left(&storage), expected);
        // A second round, which remembers the sealed files, finds nothing more.
        prop_assert_eq!(run(tidy(&house.parts, &mut memory)).contents, 0);
    }

    #[test]
    fn what_cannot_be_read_counts_as_naming_everything_young_enough(
        videos in prop::collection::vec(video(), 1..9),
        ages in prop::collection::vec(0_i64..90 * 24, usize::from(POOL)),
    ) {
        let Drawn { house, storage, _folder } = drawn(&videos, &ages);
        *storage.unreadable.lock().unwrap() = true;
        for file in super::house::files_below(&_folder.path().join("history")) {
            std::fs::remove_file(file).unwrap();
        }
        let tidied = run(tidy(&house.parts, &mut Memory::default()));
        let left = left(&storage);
        let was_needed = videos.iter().any(|video| match video.stand {
            // Its month's file is needed as long as the month is young.
            Stand::Archived(hours) => hours < 30 * 24,
            Stand::Finished(_) => false,
            Stand::Ready | Stand::Running | Stand::BackingOff | Stand::Parked => true,
        });
        prop_assert_eq!(was_needed && tidied.problems.is_empty(), false);
        for (number, hours) in (0..POOL).zip(&ages) {
            let young = *hours < 30 * 24;
            prop_assert!(!(was_needed && young) || left.contains(&content(number)));
        }
    }
}

#[test]
fn a_journal_that_knows_nothing_takes_no_artifact_with_it() {
    let Drawn { house, storage, _folder } = drawn(&[], &[1_000; POOL as usize]);
    let tidied = run(tidy(&house.parts, &mut Memory::default()));
    assert_eq!((tidied.contents, left(&storage).len()), (0, usize::from(POOL)));
}

#[test]
fn a_month_that_retention_lets_go_takes_its_artifacts_along() {
    let old = Video {
        stand: Stand::Archived(40 * 24),
        paused: false,
        made: BTreeSet::from([1]),
        recorded: BTreeSet::new(),
    };
    let live = Video { stand: Stand::Running, made: BTreeSet::from([2]), ..old.clone() };
    let Drawn { house, storage, _folder } = drawn(&[old, live], &[1_000, 1_000, 1_000]);
    let rules = RetentionRules { artifacts: DAY * 300, history: DAY, ..RULES };
    house.rules.send_replace(rules);
    let channel = ChannelId::of_name(&ChannelName::new("one").unwrap());
    let months = house.books.fold.read(channel, |state| state.history.len());
    assert_eq!(months, 1);
    house.clock.0.lock().unwrap().0 += 40 * DAY_MS;
    let mut parts = house.parts.clone();
    let mut books = Books::new(Fold::new(), &house.clock);
    books.fold = Arc::clone(&house.books.fold);
    books.channels = vec![channel];
    parts.channels = Arc::new(books);
    let tidied = run(tidy(&parts, &mut Memory::default()));
    assert_eq!((tidied.months, tidied.problems.len()), (1, 0));
    assert_eq!(left(&storage), BTreeSet::from([content(2)]));
}
