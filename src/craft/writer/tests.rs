use super::*;
use crate::craft::similarity::sentence_digest;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;

const SALT: &str = "Salt makes water boil at a slightly higher temperature than fresh water does. \
    It does so because the salt holds the water molecules back. The effect is far too small to \
    matter in a pot of pasta. Cooks in Italy add about ten grams of salt to every litre of water. \
    The salt seasons the pasta while the starch swells.\n\n\
    Sea water holds about 35 grams of salt in each litre. That is too much for most dishes. \
    A chef in Naples measured the boiling point of sea water in 1978 and found 100.6 degrees. \
    The salt of the sea comes from rivers that wash it out of the rocks. \
    Salt was once so precious that soldiers in Rome received an allowance for buying it.";

fn topic(text: &str) -> Topic {
    let story = Story {
        id: "salt-1".to_owned(),
        title: "Salt in the pasta water".to_owned(),
        url: Some("https://example.org/salt".to_owned()),
        published: Timestamp(0),
        text: text.to_owned(),
        tags: vec!["salt".to_owned()],
        views: None,
        source: "The Pot".to_owned(),
        reference: Some("A Cook, Salt, 1999.".to_owned()),
    };
    Topic {
        key: "salt".to_owned(),
        title: story.title.clone(),
        score: 0.5,
        why: Vec::new(),
        stories: vec![story],
    }
}

fn brief<'a>(topic: &'a Topic, seconds: (f64, f64), used: &'a BTreeSet<u64>) -> WriterBrief<'a> {
    WriterBrief {
        topic,
        related: &[],
        style: Style::Educational,
        tone: "warm",
        audience: "families",
        language: "en",
        seconds,
        scenes: (3, 4),
        pace: Pace::default(),
        used,
        credits: BUILT_IN_CREDITS,
        seed: 3,
    }
}

#[test]
fn the_same_brief_gives_the_same_script() {
    let (topic, used) = (topic(SALT), BTreeSet::new());
    let brief = brief(&topic, (25.0, 40.0), &used);
    assert_eq!(write(&brief).unwrap(), write(&brief).unwrap());
    assert_eq!(write(&brief).unwrap().writer, WRITER);
}

#[test]
fn a_script_opens_and_signs_off_in_the_channels_tone_and_fits() {
    let (topic, used) = (topic(SALT), BTreeSet::new());
    let script = write(&brief(&topic, (25.0, 40.0), &used)).unwrap();
    let kinds: Vec<SentenceKind> = script.sentences().map(|(_, said)| said.kind).collect();
    assert_eq!(kinds.first(), Some(&SentenceKind::Opening));
    assert_eq!(kinds.last(), Some(&SentenceKind::SignOff));
    assert!((25.0..=40.0).contains(&estimated_seconds(&script, &Pace::default())));
    assert!((3..=4).contains(&script.scenes.len()));
}

#[test]
fn a_sentence_that_leans_follows_the_one_it_leans_on() {
    let (topic, used) = (topic(SALT), BTreeSet::new());
    for seconds in [(20.0, 25.0), (25.0, 30.0), (30.0, 40.0)] {
        let script = write(&brief(&topic, seconds, &used)).unwrap();
        let said: Vec<&str> = script.sentences().map(|(_, said)| said.text.as_str()).collect();
        let before = |start: &str| {
            let at = said.iter().position(|text| text.starts_with(start))?;
            said.get(at.checked_sub(1)?).copied()
        };
        assert!(before("It does so").is_none_or(|text| text.starts_with("Salt makes")));
        assert!(before("That is too").is_none_or(|text| text.starts_with("Sea water")));
    }
}

#[test]
fn a_sentence_that_was_told_is_not_told_again() {
    let topic = topic(SALT);
    let none = BTreeSet::new();
    let first = write(&brief(&topic, (20.0, 24.0), &none)).unwrap();
    let told: Vec<&str> = first
        .sentences()
        .filter(|(_, said)| said.kind == SentenceKind::Source)
        .map(|(_, said)| said.text.as_str())
        .collect();
    let used: BTreeSet<u64> = told.iter().map(|text| sentence_digest(text)).collect();
    if let Ok(second) = write(&brief(&topic, (20.0, 40.0), &used)) {
        assert!(second.sentences().all(|(_, said)| !told.contains(&said.text.as_str())));
    }
}

#[test]
fn too_little_text_is_a_permanent_failure_that_says_so() {
    let (topic, used) = (topic("Salt is salty. That is all."), BTreeSet::new());
    for seconds in [(45.0, 75.0), (9.0, 12.0)] {
        let error = write(&brief(&topic, seconds, &used)).unwrap_err();
        assert_eq!(error.code(), "not_enough_text");
        assert_eq!(error.to_failure().class.name(), "permanent");
    }
}

#[test]
fn a_few_seconds_take_one_sentence_that_fits() {
    let (topic, used) = (topic(SALT), BTreeSet::new());
    let script = write(&brief(&topic, (3.0, 6.0), &used)).unwrap();
    assert!(estimated_seconds(&script, &Pace::default()) <= 6.0);
    assert!((1..=2).contains(&script.scenes.len()));
}

#[test]
fn leaning_sentences_are_recognised() {
    for leaning in [
        "He then flew home.",
        "The crew also slept.",
        "A crust cannot hold back that pressure, because it is full of cracks.",
        "Such pickles are sharp.",
        "In 2002 a team reported its discovery.",
        "The second enzyme was overlooked.",
    ] {
        assert!(leaning::leans(leaning), "{leaning}");
    }
    for alone in [
        "Apollo 8 lifted off on 21 December 1968.",
        "Those who dry a steak first brown it sooner.",
        "Foods such as bread brown at once.",
        "Two spacecraft used an alignment of planets that returns every 176 years.",
    ] {
        assert!(!leaning::leans(alone), "{alone}");
    }
}
