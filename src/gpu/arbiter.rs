//! The broker's policy as a pure state machine on virtual time: who gets what, and in which order.
//!
//! Without a GPU it arbitrates host slots, so that renders never oversubscribe the cores. A request
//! names everything it needs at once; nobody asks while holding.
//!
//! Architecture invariant: pure. Time comes in as milliseconds, grants go out as values.
//!
//! Order: effective priority (priority + one for every 30 s of waiting), then the channel that was
//! served least, then first come. The head of a pool's queue is never overtaken: what is free is
//! reserved for it, so waiting is bounded by the holds ahead (invariant G2).

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::ids::ChannelId;
use crate::domain::workflow::Priority;

/// A kind of host slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pool {
    /// Rendering: each slot is a share of the cores.
    Render,
    /// Light work, such as speaking.
    Light,
}

/// Names a request, given by whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Names a lease. Never given twice, so a late release of an old one is seen as what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseId(pub u64);

/// A wish for slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// From which pool.
    pub pool: Pool,
    /// How many slots; at least 1.
    pub slots: u32,
    /// How urgent.
    pub priority: Priority,
    /// For which channel.
    pub channel: ChannelId,
    /// How long it may be held, in milliseconds.
    pub max_hold_ms: u64,
}

/// A granted wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The request it answers.
    pub request: RequestId,
    /// The lease.
    pub lease: LeaseId,
    /// How many slots.
    pub slots: u32,
    /// When it is revoked if still held, in milliseconds.
    pub expires_ms: u64,
}

/// Why a request is refused at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for more than there is, or for nothing.
    NeverFits {
        /// What was asked for.
        asked: u32,
        /// What there is.
        capacity: u32,
    },
    /// Too many wait already.
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverFits { asked, capacity } => {
                write!(f, "{asked} slots were asked for, but there are {capacity}")
            }
            Self::Busy => f.write_str("too many requests are waiting; try again later"),
        }
    }
}

#[derive(Debug, Clone)]
struct Waiting {
    request: Request,
    since_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    slots: u32,
    expires_ms: u64,
}

#[derive(Debug, Clone, Default)]
struct Book {
    capacity: u32,
    used: u32,
    held: BTreeMap<LeaseId, Held>,
    waiting: Vec<Waiting>,
    served: BTreeMap<ChannelId, u64>,
}

/// One pool as it stands, for inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PoolUse {
    /// Slots in all.
    pub capacity: u32,
    /// Slots held.
    pub used: u32,
    /// Requests that wait.
    pub waiting: usize,
}

/// Requests that may wait in one pool.
pub const MAX_WAITING: usize = 100_000;

const AGE_STEP_MS: u64 = 30_000;

/// The books of one node.
#[derive(Debug, Clone)]
pub struct Arbiter {
    render: Book,
    light: Book,
    next_lease: u64,
}

impl Arbiter {
    /// Books with this many slots; a pool has at least one.
    #[must_use]
    pub fn new(render_slots: u32, light_slots: u32) -> Self {
        let book = |slots: u32| Book { capacity: slots.max(1), ..Book::default() };
        Self { render: book(render_slots), light: book(light_slots), next_lease: 1 }
    }

    /// Takes a request into the queue.
    ///
    /// # Errors
    /// [`Refusal`] for what can never fit, or when too many wait.
    pub fn request(&mut self, now_ms: u64, request: Request) -> Result<(), Refusal> {
        let book = self.book_mut(request.pool);
        if request.slots == 0 || request.slots > book.capacity {
            return Err(Refusal::NeverFits { asked: request.slots, capacity: book.capacity });
        }
        if book.waiting.len() >= MAX_WAITING {
            return Err(Refusal::Busy);
        }
        book.waiting.push(Waiting { request, since_ms: now_ms });
        Ok(())
    }

