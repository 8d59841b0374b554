//! One thing after the other is done to a tree under load; when all is quiet again, everyone must
//! stand as the oracle says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::broadcast::Receiver;

use crate::supervision::envelope::Trace;
use crate::supervision::observe::Transition;
use crate::supervision::path::ActorPath;
use crate::supervision::spec::Restart;
use crate::supervision::tree::{SupervisorHandle, Tree};

use super::chance::Chance;
use super::field::Field;
use super::inspection::{
    Found, Sent, aides_without_parent, check_stop_order, compare_lists, find, inspect, is_busy,
    left_behind, lost_messages, visit,
};
use super::map::{Map, PERIOD, Troops};
use super::oracle::{Group, Lives, Stand, Unit, Verdict};
use super::soldier::{Duty, Fate};

/// Deeds of one course.
const DEEDS: usize = 14;

struct Drill {
    field: Field,
    troops: Troops,
    map: Map,
    group: Group,
    lives: Lives,
    sent: Sent,
    numbered: u64,
    removed: Vec<Unit>,
    transitions: Receiver<Transition>,
    trace: Vec<String>,
    /// The failure has come to the root: the tree has ended.
    fallen: bool,
}

/// Runs the course of `seed` and returns what happened.
pub(super) fn course(seed: u64) -> Result<Vec<String>, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (mut drill, tree) = Drill::begin(seed).await;
        let done = drill.run(tree).await;
        let last = drill.trace.len().saturating_sub(40);
        done.map_err(|found| {
            format!("seed {seed}: {found}\nthe last lines:\n{}", drill.trace[last..].join("\n"))
        })?;
        Ok(drill.trace)
    })
}

impl Drill {
    async fn begin(seed: u64) -> (Self, Tree) {
        let jitter = Mutex::new(Chance::new(seed ^ 0x5EED));
        let field = Field::with_chance(Arc::new(move || jitter.lock().unwrap().draw()));
        let mut map = Map::new(Chance::new(seed));
        let mut troops = Troops::default();
        let group = map.tree();
        let spec = troops.muster(&field, &group);
        let root = SupervisorHandle::new(&field.environment.registry, &ActorPath::root());
        let transitions = field.environment.registry.subscribe();
        let tree = Tree::start(&field.environment, &root, spec).await.unwrap();
        troops.supervisors.insert(ActorPath::root(), root);
        let drill = Self {
            field,
            troops,
            map,
            group,
            lives: Lives::new(),
            sent: Sent::new(),
            numbered: 0,
            removed: Vec::new(),
            transitions,
            trace: Vec::new(),
            fallen: false,
        };
        (drill, tree)
    }

    async fn run(&mut self, tree: Tree) -> Found {
        self.group.boot(&mut self.lives);
        self.quiet().await?;
        self.compare().await?;
        for _ in 0..DEEDS {
            self.deed().await?;
            self.quiet().await?;
            self.clear_fates();
            if self.fallen {
                let end = tree.ended().await;
                return end.err().map_or(Err("the root still stands".to_owned()), |_| self.over());
            }
            self.compare().await?;
        }
        self.note();
        self.field.diary();
        tree.shutdown(Duration::from_secs(100_000)).await;
        check_stop_order(&self.group, &self.field.diary())?;
        self.note();
        self.over()
    }

    /// Sends numbers to whoever runs, as many as chance says.
    fn load(&mut self) {
        for (path, (handle, _)) in &self.troops.soldiers {
            let Some(mailbox) = handle.current() else { continue };
            for _ in 0..self.map.chance.below(3) {
                self.numbered += 1;
                if mailbox.cast(Trace::default(), Duty::Note(self.numbered)).is_ok() {
                    let key = (path.clone(), mailbox.incarnation().0);
                    self.sent.entry(key).or_default().push(self.numbered);
                }
            }
        }
    }

