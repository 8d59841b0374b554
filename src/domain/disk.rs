//! How full the disk is, and what follows from it: a warning first, then nothing new is begun, and
//! both before there is no room for what is under way.
//!
//! The budget is for the whole data folder: at 80 % the node warns, at 95 % it begins nothing new.
//! The same holds when the file system itself runs out: it warns below 5 GiB of free space (or a
//! fifth of a small disk), and begins nothing new below 2 GiB (or a tenth). It begins again at 90 %
//! of the budget and with a quarter more than that free, so that it does not go to and fro.

use std::fmt;

/// How much room there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Bytes that the data folder takes.
    pub used: u64,
    /// Bytes of its file system that are free for this process.
    pub free: u64,
    /// Bytes of its file system.
    pub total: u64,
}

/// What the room means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskLevel {
    /// There is room.
    #[default]
    Fine,
    /// It is getting full.
    Warn,
    /// Nothing new is begun; what is under way goes on.
    Stop,
}

impl DiskLevel {
    /// The stable name: `fine`, `warn` or `stop`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }
}

const GIB: u64 = 1 << 30;

/// How much room there is and what it means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskState {
    /// How much room there is.
    pub usage: DiskUsage,
    /// The most bytes in the data folder.
    pub budget: u64,
    /// What it means.
    pub level: DiskLevel,
}

impl DiskState {
    /// What `usage` means after the level was `before`.
    #[must_use]
    pub fn judge(before: DiskLevel, usage: DiskUsage, budget: u64) -> Self {
        let stop_below = (2 * GIB).min(usage.total / 10);
        let warn_below = (5 * GIB).min(usage.total / 5);
        let stops = is_share(usage.used, budget, 95) || usage.free < stop_below;
        let begins_again =
            !is_share(usage.used, budget, 90) && usage.free >= stop_below + stop_below / 4;
        let warns = is_share(usage.used, budget, 80) || usage.free < warn_below;
        let level = if stops || (before == DiskLevel::Stop && !begins_again) {
            DiskLevel::Stop
        } else if warns {
            DiskLevel::Warn
        } else {
            DiskLevel::Fine
        };
        Self { usage, budget, level }
    }

    /// Why nothing new is begun, and what to do; `None` while there is room.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        (self.level == DiskLevel::Stop).then(|| format!("nothing new is begun: {self}"))
    }

    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        if is_share(self.usage.used, self.budget, 80) {
            "move videos out of the library, shorten [retention], or raise disk_budget"
        } else {
            "free some space on that disk"
        }
    }
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [used, budget, free] = [self.usage.used, self.budget, self.usage.free].map(in_gib);
        write!(
            f,
            "the data folder holds {used} of its budget of {budget}, and {free} of its disk are free"
        )?;
        match self.level {
            DiskLevel::Fine => Ok(()),
            DiskLevel::Warn | DiskLevel::Stop => write!(f, "; {}", self.remedy()),
        }
    }
}

/// Whether `used` is at least `percent` of `budget`.
fn is_share(used: u64, budget: u64, percent: u64) -> bool {
    u128::from(used) * 100 >= u128::from(budget) * u128::from(percent)
}

fn in_gib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / GIB;
    if tenths == 0 {
        return format!("{} MiB", bytes >> 20);
    }
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(before: DiskLevel, used: u64, free: u64) -> DiskLevel {
        let usage = DiskUsage { used: used * GIB, free: free * GIB, total: 1_000 * GIB };
        DiskState::judge(before, usage, 100 * GIB).level
    }

    #[test]
    fn it_warns_at_80_percent_stops_at_95_and_begins_again_below_90() {
        let steps = [
            (79, DiskLevel::Fine),
            (80, DiskLevel::Warn),
            (94, DiskLevel::Warn),
            (95, DiskLevel::Stop),
            (90, DiskLevel::Stop),
            (89, DiskLevel::Warn),
            (94, DiskLevel::Warn),
            (10, DiskLevel::Fine),
        ];
        let mut before = DiskLevel::Fine;
        for (used, expected) in steps {
            before = level(before, used, 500);
            assert_eq!(before, expected, "at {used} %");
        }
    }

    #[test]
    fn a_full_file_system_counts_whatever_the_budget_says() {
        assert_eq!(level(DiskLevel::Fine, 1, 4), DiskLevel::Warn);
        assert_eq!(level(DiskLevel::Fine, 1, 1), DiskLevel::Stop);
        assert_eq!(level(DiskLevel::Stop, 1, 2), DiskLevel::Stop);
        assert_eq!(level(DiskLevel::Stop, 1, 3), DiskLevel::Warn);
        // On a small disk a share of it counts.
        let small = DiskUsage { used: 0, free: GIB, total: 4 * GIB };
        assert_eq!(DiskState::judge(DiskLevel::Fine, small, GIB).level, DiskLevel::Fine);
    }

    #[test]
    fn a_refusal_says_how_much_is_used_and_what_to_do() {
        let usage = DiskUsage { used: 96 * GIB, free: 500 * GIB, total: 1_000 * GIB };
        let refusal = DiskState::judge(DiskLevel::Fine, usage, 100 * GIB).refusal().unwrap();
        assert_eq!(
            refusal,
            "nothing new is begun: the data folder holds 96.0 GiB of its budget of 100.0 GiB, and \
             500.0 GiB of its disk are free; move videos out of the library, shorten [retention], \
             or raise disk_budget"
        );
        let usage = DiskUsage { used: GIB, free: GIB / 2, total: 1_000 * GIB };
        let refusal = DiskState::judge(DiskLevel::Fine, usage, 100 * GIB).refusal().unwrap();
        assert!(refusal.ends_with(" of its disk are free; free some space on that disk"));
    }

    proptest! {
        #[test]
        fn more_used_is_never_a_lower_level(
            used: u64, more: u64, free: u64, total: u64, budget: u64, stopped: bool,
        ) {
            let before = if stopped { DiskLevel::Stop } else { DiskLevel::Fine };
            let judge = |used| DiskState::judge(before, DiskUsage { used, free, total }, budget).level;
            prop_assert!(judge(used.saturating_add(more)) >= judge(used));
        }
    }
}
