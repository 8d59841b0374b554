//! A disk that is full, as a limit on the size of files: one clear message with a remedy, exit code 1,
//! no panic; and with room again the same command goes on with nothing lost.

use super::site::{Ran, Site, ran};
use super::trace::{commits, done_again, executions, verified, videos};

/// Runs the demo with the limit, then without: it must fail clearly, then finish the round.
async fn fails_then_goes_on(site: &Site, limit: u64, round: u64, library: usize) -> Ran {
    let history = if site.journal().exists() { commits(&site.journal()) } else { Vec::new() };
    let failed = ran(&mut site.command_with_file_limit(limit, &["demo", "--json"])).await;
    let failed = failed.ended_with(1);
    let error = failed.json()["error"].clone();
    assert!(!failed.error_code().is_empty(), "{failed:#?}");
    assert!(error["remedy"].is_string(), "no remedy: {failed:#?}");
    let says_so = ["no room", "File too large", "limit of file size"];
    let message = error["message"].as_str().unwrap();
    assert!(says_so.iter().any(|words| message.contains(words)), "{message}");
    if history.is_empty() && !site.journal().join("0000000000000001.seg").exists() {
        assert_eq!(failed.error_code(), "disk_full");
    } else {
        let found = verified(&site.journal());
        assert!(found.ok, "{found:?}");
        assert!(commits(&site.journal()).starts_with(&history), "events are gone");
    }

    let report = site.run(&["demo", "--json"]).await.ended_with(0).json();
    assert_eq!(report["round"].as_u64(), Some(round), "{report:#}");
    assert_eq!(report["videos"].as_array().map(Vec::len), Some(2), "{report:#}");
    assert_eq!(videos(&site.state().join("library")).len(), library);
    let executions = executions(&site.execution_log());
    assert!(done_again(&executions).is_empty(), "{executions:#?}");
    assert!(verified(&site.journal()).ok);
    failed
}

#[tokio::test]
async fn no_room_for_the_journal_is_told_and_nothing_is_begun() {
    let site = Site::two_channels();
    fails_then_goes_on(&site, 64 * 1024, 1, 2).await;
}

#[tokio::test]
async fn no_room_for_the_next_frame_stops_the_node_and_loses_nothing() {
    let site = Site::finished().await;
    let end = super::trace::JournalEnd::of(&site.journal()).offset();
    let failed = fails_then_goes_on(&site, end + 100, 2, 4).await;
    assert_eq!(failed.error_code(), "disk_full");
}

#[tokio::test]
async fn no_room_for_sounds_and_films_parks_the_videos_and_the_next_run_makes_them() {
    let site = Site::finished().await;
    fails_then_goes_on(&site, 300_000, 2, 4).await;
}

#[tokio::test]
async fn no_room_for_a_film_is_told_by_render() {
    let site = Site::bare();
    let picture = image::RgbImage::from_fn(640, 360, |x, y| {
        image::Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8])
    });
    picture.save(site.path().join("a.png")).unwrap();
    let timeline = r#"{"version":1,"width":640,"height":360,"fps":10,"scenes":[{"image":"a.png","duration":3.0,"motion":"zoom_in"}]}"#;
    site.write("timeline.json", timeline.as_bytes());
    let args = ["render", "timeline.json", "--out", "film.mp4", "--json"];
    let failed = ran(&mut site.command_with_file_limit(20_000, &args)).await.ended_with(1);
    assert!(!failed.error_code().is_empty());
    assert!(failed.json()["error"]["remedy"].is_string(), "{failed:#?}");
    assert!(!site.path().join("film.mp4").exists(), "half a film is left");
    site.run(&args).await.ended_with(0);
}
