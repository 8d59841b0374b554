use crate::domain::ids::{Attempt, Take, WorkflowId};
use crate::domain::stage::StageName;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn jobs() -> impl Strategy<Value = Job> {
    let path = || "[a-zA-Z0-9 /._\\-äß\"\\\\]{1,30}".prop_map(PathBuf::from);
    let sentence = (0_usize..20, "\\PC{0,60}", "\\PC{0,60}")
        .prop_map(|(scene, text, spoken)| SentenceToSpeak { scene, text, spoken });
    let narrate = (proptest::collection::vec(sentence, 0..5), path(), path(), path()).prop_map(
        |(sentences, cache, wav, times)| {
            let (voice, pauses) = ("slt".to_owned(), Pauses::default());
            Job::Narrate(NarrateJob { sentences, voice, pauses, cache, wav, times })
        },
    );
    let speak = ("\\PC{0,80}", path())
        .prop_map(|(text, out)| Job::Speak(SpeakJob { text, voice: "rms".to_owned(), out }));
    let drawing = (path(), 1_u32..4_000, 1_u32..4_000, path())
        .prop_map(|(svg, width, height, out)| Drawing { svg, width, height, out });
    let music = (any::<u64>(), 0.0..600.0, path()).prop_map(|(seed, seconds, out)| {
        // Whole milliseconds: the text form of a float is not what is tested here.
        let seconds = f64::round(seconds * 1_000.0) / 1_000.0;
        MusicOrder { seed, mood: "calm".to_owned(), seconds, out }
    });
    let render = (
        path(),
        path(),
        proptest::collection::vec(drawing.clone(), 0..3),
        proptest::option::of(drawing),
        proptest::option::of(music),
    )
        .prop_map(|(timeline, out, cards, thumbnail, music)| {
            let options = EncodeOptions { preset: "veryfast".to_owned(), crf: 20, threads: 0 };
            Job::Render(RenderJob { timeline, out, options, cards, thumbnail, music })
        });
    let crash = Just(Job::CrashTest(CrashTestJob { how: CrashKind::Hang }));
    prop_oneof![narrate, speak, render, crash]
}

fn envelopes() -> impl Strategy<Value = JobEnvelope> {
    let ticket = (any::<u128>(), 0_u32..9, 0_u32..9).prop_map(|(id, take, attempt)| Ticket {
        workflow: WorkflowId(Uuid::from_u128(id)),
        stage: StageName::Render,
        take: Take(take),
        attempt: Attempt(attempt),
    });
    (jobs(), proptest::option::of(ticket), 0_u8..20, any::<u32>()).prop_map(
        |(job, ticket, niceness, parent_pid)| JobEnvelope {
            ticket,
            niceness,
            parent_pid,
            ..JobEnvelope::new(job)
        },
    )
}

fn reports() -> impl Strategy<Value = Report> {
    let failure = ("[a-z_]{1,20}", "\\PC{0,50}");
    prop_oneof![
        Just(Report::Heartbeat),
        (0_u32..=1_000, "\\PC{0,50}").prop_map(|(done, note)| {
            Report::Progress(Progress { done: f64::from(done) / 1_000.0, note })
        }),
        "\\PC{0,50}".prop_map(|text| Report::Done { result: Value::String(text) }),
        failure.prop_map(|(code, message)| Report::Failed {
            failure: Failure::transient(&code, message)
        }),
    ]
}

proptest! {
    #[test]
    fn an_envelope_survives_its_line(envelope in envelopes()) {
        let line = envelope.to_line().unwrap();
        let (feed, body) = line.split_last().unwrap();
        prop_assert_eq!(*feed, b'\n');
        prop_assert!(!body.contains(&b'\n'), "one line only");
        prop_assert_eq!(JobEnvelope::from_line(body).unwrap(), envelope);
    }

    #[test]
    fn a_report_survives_its_line(report in reports()) {
        let line = report.to_line().unwrap();
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert_eq!(Report::from_line(&line[..line.len() - 1]).unwrap(), report);
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error_but_never_a_panic(bytes: Vec<u8>) {
        let _ = JobEnvelope::from_line(&bytes);
        let _ = Report::from_line(&bytes);
    }

    #[test]
    fn a_damaged_line_is_never_a_panic(
        envelope in envelopes(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index
    ) {
        let mut line = envelope.to_line().unwrap();
        let place = at.index(line.len());
        line[place] = byte;
        line.truncate(cut.index(line.len()) + 1);
        let _ = JobEnvelope::from_line(&line);
    }
}

#[test]
fn the_words_on_the_wire_are_as_agreed() {
    let progress = Report::Progress(Progress { done: 0.25, note: "frame 5 of 20".to_owned() });
    let lines = [
        Report::Heartbeat.to_line().unwrap(),
        progress.to_line().unwrap(),
        Report::Done { result: Value::Null }.to_line().unwrap(),
        Report::Failed { failure: Failure::permanent("c", "m") }.to_line().unwrap(),
    ]
    .concat();
    let expected = r#"{"type":"heartbeat"}
{"type":"progress","done":0.25,"note":"frame 5 of 20"}
{"type":"done","result":null}
{"type":"failed","failure":{"class":"Permanent","code":"c","message":"m"}}
"#;
    assert_eq!(String::from_utf8(lines).unwrap(), expected);
}

#[test]
fn another_version_is_named_even_when_its_fields_are_unknown() {
    let error = JobEnvelope::from_line(br#"{"version":2,"shape":"new"}"#).unwrap_err();
    assert!(matches!(error, ProtocolError::Version { found: 2 }), "{error}");
}

#[test]
fn unknown_fields_are_refused() {
    let line = br#"{"version":1,"ticket":null,"execution_log":null,"parent_pid":1,"niceness":0,
        "job":{"kind":"speak","text":"a","voice":"slt","out":"o","louder":true}}"#;
    let error = JobEnvelope::from_line(line).unwrap_err();
    assert_eq!(error.code(), "worker_line_malformed");
    assert!(error.to_string().contains("louder"), "{error}");
}

#[test]
fn progress_beyond_the_whole_is_refused() {
    let error = Report::from_line(br#"{"type":"progress","done":1.5,"note":""}"#).unwrap_err();
    assert_eq!(error.code(), "worker_value_out_of_range");
}

#[test]
fn a_report_that_is_too_long_is_refused_on_both_sides() {
    let huge = Report::Done { result: Value::String("x".repeat(MAX_REPORT_BYTES)) };
    assert!(matches!(huge.to_line().unwrap_err(), ProtocolError::TooLong { .. }));
    let bytes = serde_json::to_vec(&huge).unwrap();
    assert!(matches!(Report::from_line(&bytes).unwrap_err(), ProtocolError::TooLong { .. }));
}

#[test]
fn deep_nesting_is_an_error() {
    let line = [br#"{"type":"done","result":"#.to_vec(), vec![b'['; 50_000]].concat();
    assert!(Report::from_line(&line).is_err());
}
