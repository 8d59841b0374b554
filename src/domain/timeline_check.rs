//! Reads a timeline and checks everything that needs no other file.
//!
//! Why it exists: whoever holds a checked timeline need not ask again whether a number makes
//! sense; and whoever wrote a bad one is told which element is wrong and what to do.

use std::ops::RangeInclusive;

use super::timeline::{Caption, Focus, Layer, Timeline, TimelineScene, TransitionKind};
use super::timeline_frames::{FramePlan, transition_seconds};

/// The longest programme, in seconds: its sound is held in memory, 384 kB for each.
pub const MAX_PROGRAMME_S: f64 = 2.0 * 3600.0;
/// The most scenes of a programme.
pub const MAX_SCENES: usize = 2_000;
/// The most layers of a scene.
pub const MAX_LAYERS: usize = 32;
/// The most captions of a programme.
pub const MAX_CAPTIONS: usize = 20_000;
/// The most chapters of a programme.
pub const MAX_CHAPTERS: usize = 1_000;
/// The longest caption, title or chapter title, in characters.
pub const MAX_TEXT_CHARS: usize = 500;
/// Width and height in pixels.
const SIDE: RangeInclusive<u32> = 16..=7680;
/// Frames per second.
const FPS: RangeInclusive<u32> = 1..=120;
/// Music gain in decibels.
const GAIN_DB: RangeInclusive<f64> = -90.0..=20.0;
/// Loudness in LUFS.
const LOUDNESS: RangeInclusive<f64> = -40.0..=-5.0;
/// Sums of decimal seconds differ in the last bits; this much is no difference.
const SAME_S: f64 = 1e-6;

/// What is wrong with a timeline, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}; {remedy}")]
pub struct TimelineError {
    /// Stable snake_case code.
    pub code: &'static str,
    /// The element, for example `scenes[2].transition.seconds`.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

type Checked = Result<(), TimelineError>;

fn wrong(
    code: &'static str,
    place: impl Into<String>,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> TimelineError {
    TimelineError { code, place: place.into(), message: message.into(), remedy: remedy.into() }
}

/// Reads a timeline from JSON and checks it.
///
/// # Errors
/// [`TimelineError`] that names the element, and line and column where the text is not JSON or has
/// unknown or missing fields.
pub fn parse(text: &str) -> Result<Timeline, TimelineError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let timeline: Timeline = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "timeline".to_owned() } else { path };
        unreadable(place, error.inner())
    })?;
    reader.end().map_err(|error| unreadable("timeline".to_owned(), &error))?;
    check(&timeline)?;
    Ok(timeline)
}

fn unreadable(place: String, error: &serde_json::Error) -> TimelineError {
    let code = if error.is_data() { "timeline_field" } else { "timeline_not_json" };
    wrong(code, place, error.to_string(), "write it as docs/timeline.md says")
}

/// Checks a timeline.
///
/// # Errors
/// [`TimelineError`] that names the first element that is wrong.
pub fn check(timeline: &Timeline) -> Checked {
    check_format(timeline)?;
    check_scenes(timeline)?;
    check_transitions(timeline)?;
    let programme = programme_seconds(timeline);
    check_sound(timeline)?;
    check_captions(&timeline.captions, programme)?;
    check_titles(timeline, programme)
}

/// The length of the programme in seconds.
#[must_use]
pub fn programme_seconds(timeline: &Timeline) -> f64 {
    timeline.scenes.iter().map(|scene| scene.duration).sum()
}

fn check_format(timeline: &Timeline) -> Checked {
    if timeline.version != 1 {
        let message = format!("this is version {}", timeline.version);
        return Err(wrong("timeline_version", "version", message, "only version 1 is known"));
    }
    for (place, side) in [("width", timeline.width), ("height", timeline.height)] {
        if !SIDE.contains(&side) || side % 2 != 0 {
            let message = format!("{side} pixels cannot be encoded");
            return Err(wrong("frame_size", place, message, "use an even number, 16 to 7680"));
        }
    }
    if !FPS.contains(&timeline.fps) {
        let message = format!("{} frames per second", timeline.fps);
        return Err(wrong("frame_rate", "fps", message, "use a whole number, 1 to 120"));
    }
    Ok(())
}

fn check_scenes(timeline: &Timeline) -> Checked {
    if timeline.scenes.is_empty() {
        return Err(wrong("no_scenes", "scenes", "there is no scene", "add at least one"));
    }
    at_most("scenes", timeline.scenes.len(), MAX_SCENES)?;
    for (index, scene) in timeline.scenes.iter().enumerate() {
        check_scene(&format!("scenes[{index}]"), scene)?;
    }
    let programme = programme_seconds(timeline);
    if programme > MAX_PROGRAMME_S {
        let message = format!("the programme is {programme:.0} s long");
        let remedy = format!("make it at most {MAX_PROGRAMME_S:.0} s");
        return Err(wrong("programme_too_long", "scenes", message, remedy));
    }
    let plan = FramePlan::of(timeline);
    let unseen = plan.scenes.iter().position(|scene| scene.share.is_empty());
    if let Some(index) = unseen {
        let place = format!("scenes[{index}].duration");
        let message = "the scene is shorter than one frame";
        return Err(wrong("scene_too_short", place, message, "make it longer or raise fps"));
    }
    Ok(())
}

