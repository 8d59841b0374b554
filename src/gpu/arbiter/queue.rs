//! Who waits, in which order, found by size class.
//!
//! Age grows equally for all, so an order by priority and age never changes while requests wait:
//! it is a constant key. Requests of the same shape are interchangeable, so they stand in one
//! class, and whether the class can be served is asked once, of its first.
//!
//! Fairness between channels is part of the key: what a channel already has waiting delays the
//! time from which its next request ages (virtual clock, Zhang 1990), in proportion to what it asks
//! for and never because of what it asked for less urgently.

use std::collections::{BTreeMap, BTreeSet};

use super::request::{GpuMemory, GpuNeed, HostAmounts, KindId, POOLS, Pool, Request, RequestId};
use crate::domain::ids::ChannelId;

/// Waiting for this long counts as much as one step of priority.
pub(super) const AGE_STEP_MS: u64 = 30_000;

/// What one request adds to the queue of its channel, at the most.
const MAX_COST_MS: u64 = 60_000;

/// The place in the order; smaller is served first. Steps of priority and age, then the deadline,
/// then who has been aging longest, then first come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderKey {
    step: i64,
    deadline_ms: u64,
    aging_since_ms: u64,
    seq: u64,
}

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) key: OrderKey,
    pub(super) since_ms: u64,
    /// How often it ran out of memory.
    pub(super) oom: u32,
    /// How often its model could not be loaded.
    pub(super) load_failures: u32,
    class: ClassId,
}

/// What a request is taken in with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) request: Request,
    pub(super) since_ms: u64,
    /// The place it had before, if it comes back.
    pub(super) key: Option<OrderKey>,
    /// Its share of the largest thing it asks for, in thousandths.
    pub(super) share_permille: u64,
    pub(super) oom: u32,
    pub(super) load_failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ClassId(usize);

/// What makes requests interchangeable: the same needs, and holds of the same half octave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) gpu: Option<GpuNeed>,
    pub(super) host: HostAmounts,
    hold_class: u32,
    has_deadline: bool,
}

impl Shape {
    /// A request of this shape is held for at least as long.
    pub(super) fn least_hold_ms(&self) -> u64 {
        match self.hold_class {
            // Also those that are held for no time.
            0 => 0,
            class => (1 << (class / 2)) | u64::from(class % 2) << (class / 2) >> 1,
        }
    }
}

#[derive(Debug, Clone)]
struct Class {
    shape: Shape,
    members: BTreeMap<OrderKey, RequestId>,
}

/// What is weighed against each other: the work of a channel on the host, its work with shared
/// models (together, for serving a model's users one after another saves loads), and for each kind
/// its work with memory of its own, so that many small leases do not make a large one wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    Host(ChannelId),
    Shared(ChannelId),
    Own(ChannelId, KindId),
}

#[derive(Debug, Clone, Default)]
struct FlowQueue {
    waiting: usize,
    /// Per priority, the time up to which its requests have used up the channel's share.
    ahead_ms: [u64; 10],
}

/// Where a walk through the classes stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor(OrderKey, ClassId);

/// The queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// Boxed, for a tree moves its values about.
    by_id: BTreeMap<RequestId, Box<Waiting>>,
    classes: Vec<Class>,
    free_classes: Vec<ClassId>,
    class_of: BTreeMap<Shape, ClassId>,
    heads: BTreeSet<Cursor>,
    flows: BTreeMap<Flow, FlowQueue>,
    waiting_for: [usize; POOLS],
    next_seq: u64,
    first_come_only: bool,
}

