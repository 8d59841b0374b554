//! Composes the timeline of a film from its script, its narration and its pictures.
//!
//! Why it exists: it is the one place where what is said, when it is heard and what is seen meet;
//! the renderer only carries out.
//!
//! Architecture invariant: a scene is on screen while its sentences are heard; scene boundaries lie
//! in the pauses, on whole frames; the programme is never shorter than the narration.

use crate::domain::narration::Narration;
use crate::domain::script::Script;
use crate::domain::timeline::{
    Caption, CaptionStyle, Chapter, Focus, Layer, Motion, Music, Timeline, TimelineScene,
    Transition, TransitionKind,
};

/// Length of a crossfade where the scenes are long enough, in seconds.
const CROSSFADE: f64 = 0.5;
/// Platforms drop chapter lists with shorter chapters than this, in seconds (YouTube Help, "Video
/// chapters").
const SHORTEST_CHAPTER: f64 = 10.0;
/// Platforms drop chapter lists with fewer chapters.
const FEWEST_CHAPTERS: usize = 3;

/// The files of one scene's picture, and how it is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenePicture {
    /// The background, a JPEG or PNG file.
    pub image: String,
    /// The card over it, an SVG file.
    pub layer: Option<String>,
    /// How the background moves.
    pub motion: Motion,
    /// What must stay in view.
    pub focus: Option<Focus>,
}

/// What all scenes of a film share.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmLook {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// The narration, a WAV file.
    pub narration: String,
    /// The music bed, if there is one.
    pub music: Option<Music>,
    /// Integrated loudness in LUFS.
    pub loudness_lufs: f64,
    /// How captions look.
    pub caption_style: CaptionStyle,
}

/// Why a film cannot be composed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilmProblem {
    /// The number of pictures is not the number of scenes.
    #[error("the script has {scenes} scenes but there are {pictures} pictures: draw one per scene")]
    PictureCount {
        /// Scenes of the script.
        scenes: usize,
        /// Pictures handed in.
        pictures: usize,
    },
    /// A scene is never spoken.
    #[error("scene {scene} is not in the narration: narrate the script again")]
    SilentScene {
        /// Number of the scene, from 1.
        scene: usize,
    },
    /// The narration's scenes do not ascend, or it names a scene that the script lacks.
    #[error("the narration does not follow the script at scene {scene}: narrate the script again")]
    OutOfOrder {
        /// Number of the scene, from 1.
        scene: usize,
    },
    /// Frames per second or the narration's length is no use.
    #[error("a film of {duration_s} s at {fps} frames per second cannot be made")]
    NoTime {
        /// Length of the narration in seconds.
        duration_s: f64,
        /// Frames per second.
        fps: u32,
    },
}

impl FilmProblem {
    /// Stable code for logs and reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PictureCount { .. } => "picture_count",
            Self::SilentScene { .. } => "silent_scene",
            Self::OutOfOrder { .. } => "narration_out_of_order",
            Self::NoTime { .. } => "no_time",
        }
    }
}

/// The timeline of a film.
///
/// # Errors
/// [`FilmProblem`] when script, narration and pictures do not belong together.
pub fn compose(
    script: &Script,
    narration: &Narration,
    look: &FilmLook,
    pictures: &[ScenePicture],
    captions: Vec<Caption>,
) -> Result<Timeline, FilmProblem> {
    let scenes = script.scenes.len();
    if pictures.len() != scenes {
        return Err(FilmProblem::PictureCount { scenes, pictures: pictures.len() });
    }
    let frames = boundaries(scenes, narration, look.fps)?;
    let seconds = |frame: u64| frame as f64 / f64::from(look.fps);
    let lengths: Vec<f64> = frames
        .iter()
        .zip(frames.iter().skip(1))
        .map(|(from, to)| seconds(to.saturating_sub(*from)))
        .collect();

    let mut timeline_scenes = Vec::with_capacity(scenes);
    let mut lead_in = 0.0;
    for (index, (picture, duration)) in pictures.iter().zip(&lengths).enumerate() {
        let transition =
            lengths.get(index + 1).map(|next| transition_between(*duration, *next, look.fps));
        let lead_out = transition.map_or(0.0, |transition| transition.seconds / 2.0);
        // The card stands only while its scene is alone, so that two texts never mix.
        let layer = |svg: &String| Layer {
            svg: svg.clone(),
            enter: lead_in,
            exit: (lead_out > 0.0).then_some(*duration - lead_out),
        };
        timeline_scenes.push(TimelineScene {
            image: picture.image.clone(),
            duration: *duration,
            motion: picture.motion,
            transition,
            focus: picture.focus,
            layers: picture.layer.iter().map(layer).collect(),
        });
        lead_in = lead_out;
    }
    let chapters = script
        .scenes
        .iter()
        .zip(&frames)
        .map(|(scene, frame)| Chapter { start: seconds(*frame), title: scene.heading.clone() })
        .collect();
    Ok(Timeline {
        version: 1,
        width: look.width,
        height: look.height,
        fps: look.fps,
        crossfade: 0.0,
        scenes: timeline_scenes,
        narration: Some(look.narration.clone()),
        music: look.music.clone(),
        loudness_lufs: look.loudness_lufs,
        captions,
        caption_style: look.caption_style.clone(),
        title: Some(script.title.clone()),
        chapters,
    })
}

