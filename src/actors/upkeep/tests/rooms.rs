//! What a full disk and a damaged history mean, and the actor around the rounds.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::house::{Books, DAY_MS, Hands, House, MadeUp, files_below, start};
use crate::actors::upkeep::{Memory, TIDY_EVERY, Upkeep, UpkeepMsg, tidy};
use crate::domain::command::Command;
use crate::domain::disk::{DiskLevel, DiskUsage};
use crate::domain::event::Event;
use crate::domain::ids::{ChannelId, ChannelName, CommandId, Generation, WorkflowId};
use crate::domain::retention::RetentionRules;
use crate::domain::timestamp::Timestamp;
use crate::journal::fold::Fold;
use crate::ports::storage::{Leftover, LeftoverKind};
use crate::supervision::environment::Environment;
use crate::supervision::handle::Handle;
use crate::supervision::observe::{Registry, Status};
use crate::supervision::path::ActorPath;
use crate::supervision::spec::{ChildSpec, SupervisorSpec};
use crate::supervision::tree::{SupervisorHandle, Tree};
use crate::telemetry::tick::Tick;

const GIB: u64 = 1 << 30;
const DAY: Duration = Duration::from_secs(24 * 3600);
const RULES: RetentionRules = RetentionRules {
    artifacts: DAY.saturating_mul(30),
    history: DAY.saturating_mul(365),
    disk_budget: 100 * GIB,
};

fn usage(used: u64) -> DiskUsage {
    DiskUsage { used: used * GIB, free: 500 * GIB, total: 1_000 * GIB }
}

struct Place {
    house: House,
    storage: Arc<MadeUp>,
    channel: ChannelId,
    folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands::default());
    *clock.0.lock().unwrap() = Timestamp::parse("2020-05-03T12:00:00Z").unwrap();
    let name = ChannelName::new("kitchen").unwrap();
    let channel = ChannelId::of_name(&name);
    let mut books = Books::new(Fold::new(), &clock);
    books.channels.push(channel);
    books.commit(channel, vec![Event::GenerationRaised { name, generation: Generation(1) }]);
    let storage = Arc::new(MadeUp::default());
    *storage.usage.lock().unwrap() = usage(10);
    let house = House::new(folder.path(), books, Arc::clone(&storage) as _, RULES);
    Place { house, storage, channel, folder }
}

impl Place {
    fn cancelled(&self, command: &str) -> WorkflowId {
        let workflow = WorkflowId::of_command(&CommandId::new(command).unwrap());
        self.house.books.decide(self.channel, &start(command)).unwrap();
        let cancel = Command::Cancel { workflow, cause: "cancelled".to_owned() };
        self.house.books.decide(self.channel, &cancel).unwrap();
        workflow
    }

    fn wait(&self, days: i64) {
        self.house.clock.0.lock().unwrap().0 += days * DAY_MS;
    }

    fn levels(&self) -> Vec<DiskLevel> {
        let ticks = std::mem::take(&mut *self.house.ticks.lock().unwrap());
        let levels = ticks.into_iter().map(|tick| match tick {
            Tick::DiskLevel { state } => state.level,
            other => panic!("{other:?}"),
        });
        levels.collect()
    }
}

#[tokio::test]
async fn it_warns_then_nothing_new_is_begun_before_the_disk_is_full_and_each_is_said_once() {
    let place = place();
    let mut memory = Memory::default();
    let disk = place.house.parts.disk.clone();
    for (used, refused, said) in [
        (10, false, vec![]),
        (81, false, vec![DiskLevel::Warn]),
        (82, false, vec![]),
        (96, true, vec![DiskLevel::Stop]),
        (91, true, vec![]),
        (85, false, vec![DiskLevel::Warn]),
        (20, false, vec![DiskLevel::Fine]),
    ] {
        *place.storage.usage.lock().unwrap() = usage(used);
        tidy(&place.house.parts, &mut memory).await;
        assert_eq!(disk.refusal().is_some(), refused, "at {used} GiB");
        assert_eq!(place.levels(), said, "at {used} GiB");
    }
    // The budget may be changed while the node runs.
    place.house.rules.send_replace(RetentionRules { disk_budget: 20 * GIB, ..RULES });
    tidy(&place.house.parts, &mut memory).await;
    assert!(disk.refusal().unwrap().contains("its budget of 20.0 GiB"));
}

