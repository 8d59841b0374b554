use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "version": 1, "width": 320, "height": 180, "fps": 10, "crossfade": 0.5,
        "scenes": [
            {"image": "a.jpg", "duration": 2.0, "motion": "zoom_in",
             "transition": {"kind": "crossfade", "seconds": 0.5},
             "focus": {"x": 0.5, "y": 0.4, "w": 0.3, "h": 0.3},
             "layers": [{"svg": "t.svg", "enter": 0.2, "exit": 1.9}]},
            {"image": "b.png", "duration": 1.0, "transition": {"kind": "cut"}},
            {"image": "c.png", "duration": 2.0}
        ],
        "narration": "voice.wav",
        "music": {"path": "bed.wav", "gain_db": -20, "duck": true},
        "loudness_lufs": -14,
        "captions": [
            {"start": 0.0, "end": 2.4, "text": "two lines\nat most",
             "words": [{"start": 0.0, "end": 0.3, "text": "two"}]},
            {"start": 2.4, "end": 5.0, "text": "the second"}
        ],
        "caption_style": {"burn": true, "highlight": false, "position": "bottom"},
        "title": "A title",
        "chapters": [{"start": 0.0, "title": "One"}, {"start": 2.5, "title": "Two"}]
    })
}

#[test]
fn every_example_of_the_documents_is_a_timeline() {
    let page = include_str!("../../../docs/timeline.md");
    let examples: Vec<&str> =
        page.split("```json").skip(1).filter_map(|after| after.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let timeline = parse(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        check(&timeline).unwrap();
    }
}

/// The good timeline with the element at `pointer` replaced (or added to its object).
fn with(pointer: &str, value: Value) -> String {
    let mut timeline = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = timeline.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        Value::Object(fields) => {
            fields.insert(name.to_owned(), value);
        }
        other => panic!("{other} has no elements"),
    }
    timeline.to_string()
}

#[test]
fn the_example_of_the_contract_is_accepted() {
    assert!(parse(&good().to_string()).is_ok());
}

#[test]
fn size_fps_and_scenes_are_enough() {
    let text = r#"{"version":1,"width":16,"height":16,"fps":1,
                   "scenes":[{"image":"a.png","duration":1}]}"#;
    assert!(parse(text).is_ok());
}

#[test]
fn every_bad_timeline_is_refused_by_the_name_of_its_element() {
    let long = "a ".repeat(300);
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("/version", json!(2), "timeline_version", "version"),
        ("/version", json!("1"), "timeline_field", "version"),
        ("/width", json!(15), "frame_size", "width"),
        ("/width", json!(321), "frame_size", "width"),
        ("/height", json!(7682), "frame_size", "height"),
        ("/height", json!(-2), "timeline_field", "height"),
        ("/fps", json!(0), "frame_rate", "fps"),
        ("/fps", json!(121), "frame_rate", "fps"),
        ("/fps", json!(29.97), "timeline_field", "fps"),
        ("/crossfade", json!(-0.1), "bad_seconds", "crossfade"),
        ("/scenes", json!([]), "no_scenes", "scenes"),
        ("/scenes/1", json!({"image": "b.png"}), "timeline_field", "scenes[1]"),
        ("/scenes/1/image", json!(""), "no_path", "scenes[1].image"),
        ("/scenes/1/duration", json!(0), "zero_duration", "scenes[1].duration"),
        ("/scenes/1/duration", json!(-1), "bad_seconds", "scenes[1].duration"),
        ("/scenes/1/duration", json!(1e9), "bad_seconds", "scenes[1].duration"),
        ("/scenes/2/duration", json!(0.04), "scene_too_short", "scenes[2].duration"),
        ("/scenes/1/motion", json!("spin"), "timeline_field", "scenes[1].motion"),
        ("/scenes/1/colour", json!("red"), "timeline_field", "scenes[1].colour"),
        ("/scenes/0/transition/kind", json!("wipe"), "timeline_field", "scenes[0].transition.kind"),
        (
            "/scenes/0/transition/seconds",
            json!(0.6),
            "transition_too_long",
            "scenes[0].transition.seconds",
        ),
        (
            "/scenes/0/transition/seconds",
            json!(0),
            "transition_time",
            "scenes[0].transition.seconds",
        ),
        (
            "/scenes/1/transition/seconds",
            json!(0.1),
            "transition_time",
            "scenes[1].transition.seconds",
        ),
        (
            "/scenes/2/transition",
            json!({"kind": "cut"}),
            "transition_on_last",
            "scenes[2].transition",
        ),
        ("/scenes/0/focus/x", json!(1.5), "focus_outside", "scenes[0].focus.x"),
        ("/scenes/0/focus/w", json!(0.6), "focus_outside", "scenes[0].focus.w"),
        ("/scenes/0/focus/h", json!(0), "focus_outside", "scenes[0].focus.h"),
        ("/scenes/0/layers/0/svg", json!(" "), "no_path", "scenes[0].layers[0].svg"),
        ("/scenes/0/layers/0/enter", json!(2.0), "layer_time", "scenes[0].layers[0].enter"),
        ("/scenes/0/layers/0/exit", json!(0.2), "layer_time", "scenes[0].layers[0].exit"),
        ("/scenes/0/layers/0/exit", json!(2.1), "layer_time", "scenes[0].layers[0].exit"),
        ("/narration", json!(""), "no_path", "narration"),
        ("/music/path", json!(""), "no_path", "music.path"),
        ("/music/gain_db", json!(60), "out_of_range", "music.gain_db"),
        ("/loudness_lufs", json!(0), "out_of_range", "loudness_lufs"),
        ("/captions/0/end", json!(0), "empty_span", "captions[0].end"),
        ("/captions/1/start", json!(2.0), "captions_overlap", "captions[1].start"),
        ("/captions/1/end", json!(5.1), "caption_after_end", "captions[1].end"),
        ("/captions/1/text", json!(""), "bad_text", "captions[1].text"),
        ("/captions/1/text", json!("a\nb\nc"), "caption_too_long", "captions[1].text"),
        ("/captions/1/text", json!("bell \u{7}"), "bad_text", "captions[1].text"),
        ("/captions/1/text", json!(long), "bad_text", "captions[1].text"),
        ("/captions/0/words/0/end", json!(0), "empty_span", "captions[0].words[0].end"),
        ("/caption_style/position", json!("left"), "timeline_field", "caption_style.position"),
        ("/title", json!(""), "bad_text", "title"),
        ("/chapters/0/start", json!(0.5), "chapters_unordered", "chapters[0].start"),
        ("/chapters/1/start", json!(0.0), "chapters_unordered", "chapters[1].start"),
        ("/chapters/1/start", json!(5.0), "chapter_after_end", "chapters[1].start"),
        ("/chapters/1/title", json!(""), "bad_text", "chapters[1].title"),
        ("/extra", json!(1), "timeline_field", "extra"),
    ];
    for (pointer, value, code, place) in cases {
        let error = parse(&with(pointer, value.clone())).expect_err(pointer);
        assert_eq!((error.code, error.place.as_str()), (code, place), "{pointer} = {value}");
    }
}

