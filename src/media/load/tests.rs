use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::media::error::MediaFault;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    image::RgbImage::new(8, 8).save(folder.path().join("a.png")).unwrap();
    file("text.png", b"not a picture");
    file("empty.png", b"");
    file("good.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>");
    file("bad.svg", b"<svg");
    file("bad.wav", b"RIFFoops");
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(8_000u32.to_le_bytes());
    wav.extend(16_000u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(32_000u32.to_le_bytes());
    wav.extend([1; 32_000]);
    file("two_seconds.wav", &wav);
    folder
}

fn timeline() -> Value {
    json!({
        "version": 1, "width": 320, "height": 180, "fps": 10,
        "scenes": [{"image": "a.png", "duration": 2.0,
                    "layers": [{"svg": "good.svg"}]}],
        "narration": "two_seconds.wav",
        "captions": [{"start": 0.0, "end": 1.0, "text": "fits"}]
    })
}

fn load_in(folder: &TempDir, timeline: &Value) -> Result<LoadedTimeline, MediaError> {
    let path = folder.path().join("timeline.json");
    std::fs::write(&path, timeline.to_string()).unwrap();
    load(&path)
}

#[test]
fn a_timeline_with_all_its_files_is_loaded() {
    let folder = folder();
    let loaded = load_in(&folder, &timeline()).unwrap();
    assert_eq!(loaded.resolve("a.png"), folder.path().join("a.png"));
    assert_eq!(loaded.resolve("/x/a.png"), Path::new("/x/a.png"));
}

#[test]
fn every_file_that_is_missing_or_something_else_is_named_by_its_element() {
    let folder = folder();
    let long = "a caption that says far too much ".repeat(9);
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("/scenes/0/image", json!("missing.png"), "picture_unreadable", "scenes[0].image"),
        ("/scenes/0/image", json!("text.png"), "picture_unreadable", "scenes[0].image"),
        ("/scenes/0/image", json!("empty.png"), "picture_unreadable", "scenes[0].image"),
        ("/scenes/0/image", json!("."), "picture_unreadable", "scenes[0].image"),
        ("/scenes/0/layers/0/svg", json!("no.svg"), "svg_unreadable", "scenes[0].layers[0].svg"),
        ("/scenes/0/layers/0/svg", json!("bad.svg"), "svg_unreadable", "scenes[0].layers[0].svg"),
        ("/narration", json!("no.wav"), "sound_unreadable", "narration"),
        ("/narration", json!("bad.wav"), "sound_unreadable", "narration"),
        ("/scenes/0/duration", json!(1.9), "narration_too_long", "narration"),
        ("/captions/0/text", json!(long), "caption_too_long", "captions[0]"),
        ("/captions/0/text", json!("漢"), "caption_letters", "captions[0]"),
    ];
    for (pointer, value, code, place) in cases {
        let mut timeline = timeline();
        *timeline.pointer_mut(pointer).unwrap() = value.clone();
        let error = load_in(&folder, &timeline).expect_err(pointer);
        assert_eq!((error.code, error.place.as_str()), (code, place), "{pointer} = {value}");
        assert_eq!(error.fault, MediaFault::Input);
    }
}

#[test]
fn music_that_is_no_sound_is_named() {
    let folder = folder();
    let mut timeline = timeline();
    timeline["music"] = json!({"path": "bad.wav"});
    let error = load_in(&folder, &timeline).unwrap_err();
    assert_eq!((error.code, error.place.as_str()), ("sound_unreadable", "music.path"));
}

#[test]
fn captions_that_are_not_burned_may_be_long() {
    let folder = folder();
    let mut timeline = timeline();
    timeline["captions"][0]["text"] = json!("漢 ".repeat(100));
    timeline["caption_style"] = json!({"burn": false});
    assert!(load_in(&folder, &timeline).is_ok());
}

#[test]
fn a_file_that_is_no_timeline_is_refused() {
    let folder = folder();
    let path = folder.path().join("timeline.json");
    assert_eq!(load(&path).unwrap_err().code, "timeline_unreadable");
    assert_eq!(load(folder.path()).unwrap_err().code, "timeline_unreadable");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(load(&path).unwrap_err().code, "timeline_unreadable");
    std::fs::write(&path, "").unwrap();
    assert_eq!(load(&path).unwrap_err().code, "timeline_not_json");
}