impl Queue {
    /// An empty queue. `first_come_only`: priority, age and fairness do not count.
    pub(super) fn new(first_come_only: bool) -> Self {
        Self { first_come_only, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn contains(&self, id: RequestId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Waiting> {
        self.by_id.get(&id).map(Box::as_ref)
    }

    pub(super) fn waiting_for(&self, pool: Pool) -> usize {
        self.waiting_for[pool.index()]
    }

    /// Takes a request in. Says whether it is now the first of its class, so that it has to be
    /// looked at; behind another of its class it cannot be served before that one.
    pub(super) fn insert(&mut self, entry: Entry, weight: u32) -> bool {
        let key = entry.key.unwrap_or_else(|| self.key_of(&entry, weight));
        let request = entry.request;
        let class = self.class_for(shape_of(&request));
        let members = &mut self.classes[class.0].members;
        let former = members.first_key_value().map(|(first, _)| *first);
        members.insert(key, request.id);
        let is_first = former.is_none_or(|first| key < first);
        if is_first {
            if let Some(first) = former {
                self.heads.remove(&Cursor(first, class));
            }
            self.heads.insert(Cursor(key, class));
        }
        self.flows.entry(flow_of(&request)).or_default().waiting += 1;
        self.count(&request, 1);
        let waiting = Waiting {
            request,
            key,
            since_ms: entry.since_ms,
            oom: entry.oom,
            load_failures: entry.load_failures,
            class,
        };
        self.by_id.insert(request.id, Box::new(waiting));
        is_first
    }

    /// Takes a request out.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Waiting> {
        let waiting = *self.by_id.remove(&id)?;
        let class = waiting.class;
        let members = &mut self.classes[class.0].members;
        let was_first = members.first_key_value().is_some_and(|(first, _)| *first == waiting.key);
        members.remove(&waiting.key);
        let next = members.first_key_value().map(|(first, _)| *first);
        if was_first {
            self.heads.remove(&Cursor(waiting.key, class));
            match next {
                Some(first) => drop(self.heads.insert(Cursor(first, class))),
                None => self.retire(class),
            }
        }
        let flow = flow_of(&waiting.request);
        if let Some(queue) = self.flows.get_mut(&flow) {
            queue.waiting -= 1;
            if queue.waiting == 0 {
                self.flows.remove(&flow);
            }
        }
        self.count(&waiting.request, -1);
        Some(waiting)
    }

    /// The first of the next class after `cursor`, in order, of those whose shape is worth a look.
    pub(super) fn next_class(
        &self,
        cursor: Option<Cursor>,
        mut is_worth_a_look: impl FnMut(&Shape) -> bool,
    ) -> Option<(Cursor, RequestId)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = cursor.map_or(Unbounded, Excluded);
        let mut heads = self.heads.range((after, Unbounded));
        let found = *heads.find(|head| is_worth_a_look(&self.classes[head.1.0].shape))?;
        let members = &self.classes[found.1.0].members;
        members.first_key_value().map(|(_, id)| (found, *id))
    }

    fn key_of(&mut self, entry: &Entry, weight: u32) -> OrderKey {
        let seq = self.next_seq;
        self.next_seq += 1;
        if self.first_come_only {
            return OrderKey { step: 0, deadline_ms: 0, aging_since_ms: entry.since_ms, seq };
        }
        let request = &entry.request;
        let others = self.flows.len() - usize::from(self.flows.contains_key(&flow_of(request)));
        let flows = u64::try_from(others + 1).unwrap_or(u64::MAX);
        let level = usize::from(request.priority.get().saturating_sub(1)).min(9);
        let queue = self.flows.entry(flow_of(request)).or_default();
        let ahead = queue.ahead_ms[level..].iter().copied().max().unwrap_or(0);
        let aging_since_ms = entry.since_ms.max(ahead);
        let asked = request.expected_ms().min(u64::from(u32::MAX)) * entry.share_permille / 1_000;
        let cost = (asked * flows).min(MAX_COST_MS) / u64::from(weight.max(1));
        queue.ahead_ms[level] = aging_since_ms.saturating_add(cost);
        let steps_late = i64::try_from(aging_since_ms / AGE_STEP_MS).unwrap_or(i64::MAX);
        OrderKey {
            step: steps_late.saturating_sub(i64::from(request.priority.get())),
            deadline_ms: request.deadline_ms.unwrap_or(u64::MAX),
            aging_since_ms,
            seq,
        }
    }

    fn class_for(&mut self, shape: Shape) -> ClassId {
        if let Some(class) = self.class_of.get(&shape) {
            return *class;
        }
        let fresh = Class { shape, members: BTreeMap::new() };
        let class = match self.free_classes.pop() {
            Some(class) => {
                self.classes[class.0] = fresh;
                class
            }
            None => {
                self.classes.push(fresh);
                ClassId(self.classes.len() - 1)
            }
        };
        self.class_of.insert(shape, class);
        class
    }

    fn retire(&mut self, class: ClassId) {
        self.class_of.remove(&self.classes[class.0].shape);
        self.free_classes.push(class);
    }

    fn count(&mut self, request: &Request, step: isize) {
        for pool in Pool::ALL {
            if request.host.get(pool) > 0 {
                let count = &mut self.waiting_for[pool.index()];
                *count = count.saturating_add_signed(step);
            }
        }
    }
}

fn flow_of(request: &Request) -> Flow {
    match request.gpu.map(|need| need.memory) {
        None => Flow::Host(request.channel),
        Some(GpuMemory::Shared { .. }) => Flow::Shared(request.channel),
        Some(GpuMemory::Own { kind, .. }) => Flow::Own(request.channel, kind),
    }
}

fn shape_of(request: &Request) -> Shape {
    Shape {
        gpu: request.gpu,
        host: request.host,
        hold_class: half_octave(request.expected_ms()),
        has_deadline: request.deadline_ms.is_some(),
    }
}

/// Twice the binary logarithm, rounded down: holds of one class differ by less than half.
fn half_octave(span_ms: u64) -> u32 {
    let octave = span_ms.max(1).ilog2();
    let half = octave.checked_sub(1).is_some_and(|bit| span_ms >> bit & 1 == 1);
    octave * 2 + u32::from(half)
}
