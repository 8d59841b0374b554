//! Real files, read back with the FFmpeg tools, which only tests use.

use std::cell::Cell;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::media::load::load;

/// A folder with pictures, and the video that is made of them.
struct Studio {
    folder: TempDir,
}

impl Studio {
    fn new() -> Self {
        let studio = Self { folder: tempfile::tempdir().unwrap() };
        studio.flat("white.png", [255; 3]);
        studio.flat("black.png", [0; 3]);
        studio
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flat(&self, name: &str, rgb: [u8; 3]) {
        self.picture(name, 64, 64, |_, _| rgb);
    }

    fn picture(&self, name: &str, width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) {
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb(pixel(x, y)))
            .save(self.path(name))
            .unwrap();
    }

    /// A mono WAV file of 48 kHz that is loud in `loud` seconds.
    fn beep(&self, name: &str, seconds: f64, loud: std::ops::Range<f64>) {
        let samples: Vec<i16> = (0..(seconds * 48_000.0) as u32)
            .map(|index| {
                let time = f64::from(index) / 48_000.0;
                let wave = (time * 1000.0 * std::f64::consts::TAU).sin();
                if loud.contains(&time) { (wave * 16_000.0) as i16 } else { 0 }
            })
            .collect();
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let length = bytes.len() as u32;
        let mut file = b"RIFF".to_vec();
        file.extend((36 + length).to_le_bytes());
        file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        file.extend(48_000u32.to_le_bytes());
        file.extend(96_000u32.to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(length.to_le_bytes());
        file.extend(bytes);
        fs::write(self.path(name), file).unwrap();
    }

    fn timeline(&self, timeline: &Value) -> LoadedTimeline {
        fs::write(self.path("timeline.json"), timeline.to_string()).unwrap();
        load(&self.path("timeline.json")).unwrap()
    }

    fn render(&self, timeline: &Value) -> RenderReport {
        self.render_as(timeline, "out.mp4")
    }

    fn render_as(&self, timeline: &Value, name: &str) -> RenderReport {
        let options = RenderOptions { crf: 10, ..RenderOptions::default() };
        let loaded = self.timeline(timeline);
        render(&loaded, &self.path(name), &options, &mut |_| {}, &|| false).unwrap()
    }

    fn probe(&self) -> Value {
        let arguments = ["-v", "error", "-show_streams", "-show_format", "-show_chapters"];
        let output = Command::new("ffprobe")
            .args(arguments)
            .args(["-of", "json"])
            .arg(self.path("out.mp4"))
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What `ffmpeg -i out.mp4 <arguments> -` writes.
    fn ffmpeg(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(self.path("out.mp4"))
            .args(arguments)
            .arg("-")
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Luma of every frame.
    fn luma(&self, width: usize, height: usize) -> Vec<Vec<u8>> {
        self.ffmpeg(&["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
            .chunks_exact(width * height * 3 / 2)
            .map(|frame| frame[..width * height].to_vec())
            .collect()
    }
}

fn scenes(scenes: Value) -> Value {
    json!({"version": 1, "width": 320, "height": 180, "fps": 10, "scenes": scenes})
}

fn full() -> Value {
    json!({
        "version": 1, "width": 320, "height": 180, "fps": 10, "crossfade": 0.4,
        "scenes": [
            {"image": "white.png", "duration": 1.23, "motion": "zoom_in"},
            {"image": "black.png", "duration": 1.0}
        ],
        "captions": [
            {"start": 0.2, "end": 0.9, "text": "First line\nand a second"},
            {"start": 0.9, "end": 1.5, "text": "Tom & \"Jerry\" <5>"}
        ],
        "title": "A title",
        "chapters": [{"start": 0, "title": "One"}, {"start": 1.23, "title": "Two"}]
    })
}

#[test]
fn the_file_has_the_format_of_the_contract() {
    let studio = Studio::new();
    let report = studio.render(&full());
    let probe = studio.probe();
    let video = &probe["streams"][0];
    for (field, value) in [
        ("codec_name", "h264"),
        ("profile", "High"),
        ("pix_fmt", "yuv420p"),
        ("color_range", "tv"),
        ("color_space", "bt709"),
        ("color_transfer", "bt709"),
        ("color_primaries", "bt709"),
        ("field_order", "progressive"),
        ("r_frame_rate", "10/1"),
        ("avg_frame_rate", "10/1"),
        ("sample_aspect_ratio", "1:1"),
        ("start_time", "0.000000"),
        ("duration", "2.200000"),
        ("nb_frames", "22"),
    ] {
        assert_eq!(video[field], value, "video {field}");
    }
    assert_eq!(video["has_b_frames"], 2);
    let audio = &probe["streams"][1];
    for (field, value) in [
        ("codec_name", "aac"),
        ("profile", "LC"),
        ("sample_rate", "48000"),
        ("start_time", "0.000000"),
        ("duration", "2.200000"),
    ] {
        assert_eq!(audio[field], value, "audio {field}");
    }
    assert_eq!(audio["channels"], 2);
    assert_eq!(probe["format"]["tags"]["title"], "A title");
    assert_eq!(probe["chapters"][0]["tags"]["title"], "One");
    assert_eq!(probe["chapters"][0]["start_time"], "0.000000");
    assert_eq!(probe["chapters"][1]["start_time"], "1.230000");
    assert_eq!(probe["chapters"][1]["end_time"], "2.200000");
    let bytes = fs::read(studio.path("out.mp4")).unwrap();
    let place = |tag: &[u8]| bytes.windows(4).position(|window| window == tag);
    assert!(place(b"moov") < place(b"mdat"));
    assert_eq!(place(b"elst"), None);
    assert_eq!((report.frames, report.duration_s), (22, 2.2));
    assert_eq!(report.lufs, None);
}

#[test]
fn groups_are_closed_and_half_a_second_long() {
    let studio = Studio::new();
    studio.render(&scenes(json!([{"image": "white.png", "duration": 3.0}])));
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags"])
        .args(["-of", "csv=p=0"])
        .arg(studio.path("out.mp4"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let keys: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter(|(_, flags)| flags.starts_with('K'))
        .map(|(time, _)| time.parse().unwrap())
        .collect();
    assert_eq!(keys, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
}

#[test]
fn soft_captions_say_what_the_timeline_says() {
    let studio = Studio::new();
    studio.render(&full());
    let subtitles = String::from_utf8(studio.ffmpeg(&["-map", "0:s:0", "-f", "srt"])).unwrap();
    let subtitles = subtitles.replace("\r\n", "\n");
    let expected = "1\n00:00:00,200 --> 00:00:00,900\nFirst line\nand a second\n\n\
                    2\n00:00:00,900 --> 00:00:01,500\nTom & \"Jerry\" <5>\n\n";
    assert_eq!(subtitles, expected);
    let probe = studio.probe();
    assert_eq!(probe["streams"][2]["codec_name"], "mov_text");
    assert_eq!(probe["streams"][2]["tags"]["language"], "eng");
}

#[test]
fn without_captions_there_is_no_caption_track() {
    let studio = Studio::new();
    studio.render(&scenes(json!([{"image": "white.png", "duration": 1.0}])));
    assert_eq!(studio.probe()["streams"].as_array().unwrap().len(), 2);
}

#[test]
fn colours_come_out_as_they_went_in() {
    let studio = Studio::new();
    let colours =
        [[200, 30, 30], [30, 180, 30], [30, 30, 200], [250, 250, 250], [5, 5, 5], [128, 90, 60]];
    for motion in ["still", "zoom_in"] {
        for colour in colours {
            studio.flat("patch.png", colour);
            let scene = json!([{"image": "patch.png", "duration": 0.3, "motion": motion}]);
            studio.render(&scenes(scene));
            let filter = "scale=in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24";
            let rgb = studio.ffmpeg(&["-map", "0:v", "-vf", filter, "-f", "rawvideo"]);
            let middle = (90 * 320 + 160) * 3;
            for (seen, meant) in rgb[middle..middle + 3].iter().zip(colour) {
                assert!(
                    seen.abs_diff(meant) <= 3,
                    "{colour:?} became {:?}",
                    &rgb[middle..middle + 3]
                );
            }
        }
    }
}

#[test]
fn half_way_through_a_crossfade_both_scenes_count_the_same() {
    let studio = Studio::new();
    let fade = json!({"kind": "crossfade", "seconds": 1.0});
    studio.render(&scenes(json!([
        {"image": "white.png", "duration": 2.0, "transition": fade},
        {"image": "black.png", "duration": 2.0}
    ])));
    let luma: Vec<u8> = studio.luma(320, 180).iter().map(|frame| frame[90 * 320 + 160]).collect();
    assert!(luma[14] >= 233 && luma[25] <= 18, "{luma:?}");
    assert!(luma[20].abs_diff(126) <= 2, "{luma:?}");
    assert!(luma[15..=25].windows(2).all(|pair| pair[0] > pair[1]), "{luma:?}");
}

#[test]
fn a_cut_is_between_two_frames() {
    let studio = Studio::new();
    studio.render(&scenes(json!([
        {"image": "white.png", "duration": 1.0}, {"image": "black.png", "duration": 1.0}
    ])));
    let luma: Vec<u8> = studio.luma(320, 180).iter().map(|frame| frame[0]).collect();
    assert!(luma[9] >= 233 && luma[10] <= 18, "{luma:?}");
}

#[test]
fn a_flash_and_its_beep_are_together() {
    let studio = Studio::new();
    studio.beep("voice.wav", 3.0, 1.0..1.5);
    studio.render(&json!({
        "version": 1, "width": 320, "height": 180, "fps": 30, "narration": "voice.wav",
        "scenes": [{"image": "black.png", "duration": 1.0}, {"image": "white.png", "duration": 2.0}]
    }));
    let luma = studio.luma(320, 180);
    let flash = luma.iter().position(|frame| frame[0] > 126).unwrap() as f64 / 30.0;
    let sound = studio.ffmpeg(&["-map", "0:a", "-ac", "1", "-f", "s16le"]);
    let loud = sound
        .chunks_exact(2)
        .position(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]).unsigned_abs() > 2_000)
        .unwrap();
    let beep = loud as f64 / 48_000.0;
    assert!((flash - 1.0).abs() < 1e-9);
    assert!((beep - flash).abs() <= 0.010, "flash at {flash} s, beep at {beep} s");
    // The last AAC frame is whole; the file says that only its first part is played.
    assert!((144_000..144_000 + 1024).contains(&(sound.len() / 2)));
}

#[test]
fn a_hard_edge_glides_through_the_encoded_film() {
    let studio = Studio::new();
    studio.picture("edge.png", 960, 540, |x, _| if x < 420 { [20; 3] } else { [235; 3] });
    studio.render(&json!({
        "version": 1, "width": 320, "height": 180, "fps": 30,
        "scenes": [{"image": "edge.png", "duration": 3.0, "motion": "zoom_in"}]
    }));
    let frames = studio.luma(320, 180);
    let places: Vec<f64> = frames
        .iter()
        .map(|frame| {
            let row = &frame[90 * 320..91 * 320];
            let (dark, bright) = (f64::from(row[0]), f64::from(row[319]));
            row.iter().map(|&luma| (bright - f64::from(luma)) / (bright - dark)).sum()
        })
        .collect();
    let last = places.len() - 1;
    let speed = (places[last] - places[0]) / last as f64;
    let squares: f64 = places
        .iter()
        .enumerate()
        .map(|(index, place)| (place - places[0] - speed * index as f64).powi(2))
        .sum();
    let rms = (squares / places.len() as f64).sqrt();
    assert!(rms < 0.05, "{rms} px away from a straight line: {places:?}");
}

#[test]
fn drawings_are_there_from_enter_to_exit() {
    let studio = Studio::new();
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180">
        <rect width="100" height="100" fill="white"/></svg>"#;
    fs::write(studio.path("layer.svg"), svg).unwrap();
    let layer = json!([{"svg": "layer.svg", "enter": 0.5, "exit": 1.5}]);
    studio.render(&scenes(json!([{"image": "black.png", "duration": 2.0, "layers": layer}])));
    let luma: Vec<u8> = studio.luma(320, 180).iter().map(|frame| frame[50 * 320 + 50]).collect();
    assert!(luma[4] <= 18 && luma[7] >= 233 && luma[12] >= 233 && luma[15] <= 18, "{luma:?}");
}

#[test]
fn burned_captions_are_seen_in_their_time_only() {
    let studio = Studio::new();
    let mut timeline = full();
    timeline["caption_style"] = json!({"burn": true, "position": "middle", "highlight": true});
    timeline["scenes"][0]["image"] = json!("black.png");
    timeline["captions"] = json!([{"start": 0.5, "end": 1.5, "text": "Hello"}]);
    studio.render(&timeline);
    let brightest: Vec<u8> =
        studio.luma(320, 180).iter().map(|frame| frame.iter().copied().max().unwrap()).collect();
    assert!(brightest[4] <= 20 && brightest[5] > 200 && brightest[14] > 200, "{brightest:?}");
    assert!(brightest[15] <= 20, "{brightest:?}");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let studio = Studio::new();
    let first = studio.render_as(&full(), "one.mp4");
    let second = studio.render_as(&full(), "two.mp4");
    assert_eq!(first.sha256, second.sha256);
    assert_eq!(
        fs::read(studio.path("one.mp4")).unwrap(),
        fs::read(studio.path("two.mp4")).unwrap()
    );
}

#[test]
fn a_cancelled_render_leaves_nothing_behind() {
    let studio = Studio::new();
    let loaded = studio.timeline(&full());
    let out = studio.path("out.mp4");
    fs::write(&out, "an older video").unwrap();
    let seen = Cell::new(0);
    let result = render(
        &loaded,
        &out,
        &RenderOptions::default(),
        &mut |progress| seen.set(progress.frame),
        &|| seen.get() >= 3,
    );
    assert_eq!(result.unwrap_err().code, "cancelled");
    assert_eq!(seen.get(), 3);
    assert!(!studio.path("out.mp4.part").exists());
    assert_eq!(fs::read(&out).unwrap(), b"an older video");
}

#[test]
fn a_picture_that_breaks_off_is_named_and_leaves_no_file() {
    let studio = Studio::new();
    studio.picture("half.png", 400, 400, |x, y| [(x * y) as u8, x as u8, y as u8]);
    let bytes = fs::read(studio.path("half.png")).unwrap();
    fs::write(studio.path("half.png"), &bytes[..bytes.len() / 2]).unwrap();
    let loaded = studio.timeline(&scenes(json!([
        {"image": "white.png", "duration": 1.0}, {"image": "half.png", "duration": 1.0}
    ])));
    let out = studio.path("out.mp4");
    let result = render(&loaded, &out, &RenderOptions::default(), &mut |_| {}, &|| false);
    let error = result.unwrap_err();
    assert_eq!((error.code, error.place.as_str()), ("picture_unreadable", "scenes[1].image"));
    assert!(!out.exists() && !studio.path("out.mp4.part").exists());
}

#[test]
fn bad_options_and_places_are_refused() {
    let studio = Studio::new();
    let loaded = studio.timeline(&scenes(json!([{"image": "white.png", "duration": 0.2}])));
    let attempt = |out: &Path, options: &RenderOptions| {
        render(&loaded, out, options, &mut |_| {}, &|| false).unwrap_err().code
    };
    let good = RenderOptions::default();
    let out = studio.path("out.mp4");
    let preset = RenderOptions { preset: "warp".to_owned(), ..good.clone() };
    assert_eq!(attempt(&out, &preset), "render_preset");
    assert_eq!(attempt(&out, &RenderOptions { crf: 52, ..good.clone() }), "render_crf");
    assert_eq!(attempt(&studio.path("nowhere/out.mp4"), &good), "bad_output");
    assert_eq!(attempt(studio.folder.path(), &good), "bad_output");
    assert_eq!(attempt(&studio.path("white.png"), &good), "bad_output");
    assert_eq!(attempt(&studio.path("timeline.json"), &good), "bad_output");
}

#[test]
fn every_allowed_shape_can_be_rendered() {
    let studio = Studio::new();
    for (width, height, fps) in [(180, 320, 10), (16, 16, 1), (64, 16, 120), (18, 34, 7)] {
        let report = studio.render(&json!({
            "version": 1, "width": width, "height": height, "fps": fps, "crossfade": 0.5,
            "scenes": [
                {"image": "white.png", "duration": 1.0, "motion": "pan_up",
                 "focus": {"x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0}},
                {"image": "black.png", "duration": 1.0, "motion": "pan_right"}
            ]
        }));
        assert_eq!(report.frames, 2 * fps);
        let probe = studio.probe();
        assert_eq!(probe["streams"][0]["width"], width);
        assert_eq!(probe["streams"][0]["height"], height);
    }
}
