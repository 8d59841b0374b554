//! `[[channel]]`: what a channel is about, when it publishes, how it sounds and looks.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::script::Style;

use super::problem::ProblemKind;
use super::quantity::{TimeOfDay, duration_text};
use super::reader::Section;
use super::secret::{SecretPlace, secret_place};
use super::trend::TrendConfig;
use super::value::Value;

/// The palettes a channel's look may name; the first is the default.
pub const PALETTES: &[&str] =
    &["midnight", "ember", "paper", "ocean", "forest", "citrus", "slate", "plum"];
/// The voices of the built-in speaker; the first is the default.
pub const VOICES: &[&str] = &["slt", "rms", "awb", "kal16"];
/// The tones the built-in writer has opening and sign-off lines for; the first is the default.
pub const TONES: &[&str] = &["calm", "curious", "energetic", "warm", "wry"];

const MINUTE: Duration = Duration::from_secs(60);

/// The shape of a channel's videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Aspect {
    /// Landscape.
    #[serde(rename = "16:9")]
    Landscape,
    /// Upright.
    #[serde(rename = "9:16")]
    Upright,
}

/// What becomes of slots that passed while the node was off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedSlots {
    /// The latest one is caught up, the others are skipped.
    Latest,
    /// All are skipped.
    Skip,
}

/// How a channel sounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Personality {
    /// One of [`VOICES`].
    pub voice: String,
    /// One of [`TONES`].
    pub tone: String,
    /// Who watches, 1–200 characters.
    pub audience: String,
    /// Which plan its scripts follow.
    pub style: Style,
}

impl Personality {
    fn read(mut section: Section<'_>) -> Self {
        let voice = read_name(&mut section, "voice", VOICES);
        let tone = read_name(&mut section, "tone", TONES);
        let audience = section.text("audience", 200).unwrap_or_else(|| "everyone".to_owned());
        let styles = Style::ALL.map(|style| (style.name(), style));
        let style = section.choice("style", &styles, &[]).unwrap_or_default();
        section.finish();
        Self { voice, tone, audience, style }
    }
}

/// How a channel looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// One of [`PALETTES`].
    pub palette: String,
    /// The shape of its videos.
    pub aspect: Aspect,
}

impl Look {
    fn read(mut section: Section<'_>) -> Self {
        let palette = read_name(&mut section, "palette", PALETTES);
        let aspects = [("16:9", Aspect::Landscape), ("9:16", Aspect::Upright)];
        let aspect = section.choice("aspect", &aspects, &[]).unwrap_or(Aspect::Landscape);
        section.finish();
        Self { palette, aspect }
    }
}

