//! When each word of a sentence is heard, estimated: flite does not say.
//!
//! Words get shares of the time in which the voice sounds, by their syllables and letters; rests
//! between them belong to no word. Captions show other words than the voice speaks ("1969" for
//! "nineteen sixty-nine"), so the two are aligned first.

use crate::domain::narration::WordTime;

/// Length of the frames in which the voice is found sounding or not, in seconds.
const FRAME_S: f64 = 0.01;

/// A frame whose peak is below this part of the sentence's peak is a rest.
const REST_BELOW: f32 = 0.02;

/// A rest between two phrases takes at least so many frames.
const PHRASE_REST: usize = 8;

/// The words of `text` with their times, when `samples` (from the first to the last audible one, at
/// `rate`) are `spoken` and begin at `start` seconds. Times ascend and stay inside the sentence.
#[must_use]
pub fn word_times(
    text: &str,
    spoken: &str,
    samples: &[f32],
    rate: u32,
    start: f64,
) -> Vec<WordTime> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let weights = shown_weights(&words, &spoken.split_whitespace().collect::<Vec<_>>());
    let end = samples.len() as f64 / f64::from(rate);
    let sounding = sounding_frames(samples, rate);
    let mut times = Vec::with_capacity(words.len());
    let mut from = 0;
    for (to, frames) in phrases(&words, &sounding) {
        let weights = weights.get(from..to).unwrap_or_default();
        let names = words.get(from..to).unwrap_or_default();
        let total: f64 = weights.iter().sum();
        let mut before = 0.0;
        for (word, weight) in names.iter().zip(weights) {
            let begins = begin_of(frames, before / total).unwrap_or(0.0).min(end);
            before += weight;
            let ends = end_of(frames, before / total).unwrap_or(end).clamp(begins, end);
            let text = (*word).to_owned();
            times.push(WordTime { text, start: start + begins, end: start + ends });
        }
        from = to;
    }
    times
}

/// The sentence cut at its punctuation where the voice rests there: up to which word each phrase
/// goes, and the frames in which it sounds. One phrase when there are fewer rests than marks.
fn phrases<'a>(words: &[&str], sounding: &'a [usize]) -> Vec<(usize, &'a [usize])> {
    let inner = words.len().saturating_sub(1);
    let marks: Vec<usize> = words
        .iter()
        .take(inner)
        .enumerate()
        .filter(|(_, word)| word.ends_with([',', ';', ':', '.', '!', '?', '–', '—', ')']))
        .map(|(index, _)| index + 1)
        .collect();
    let mut rests: Vec<(usize, usize)> = sounding
        .windows(2)
        .enumerate()
        .filter_map(|(index, pair)| match pair {
            [before, after] if after - before > PHRASE_REST => Some((after - before, index + 1)),
            _ => None,
        })
        .collect();
    if rests.len() < marks.len() {
        return vec![(words.len(), sounding)];
    }
    // The longest rests are those of the punctuation.
    rests.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    rests.truncate(marks.len());
    let mut cuts: Vec<usize> = rests.into_iter().map(|(_, cut)| cut).collect();
    cuts.sort_unstable();
    cuts.push(sounding.len());
    let mut from = 0;
    let ends = marks.into_iter().chain([words.len()]);
    ends.zip(cuts)
        .map(|(end, cut)| {
            let frames = sounding.get(from..cut).unwrap_or_default();
            from = cut;
            (end, frames)
        })
        .collect()
}

/// Indices of the frames in which the voice sounds.
fn sounding_frames(samples: &[f32], rate: u32) -> Vec<usize> {
    let length = ((f64::from(rate) * FRAME_S) as usize).max(1);
    let peak_of = |samples: &[f32]| samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let floor = peak_of(samples) * REST_BELOW;
    samples
        .chunks(length)
        .enumerate()
        .filter(|(_, frame)| peak_of(frame) > floor)
        .map(|(index, _)| index)
        .collect()
}

/// The second at which the part `share` of the sounding time has passed and sounding goes on.
fn begin_of(sounding: &[usize], share: f64) -> Option<f64> {
    let position = share * sounding.len() as f64;
    let frame = sounding.get(position as usize).or(sounding.last())?;
    Some((*frame as f64 + position.fract()) * FRAME_S)
}

/// The second at which the part `share` of the sounding time has just passed.
fn end_of(sounding: &[usize], share: f64) -> Option<f64> {
    let position = share * sounding.len() as f64;
    // A whole number of frames ends with the frame before, not after the rest that may follow.
    let last = (position.ceil() as usize).saturating_sub(1).min(sounding.len().saturating_sub(1));
    let frame = sounding.get(last)?;
    Some((*frame as f64 + (position - last as f64).clamp(0.0, 1.0)) * FRAME_S)
}

