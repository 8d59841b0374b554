//! Which children a supervisor is to have, over all its lives.
//!
//! Why it exists: a supervisor that fails is started anew, and that must not undo who was added and
//! who was removed in the meantime.
//!
//! Architecture invariant: a child is on the roster from the moment its addition is accepted to the
//! moment its removal is. Only the present life of the supervisor writes here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cradle::Cradle;
use super::path::ChildId;
use super::spec::ChildSpec;

/// A child on the roster.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) spec: ChildSpec,
    /// Whether it came to a supervisor that was already there.
    pub(super) added: bool,
    /// Its latest actor.
    pub(super) cradle: Cradle,
}

impl Member {
    pub(super) fn new(spec: ChildSpec, added: bool) -> Self {
        Self { spec, added, cradle: Cradle::default() }
    }
}

/// The children in the order in which they came, and those whose removal is under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    pub(super) staying: Vec<Member>,
    pub(super) leaving: Vec<Member>,
}

/// Which children a supervisor is to have. Clones are the same roster.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster(Arc<Mutex<Option<Lists>>>);

impl Roster {
    /// The lists as the last life of the supervisor left them. At its first, `first` says who is
    /// there. Those that were leaving have left now.
    pub(super) fn open(&self, first: &dyn Fn() -> Vec<ChildSpec>) -> Lists {
        if let Some(lists) = self.lock().as_mut() {
            let leaving = std::mem::take(&mut lists.leaving);
            return Lists { staying: lists.staying.clone(), leaving };
        }
        // Foreign code: it is not called under the lock.
        let staying = first().into_iter().map(|spec| Member::new(spec, false)).collect();
        let lists = Lists { staying, leaving: Vec::new() };
        *self.lock() = Some(lists.clone());
        lists
    }

    /// The addition of a child is accepted.
    pub(super) fn add(&self, member: Member) {
        if let Some(lists) = self.lock().as_mut() {
            lists.staying.push(member);
        }
    }

    /// The removal of a child is accepted.
    pub(super) fn let_go(&self, id: &ChildId) {
        if let Some(lists) = self.lock().as_mut() {
            let leaves = |member: &mut Member| member.spec.id() == *id;
            lists.leaving.extend(lists.staying.extract_if(.., leaves));
        }
    }

    /// The child is gone.
    pub(super) fn forget(&self, id: &ChildId) {
        if let Some(lists) = self.lock().as_mut() {
            lists.staying.retain(|member| member.spec.id() != *id);
            lists.leaving.retain(|member| member.spec.id() != *id);
        }
    }

    /// The supervisor itself is removed: if it ever comes back, it begins anew, and so does everyone
    /// below it.
    pub(super) fn clear(&self) {
        let Some(lists) = self.lock().take() else { return };
        for member in lists.staying.iter().chain(&lists.leaving) {
            if let Some(slot) = &member.spec.slot {
                slot.forget();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lists>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
