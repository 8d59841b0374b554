//! A scenario for `ytempire simulate`: what there is, and who asks for what and when; of the sharing
//! of devices (here) or of a whole node (`engine`). Read like a config: all problems at once, each with
//! its place.
//!
//! Architecture invariant: a [`Scenario`] is valid by construction, except that it may ask for what
//! the policy refuses; being refused is part of what is simulated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::problem::{ConfigError, ProblemKind};
use super::quantity::ByteSize;
use super::reader::Section;

mod arrivals;
mod engine;
mod work;

pub use arrivals::{Arrivals, Every, MAX_ARRIVALS};
pub use engine::{EngineChannel, EngineScenario, Span};
pub use work::{Asked, Hold, Work};

/// The largest file that is read, in bytes: a hundred thousand requests, written one by one.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// No simulated time is longer.
pub(super) const LONGEST: Duration = Duration::from_secs(3_660 * 86_400);

/// The policies that can be compared, as they are named in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// The node's own: priority and age, reservation and backfilling.
    Broker,
    /// First come, first served; whoever does not fit holds up everyone behind.
    Fifo,
    /// First come, but whatever fits goes ahead.
    Skip,
}

impl PolicyKind {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("broker", Self::Broker), ("fifo", Self::Fifo), ("skip", Self::Skip)];

    /// Its name in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A device with memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioDevice {
    /// Its name.
    pub name: String,
    /// All of its memory.
    pub vram: ByteSize,
}

/// A model that its users share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioModel {
    /// The kind it serves.
    pub name: String,
    /// Its weights, once per device.
    pub weights: ByteSize,
    /// How long it takes to load.
    pub load: Duration,
}

/// How memory is shared out.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioPolicy {
    /// How much of a device may be leased, above 0 and at most 1.
    pub memory_fraction: f64,
    /// How long a lease may be held.
    pub max_hold: Duration,
    /// Which policies are compared, without repetition.
    pub kinds: Vec<PolicyKind>,
}

/// What is simulated, by `kind`.
#[derive(Debug, Clone, PartialEq)]
pub enum Scenario {
    /// The sharing of devices and models.
    Gpu(GpuScenario),
    /// A whole node with its channels.
    Engine(EngineScenario),
}

/// A scenario of `kind = "gpu"`.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuScenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// The devices; none: a machine without a GPU.
    pub devices: Vec<ScenarioDevice>,
    /// The models, as far as they are listed.
    pub models: Vec<ScenarioModel>,
    /// Requests that are listed one by one.
    pub requests: Vec<Asked>,
    /// Requests that come again and again.
    pub arrivals: Vec<Arrivals>,
    /// The policy.
    pub policy: ScenarioPolicy,
}

impl Scenario {
    /// Reads the scenario file `file`.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or has a problem.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = super::read_text(file, MAX_FILE_BYTES)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(&text)
            .map_err(|problems| ConfigError::Invalid { file: file.to_owned(), problems })
    }

    /// Reads a scenario's text.
    ///
    /// # Errors
    /// All problems in order of place, at least one.
    pub fn parse(text: &str) -> Result<Self, Vec<super::problem::Problem>> {
        super::read_document(text, Self::read)
    }

    fn read(mut root: Section<'_>) -> Self {
        let kinds = [("gpu", false), ("engine", true)];
        let of_engine = root.choice("kind", &kinds, &[]);
        if of_engine.is_none() && !root.has("kind") {
            let remedy = "write kind = \"gpu\" or kind = \"engine\" at the top".to_owned();
            root.note(ProblemKind::MissingKey, "kind", "a scenario has a kind", Some(remedy));
        }
        let seed = root.whole("seed", 0..=u64::MAX).unwrap_or(1);
        match of_engine.unwrap_or(false) {
            true => Self::Engine(EngineScenario::read(root, seed)),
            false => Self::Gpu(GpuScenario::read(root, seed)),
        }
    }
}

impl GpuScenario {
    fn read(mut root: Section<'_>, seed: u64) -> Self {
        let devices = named(root.sections("device"), read_device);
        let models = named(root.sections("model"), read_model);
        let requests = placed(root.sections("request"), Asked::read);
        let arrivals = placed(root.sections("arrivals"), Arrivals::read);
        check_order(&requests);
        let mut weights: BTreeMap<&str, ByteSize> =
            models.iter().map(|model| (model.name.as_str(), model.weights)).collect();
        let listed = requests.iter().map(|(section, asked)| (section, &asked.work));
        let coming = arrivals
            .iter()
            .flat_map(|(section, arrivals)| arrivals.steps.iter().map(move |step| (section, step)));
        for (section, work) in listed.chain(coming) {
            check_work(section, work, &devices, &mut weights);
        }
        let policy = read_policy(root.section("policy"));
        root.finish();
        let requests = requests.into_iter().map(|(_, asked)| asked).collect();
        let arrivals = arrivals.into_iter().map(|(_, arrivals)| arrivals).collect();
        Self { seed, devices, models, requests, arrivals, policy }
    }
}