fn read_name(section: &mut Section<'_>, key: &'static str, names: &[&'static str]) -> String {
    let offered: Vec<(&str, &'static str)> = names.iter().map(|name| (*name, *name)).collect();
    let default = names.first().copied().unwrap_or_default();
    section.choice(key, &offered, &[]).unwrap_or(default).to_owned()
}

/// One `[[channel]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelConfig {
    /// Its name.
    pub name: ChannelName,
    /// Its id, by default derived from the name.
    pub id: ChannelId,
    /// What it is about, 1–200 characters; by default the words of the name.
    pub niche: String,
    /// Its id on YouTube.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub youtube_channel_id: Option<String>,
    /// The language as a BCP 47 tag; the built-in voice speaks English.
    pub language: String,
    /// Slots a day, 1–24.
    pub videos_per_day: u32,
    /// The slots, ascending, as many as `videos_per_day`.
    pub publish_hours: Vec<TimeOfDay>,
    /// How long before its slot a workflow starts.
    #[serde(with = "duration_text")]
    pub lead: Duration,
    /// The IANA name of the time zone of `publish_hours`.
    pub timezone: String,
    /// What becomes of slots that passed while the node was off.
    pub missed_slots: MissedSlots,
    /// The shortest and the longest video that is wanted, 3 s to 1 h.
    #[serde(serialize_with = "duration_pair")]
    pub video_length: (Duration, Duration),
    /// The fewest and the most scenes, 1–60.
    pub scenes: (u32, u32),
    /// Where the token is that lets us publish on the channel.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<SecretPlace>,
    /// Whether a person must approve each video before it is published.
    pub approval: bool,
    /// How it sounds.
    pub personality: Personality,
    /// How it looks.
    pub look: Look,
    /// Where its topics come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trends: Vec<TrendConfig>,
}

fn duration_pair<S: serde::Serializer>(
    pair: &(Duration, Duration),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = super::quantity::print_duration;
    (text(pair.0), text(pair.1)).serialize(serializer)
}

impl ChannelConfig {
    /// `None` when the channel has no usable name, which is noted.
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Option<Self> {
        let name = read_channel_name(&mut section);
        let id = section
            .take("id")
            .and_then(|value| value.parsed(|text| Uuid::parse_str(text).map_err(|_| "not a UUID")));
        let niche = section.text("niche", 200);
        let youtube_channel_id = section.text("youtube_channel_id", 60);
        let language = read_language(&mut section);
        let (videos_per_day, publish_hours) = read_slots(&mut section);
        let lead = section.duration("lead", Duration::ZERO..=MINUTE * 60 * 24 * 7);
        let timezone = section.take("timezone").and_then(|value| value.parsed(check_timezone));
        let missed = [("latest", MissedSlots::Latest), ("skip", MissedSlots::Skip)];
        let missed_slots = section.choice("missed_slots", &missed, &[]);
        let lengths = Duration::from_secs(3)..=MINUTE * 60;
        let video_length = section
            .take("video_length")
            .and_then(|pair| pair.ordered_pair(|value| value.duration(lengths.clone())));
        let scenes = section
            .take("scenes")
            .and_then(|pair| pair.ordered_pair(|value| value.integer(1..=60)));
        let refresh_token =
            secret_place(&mut section, "refresh_token_env", "refresh_token_file", folder);
        let approval = section.boolean("approval").unwrap_or(false);
        let personality = Personality::read(section.section("personality"));
        let look = Look::read(section.section("look"));
        let trends: Vec<TrendConfig> = section
            .sections("trends")
            .into_iter()
            .filter_map(|trend| TrendConfig::read(trend, folder))
            .collect();
        section.finish();
        let name = name?;
        Some(Self {
            id: id.map_or_else(|| ChannelId::of_name(&name), ChannelId),
            niche: niche.unwrap_or_else(|| name.as_str().replace('-', " ")),
            name,
            youtube_channel_id,
            language,
            videos_per_day,
            publish_hours,
            lead: lead.unwrap_or(MINUTE * 120),
            timezone: timezone.unwrap_or_else(|| "UTC".to_owned()),
            missed_slots: missed_slots.unwrap_or(MissedSlots::Latest),
            video_length: video_length
                .unwrap_or((Duration::from_secs(45), Duration::from_secs(75))),
            scenes: scenes.unwrap_or((6, 8)),
            refresh_token,
            approval,
            personality,
            look,
            trends,
        })
    }
}

fn read_channel_name(section: &mut Section<'_>) -> Option<ChannelName> {
    match section.take("name") {
        Some(value) => value.parsed(|text| ChannelName::new(text)),
        None => {
            let remedy = "give the channel a name of lower-case letters, digits and hyphens";
            section.note(ProblemKind::MissingKey, "name", "missing", Some(remedy.to_owned()));
            None
        }
    }
}

/// The language tag; only English for now, because the built-in voice speaks nothing else.
fn read_language(section: &mut Section<'_>) -> String {
    let default = || "en".to_owned();
    let Some(value) = section.take("language") else { return default() };
    let Some(tag) = value.text(35) else { return default() };
    let parts_fit = tag.split('-').all(|part| {
        !part.is_empty() && part.len() <= 8 && part.chars().all(|c| c.is_ascii_alphanumeric())
    });
    if !parts_fit {
        let message = "not a language tag: write it as \"en\" or \"en-GB\"";
        value.note(ProblemKind::BadValue, message, None);
        return default();
    }
    if tag != "en" && !tag.starts_with("en-") {
        value.note(
            ProblemKind::NotAvailable,
            format!("{tag:?} is not available in this version: the built-in voice speaks English"),
            Some("use \"en\"".to_owned()),
        );
        return default();
    }
    tag
}

/// The slots of a day. Either key may be absent: hours alone say how many there are, and a number
/// alone is spread evenly over 09:00–21:00.
fn read_slots(section: &mut Section<'_>) -> (u32, Vec<TimeOfDay>) {
    let given_count = section.integer("videos_per_day", 1..=24);
    let given_hours = section.take("publish_hours").and_then(|value| read_hours(&value));
    let Some(hours) = given_hours else {
        let count = given_count.unwrap_or(1);
        return (count, spread_evenly(count));
    };
    let count = u32::try_from(hours.len()).unwrap_or(u32::MAX);
    if let Some(wanted) = given_count.filter(|wanted| *wanted != count) {
        section.note(
            ProblemKind::Conflict,
            "publish_hours",
            format!("{count} hours for {wanted} videos per day"),
            Some("give as many hours as videos_per_day, or leave one of the two out".to_owned()),
        );
    }
    (count, hours)
}

fn read_hours(value: &Value<'_>) -> Option<Vec<TimeOfDay>> {
    let items = value.list("a list of times such as [\"09:00\"]")?;
    if items.is_empty() || items.len() > 24 {
        value.note(ProblemKind::BadValue, "must name 1 to 24 times", None);
        return None;
    }
    let mut hours: Vec<TimeOfDay> = Vec::new();
    for item in items {
        let Some(hour) = item.parsed(TimeOfDay::parse) else { continue };
        if hours.contains(&hour) {
            item.note(ProblemKind::BadValue, format!("{hour} is named twice"), None);
        }
        hours.push(hour);
    }
    hours.sort_unstable();
    Some(hours)
}

fn spread_evenly(count: u32) -> Vec<TimeOfDay> {
    let (first, last) = (9 * 60, 21 * 60);
    let gaps = count.saturating_sub(1).max(1);
    let minutes = (0..count).map(|slot| first + slot * (last - first) / gaps);
    minutes.map(|at| TimeOfDay::from_minutes(u16::try_from(at).unwrap_or(0))).collect()
}

fn check_timezone(name: &str) -> Result<String, String> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err("not an IANA time zone: write it as \"Europe/Berlin\" or \"UTC\"".to_owned()),
    }
}