    /// Forgets a request that still waits. Says whether it did.
    pub fn cancel(&mut self, request: RequestId) -> bool {
        let mut forgotten = false;
        for book in [&mut self.render, &mut self.light] {
            let before = book.waiting.len();
            book.waiting.retain(|waiting| waiting.request.id != request);
            forgotten |= book.waiting.len() < before;
        }
        forgotten
    }

    /// Frees a lease, exactly once. Says whether it was held.
    pub fn release(&mut self, lease: LeaseId) -> bool {
        for book in [&mut self.render, &mut self.light] {
            if let Some(held) = book.held.remove(&lease) {
                book.used -= held.slots;
                return true;
            }
        }
        false
    }

    /// Frees the leases that were held too long, and names them.
    pub fn expire(&mut self, now_ms: u64) -> Vec<LeaseId> {
        let mut expired = Vec::new();
        for book in [&self.render, &self.light] {
            let over = book.held.iter().filter(|(_, held)| held.expires_ms <= now_ms);
            expired.extend(over.map(|(lease, _)| *lease));
        }
        for lease in &expired {
            self.release(*lease);
        }
        expired
    }

    /// Grants whatever can be granted now.
    pub fn grant(&mut self, now_ms: u64) -> Vec<Grant> {
        let mut grants = Vec::new();
        let mut next_lease = self.next_lease;
        for book in [&mut self.render, &mut self.light] {
            while let Some(index) = head(book, now_ms) {
                let fits = book
                    .waiting
                    .get(index)
                    .is_some_and(|head| head.request.slots <= book.capacity - book.used);
                if !fits {
                    break;
                }
                let request = book.waiting.remove(index).request;
                let lease = LeaseId(next_lease);
                next_lease += 1;
                let expires_ms = now_ms.saturating_add(request.max_hold_ms);
                book.used += request.slots;
                book.held.insert(lease, Held { slots: request.slots, expires_ms });
                *book.served.entry(request.channel).or_default() += u64::from(request.slots);
                grants.push(Grant { request: request.id, lease, slots: request.slots, expires_ms });
            }
        }
        self.next_lease = next_lease;
        grants
    }

    /// When the first lease expires, in milliseconds.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let held = self.render.held.values().chain(self.light.held.values());
        held.map(|held| held.expires_ms).min()
    }

    /// How a pool stands.
    #[must_use]
    pub fn pool_use(&self, pool: Pool) -> PoolUse {
        let book = match pool {
            Pool::Render => &self.render,
            Pool::Light => &self.light,
        };
        PoolUse { capacity: book.capacity, used: book.used, waiting: book.waiting.len() }
    }

    fn book_mut(&mut self, pool: Pool) -> &mut Book {
        match pool {
            Pool::Render => &mut self.render,
            Pool::Light => &mut self.light,
        }
    }
}