/// What is read of each section, with its place.
fn placed<'d, T>(
    sections: Vec<Section<'d>>,
    read: impl Fn(Section<'d>) -> Option<T>,
) -> Vec<(Section<'d>, T)> {
    let read = |section: Section<'d>| {
        let place = section.place();
        read(section).map(|item| (place, item))
    };
    sections.into_iter().filter_map(read).collect()
}

/// A request that is followed stands above.
fn check_order(requests: &[(Section<'_>, Asked)]) {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for (section, asked) in requests {
        if let Some(after) = &asked.after
            && !ids.contains(after.as_str())
        {
            let message = format!("no request above has the id {after:?}");
            let remedy = "give the earlier request that id, and list it first".to_owned();
            section.note(ProblemKind::Conflict, "after", message, Some(remedy));
        }
        if let Some(id) = &asked.id
            && !ids.insert(id)
        {
            let message = format!("there is already a request {id:?}");
            section.note(ProblemKind::Conflict, "id", message, None);
        }
    }
}

/// A device that is named must be there, and a model has one weight.
fn check_work<'s>(
    section: &Section<'_>,
    work: &'s Work,
    devices: &[ScenarioDevice],
    weights: &mut BTreeMap<&'s str, ByteSize>,
) {
    if let Some(device) = &work.device
        && !devices.iter().any(|known| known.name == *device)
    {
        let message = format!("there is no device {device:?}");
        section.note(ProblemKind::Conflict, "device", message, None);
    }
    let Some(vram) = work.vram.filter(|_| !work.exclusive) else { return };
    let known = *weights.entry(&work.kind).or_insert(vram);
    if known != vram {
        let message = format!("the weights of {:?} are {known} elsewhere", work.kind);
        let remedy = "a kind's users share its weights: give one size, or exclusive = true";
        section.note(ProblemKind::Conflict, "vram", message, Some(remedy.to_owned()));
    }
}

/// Sections with a `name` each; a name that was used before is noted.
fn named<'d, T: Named>(
    sections: Vec<Section<'d>>,
    read: impl Fn(&mut Section<'d>) -> Option<T>,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for mut section in sections {
        let item = read(&mut section);
        if let Some(item) = item {
            if all.iter().any(|other| other.name() == item.name()) {
                let message = format!("the name {:?} is used above", item.name());
                section.note(ProblemKind::Conflict, "name", message, None);
            }
            all.push(item);
        }
        section.finish();
    }
    all
}

trait Named {
    fn name(&self) -> &str;
}

impl Named for ScenarioDevice {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for ScenarioModel {
    fn name(&self) -> &str {
        &self.name
    }
}

fn read_device(section: &mut Section<'_>) -> Option<ScenarioDevice> {
    let name = required_text(section, "name");
    let vram = required(section, "vram", |section| {
        section.size("vram", ByteSize(1)..=ByteSize::gib(1 << 20))
    });
    Some(ScenarioDevice { name: name?, vram: vram? })
}

fn read_model(section: &mut Section<'_>) -> Option<ScenarioModel> {
    let name = required_text(section, "name");
    let weights = required(section, "weights", |section| {
        section.size("weights", ByteSize(0)..=ByteSize::gib(1 << 20))
    });
    let load = section.duration("load", Duration::ZERO..=LONGEST).unwrap_or_default();
    Some(ScenarioModel { name: name?, weights: weights?, load })
}

fn read_policy(mut section: Section<'_>) -> ScenarioPolicy {
    let kinds = section.take("kinds").and_then(|value| value.list("a list of policies"));
    let mut chosen = Vec::new();
    for value in kinds.unwrap_or_default() {
        if let Some(kind) = value.one_of(&PolicyKind::ALL, &[])
            && !chosen.contains(&kind)
        {
            chosen.push(kind);
        }
    }
    if chosen.is_empty() {
        chosen = PolicyKind::ALL.map(|(_, kind)| kind).to_vec();
    }
    let fraction = section.take("memory_fraction").and_then(|value| value.fraction());
    let policy = ScenarioPolicy {
        memory_fraction: fraction.unwrap_or(0.8),
        max_hold: section
            .duration("max_hold", Duration::from_millis(1)..=LONGEST)
            .unwrap_or(Duration::from_secs(1_800)),
        kinds: chosen,
    };
    section.finish();
    policy
}

/// A text that must be there.
fn required_text(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    required(section, key, |section| section.text(key, 100))
}

/// A value that must be there.
fn required<'d, T>(
    section: &mut Section<'d>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'d>) -> Option<T>,
) -> Option<T> {
    if !section.has(key) {
        section.note(ProblemKind::MissingKey, key, "this key must be there", None);
    }
    read(section)
}

#[cfg(test)]
mod tests;