#[tokio::test]
async fn under_pressure_caches_go_early_and_what_may_be_in_use_does_not() {
    let place = place();
    let now = place.house.clock.0.lock().unwrap().0;
    let leftover = |kind, days: i64| Leftover {
        kind,
        path: PathBuf::from(format!("{kind:?}-{days}")),
        written: Timestamp(now - days * DAY_MS),
    };
    let kinds = [LeftoverKind::Cache, LeftoverKind::SetAside, LeftoverKind::HalfMade];
    let all = kinds.into_iter().flat_map(|kind| [1, 3, 31].map(|days| leftover(kind, days)));
    *place.storage.leftovers.lock().unwrap() = all.collect();
    let left = |place: &Place| {
        let leftovers = place.storage.leftovers.lock().unwrap();
        leftovers.iter().map(|one| one.path.display().to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!(tidy(&place.house.parts, &mut Memory::default()).await.leftovers, 4);
    let names = ["Cache-1", "Cache-3", "HalfMade-1", "SetAside-1", "SetAside-3"];
    assert_eq!(left(&place), names.map(str::to_owned).into());
    *place.storage.usage.lock().unwrap() = usage(85);
    tidy(&place.house.parts, &mut Memory::default()).await;
    let names = ["Cache-1", "HalfMade-1", "SetAside-1"];
    assert_eq!(left(&place), names.map(str::to_owned).into());
}

#[tokio::test]
async fn a_damaged_sealed_file_is_named_and_set_aside_and_archiving_goes_on() {
    let place = place();
    let lost = place.cancelled("lost");
    place.wait(1);
    assert_eq!(tidy(&place.house.parts, &mut Memory::default()).await.archived, 1);
    let [file] = files_below(&place.folder.path().join("history")).try_into().unwrap();
    std::fs::write(&file, b"something else").unwrap();
    let kept = place.cancelled("kept");
    place.wait(1);
    let mut memory = Memory::default();
    let tidied = tidy(&place.house.parts, &mut memory).await;
    assert_eq!(tidied.archived, 1);
    let said = tidied.problems.join("\n");
    assert!(said.contains("1 finished videos of 2020-05"), "{said}");
    assert!(said.contains(&file.display().to_string()), "{said}");
    let files = files_below(&place.folder.path().join("history"));
    let is_aside = |path: &&PathBuf| path.display().to_string().contains(".hist.bad-");
    assert_eq!((file.exists(), files.iter().filter(is_aside).count()), (false, 1), "{files:?}");
    let state = place.house.books.fold.state(place.channel);
    let history = &place.house.parts.history;
    let read = |id| history.find(&place.house.books.fold, id).unwrap();
    assert_eq!(read(kept).map(|(_, workflow)| workflow.id), Some(kept));
    assert_eq!(read(lost), None);
    assert!(state.knows(lost), "its command is still recognised");
    assert_eq!(tidy(&place.house.parts, &mut memory).await.problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_channel_that_cannot_be_asked_keeps_its_workflows_and_the_rest_goes_on() {
    let place = place();
    place.cancelled("one");
    place.wait(1);
    let mut parts = place.house.parts.clone();
    let stranger = Books::new(Fold::new(), &place.house.clock);
    let mut stranger = Books { channels: vec![place.channel], ..stranger };
    stranger.fold = Arc::new(Fold::new());
    parts.channels = Arc::new(stranger);
    let tidied = tidy(&parts, &mut Memory::default()).await;
    assert_eq!((tidied.archived, tidied.problems.len()), (0, 1), "{tidied:?}");
    assert_eq!(place.house.books.fold.read(place.channel, |state| state.workflows.len()), 1);
    assert_eq!(parts.disk.state().usage, usage(10), "the disk is watched all the same");
}

#[tokio::test(start_paused = true)]
async fn a_round_that_panics_is_told_and_the_next_comes_and_free_space_is_watched_between() {
    let place = place();
    *place.storage.panics.lock().unwrap() = true;
    let registry = Arc::new(Registry::new());
    let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 1);
    let root = SupervisorHandle::new(&registry, &ActorPath::root());
    let handle: Handle<UpkeepMsg> =
        Handle::new(&registry, &ActorPath::root().child(&"upkeep".into()));
    let (address, parts) = (handle.clone(), place.house.parts.clone());
    let spec = ChildSpec::actor(&handle, move |context| {
        (Upkeep::new(parts.clone(), address.clone(), context.incarnation), ())
    });
    let mut measured = place.storage.measured.subscribe();
    let mut disk = place.house.parts.disk.watch();
    let began = tokio::time::Instant::now();
    let tree = Tree::start(&environment, &root, SupervisorSpec::new(move || vec![spec.clone()]));
    let tree = tree.await.unwrap();
    tree.booted().await.unwrap();
    measured.wait_for(|times| *times == 1).await.unwrap();
    measured.wait_for(|times| *times == 2).await.unwrap();
    assert!(began.elapsed() >= TIDY_EVERY, "the second round comes at its time");
    let view = registry.view(handle.path()).unwrap();
    assert_eq!((view.status, view.crashes), (Status::Running, 0));
    disk.wait_for(|state| state.usage == usage(10)).await.unwrap();
    place.storage.usage.lock().unwrap().free = GIB / 2;
    disk.wait_for(|state| state.level == DiskLevel::Stop).await.unwrap();
    assert!(began.elapsed() < TIDY_EVERY * 2, "before the third round");
    assert!(place.house.parts.disk.refusal().is_some());
    tree.shutdown(Duration::from_secs(5)).await;
}