/// The frames at which scenes begin, and the frame after the last: in the middle of each pause
/// between scenes; every scene has at least one frame.
fn boundaries(scenes: usize, narration: &Narration, fps: u32) -> Result<Vec<u64>, FilmProblem> {
    let duration_s = narration.duration_s;
    if fps == 0 || !(duration_s > 0.0 && duration_s < 86_400.0) || scenes == 0 {
        return Err(FilmProblem::NoTime { duration_s, fps });
    }
    let mut spans: Vec<Option<(f64, f64)>> = vec![None; scenes];
    let mut latest = 0;
    for sentence in &narration.sentences {
        let wrong = FilmProblem::OutOfOrder { scene: sentence.scene.saturating_add(1) };
        if sentence.scene < latest {
            return Err(wrong);
        }
        latest = sentence.scene;
        let Some(span) = spans.get_mut(sentence.scene) else { return Err(wrong) };
        let start = span.map_or(sentence.start, |(start, _)| start);
        *span = Some((start, sentence.end));
    }
    let rate = f64::from(fps);
    let mut frames = vec![0u64];
    let mut last_end: Option<f64> = None;
    for (index, span) in spans.iter().enumerate() {
        let Some((start, end)) = span else {
            return Err(FilmProblem::SilentScene { scene: index + 1 });
        };
        if let Some(last_end) = last_end {
            let earliest = frames.last().map_or(0, |frame| frame + 1);
            let frame = (f64::midpoint(last_end, *start) * rate).round().max(0.0) as u64;
            frames.push(frame.max(earliest));
        }
        last_end = Some(*end);
    }
    // Up to the next whole frame: a narration longer than its programme could not be rendered. The
    // small subtraction keeps a length that is a whole number of frames what it is.
    let whole = (duration_s * rate - 1e-6).ceil().max(1.0) as u64;
    let earliest = frames.last().map_or(0, |frame| frame + 1);
    frames.push(whole.max(earliest));
    Ok(frames)
}

/// A crossfade of half a second, or as long as the shorter scene allows; a cut where not even two
/// frames are left for it.
fn transition_between(one: f64, two: f64, fps: u32) -> Transition {
    let seconds = CROSSFADE.min(one / 2.0).min(two / 2.0);
    if seconds * f64::from(fps) < 2.0 {
        return Transition { kind: TransitionKind::Cut, seconds: 0.0 };
    }
    Transition { kind: TransitionKind::Crossfade, seconds }
}

/// The chapters as lines for a description, `0:00 Title`; chapters too short for platforms are
/// joined to the one before, and fewer than three give an empty text.
#[must_use]
pub fn chapter_lines(chapters: &[Chapter], duration_s: f64) -> String {
    let mut kept: Vec<&Chapter> = Vec::new();
    for chapter in chapters {
        let far_enough =
            |last: &&Chapter| chapter.start.floor() - last.start.floor() >= SHORTEST_CHAPTER;
        let leaves_enough = duration_s - chapter.start >= SHORTEST_CHAPTER;
        if kept.is_empty() || (kept.last().is_some_and(far_enough) && leaves_enough) {
            kept.push(chapter);
        }
    }
    if kept.len() < FEWEST_CHAPTERS {
        return String::new();
    }
    let lines: Vec<String> =
        kept.iter().map(|chapter| format!("{} {}", clock(chapter.start), chapter.title)).collect();
    lines.join("\n")
}

