//! What must hold of a tree: who lives, who is listed, which messages were handled, who stopped when.
//!
//! Architecture invariant: it only looks; it changes nothing.

use std::collections::BTreeMap;

use crate::supervision::observe::Status;
use crate::supervision::path::{ActorPath, Incarnation};
use crate::supervision::spec::Order;

use super::field::Field;
use super::map::Troops;
use super::oracle::{Group, Lives, Stand, Unit};

/// What is found wrong.
pub(super) type Found = Result<(), String>;

/// Messages that were accepted, by whom and in which life.
pub(super) type Sent = BTreeMap<(ActorPath, u64), Vec<u64>>;

/// Calls `look` with everyone; with `reachable`, only with those whose supervisors all run.
pub(super) fn visit(group: &Group, reachable: bool, look: &mut dyn FnMut(&Unit)) {
    for unit in &group.units {
        look(unit);
        if let Some(below) = &unit.group
            && (!reachable || unit.stand == Stand::Running)
        {
            visit(below, reachable, look);
        }
    }
}

/// The unit at `path`.
pub(super) fn find<'g>(group: &'g Group, path: &ActorPath) -> Option<&'g Unit> {
    group.units.iter().find_map(|unit| {
        if unit.path == *path {
            return Some(unit);
        }
        find(unit.group.as_ref()?, path)
    })
}

/// Whether a start, a stop or a back-off is under way. Aides are started on demand only; one that is
/// stopped is on its way as long as its parent lives.
pub(super) fn is_busy(field: &Field) -> bool {
    let living = field.roll.living();
    field.environment.registry.snapshot().iter().any(|view| {
        let is_aide = view.path.id().as_str() == "aide";
        match view.status {
            Status::Starting | Status::BackingOff { .. } => !is_aide,
            Status::Stopping => !is_aide || living.iter().any(|path| view.path.is_below(path)),
            Status::Running | Status::Stopped | Status::Declared | Status::Parked { .. } => false,
        }
    })
}

/// Everyone who does not stand as the oracle says.
pub(super) fn inspect(field: &Field, group: &Group, lives: &Lives) -> Vec<String> {
    let mut found = Vec::new();
    let mut expected = Vec::new();
    inspect_group(field, group, lives, true, &mut found, &mut expected);
    let mut living = field.roll.living();
    living.retain(|path| path.id().as_str() != "aide");
    expected.sort();
    if living != expected {
        found.push(format!("alive are {living:?}, not {expected:?}"));
    }
    found
}

fn inspect_group(
    field: &Field,
    group: &Group,
    lives: &Lives,
    supervised: bool,
    found: &mut Vec<String>,
    expected: &mut Vec<ActorPath>,
) {
    for unit in &group.units {
        let path = &unit.path;
        let Some(view) = field.environment.registry.view(path) else {
            // Below one that was removed and has not come back yet, nobody is known.
            if supervised {
                found.push(format!("{path} is unknown"));
            }
            continue;
        };
        let runs = supervised && unit.stand == Stand::Running;
        let is_right = match &view.status {
            Status::Running => runs,
            Status::Parked { .. } => !supervised || unit.stand == Stand::Parked,
            Status::Stopped | Status::Declared => {
                !runs && (!supervised || unit.stand != Stand::Parked)
            }
            Status::Starting | Status::Stopping | Status::BackingOff { .. } => false,
        };
        let life = lives.get(path).copied().unwrap_or(0);
        if !is_right || view.incarnation != Incarnation(life) {
            let (status, is_in, stand) = (&view.status, view.incarnation, unit.stand);
            found.push(format!(
                "{path} is {status:?} in life {is_in}, not {stand:?} in life {life} \
                 (its supervisor runs: {supervised})"
            ));
        }
        match &unit.group {
            Some(below) => inspect_group(field, below, lives, runs, found, expected),
            None if runs => expected.push(path.clone()),
            None => {}
        }
    }
}