fn check_scene(place: &str, scene: &TimelineScene) -> Checked {
    check_path(&format!("{place}.image"), &scene.image)?;
    check_length(&format!("{place}.duration"), scene.duration)?;
    if let Some(focus) = &scene.focus {
        check_focus(&format!("{place}.focus"), focus)?;
    }
    at_most(&format!("{place}.layers"), scene.layers.len(), MAX_LAYERS)?;
    for (index, layer) in scene.layers.iter().enumerate() {
        check_layer(&format!("{place}.layers[{index}]"), layer, scene.duration)?;
    }
    Ok(())
}

fn check_focus(place: &str, focus: &Focus) -> Checked {
    let axes = [("x", focus.x, "w", focus.w), ("y", focus.y, "h", focus.h)];
    for (start_name, start, length_name, length) in axes {
        if !(0.0..=1.0).contains(&start) {
            let message = format!("{start} is outside the picture");
            let place = format!("{place}.{start_name}");
            return Err(wrong("focus_outside", place, message, "use fractions from 0 to 1"));
        }
        let fits = length > 0.0 && start + length <= 1.0 + SAME_S;
        if !fits {
            let message = format!("{length} from {start} is empty or leaves the picture");
            let place = format!("{place}.{length_name}");
            return Err(wrong("focus_outside", place, message, "use fractions from 0 to 1"));
        }
    }
    Ok(())
}

fn check_layer(place: &str, layer: &Layer, duration: f64) -> Checked {
    check_path(&format!("{place}.svg"), &layer.svg)?;
    if !(0.0..duration).contains(&layer.enter) {
        let message = format!("{} s is outside the scene of {duration} s", layer.enter);
        let remedy = "enter from 0 to the scene's end";
        return Err(wrong("layer_time", format!("{place}.enter"), message, remedy));
    }
    if let Some(exit) = layer.exit {
        let fits = exit > layer.enter && exit <= duration + SAME_S;
        if !fits {
            let message = format!("{exit} s is before enter or after the scene's {duration} s");
            let remedy = "exit after enter, at the scene's end at the latest";
            return Err(wrong("layer_time", format!("{place}.exit"), message, remedy));
        }
    }
    Ok(())
}

fn check_transitions(timeline: &Timeline) -> Checked {
    check_seconds("crossfade", timeline.crossfade)?;
    let last = timeline.scenes.len().saturating_sub(1);
    for (index, scene) in timeline.scenes.iter().enumerate() {
        let place = format!("scenes[{index}].transition");
        if let Some(transition) = scene.transition {
            if index == last {
                let message = "no scene follows the last one";
                return Err(wrong("transition_on_last", place, message, "leave it out"));
            }
            check_seconds(&format!("{place}.seconds"), transition.seconds)?;
            let is_cut = transition.kind == TransitionKind::Cut;
            if is_cut != (transition.seconds == 0.0) {
                let message = "a crossfade lasts longer than 0 s, and a cut takes no time";
                let place = format!("{place}.seconds");
                return Err(wrong("transition_time", place, message, "change kind or seconds"));
            }
        }
        let Some(next) = timeline.scenes.get(index + 1) else { continue };
        let longest = scene.duration.min(next.duration) / 2.0;
        let seconds = transition_seconds(timeline, index);
        if seconds > longest + SAME_S {
            let place = match scene.transition {
                Some(_) => format!("{place}.seconds"),
                None => "crossfade".to_owned(),
            };
            let message =
                format!("{seconds} s does not fit between scenes {index} and {}", index + 1);
            let remedy = format!("use at most half of the shorter one, {longest} s");
            return Err(wrong("transition_too_long", place, message, remedy));
        }
    }
    Ok(())
}

fn check_sound(timeline: &Timeline) -> Checked {
    if let Some(narration) = &timeline.narration {
        check_path("narration", narration)?;
    }
    if let Some(music) = &timeline.music {
        check_path("music.path", &music.path)?;
        check_range("music.gain_db", music.gain_db, &GAIN_DB, "dB")?;
    }
    check_range("loudness_lufs", timeline.loudness_lufs, &LOUDNESS, "LUFS")
}

