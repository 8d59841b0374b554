//! A script as the API and `ytempire script --json` answer it.

use serde::Serialize;

use super::pace::Pace;
use super::readability::script_grade;
use crate::domain::script::{Scene, Script};

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScriptView {
    /// All of it as it is written, a paragraph for each scene, with a blank line between two.
    pub script: String,
    /// The scenes in order.
    pub scenes: Vec<SceneView>,
    /// Figures on the whole.
    pub metadata: ScriptMetadata,
}

/// One scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SceneView {
    /// 1, 2, 3 …
    pub scene_number: u32,
    /// Seconds, to a hundredth; those of all scenes add up to `estimated_duration`.
    pub duration: f64,
    /// What the voice is given: numbers, units and abbreviations in words.
    pub narration: String,
    /// What the picture should show.
    pub visual_description: String,
}

/// Figures on a script.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScriptMetadata {
    /// Seconds that the narration will take, pauses included, to a hundredth.
    pub estimated_duration: f64,
    /// Words of `script`.
    pub word_count: usize,
    /// Flesch–Kincaid grade of what is heard, to a tenth.
    pub complexity_score: f64,
}

impl ScriptView {
    /// `script` as it is answered; `pace` is that of the voice that will speak it.
    #[must_use]
    pub fn of(script: &Script, pace: &Pace) -> Self {
        let texts: Vec<String> = script.scenes.iter().map(written).collect();
        let text = texts.join("\n\n");
        let last = script.scenes.len().saturating_sub(1);
        // Every scene ends on a hundredth of the whole, so that rounding adds nothing up.
        let (mut until, mut shown) = (0.0, 0_i64);
        let mut scenes = Vec::new();
        for (at, scene) in script.scenes.iter().enumerate() {
            until += scene_seconds(scene, pace) + if at == last { 0.0 } else { pace.scene_pause };
            until += if at == last { pace.around } else { 0.0 };
            let end = hundredths(until);
            scenes.push(SceneView {
                scene_number: scene.number,
                duration: (end - shown) as f64 / 100.0,
                narration: spoken(scene),
                visual_description: scene.visual.clone(),
            });
            shown = end;
        }
        let metadata = ScriptMetadata {
            estimated_duration: shown as f64 / 100.0,
            word_count: text.split_whitespace().count(),
            complexity_score: (script_grade(script) * 10.0).round() / 10.0,
        };
        Self { script: text, scenes, metadata }
    }
}

fn hundredths(seconds: f64) -> i64 {
    (seconds * 100.0).round() as i64
}

/// Seconds of a scene's sentences with the pauses between them.
fn scene_seconds(scene: &Scene, pace: &Pace) -> f64 {
    let said: f64 = scene.sentences.iter().map(|said| pace.seconds(&said.spoken)).sum();
    said + scene.sentences.len().saturating_sub(1) as f64 * pace.sentence_pause
}

fn written(scene: &Scene) -> String {
    let texts: Vec<&str> = scene.sentences.iter().map(|said| said.text.as_str()).collect();
    texts.join(" ")
}

fn spoken(scene: &Scene) -> String {
    let texts: Vec<&str> = scene.sentences.iter().map(|said| said.spoken.as_str()).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::speakable::speakable;
    use crate::craft::writer::estimated_seconds;
    use crate::domain::script::{Sentence, SentenceKind};

    fn script() -> Script {
        let sentence = |text: &str| Sentence {
            text: text.to_owned(),
            spoken: speakable(text),
            kind: SentenceKind::Source,
            source: Some("s".to_owned()),
        };
        let scene = |number: u32, texts: &[&str]| Scene {
            number,
            heading: "Heading".to_owned(),
            sentences: texts.iter().map(|text| sentence(text)).collect(),
            visual: format!("picture {number}"),
        };
        Script {
            title: "T".to_owned(),
            description: String::new(),
            tags: Vec::new(),
            scenes: vec![
                scene(1, &["It flew in 1969.", "It came back at 40,000 km/h."]),
                scene(2, &["Nobody had expected that."]),
                scene(3, &["It had been 8 days."]),
            ],
            language: "en".to_owned(),
            writer: "w".to_owned(),
        }
    }

    #[test]
    fn the_durations_of_the_scenes_add_up_to_the_whole() {
        let pace = Pace::default();
        let view = ScriptView::of(&script(), &pace);
        let sum: f64 = view.scenes.iter().map(|scene| scene.duration).sum();
        assert!((sum - view.metadata.estimated_duration).abs() < 1e-9);
        let estimated = estimated_seconds(&script(), &pace);
        assert!((estimated - view.metadata.estimated_duration).abs() < 0.006);
    }

    #[test]
    fn it_has_the_shape_of_the_api() {
        let view = serde_json::to_value(ScriptView::of(&script(), &Pace::default())).unwrap();
        assert_eq!(
            view["script"],
            "It flew in 1969. It came back at 40,000 km/h.\n\nNobody had expected that.\n\n\
             It had been 8 days."
        );
        assert_eq!(view["scenes"][0]["scene_number"], 1);
        assert_eq!(
            view["scenes"][0]["narration"],
            "It flew in nineteen sixty nine. It came back at forty thousand kilometres per hour."
        );
        assert_eq!(view["scenes"][2]["visual_description"], "picture 3");
        assert_eq!(view["metadata"]["word_count"], 19);
        assert!(view["metadata"]["complexity_score"].is_number());
        assert!(view["scenes"][1]["duration"].as_f64().unwrap() > 0.0);
    }
}