#[test]
fn a_default_crossfade_that_does_not_fit_is_named() {
    let mut timeline = good();
    timeline["scenes"][0].as_object_mut().unwrap().remove("transition");
    timeline["crossfade"] = json!(0.8);
    let error = parse(&timeline.to_string()).unwrap_err();
    assert_eq!((error.code, error.place.as_str()), ("transition_too_long", "crossfade"));
}

#[test]
fn a_programme_without_end_is_refused() {
    let mut timeline = good();
    for index in 0..3 {
        timeline["scenes"][index]["duration"] = json!(3_000);
    }
    assert_eq!(parse(&timeline.to_string()).unwrap_err().code, "programme_too_long");
}

#[test]
fn text_that_is_not_json_is_named_by_line_and_column() {
    let error = parse("{\n  \"version\": 1,\n  oops").unwrap_err();
    assert_eq!(error.code, "timeline_not_json");
    assert!(error.message.contains("line 3 column 3"), "{}", error.message);
    assert_eq!(parse("").unwrap_err().code, "timeline_not_json");
    assert_eq!(parse(&format!("{} x", good())).unwrap_err().code, "timeline_not_json");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut timeline = parse(&good().to_string()).unwrap();
    timeline.scenes[0].duration = f64::NAN;
    assert_eq!(check(&timeline).unwrap_err().place, "scenes[0].duration");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_number_makes_the_check_panic(
        durations in prop::collection::vec(any::<f64>(), 1..5),
        crossfade in any::<f64>(),
    ) {
        let mut timeline = parse(&good().to_string()).unwrap();
        let scene = timeline.scenes[2].clone();
        timeline.scenes = durations
            .iter()
            .map(|&duration| TimelineScene { duration, ..scene.clone() })
            .collect();
        timeline.crossfade = crossfade;
        timeline.captions.clear();
        timeline.chapters.clear();
        let _ = check(&timeline);
    }

    #[test]
    fn what_is_accepted_survives_being_written_and_read(
        quarters in 4u32..40, fps in 1u32..=120,
    ) {
        let mut timeline = parse(&good().to_string()).unwrap();
        // Quarters are exact in binary and in decimal.
        timeline.scenes[2].duration = f64::from(quarters) / 4.0 + 2.0;
        timeline.fps = fps.max(2);
        let text = serde_json::to_string(&timeline).unwrap();
        prop_assert_eq!(parse(&text).unwrap(), timeline);
    }
}
