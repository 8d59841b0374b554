//! Cuts what is said into captions of at most two lines.
//!
//! Why it exists: captions that are late, cut or broken in the wrong place are among the first
//! things viewers complain about. Breaks fall where speech pauses, and nothing is left out.
//!
//! Architecture invariant: every word of every sentence is in exactly one caption, in order; a
//! caption starts when its first word is heard; captions never overlap.

use crate::domain::narration::{Narration, SpokenSentence};
use crate::domain::timeline::{Caption, CaptionWord};

use super::typeset::{Faces, Weight};

/// Size of burned-in captions in 16:9, as a share of the frame's height.
pub const CAPTION_SIZE_16_9: f64 = 0.050;
/// Size of burned-in captions in wide frames at most, as a share of the frame's width: in a nearly
/// square frame lines would otherwise hold too little.
pub const CAPTION_SIZE_WIDE_MOST: f64 = 0.040;
/// Size of burned-in captions in 9:16, as a share of the frame's width.
pub const CAPTION_SIZE_9_16: f64 = 0.0533;
/// Width of a caption's lines at most in 16:9, as a share of the frame's width.
pub const CAPTION_WIDTH_16_9: f64 = 0.80;
/// Width of a caption's lines at most in 9:16, as a share of the frame's width.
pub const CAPTION_WIDTH_9_16: f64 = 0.80;
/// Where the lower edge of a caption stands in 16:9, as a share of the frame's height.
pub const CAPTION_BASE_16_9: f64 = 0.945;
/// Where the lower edge of a caption stands in 9:16, as a share of the frame's height: clear of the
/// lowest fifth, where platforms put their buttons.
pub const CAPTION_BASE_9_16: f64 = 0.775;
/// Weight of burned-in captions.
pub const CAPTION_WEIGHT: Weight = Weight::Bold;
/// Lines of a caption at most.
pub const CAPTION_LINES: usize = 2;

/// How long a caption stays after its last word, in seconds.
const HOLD: f64 = 0.25;
/// How long a caption is seen at least, where the next one allows it, in seconds.
const SHORTEST: f64 = 0.8;
/// Captions that begin closer together than this cannot be told apart, in seconds.
const TOLD_APART: f64 = 0.001;
/// Characters that read comfortably in one caption.
const COMFORTABLE: f64 = 52.0;

/// How captions are measured for a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptionMetrics {
    /// Size in pixels.
    pub size: f64,
    /// Width of a line at most, in pixels.
    pub width: f64,
    /// Lower edge of a caption, in pixels from the top.
    pub base: f64,
}

impl CaptionMetrics {
    /// The metrics for a frame of this size in pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let tall = height > width;
        let (width, height) = (f64::from(width), f64::from(height));
        let (size, share, base) = if tall {
            (CAPTION_SIZE_9_16 * width, CAPTION_WIDTH_9_16, CAPTION_BASE_9_16)
        } else {
            let size = (CAPTION_SIZE_16_9 * height).min(CAPTION_SIZE_WIDE_MOST * width);
            (size, CAPTION_WIDTH_16_9, CAPTION_BASE_16_9)
        };
        Self { size, width: share * width, base: base * height }
    }
}

/// The captions of a narration for a frame of this size. Lines are separated by a line break.
#[must_use]
pub fn captions(narration: &Narration, width: u32, height: u32, faces: &Faces) -> Vec<Caption> {
    let metrics = CaptionMetrics::new(width, height);
    let mut cues = Vec::new();
    for sentence in &narration.sentences {
        let words = timed_words(sentence, &metrics, faces);
        cues.extend(cut(words, &metrics, faces));
    }
    separate(&mut cues, narration.duration_s);
    cues
}

/// The words of a sentence with times that never run backwards. A sentence without words is split
/// at white space; a word wider than a line is split into pieces.
fn timed_words(
    sentence: &SpokenSentence,
    metrics: &CaptionMetrics,
    faces: &Faces,
) -> Vec<CaptionWord> {
    let mut timed: Vec<CaptionWord> = Vec::new();
    let given: Vec<CaptionWord> = if sentence.words.is_empty() {
        let whole =
            CaptionWord { start: sentence.start, end: sentence.end, text: sentence.text.clone() };
        let pieces: Vec<&str> = sentence.text.split_whitespace().collect();
        spread(&whole, &pieces)
    } else {
        let word = |word: &crate::domain::narration::WordTime| CaptionWord {
            start: word.start,
            end: word.end,
            text: word.text.clone(),
        };
        sentence.words.iter().map(word).collect()
    };
    let mut earliest = 0.0f64;
    for mut word in given {
        word.start = word.start.max(earliest);
        word.end = word.end.max(word.start);
        earliest = word.end;
        let mut pieces: Vec<String> = Vec::new();
        for part in word.text.split_whitespace() {
            pieces.extend(faces.break_word(part, CAPTION_WEIGHT, metrics.size, metrics.width));
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        timed.extend(spread(&word, &pieces));
    }
    timed
}

/// Shares the time of `whole` out over `pieces` by their length.
fn spread(whole: &CaptionWord, pieces: &[&str]) -> Vec<CaptionWord> {
    let length = |text: &str| text.chars().count() as f64;
    let all: f64 = pieces.iter().map(|piece| length(piece)).sum();
    let span = (whole.end - whole.start).max(0.0);
    let mut passed = 0.0;
    let mut timed = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let start = whole.start + span * passed / all.max(1.0);
        passed += length(piece);
        let end = whole.start + span * passed / all.max(1.0);
        timed.push(CaptionWord { start, end, text: (*piece).to_owned() });
    }
    timed
}

