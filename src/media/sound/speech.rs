//! One sentence from text to samples, by the flite voices that the system's libavfilter brings.
//!
//! Architecture invariant: one sentence per process. flite draws from a random state that lives as
//! long as the process, so that only the first sentence of a process is always the same.

use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::frame::Audio;

use crate::media::error::MediaError;

/// Says how speech was made; part of every cache key, so that a change of the voice or of this
/// code does not find old sounds.
pub const PRODUCER: &str = "flite 1";

/// Frames per second of every voice.
pub const SPEECH_RATE: u32 = 16_000;

/// Longest sentence in bytes.
pub const MAX_TEXT: usize = 4_000;

/// Longest speech in seconds; a voice that goes on longer is broken.
const MAX_SECONDS: usize = 600;

/// The voices of 16 kHz. The library's default (`kal`) has half of that and is not used.
pub const VOICES: [&str; 4] = ["slt", "rms", "awb", "kal16"];

/// Speaks `text` with `voice`; samples in [-1, 1] at [`SPEECH_RATE`].
///
/// # Errors
/// Input `unknown_voice`, `text_unspeakable`; machine `speech_missing` when FFmpeg was built without
/// flite; engine `speech_failed`.
pub fn speak(text: &str, voice: &str) -> Result<Vec<f32>, MediaError> {
    check(text, voice)?;
    ffmpeg_next::init().map_err(failed)?;
    let flite = filter::find("flite").ok_or_else(missing)?;
    let sink = filter::find("abuffersink").ok_or_else(missing)?;
    let mut graph = Graph::new();
    let arguments = format!("voice={voice}:text={}", escaped(text));
    let mut source = graph.add(&flite, "voice", &arguments).map_err(failed)?;
    let mut out = graph.add(&sink, "out", "").map_err(failed)?;
    source.link(0, &mut out, 0);
    graph.validate().map_err(failed)?;

    let mut samples = Vec::new();
    let mut frame = Audio::empty();
    loop {
        match out.sink().frame(&mut frame) {
            Ok(()) => take(&frame, &mut samples)?,
            Err(ffmpeg_next::Error::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if samples.is_empty() {
        let what = format!("the voice has nothing to say for {text:?}");
        return Err(MediaError::input("text_unspeakable", what));
    }
    Ok(samples)
}

fn check(text: &str, voice: &str) -> Result<(), MediaError> {
    if !VOICES.contains(&voice) {
        let what = format!("there is no voice {voice:?}");
        let advice = format!("use one of {}", VOICES.join(", "));
        return Err(MediaError::input("unknown_voice", what).remedy(advice));
    }
    let unspeakable = |what: &str| {
        let advice =
            "give a sentence with letters, without control characters, of at most 4000 bytes";
        Err(MediaError::input("text_unspeakable", what).remedy(advice))
    };
    if text.len() > MAX_TEXT {
        return unspeakable("the sentence is too long for the voice");
    }
    if text.chars().any(char::is_control) {
        return unspeakable("the sentence holds control characters");
    }
    if !text.chars().any(char::is_alphanumeric) {
        return unspeakable("the sentence has no letters");
    }
    Ok(())
}

/// For a value in a filter's argument string: `\`, `'` and `:` have a meaning there.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if matches!(character, '\\' | '\'' | ':') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn take(frame: &Audio, samples: &mut Vec<f32>) -> Result<(), MediaError> {
    let as_expected = frame.format() == Sample::I16(Type::Packed)
        && frame.channels() == 1
        && frame.rate() == SPEECH_RATE;
    if !as_expected {
        return Err(MediaError::engine(
            "speech_failed",
            "the voice speaks in an unexpected format",
        ));
    }
    if frame.samples() == 0 {
        return Ok(());
    }
    samples.extend(frame.plane::<i16>(0).iter().map(|value| f32::from(*value) / 32_768.0));
    if samples.len() > MAX_SECONDS * SPEECH_RATE as usize {
        return Err(MediaError::engine("speech_failed", "the voice does not come to an end"));
    }
    Ok(())
}

fn failed(error: ffmpeg_next::Error) -> MediaError {
    MediaError::engine("speech_failed", format!("the voice failed: {error}"))
}

fn missing() -> MediaError {
    MediaError::machine("speech_missing", "this FFmpeg has no flite voices")
        .remedy("install Debian's libavfilter, or configure another voice under [providers.voice]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_with_every_special_character_is_spoken() {
        let samples = speak(r"It's twelve: [a], b; 50% \ 'quoted' = done.", "slt").unwrap();
        assert!(samples.len() > SPEECH_RATE as usize, "{} samples", samples.len());
        assert!(samples.iter().any(|sample| sample.abs() > 0.1));
    }

    #[test]
    fn longer_text_takes_longer() {
        let short = speak("Rain.", "rms").unwrap().len();
        let long = speak("Rain falls on the hills and on the plains.", "rms").unwrap().len();
        assert!(long > 2 * short, "{short} {long}");
    }

    #[test]
    fn what_cannot_be_spoken_is_named() {
        assert_eq!(speak("Hello.", "kal").unwrap_err().code, "unknown_voice");
        assert_eq!(speak("... !", "slt").unwrap_err().code, "text_unspeakable");
        assert_eq!(speak("a\0b", "slt").unwrap_err().code, "text_unspeakable");
        assert_eq!(speak(&"a".repeat(MAX_TEXT + 1), "slt").unwrap_err().code, "text_unspeakable");
    }
}