/// The index of the request that is next in `book`.
fn head(book: &Book, now_ms: u64) -> Option<usize> {
    let rank = |waiting: &Waiting| {
        let age_steps = now_ms.saturating_sub(waiting.since_ms) / AGE_STEP_MS;
        let effective = u64::from(waiting.request.priority.get()) + age_steps;
        let served = book.served.get(&waiting.request.channel).copied().unwrap_or(0);
        (std::cmp::Reverse(effective), served, waiting.since_ms, waiting.request.id)
    };
    let ranked = book.waiting.iter().enumerate().min_by_key(|(_, waiting)| rank(waiting));
    ranked.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn request(id: u64, slots: u32, priority: u8, channel: u128) -> Request {
        Request {
            id: RequestId(id),
            pool: Pool::Render,
            slots,
            priority: Priority::new(priority).unwrap(),
            channel: ChannelId(Uuid::from_u128(channel)),
            max_hold_ms: 60_000,
        }
    }

    #[test]
    fn the_more_urgent_goes_first_and_age_makes_urgent() {
        let mut arbiter = Arbiter::new(1, 1);
        arbiter.request(0, request(1, 1, 5, 1)).unwrap();
        let first = arbiter.grant(0)[0].lease;
        arbiter.request(0, request(2, 1, 1, 1)).unwrap();
        arbiter.request(1, request(3, 1, 9, 1)).unwrap();
        arbiter.release(first);
        let urgent = arbiter.grant(2)[0];
        assert_eq!(urgent.request, RequestId(3));
        arbiter.request(300_000, request(4, 1, 9, 1)).unwrap();
        arbiter.release(urgent.lease);
        assert_eq!(arbiter.grant(300_000)[0].request, RequestId(2));
    }

    #[test]
    fn equal_requests_alternate_between_channels() {
        let mut arbiter = Arbiter::new(1, 1);
        for id in 0..4 {
            arbiter.request(id, request(id, 1, 5, 1)).unwrap();
        }
        arbiter.request(9, request(9, 1, 5, 2)).unwrap();
        let first = arbiter.grant(10)[0];
        arbiter.release(first.lease);
        assert_eq!(arbiter.grant(11)[0].request, RequestId(9));
    }

    #[test]
    fn what_can_never_fit_is_refused_at_once() {
        let mut arbiter = Arbiter::new(2, 1);
        let never = Err(Refusal::NeverFits { asked: 3, capacity: 2 });
        assert_eq!(arbiter.request(0, request(1, 3, 5, 1)), never);
        assert!(arbiter.request(0, request(1, 0, 5, 1)).is_err());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask { slots: u32, priority: u8, channel: u128 },
        Release(usize),
        ReleaseTwice(usize),
        Cancel(usize),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1_u32..4, 1_u8..=10, 0_u128..3)
                .prop_map(|(slots, priority, channel)| Step::Ask { slots, priority, channel }),
            3 => any::<usize>().prop_map(Step::Release),
            1 => any::<usize>().prop_map(Step::ReleaseTwice),
            1 => any::<usize>().prop_map(Step::Cancel),
            2 => (0_u64..50_000).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// G1 and G2 on host slots: never more than there is, and everything ends in a grant.
        #[test]
        fn slots_are_never_oversubscribed_and_nobody_starves(
            steps in proptest::collection::vec(step(), 1..120), capacity in 3_u32..6,
        ) {
            let mut arbiter = Arbiter::new(capacity, 1);
            let mut now = 0;
            let mut asked = Vec::new();
            let mut open = Vec::new();
            let mut held: Vec<Grant> = Vec::new();
            for (id, step) in (0_u64..).zip(steps) {
                match step {
                    Step::Ask { slots, priority, channel } => {
                        arbiter.request(now, request(id, slots, priority, channel)).unwrap();
                        asked.push(RequestId(id));
                        open.push(RequestId(id));
                    }
                    Step::Release(at) if !held.is_empty() => {
                        let lease = held.remove(at % held.len()).lease;
                        prop_assert!(arbiter.release(lease));
                    }
                    Step::ReleaseTwice(at) if !held.is_empty() => {
                        let lease = held.remove(at % held.len()).lease;
                        prop_assert!(arbiter.release(lease));
                        prop_assert!(!arbiter.release(lease));
                    }
                    Step::Cancel(at) if !open.is_empty() => {
                        let request = open.remove(at % open.len());
                        prop_assert!(arbiter.cancel(request));
                    }
                    Step::Pass(ms) => now += ms,
                    _ => {}
                }
                let expired = arbiter.expire(now);
                held.retain(|grant| !expired.contains(&grant.lease));
                for grant in arbiter.grant(now) {
                    open.retain(|request| *request != grant.request);
                    held.push(grant);
                }
                let used: u32 = held.iter().map(|grant| grant.slots).sum();
                prop_assert_eq!(used, arbiter.pool_use(Pool::Render).used);
                prop_assert!(used <= capacity);
            }
            while !open.is_empty() {
                for grant in held.drain(..) {
                    arbiter.release(grant.lease);
                }
                let grants = arbiter.grant(now);
                prop_assert!(!grants.is_empty());
                for grant in grants {
                    open.retain(|request| *request != grant.request);
                    held.push(grant);
                }
            }
        }
    }
}