/// Cuts the words of one sentence so that the sum of what each caption costs is smallest.
fn cut(words: Vec<CaptionWord>, metrics: &CaptionMetrics, faces: &Faces) -> Vec<Caption> {
    let count = words.len();
    // best[n]: cost of the first n words, and where their last caption begins.
    let mut best: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); count + 1];
    if let Some(nothing) = best.first_mut() {
        *nothing = (0.0, 0);
    }
    for end in 1..=count {
        for start in (0..end).rev() {
            let (Some(part), Some((before, _))) = (words.get(start..end), best.get(start).copied())
            else {
                continue;
            };
            let text = joined(part);
            let lines = faces.wrap(&text, CAPTION_WEIGHT, metrics.size, metrics.width).len();
            if lines > CAPTION_LINES && part.len() > 1 {
                break;
            }
            let next = words.get(end).map(|word| word.start);
            let total = before + cost(part, &text, start == 0, next);
            if let Some(slot) = best.get_mut(end)
                && total < slot.0
            {
                *slot = (total, start);
            }
        }
    }
    let mut starts = Vec::new();
    let mut end = count;
    while end > 0 {
        let start = best.get(end).map_or(0, |(_, start)| *start).min(end - 1);
        starts.push(start);
        end = start;
    }
    let mut cues = Vec::with_capacity(starts.len());
    let mut rest = words;
    for start in starts {
        let part = rest.split_off(start);
        let lines = faces.wrap(&joined(&part), CAPTION_WEIGHT, metrics.size, metrics.width);
        let first = part.first().map_or(0.0, |word| word.start);
        let last = part.last().map_or(first, |word| word.end);
        cues.push(Caption { start: first, end: last, text: lines.join("\n"), words: part });
    }
    cues.reverse();
    cues
}

fn joined(words: &[CaptionWord]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// What one caption costs: each costs something, and more when it is over-long, short, alone, or
/// ends where one does not pause.
fn cost(part: &[CaptionWord], text: &str, first: bool, next: Option<f64>) -> f64 {
    const LEANS_ON_NEXT: &[&str] = &[
        "a", "an", "the", "of", "in", "on", "at", "to", "for", "by", "with", "from", "and", "or",
        "but", "that", "which", "as", "its", "their", "his", "her", "is", "was", "were", "are",
        "not", "into", "than", "very", "about", "when", "who",
    ];
    let mut cost = 6.0;
    let excess = (text.chars().count() as f64 - COMFORTABLE).max(0.0);
    cost += excess * excess * 0.02;
    let whole_sentence = first && next.is_none();
    if part.len() == 1 && !whole_sentence {
        cost += 40.0;
    }
    if part.len() == 2 && !whole_sentence {
        cost += 6.0;
    }
    let start = part.first().map_or(0.0, |word| word.start);
    let until = next.or(part.last().map(|word| word.end + HOLD)).unwrap_or(start);
    cost += (SHORTEST - (until - start)).max(0.0) * 30.0;
    if until - start < TOLD_APART && next.is_some() {
        cost += 1.0e6;
    }
    if next.is_some() {
        let last = part.last().map(|word| word.text.as_str()).unwrap_or_default();
        let bare = last.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if last.ends_with([',', ';', ':', '—', '–', '.', '!', '?']) {
            cost -= 5.0;
        } else if LEANS_ON_NEXT.contains(&bare.as_str()) {
            cost += 9.0;
        }
    }
    cost
}

/// Gives every caption its hold and its shortest time, as far as the next one allows, and ends all
/// by `duration`.
fn separate(cues: &mut [Caption], duration: f64) {
    let mut earliest = 0.0f64;
    for cue in cues.iter_mut() {
        cue.start = cue.start.max(earliest);
        earliest = cue.start + TOLD_APART;
    }
    let mut next_start = duration;
    for cue in cues.iter_mut().rev() {
        let wanted = (cue.end + HOLD).max(cue.start + SHORTEST);
        // The last is only reached when times are damaged: a caption is still seen.
        cue.end = wanted.min(next_start).max(cue.start + TOLD_APART);
        next_start = cue.start;
    }
}

/// The captions as SubRip text.
#[must_use]
pub fn to_srt(captions: &[Caption]) -> String {
    let mut text = String::new();
    for (index, caption) in captions.iter().enumerate() {
        // A blank line would end the caption early.
        let lines: Vec<&str> =
            caption.text.lines().filter(|line| !line.trim().is_empty()).collect();
        let (start, end) = (srt_time(caption.start), srt_time(caption.end));
        text.push_str(&format!("{}\n{start} --> {end}\n{}\n\n", index + 1, lines.join("\n")));
    }
    text
}

/// Seconds as `hours:minutes:seconds,milliseconds`.
fn srt_time(seconds: f64) -> String {
    let millis = (seconds.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02},{:03}", millis / 1000 % 60, millis % 1000)
}

#[cfg(test)]
mod tests;