fn check_captions(captions: &[Caption], programme: f64) -> Checked {
    at_most("captions", captions.len(), MAX_CAPTIONS)?;
    let mut previous_end = 0.0;
    for (index, caption) in captions.iter().enumerate() {
        let place = format!("captions[{index}]");
        check_span(&place, caption.start, caption.end)?;
        if caption.start < previous_end - SAME_S {
            let message = format!("it starts at {} s, while the one before is seen", caption.start);
            let remedy = format!("start at {previous_end} s or later");
            return Err(wrong("captions_overlap", format!("{place}.start"), message, remedy));
        }
        if caption.end > programme + SAME_S {
            let message = format!("it ends at {} s, after the programme", caption.end);
            let remedy = format!("end at {programme} s at the latest");
            return Err(wrong("caption_after_end", format!("{place}.end"), message, remedy));
        }
        check_caption_text(&format!("{place}.text"), &caption.text)?;
        check_words(&place, caption)?;
        previous_end = caption.end;
    }
    Ok(())
}

fn check_caption_text(place: &str, text: &str) -> Checked {
    if text.lines().filter(|line| !line.trim().is_empty()).count() > 2 {
        let message = "it has more than two lines";
        return Err(wrong("caption_too_long", place, message, "split it into two captions"));
    }
    check_text(place, &text.replace(['\n', '\r'], " "))
}

fn check_words(place: &str, caption: &Caption) -> Checked {
    let mut previous_start = 0.0;
    for (index, word) in caption.words.iter().enumerate() {
        let place = format!("{place}.words[{index}]");
        check_span(&place, word.start, word.end)?;
        if word.start < previous_start - SAME_S {
            let message = "it starts before the word before it";
            let remedy = "put the words into the order in which they are heard";
            return Err(wrong("words_unordered", format!("{place}.start"), message, remedy));
        }
        check_text(&format!("{place}.text"), &word.text)?;
        previous_start = word.start;
    }
    Ok(())
}

fn check_titles(timeline: &Timeline, programme: f64) -> Checked {
    if let Some(title) = &timeline.title {
        check_text("title", title)?;
    }
    at_most("chapters", timeline.chapters.len(), MAX_CHAPTERS)?;
    let mut previous: Option<f64> = None;
    for (index, chapter) in timeline.chapters.iter().enumerate() {
        let place = format!("chapters[{index}].start");
        check_seconds(&place, chapter.start)?;
        let in_order = previous.map_or(chapter.start == 0.0, |start| chapter.start > start);
        if !in_order {
            let message = format!("{} s is out of order", chapter.start);
            let remedy = "chapters start at 0 and ascend";
            return Err(wrong("chapters_unordered", place, message, remedy));
        }
        if chapter.start >= programme {
            let message = format!("{} s is behind the end", chapter.start);
            let remedy = format!("start before {programme} s");
            return Err(wrong("chapter_after_end", place, message, remedy));
        }
        check_text(&format!("chapters[{index}].title"), &chapter.title)?;
        previous = Some(chapter.start);
    }
    Ok(())
}

fn check_path(place: &str, path: &str) -> Checked {
    if path.trim().is_empty() || path.contains('\0') {
        return Err(wrong("no_path", place, "there is no file name", "name a file"));
    }
    Ok(())
}

fn check_text(place: &str, text: &str) -> Checked {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let message = "it is empty or has control characters";
        return Err(wrong("bad_text", place, message, "write plain text"));
    }
    if text.chars().count() > MAX_TEXT_CHARS {
        let message = format!("it has more than {MAX_TEXT_CHARS} characters");
        return Err(wrong("bad_text", place, message, "shorten it"));
    }
    Ok(())
}

fn check_span(place: &str, start: f64, end: f64) -> Checked {
    check_seconds(&format!("{place}.start"), start)?;
    check_seconds(&format!("{place}.end"), end)?;
    if end <= start {
        let message = format!("it ends at {end} s, but starts at {start} s");
        return Err(wrong("empty_span", format!("{place}.end"), message, "end after the start"));
    }
    Ok(())
}

fn check_length(place: &str, seconds: f64) -> Checked {
    check_seconds(place, seconds)?;
    if seconds == 0.0 {
        return Err(wrong("zero_duration", place, "it lasts 0 s", "use more than 0 s"));
    }
    Ok(())
}

fn check_seconds(place: &str, seconds: f64) -> Checked {
    if (0.0..=MAX_PROGRAMME_S).contains(&seconds) {
        return Ok(());
    }
    let remedy = format!("use seconds from 0 to {MAX_PROGRAMME_S:.0}");
    Err(wrong("bad_seconds", place, format!("{seconds} s is no time in a programme"), remedy))
}

fn check_range(place: &str, value: f64, range: &RangeInclusive<f64>, unit: &str) -> Checked {
    if range.contains(&value) {
        return Ok(());
    }
    let remedy = format!("use {} to {} {unit}", range.start(), range.end());
    Err(wrong("out_of_range", place, format!("{value} {unit} is out of range"), remedy))
}

fn at_most(place: &str, count: usize, most: usize) -> Checked {
    if count <= most {
        return Ok(());
    }
    let message = format!("there are {count} of them");
    Err(wrong("too_many", place, message, format!("use at most {most}")))
}

#[cfg(test)]
mod tests;
