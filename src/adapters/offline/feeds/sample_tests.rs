//! The sample feeds, from file to script.

use super::*;
use crate::craft::merge::{MergeRule, TopicProfile, merge, not_told_before};
use crate::craft::pace::Pace;
use crate::craft::scoring::{ScoreBasis, score};
use crate::craft::writer::{BUILT_IN_CREDITS, WriterBrief, estimated_seconds, write};
use crate::domain::timestamp::Timestamp;
use std::collections::BTreeSet;

#[test]
fn show() {
    for (niche, tone) in [("spaceflight", "calm"), ("kitchen-science", "curious, wry")] {
        let mut files: Vec<_> = std::fs::read_dir(format!("data/samples/{niche}")).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let sources: Vec<_> = files.into_iter().map(FeedSource::File).collect();
        let harvest = read_all(&sources);
        let groups = merge(&harvest.stories, &MergeRule::default());
        let basis = ScoreBasis { as_of: Timestamp::parse("2026-11-15T12:00:00Z").unwrap(), half_life_hours: 72.0, niche: niche.replace('-', " ") };
        let used = BTreeSet::new();
        for (round, topic) in score(&groups, &basis).iter().enumerate() {
            let brief = WriterBrief { topic, tone, audience: "curious adults", language: "en", seconds: (45.0, 75.0), scenes: (6, 8), pace: Pace::default(), used: &used, credits: BUILT_IN_CREDITS, seed: round as u64 };
            match write(&brief) {
                Err(error) => println!("!! {error}"),
                Ok(script) => {
                    println!("\n# {} {:.3} {:.1} s, {} scenes", script.title, topic.score, estimated_seconds(&script, &Pace::default()), script.scenes.len());
                    for scene in &script.scenes {
                        println!("  [{}] {}", scene.number, scene.heading);
                        for s in &scene.sentences { println!("      {}{}", if s.kind == crate::domain::script::SentenceKind::Source { "" } else { "~ " }, s.text); }
                    }
                }
            }
            let brief = WriterBrief { seconds: (3.0, 6.0), scenes: (1, 2), ..brief };
            match write(&brief) {
                Err(error) => println!("!! {error}"),
                Ok(script) => println!("   SHORT {:.1} s: {:?}", estimated_seconds(&script, &Pace::default()), script.sentences().map(|(i, s)| format!("{i} {}", s.text)).collect::<Vec<_>>()),
            }
        }
    }
}
