use proptest::prelude::*;

use super::*;
use crate::craft::typeset::tests::faces_once;
use crate::domain::narration::WordTime;

/// A narration whose words take time by their length, with a pause after each sentence.
fn narration(sentences: &[String], per_character: f64) -> Narration {
    let mut at = 0.35;
    let mut spoken = Vec::new();
    for text in sentences {
        let start = at;
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            let end = at + per_character * word.chars().count() as f64;
            words.push(WordTime { text: word.to_owned(), start: at, end });
            at = end;
        }
        spoken.push(SpokenSentence { scene: 0, text: text.clone(), start, end: at, words });
        at += 0.4;
    }
    Narration { duration_s: at, sample_rate: 16_000, voice: "test".into(), sentences: spoken }
}

const SIZES: [(u32, u32); 4] = [(1920, 1080), (1080, 1920), (320, 180), (180, 320)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_is_lost_and_nothing_overlaps(
        sentences in prop::collection::vec("[A-Za-z,.;]{1,14}( [A-Za-z,.;]{1,14}){0,30}", 1..5),
        size in 0usize..4,
        per_character in 0.02..0.12f64,
    ) {
        let narration = narration(&sentences, per_character);
        let (width, height) = SIZES[size];
        let cues = captions(&narration, width, height, faces_once());
        let metrics = CaptionMetrics::new(width, height);

        let said: Vec<&str> =
            narration.sentences.iter().flat_map(|one| one.words.iter().map(|w| w.text.as_str())).collect();
        let shown: Vec<&str> =
            cues.iter().flat_map(|cue| cue.words.iter().map(|w| w.text.as_str())).collect();
        prop_assert_eq!(&said, &shown);
        let read: Vec<&str> = cues.iter().flat_map(|cue| cue.text.split_whitespace()).collect();
        prop_assert_eq!(&said, &read);

        for cue in &cues {
            prop_assert!(cue.text.lines().count() <= CAPTION_LINES);
            for line in cue.text.lines() {
                prop_assert!(faces_once().measure(line, CAPTION_WEIGHT, metrics.size) <= metrics.width);
            }
            prop_assert!((cue.start - cue.words[0].start).abs() < 0.001);
            prop_assert!(cue.end > cue.start && cue.end <= narration.duration_s);
            prop_assert!(cue.end >= cue.words[cue.words.len() - 1].end - 1e-9);
        }
        for pair in cues.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        for sentence in &narration.sentences {
            prop_assert!(cues.iter().any(|cue| (cue.start - sentence.start).abs() < 0.001));
        }
    }

    #[test]
    fn damaged_times_and_any_words_still_give_captions_in_order(
        words in prop::collection::vec(("\\PC{0,80}", -2.0..9.0f64, -2.0..9.0f64), 0..20),
    ) {
        let words: Vec<WordTime> = words
            .into_iter()
            .map(|(text, start, end)| WordTime { text, start, end })
            .collect();
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let said: String = text.split_whitespace().collect();
        let sentence = SpokenSentence { scene: 0, text, start: 0.0, end: 9.0, words };
        let narration = Narration {
            duration_s: 9.5,
            sample_rate: 16_000,
            voice: "test".into(),
            sentences: vec![sentence],
        };
        let cues = captions(&narration, 1080, 1920, faces_once());
        let shown: String =
            cues.iter().flat_map(|cue| cue.text.split_whitespace()).collect();
        prop_assert_eq!(said, shown);
        for cue in &cues {
            prop_assert!(cue.text.lines().count() <= CAPTION_LINES && cue.end > cue.start);
        }
        for pair in cues.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start + 1e-9);
        }
    }
}

#[test]
fn captions_break_where_one_pauses_and_leave_no_word_alone() {
    let text = "When the crew heard the bang, they looked at the oxygen gauges, and one of the two \
                tanks was already empty.";
    let cues = captions(&narration(&[text.to_owned()], 0.06), 1080, 1920, faces_once());
    let shown: Vec<String> = cues.iter().map(|cue| cue.text.replace('\n', " ")).collect();
    assert_eq!(shown[0], "When the crew heard the bang,");
    assert!(cues.iter().all(|cue| cue.words.len() > 1), "{shown:?}");
    assert!(cues.iter().all(|cue| cue.end - cue.start >= SHORTEST), "{shown:?}");
}

#[test]
fn subrip_text_has_numbers_times_and_lines() {
    let cue = |start: f64, end: f64, text: &str| Caption {
        start,
        end,
        text: text.to_owned(),
        words: Vec::new(),
    };
    let srt = to_srt(&[cue(0.35, 2.0, "two\nlines"), cue(3_723.004_4, 3_725.0, "later")]);
    assert_eq!(
        srt,
        "1\n00:00:00,350 --> 00:00:02,000\ntwo\nlines\n\n\
         2\n01:02:03,004 --> 01:02:05,000\nlater\n\n"
    );
}