    async fn deed(&mut self) -> Found {
        self.load();
        let deed = self.map.chance.below(100);
        match deed {
            0..45 => self.hurt(),
            45..55 => self.add().await?,
            55..65 => self.remove().await?,
            65..72 => self.stop().await?,
            72..80 => self.restart().await?,
            80..88 => self.unpark().await?,
            88..94 => self.delegate(),
            _ => {
                tokio::time::sleep(PERIOD + Duration::from_secs(1)).await;
                self.group.calm_down();
                self.trace.push("calm".to_owned());
            }
        }
        for _ in 0..3 {
            self.load();
            let pause = self.map.chance.below(60) as u64;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        path: &ActorPath,
        deed: &mut dyn FnMut(&mut Group, usize, &mut Lives) -> Verdict,
    ) {
        let verdict = self.group.at(path, &mut self.lives, deed);
        self.fallen |= verdict == Verdict::Escalates;
    }

    fn hurt(&mut self) {
        let Some(unit) = self.pick(|unit| unit.group.is_none()) else { return };
        let (path, hangs, clings) = (unit.path.clone(), unit.hangs, unit.clings);
        let Some(mailbox) = self.troops.soldiers[&path].0.current() else { return };
        let fates = self.bad_starts();
        let how = if hangs { 3 } else { self.map.chance.below(if clings { 4 } else { 6 }) };
        self.trace.push(format!("hurt {path} {how} {fates:?}"));
        let duty = match how {
            0 | 1 => Duty::Panic,
            2 => Duty::Fail,
            3 => {
                mailbox.actor().kill();
                self.curse(&path, &fates);
                return self
                    .judge(&path, &mut |group, place, lives| group.ended(place, true, lives));
            }
            4 => Duty::End,
            _ => {
                let clings = self.map.chance.happens(50);
                let duty = if clings { Duty::Cling } else { Duty::Hang };
                mailbox.cast(Trace::default(), duty).unwrap();
                return self.judge(&path, &mut |group, place, _| {
                    group.units[place].hangs = !clings;
                    group.units[place].clings = clings;
                    Verdict::Contained
                });
            }
        };
        mailbox.cast(Trace::default(), duty).unwrap();
        self.curse(&path, &fates);
        self.judge(&path, &mut |group, place, lives| group.ended(place, how != 4, lives));
    }

    /// The next starts of the soldier at `path` have these fates.
    fn curse(&mut self, path: &ActorPath, fates: &[Fate]) {
        self.troops.soldiers[path].1.fates.lock().unwrap().extend(fates);
        self.judge(path, &mut |group, place, _| {
            group.units[place].fates.extend(fates);
            Verdict::Contained
        });
    }

    fn bad_starts(&mut self) -> Vec<Fate> {
        let slow = Fate::Slow(Duration::from_millis(1 + self.map.chance.below(2_500) as u64));
        let kinds = [Fate::Fail, Fate::Panic, Fate::Hang, slow];
        let count = [0, 0, 1, 1, 2, 3][self.map.chance.below(6)];
        (0..count).map(|_| self.map.chance.pick(&kinds)).collect()
    }

    fn clear_fates(&mut self) {
        self.group.clear_fates();
        for (_, orders) in self.troops.soldiers.values() {
            orders.fates.lock().unwrap().clear();
        }
    }

    async fn add(&mut self) -> Found {
        let mut parents = vec![ActorPath::root()];
        visit(&self.group, true, &mut |unit| {
            if unit.group.is_some() && unit.stand == Stand::Running {
                parents.push(unit.path.clone());
            }
        });
        let parent = self.map.chance.pick(&parents);
        let handle = self.troops.supervisors[&parent].clone();
        // One that was removed comes back, or someone new comes.
        let back = self.removed.iter().position(|unit| parent.child(&unit.id()) == unit.path);
        let mut unit = match back {
            Some(place) => self.removed.remove(place).anew(),
            None => self.map.unit(&parent, 1),
        };
        let (path, kind) = (unit.path.clone(), unit.restart);
        self.trace.push(format!("add {path} {kind:?} group {}", unit.group.is_some()));
        let spec = self.troops.enlist(&self.field, &unit);
        let fates = self.bad_starts();
        if let Some((_, orders)) = self.troops.soldiers.get(&path) {
            orders.fates.lock().unwrap().extend(&fates);
            unit.fates.extend(fates);
        }
        handle.add(spec.clone()).await.map_err(|error| format!("add {path}: {error}"))?;
        self.settle_added(&parent, unit);
        if kind == Restart::Temporary {
            // It may have come and gone.
            return Ok(());
        }
        let again = handle.add(spec).await.err().map(|error| error.code());
        // Its failure may have ended the supervisor.
        let refusals = ["duplicate_child", "supervisor_stopping", "actor_not_running"];
        if !again.is_some_and(|code| refusals.contains(&code)) {
            return Err(format!("{path} was added twice: {again:?}"));
        }
        Ok(())
    }

    fn settle_added(&mut self, parent: &ActorPath, unit: Unit) {
        if *parent == ActorPath::root() {
            let verdict = self.group.add(unit, &mut self.lives);
            self.fallen |= verdict == Verdict::Escalates;
            return;
        }
        self.judge(parent, &mut |group, place, lives| {
            let below = group.units[place].group.as_mut().unwrap();
            match below.add(unit.clone(), lives) {
                Verdict::Contained => Verdict::Contained,
                Verdict::Escalates => group.ended(place, true, lives),
            }
        });
    }

    async fn remove(&mut self) -> Found {
        let Some(unit) = self.pick(|_| true).cloned() else { return Ok(()) };
        let (handle, path) = (self.parent_of(&unit.path), unit.path.clone());
        self.trace.push(format!("remove {path}"));
        let gone = handle.remove(&unit.id()).await;
        gone.map_err(|error| format!("remove {path}: {error}"))?;
        if self.field.environment.registry.view(&path).is_some() {
            return Err(format!("{path} is removed and still known"));
        }
        let again = handle.remove(&unit.id()).await.err().map(|error| error.code());
        if again != Some("unknown_child") {
            return Err(format!("{path} was removed twice: {again:?}"));
        }
        self.judge(&path, &mut Group::remove);
        self.removed.push(unit);
        Ok(())
    }

    async fn stop(&mut self) -> Found {
        let Some(unit) = self.pick(|_| true).cloned() else { return Ok(()) };
        let (handle, path) = (self.parent_of(&unit.path), unit.path.clone());
        self.trace.push(format!("stop {path}"));
        handle.stop(&unit.id()).await.map_err(|error| format!("stop {path}: {error}"))?;
        self.judge(&path, &mut Group::stop);
        Ok(())
    }

    async fn restart(&mut self) -> Found {
        let Some(unit) = self.pick(|_| true).cloned() else { return Ok(()) };
        let (handle, path) = (self.parent_of(&unit.path), unit.path.clone());
        self.trace.push(format!("restart {path}"));
        handle.restart(&unit.id()).await.map_err(|error| format!("restart {path}: {error}"))?;
        self.judge(&path, &mut Group::restart);
        Ok(())
    }

    async fn unpark(&mut self) -> Found {
        let parked = self.pick(|unit| unit.stand == Stand::Parked).cloned();
        let Some(unit) = parked.or_else(|| self.pick(|_| true).cloned()) else { return Ok(()) };
        let (handle, path) = (self.parent_of(&unit.path), unit.path.clone());
        self.trace.push(format!("unpark {path}"));
        match (handle.unpark(&unit.id()).await, unit.stand) {
            (Ok(()), Stand::Parked) => self.judge(&path, &mut Group::restart),
            (Err(error), stand) if stand != Stand::Parked && error.code() == "child_not_parked" => {
            }
            (result, stand) => return Err(format!("unpark of {path}, {stand:?}: {result:?}")),
        }
        Ok(())
    }

    /// Someone hands something to a child of its own, which may fail of it.
    fn delegate(&mut self) {
        let Some(unit) = self.pick(|unit| unit.group.is_none()) else { return };
        let path = unit.path.clone();
        let Some(mailbox) = self.troops.soldiers[&path].0.current() else { return };
        let fails = self.map.chance.happens(50);
        self.trace.push(format!("delegate {path} {fails}"));
        let duty = if fails { Duty::Panic } else { Duty::Cling };
        let _ = mailbox.cast(Trace::default(), Duty::Delegate(Box::new(duty)));
    }

    /// Someone whose supervisors all run.
    fn pick(&mut self, wanted: impl Fn(&Unit) -> bool) -> Option<&Unit> {
        let mut paths = Vec::new();
        visit(&self.group, true, &mut |unit| {
            if wanted(unit) {
                paths.push(unit.path.clone());
            }
        });
        if paths.is_empty() {
            return None;
        }
        let path = self.map.chance.pick(&paths);
        find(&self.group, &path)
    }

    fn parent_of(&self, path: &ActorPath) -> SupervisorHandle {
        let is_parent = |candidate: &ActorPath| candidate.child(&path.id()) == *path;
        let mut supervisors = self.troops.supervisors.iter();
        supervisors.find(|(candidate, _)| is_parent(candidate)).unwrap().1.clone()
    }

    /// Waits until nothing is under way.
    async fn quiet(&mut self) -> Found {
        let mut pause = Duration::from_millis(10);
        for _ in 0..400 {
            tokio::time::sleep(pause).await;
            self.note();
            if !is_busy(&self.field) {
                return Ok(());
            }
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        Err("it never comes to rest".to_owned())
    }

    /// Takes down what happened.
    fn note(&mut self) {
        while let Ok(one) = self.transitions.try_recv() {
            self.trace.push(format!("{} {} {:?}", one.path, one.incarnation, one.status));
        }
    }

    /// Everyone stands as the oracle says.
    async fn compare(&self) -> Found {
        let mut found = inspect(&self.field, &self.group, &self.lives);
        found.extend(self.field.roll.twins());
        found.extend(aides_without_parent(&self.field));
        found.extend(lost_messages(&self.field, &self.sent, &self.group));
        let root = ActorPath::root();
        compare_lists(&self.troops, &root, &self.group, &mut found).await;
        if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
    }

    /// The tree is over: nobody is left.
    fn over(&self) -> Found {
        let mut found = self.field.roll.twins();
        found.extend(lost_messages(&self.field, &self.sent, &self.group));
        found.extend(left_behind(&self.field, &self.troops));
        if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
    }
}

/// How many courses are run.
const SEEDS: u64 = 600;

#[test]
fn whatever_happens_to_a_tree_it_ends_up_as_its_specs_say() {
    let failed: Vec<String> = (0..SEEDS).filter_map(|seed| course(seed).err()).collect();
    let first = failed.iter().take(3).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(failed.is_empty(), "{} of {SEEDS} courses: {first}", failed.len());
}

#[test]
fn two_runs_of_a_course_are_the_same_history() {
    for seed in 0..40 {
        assert_eq!(course(seed), course(seed), "seed {seed}");
    }
}