/// How long each shown word takes, relative to the others: the weights of the spoken words that
/// stand for it.
fn shown_weights(shown: &[&str], spoken: &[&str]) -> Vec<f64> {
    let mut weights = vec![0.0; shown.len()];
    let (mut from_shown, mut from_spoken) = (0, 0);
    let mut pairs = matched(shown, spoken);
    pairs.push((shown.len(), spoken.len()));
    for (at_shown, at_spoken) in pairs {
        // Words between two matches: the spoken ones together stand for the shown ones together.
        let group = weights.get_mut(from_shown..at_shown).unwrap_or_default();
        let names = shown.get(from_shown..at_shown).unwrap_or_default();
        let time: f64 = spoken
            .get(from_spoken..at_spoken)
            .unwrap_or_default()
            .iter()
            .map(|word| weight(word))
            .sum();
        let total: f64 = names.iter().map(|word| weight(word)).sum();
        for (slot, word) in group.iter_mut().zip(names) {
            *slot = if time > 0.0 { time * weight(word) / total } else { weight(word) };
        }
        if let (Some(slot), Some(word)) = (weights.get_mut(at_shown), spoken.get(at_spoken)) {
            *slot = weight(word);
        }
        (from_shown, from_spoken) = (at_shown + 1, at_spoken + 1);
    }
    weights
}

/// The longest common subsequence of two word lists, as pairs of indices.
fn matched(shown: &[&str], spoken: &[&str]) -> Vec<(usize, usize)> {
    let shown: Vec<String> = shown.iter().map(|word| bare(word)).collect();
    let spoken: Vec<String> = spoken.iter().map(|word| bare(word)).collect();
    let width = spoken.len() + 1;
    // lengths[i * width + j]: how many of shown[i..] and spoken[j..] can be matched.
    let mut lengths = vec![0_u32; (shown.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for (i, left) in shown.iter().enumerate().rev() {
        for (j, right) in spoken.iter().enumerate().rev() {
            lengths[at(i, j)] = if left == right {
                lengths[at(i + 1, j + 1)] + 1
            } else {
                lengths[at(i + 1, j)].max(lengths[at(i, j + 1)])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(left), Some(right)) = (shown.get(i), spoken.get(j)) {
        if left == right {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[at(i + 1, j)] >= lengths[at(i, j + 1)] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How long a word takes, relative to others: mostly its syllables, a little its letters.
fn weight(word: &str) -> f64 {
    let bare = bare(word);
    let letters = bare.chars().count() as f64;
    let digits = bare.chars().filter(char::is_ascii_digit).count() as f64;
    let mut syllables = digits * 1.5;
    let mut after_vowel = false;
    for letter in bare.chars() {
        let is_vowel = matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        if is_vowel && !after_vowel {
            syllables += 1.0;
        }
        after_vowel = is_vowel;
    }
    if bare.ends_with('e') && syllables > 1.0 {
        syllables -= 1.0;
    }
    0.3 + syllables + 0.25 * letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_fill_the_sentence_in_order() {
        let words = word_times("The river rises.", "the river rises", &[0.5; 1_600], 1_000, 2.0);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["The", "river", "rises."]);
        assert_eq!((words[0].start, words[2].end), (2.0, 3.6));
        assert!(words[1].end - words[1].start > words[0].end - words[0].start);
    }

    #[test]
    fn a_rest_belongs_to_no_word() {
        let samples = [vec![0.5; 500], vec![0.0; 300], vec![0.5; 500]].concat();
        let words = word_times("Alpha, omega", "alpha, omega", &samples, 1_000, 0.0);
        assert!((words[0].end - 0.5).abs() < 0.011, "{words:?}");
        assert!((words[1].start - 0.8).abs() < 0.011, "{words:?}");
    }

    #[test]
    fn a_number_takes_as_long_as_its_words() {
        let shown = ["In", "1969", "men", "walked"];
        let spoken = ["in", "nineteen", "sixty", "nine", "men", "walked"];
        let weights = shown_weights(&shown, &spoken);
        let year = weight("nineteen") + weight("sixty") + weight("nine");
        assert_eq!(weights, [weight("in"), year, weight("men"), weight("walked")]);
    }

    proptest! {
        #[test]
        fn times_ascend_and_stay_inside(
            text in "\\PC{0,60}", spoken in "\\PC{0,60}",
            samples in proptest::collection::vec(prop_oneof![Just(0.0_f32), -1.0_f32..1.0], 1..3_000)
        ) {
            let words = word_times(&text, &spoken, &samples, 1_000, 5.0);
            prop_assert_eq!(words.len(), text.split_whitespace().count());
            let mut last = 5.0;
            for word in &words {
                prop_assert!(word.start >= last - 1e-9 && word.end >= word.start, "{words:?}");
                last = word.end;
            }
            prop_assert!(last <= 5.0 + samples.len() as f64 / 1_000.0 + 1e-9);
        }
    }
}