/// The supervisors list whom the oracle lists.
pub(super) async fn compare_lists(
    troops: &Troops,
    path: &ActorPath,
    group: &Group,
    found: &mut Vec<String>,
) {
    let listed = troops.supervisors[path].children().await.map(|views| {
        views.into_iter().map(|view| (view.id, view.restart, view.added)).collect::<Vec<_>>()
    });
    let expected: Vec<_> =
        group.units.iter().map(|unit| (unit.id(), unit.restart, unit.added)).collect();
    if listed.as_ref().ok() != Some(&expected) {
        found.push(format!("{path} lists {listed:?}, not {expected:?}"));
    }
    for unit in group.units.iter().filter(|unit| unit.stand == Stand::Running) {
        if let Some(below) = &unit.group {
            Box::pin(compare_lists(troops, &unit.path, below, found)).await;
        }
    }
}

/// A child that was started on demand ends with its parent, and is not said to run then.
pub(super) fn aides_without_parent(field: &Field) -> Vec<String> {
    let living = field.roll.living();
    let aides = living.iter().filter(|path| path.id().as_str() == "aide");
    let alone = aides.filter(|aide| !living.iter().any(|path| aide.is_below(path)));
    let mut found: Vec<String> = alone.map(|aide| format!("{aide} outlived its parent")).collect();
    for view in field.environment.registry.snapshot() {
        if view.status == Status::Running
            && view.path.id().as_str() == "aide"
            && field.roll.alive(&view.path) == 0
        {
            found.push(format!("{} is said to run", view.path));
        }
    }
    found
}

/// Lives that did not handle what they had accepted in order, up to their end.
pub(super) fn unfaithful(field: &Field, sent: &Sent) -> Vec<String> {
    let mut found = Vec::new();
    for ((path, life), accepted) in sent {
        let handled = field.roll.notes(path, *life);
        if !accepted.starts_with(&handled) {
            found.push(format!("{path} handled {handled:?} in life {life}, not {accepted:?}"));
        }
    }
    found
}

/// Lives that go on, and did not handle all that they had accepted.
pub(super) fn lost_messages(field: &Field, sent: &Sent, group: &Group) -> Vec<String> {
    let mut found = unfaithful(field, sent);
    for ((path, life), accepted) in sent {
        let handled = field.roll.notes(path, *life).len();
        let goes_on = field.roll.alive(path) > 0
            && field.environment.registry.view(path).is_some_and(|view| {
                view.incarnation == Incarnation(*life) && view.status == Status::Running
            });
        let hangs = find(group, path).is_some_and(|unit| unit.hangs);
        if goes_on && !hangs && handled < accepted.len() {
            found.push(format!("{path} goes on and lost {:?}", &accepted[handled..]));
        }
    }
    found
}

/// Whoever lives, runs or is led to although the tree is over.
pub(super) fn left_behind(field: &Field, troops: &Troops) -> Vec<String> {
    let mut found: Vec<String> =
        field.roll.living().iter().map(|path| format!("{path} outlived its tree")).collect();
    for view in field.environment.registry.snapshot() {
        let is_over =
            matches!(view.status, Status::Stopped | Status::Declared | Status::Parked { .. });
        let may_back_off =
            view.path.id().as_str() == "aide" && matches!(view.status, Status::BackingOff { .. });
        if !is_over && !may_back_off {
            found.push(format!("{} is {:?} after the end", view.path, view.status));
        }
    }
    for (path, (handle, _)) in &troops.soldiers {
        if handle.current().is_some() {
            found.push(format!("the handle of {path} leads somewhere"));
        }
    }
    found
}

/// Where the stops of everyone below `group` come first and last.
fn span(unit: &Unit, lines: &[String]) -> Option<(usize, usize)> {
    let stop = format!("stop {}", unit.id());
    let own = lines.iter().position(|line| *line == stop).map(|place| (place, place));
    let below = unit.group.iter().flat_map(|group| &group.units);
    let spans = below.filter_map(|unit| span(unit, lines)).chain(own);
    spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// Who starts in turn stops in the reverse of it.
pub(super) fn check_stop_order(group: &Group, lines: &[String]) -> Found {
    let mut over_at = None;
    for unit in group.units.iter().rev() {
        if let (Some((first, last)), Order::InTurn) = (span(unit, lines), group.order) {
            if over_at.is_some_and(|over| first < over) {
                return Err(format!("{} stopped out of its turn: {lines:?}", unit.path));
            }
            over_at = Some(last);
        }
        if let Some(below) = &unit.group {
            check_stop_order(below, lines)?;
        }
    }
    Ok(())
}
