//! Which frame of the programme shows what: seconds become whole frames here and nowhere else.
//!
//! Scene boundaries are rounded from the sum of all durations before them, so that rounding errors
//! never add up. Architecture invariant: only integers leave this module.

use std::ops::Range;

use super::timeline::{Timeline, TransitionKind};

/// One scene's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneFrames {
    /// Its share of the programme.
    pub share: Range<u64>,
    /// When it is seen: its share, and what it takes part in of the transitions on both sides.
    pub visible: Range<u64>,
    /// When it goes over into the next scene; empty for a cut and for the last scene.
    pub transition: Range<u64>,
}

/// All frames of a programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramePlan {
    /// How many frames the programme has.
    pub frames: u64,
    /// The scenes in order; their shares follow each other without a gap.
    pub scenes: Vec<SceneFrames>,
}

/// `seconds` of the programme as the nearest frame boundary.
#[must_use]
pub fn frame_at(seconds: f64, fps: u32) -> u64 {
    // A float-to-integer cast saturates, so a negative or absurd value cannot wrap around.
    (seconds * f64::from(fps)).round() as u64
}

/// Seconds of the transition from scene `index` into the next one; 0 for a cut.
#[must_use]
pub fn transition_seconds(timeline: &Timeline, index: usize) -> f64 {
    if index + 1 >= timeline.scenes.len() {
        return 0.0;
    }
    let own = timeline.scenes.get(index).and_then(|scene| scene.transition);
    match own {
        Some(transition) if transition.kind == TransitionKind::Cut => 0.0,
        Some(transition) => transition.seconds,
        None => timeline.crossfade,
    }
}

impl FramePlan {
    /// The plan of a timeline that was checked.
    #[must_use]
    pub fn of(timeline: &Timeline) -> Self {
        let fps = timeline.fps;
        let mut scenes: Vec<SceneFrames> = Vec::with_capacity(timeline.scenes.len());
        let mut seconds = 0.0;
        let mut start = 0;
        let mut visible_start = 0;
        for (index, scene) in timeline.scenes.iter().enumerate() {
            seconds += scene.duration;
            let end = frame_at(seconds, fps);
            let length = transition_seconds(timeline, index);
            let transition = transition_around(seconds, end, length, fps);
            let visible = visible_start..transition.end;
            visible_start = transition.start;
            scenes.push(SceneFrames { share: start..end, visible, transition });
            start = end;
        }
        Self { frames: start, scenes }
    }

    /// The scene whose share holds `frame`; none behind the end.
    #[must_use]
    pub fn scene_of(&self, frame: u64) -> Option<usize> {
        let after = self.scenes.partition_point(|scene| scene.share.end <= frame);
        (after < self.scenes.len()).then_some(after)
    }
}

/// The frames of a transition of `length` seconds around the boundary; empty for a cut.
fn transition_around(boundary_s: f64, boundary: u64, length: f64, fps: u32) -> Range<u64> {
    if length <= 0.0 {
        return boundary..boundary;
    }
    let first = frame_at(boundary_s - length / 2.0, fps).min(boundary);
    let end = frame_at(boundary_s + length / 2.0, fps).max(boundary);
    first..end
}

#[cfg(test)]
mod tests {
    use super::super::timeline_check::parse;
    use super::*;

    fn plan(durations: &[f64], fps: u32, crossfade: f64) -> FramePlan {
        let scenes: Vec<String> = durations
            .iter()
            .map(|seconds| format!(r#"{{"image":"a.png","duration":{seconds}}}"#))
            .collect();
        let text = format!(
            r#"{{"version":1,"width":32,"height":32,"fps":{fps},"crossfade":{crossfade},"scenes":[{}]}}"#,
            scenes.join(",")
        );
        FramePlan::of(&parse(&text).unwrap())
    }

    #[test]
    fn rounding_errors_never_add_up() {
        let plan = plan(&[0.35; 100], 10, 0.0);
        assert_eq!(plan.frames, 350);
        assert!(plan.scenes.windows(2).all(|pair| pair[0].share.end == pair[1].share.start));
    }

    #[test]
    fn a_transition_takes_half_of_its_length_from_each_neighbour() {
        let plan = plan(&[2.0, 3.0], 10, 1.0);
        assert_eq!(plan.scenes[0].transition, 15..25);
        assert_eq!(plan.scenes[0].visible, 0..25);
        assert_eq!(plan.scenes[1].visible, 15..50);
        assert_eq!(plan.scenes[1].transition, 50..50);
    }

    #[test]
    fn every_frame_has_one_scene() {
        let plan = plan(&[0.5, 0.7, 1.1], 7, 0.2);
        for frame in 0..plan.frames {
            let scene = plan.scene_of(frame).unwrap();
            assert!(plan.scenes[scene].share.contains(&frame));
        }
        assert_eq!(plan.scene_of(plan.frames), None);
    }
}