/// Seconds as `m:ss`, or `h:mm:ss` from an hour on.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).floor() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        return format!("{hours}:{minutes:02}:{seconds:02}");
    }
    format!("{minutes}:{seconds:02}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::narration::SpokenSentence;
    use crate::domain::script::{Scene, Sentence, SentenceKind};

    fn script(scenes: usize) -> Script {
        let scene = |index: usize| Scene {
            number: index as u32 + 1,
            heading: format!("Part {}", index + 1),
            sentences: vec![Sentence {
                text: "A sentence.".into(),
                spoken: "A sentence.".into(),
                kind: SentenceKind::Opening,
                source: None,
            }],
            visual: String::new(),
        };
        Script {
            title: "Title".into(),
            description: String::new(),
            tags: Vec::new(),
            scenes: (0..scenes).map(scene).collect(),
            language: "en".into(),
            writer: "test".into(),
        }
    }

    /// One sentence per scene, each of the given length, with pauses of 0.6 s.
    fn narration(lengths: &[f64]) -> Narration {
        let mut at = 0.35;
        let mut sentences = Vec::new();
        for (scene, length) in lengths.iter().enumerate() {
            let (start, end) = (at, at + length);
            let text = "A sentence.".to_owned();
            sentences.push(SpokenSentence { scene, text, start, end, words: Vec::new() });
            at = end + 0.6;
        }
        Narration { duration_s: at, sample_rate: 16_000, voice: "test".into(), sentences }
    }

    fn look(fps: u32) -> FilmLook {
        FilmLook {
            width: 1920,
            height: 1080,
            fps,
            narration: "narration.wav".into(),
            music: None,
            loudness_lufs: -14.0,
            caption_style: CaptionStyle::default(),
        }
    }

    fn pictures(count: usize) -> Vec<ScenePicture> {
        let picture = |index: usize| ScenePicture {
            image: format!("s{index}.png"),
            layer: Some(format!("s{index}.svg")),
            motion: Motion::ZoomIn,
            focus: None,
        };
        (0..count).map(picture).collect()
    }

    proptest! {
        #[test]
        fn scenes_cover_their_sentences_and_add_up_to_whole_frames(
            lengths in prop::collection::vec(0.05..12.0f64, 1..9),
            fps in prop::sample::select(vec![10u32, 24, 25, 30, 60]),
        ) {
            let count = lengths.len();
            let narration = narration(&lengths);
            let film = compose(&script(count), &narration, &look(fps), &pictures(count), vec![])
                .expect("a film");
            let total: f64 = film.scenes.iter().map(|scene| scene.duration).sum();
            prop_assert!(total >= narration.duration_s - 1e-6);
            prop_assert!(total < narration.duration_s + 1.0 / f64::from(fps) + 1e-6);

            let mut start = 0.0;
            for (index, scene) in film.scenes.iter().enumerate() {
                let sentence = &narration.sentences[index];
                prop_assert!((film.chapters[index].start - start).abs() < 1e-6);
                prop_assert!(start <= sentence.start + 1e-6);
                prop_assert!(start + scene.duration >= sentence.end - 1e-6);
                start += scene.duration;
                let frames = scene.duration * f64::from(fps);
                prop_assert!((frames - frames.round()).abs() < 1e-6 && frames > 0.5);
                if let Some(transition) = scene.transition {
                    let next = &film.scenes[index + 1];
                    prop_assert!(transition.seconds <= scene.duration.min(next.duration) / 2.0);
                }
                for layer in &scene.layers {
                    let exit = layer.exit.unwrap_or(scene.duration);
                    prop_assert!(layer.enter < exit && exit <= scene.duration);
                }
            }
            prop_assert_eq!(film.scenes.last().and_then(|scene| scene.transition), None);
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let compose = |script: &Script, narration: &Narration, pictures: &[ScenePicture]| {
            super::compose(script, narration, &look(30), pictures, vec![])
                .map_err(|problem| problem.code())
        };
        let spoken = narration(&[2.0, 2.0]);
        assert_eq!(compose(&script(2), &spoken, &pictures(3)), Err("picture_count"));
        assert_eq!(compose(&script(3), &spoken, &pictures(3)), Err("silent_scene"));
        assert_eq!(compose(&script(1), &spoken, &pictures(1)), Err("narration_out_of_order"));
        let mut endless = narration(&[2.0, 2.0]);
        endless.duration_s = f64::NAN;
        assert_eq!(compose(&script(2), &endless, &pictures(2)), Err("no_time"));
        let mut turned = spoken;
        turned.sentences.reverse();
        assert_eq!(compose(&script(2), &turned, &pictures(2)), Err("narration_out_of_order"));
    }

    #[test]
    fn chapter_lines_are_what_platforms_accept() {
        let chapter = |start: f64, title: &str| Chapter { start, title: title.to_owned() };
        let chapters = [
            chapter(0.0, "One"),
            chapter(8.0, "Two"),
            chapter(16.5, "Three"),
            chapter(31.0, "Four"),
        ];
        assert_eq!(chapter_lines(&chapters, 45.0), "0:00 One\n0:16 Three\n0:31 Four");
        assert_eq!(chapter_lines(&chapters, 35.0), "");
        assert_eq!(clock(3_725.9), "1:02:05");
    }
}
