//! The slow camera: which part of a picture a frame shows, to fractions of a pixel.
//!
//! Every place in the picture moves over the screen at constant speed, so a zoom is linear in its
//! magnification and not in its window. Samples lie between pixels and are interpolated, so that
//! nothing ever steps from pixel to pixel. Architecture invariant: what `focus` names stays in view.

use super::planes::{Plane, Planes};
use crate::domain::timeline::Motion;

/// The part of a picture that fills the frame, in luma pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// What must stay in view, as fractions of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// From left to right.
    pub x: (f64, f64),
    /// From top to bottom.
    pub y: (f64, f64),
}

/// One axis of a camera path, in fractions of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    /// Where a zoom does not move.
    fixed: f64,
    /// Edge of the window at the start and at the end of a pan.
    pan: (f64, f64),
}

/// How the camera moves during a scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraPath {
    pans: bool,
    /// Magnification at the start and at the end.
    zoom: (f64, f64),
    horizontal: Axis,
    vertical: Axis,
}

/// Magnification gained per second, and its least and most.
const ZOOM_PER_SECOND: f64 = 0.02;
const LEAST_ZOOM: f64 = 0.05;
const MOST_ZOOM: f64 = 0.12;

impl CameraPath {
    /// The path for a scene that is seen for `seconds`; `keep` stays in view.
    #[must_use]
    pub fn new(motion: Motion, seconds: f64, keep: Option<Keep>) -> Self {
        let wanted = 1.0 + (ZOOM_PER_SECOND * seconds).clamp(LEAST_ZOOM, MOST_ZOOM);
        let kept = keep.unwrap_or(Keep { x: (0.5, 0.5), y: (0.5, 0.5) });
        let widest = (kept.x.1 - kept.x.0).max(kept.y.1 - kept.y.0);
        let most = if widest > 0.0 { wanted.min(1.0 / widest).max(1.0) } else { wanted };
        let free = keep.is_none();
        let axis = |range: (f64, f64)| Axis::new(range, 1.0 / most, free);
        let (mut horizontal, mut vertical) = (axis(kept.x), axis(kept.y));
        let zoom = match motion {
            Motion::Still => (1.0, 1.0),
            Motion::ZoomIn => (1.0, most),
            Motion::ZoomOut => (most, 1.0),
            Motion::PanLeft | Motion::PanRight | Motion::PanUp | Motion::PanDown => (most, most),
        };
        match motion {
            Motion::PanLeft => horizontal.pan = (horizontal.pan.1, horizontal.pan.0),
            Motion::PanUp => vertical.pan = (vertical.pan.1, vertical.pan.0),
            Motion::PanRight | Motion::PanDown => {}
            Motion::Still | Motion::ZoomIn | Motion::ZoomOut => {}
        }
        let across = matches!(motion, Motion::PanLeft | Motion::PanRight);
        let along = matches!(motion, Motion::PanUp | Motion::PanDown);
        if across {
            vertical.stay(1.0 / most);
        }
        if along {
            horizontal.stay(1.0 / most);
        }
        Self { pans: across || along, zoom, horizontal, vertical }
    }

    /// The strongest magnification on the path.
    #[must_use]
    pub fn most_zoom(&self) -> f64 {
        self.zoom.0.max(self.zoom.1)
    }

    /// Whether every frame shows the same.
    #[must_use]
    pub fn is_still(&self) -> bool {
        !self.pans && self.zoom == (1.0, 1.0)
    }

    /// What is seen at `progress` (0 to 1) of a picture of `width` × `height`.
    #[must_use]
    pub fn view(&self, progress: f64, width: usize, height: usize) -> View {
        let magnification = self.zoom.0 + (self.zoom.1 - self.zoom.0) * progress;
        let size = 1.0 / magnification;
        let edge = |axis: &Axis| {
            if self.pans {
                axis.pan.0 + (axis.pan.1 - axis.pan.0) * progress
            } else {
                axis.fixed * (1.0 - size)
            }
        };
        let (width, height) = (width as f64, height as f64);
        View {
            left: edge(&self.horizontal) * width,
            top: edge(&self.vertical) * height,
            width: size * width,
            height: size * height,
        }
    }
}

impl Axis {
    /// For a window of `size`; `free` when nothing in particular must stay in view.
    fn new(keep: (f64, f64), size: f64, free: bool) -> Self {
        let slack = (1.0 - size).max(0.0);
        let centred = ((keep.0 + keep.1 - size) / 2.0).clamp(0.0, slack);
        let fixed = if slack > 0.0 { centred / slack } else { 0.5 };
        let pan = if free {
            (0.0, slack)
        } else {
            ((keep.1 - size).clamp(0.0, slack), keep.0.clamp(0.0, slack))
        };
        Self { fixed, pan: (pan.0.min(pan.1), pan.1.max(pan.0)) }
    }

    /// No pan along this axis: the window of `size` stays around what must be seen.
    fn stay(&mut self, size: f64) {
        let edge = self.fixed * (1.0 - size).max(0.0);
        self.pan = (edge, edge);
    }
}

/// Where an output sample comes from: between samples `index` and `index + 1` of the source, with
/// `weight` / 65536 of the second.
#[derive(Debug, Clone, Copy)]
struct Tap {
    index: usize,
    weight: u16,
}

/// Output columns `from` to `until` that come from neighbouring source columns, `first` onwards.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: usize,
    until: usize,
    first: usize,
}

/// Columns that are interpolated at once, as many 16-bit numbers as a vector register of every
/// x86-64 holds. Runs are worked off in such steps; what a step writes behind the end of its run
/// is written again by the next.
const LANES: usize = 8;

/// Takes views out of pictures; keeps its tables between frames.
#[derive(Debug, Default)]
pub struct Sampler {
    runs: Vec<Run>,
    weights: Vec<u16>,
    between: Vec<u16>,
    mixed: Vec<u8>,
}

/// How samples of a plane lie on the luma grid: sample `i` stands at `i · step + offset`.
#[derive(Debug, Clone, Copy)]
struct Grid {
    step: f64,
    offset: f64,
}

const LUMA: Grid = Grid { step: 1.0, offset: 0.0 };
/// Chroma stands on every second luma column ...
const CHROMA_ACROSS: Grid = Grid { step: 2.0, offset: 0.0 };
/// ... and between two luma rows.
const CHROMA_DOWN: Grid = Grid { step: 2.0, offset: 0.5 };

impl Sampler {
    /// Fills `frame` with what `view` shows of `picture`.
    pub fn sample(&mut self, picture: &Planes, view: &View, frame: &mut Planes) {
        let across = view.width / frame.y.width as f64;
        let down = view.height / frame.y.height as f64;
        let x = (view.left, across);
        let y = (view.top, down);
        self.plane(&picture.y, &mut frame.y, (x, LUMA), (y, LUMA));
        self.plane(&picture.u, &mut frame.u, (x, CHROMA_ACROSS), (y, CHROMA_DOWN));
        self.plane(&picture.v, &mut frame.v, (x, CHROMA_ACROSS), (y, CHROMA_DOWN));
    }

    fn plane(
        &mut self,
        source: &Plane,
        target: &mut Plane,
        x: ((f64, f64), Grid),
        y: ((f64, f64), Grid),
    ) {
        let (first, end) = self.lay_out_columns(target.width, x, source.width);
        self.between.resize(end - first + 2 * LANES, 0);
        let rows = target.samples.chunks_exact_mut(target.width.max(1));
        for (row, samples) in rows.enumerate() {
            let Tap { index, weight } = tap(row, y.0, y.1, source.height);
            let upper = &source.row(index)[first..end];
            let lower = &source.row(index + 1)[first..end];
            mix_rows(&mut self.between, upper, lower, to_256ths(weight));
            mix_columns(&mut self.mixed, &self.between, &self.runs, &self.weights);
            samples.copy_from_slice(&self.mixed[..samples.len()]);
        }
    }

    /// Sets up runs and weights for `width` output columns; tells from which source column to
    /// which they reach.
    fn lay_out_columns(
        &mut self,
        width: usize,
        (window, grid): ((f64, f64), Grid),
        count: usize,
    ) -> (usize, usize) {
        self.runs.clear();
        self.weights.clear();
        let first = tap(0, window, grid, count).index;
        let mut end = first;
        for column in 0..width {
            let Tap { index, weight } = tap(column, window, grid, count);
            self.weights.push(weight);
            end = (index + 2).min(count);
            let source = index - first;
            match self.runs.last_mut() {
                Some(run) if run.first + (column - run.from) == source => run.until = column + 1,
                _ => self.runs.push(Run { from: column, until: column + 1, first: source }),
            }
        }
        self.weights.resize(width + LANES, 0);
        self.mixed.resize(width + LANES, 0);
        (first, end)
    }
}

/// The two source samples (of `count`) that output sample `index` lies between. `window` is the
/// view's edge and how many luma pixels one output pixel spans.
fn tap(index: usize, window: (f64, f64), grid: Grid, count: usize) -> Tap {
    let (edge, scale) = window;
    let place = index as f64 * grid.step + grid.offset;
    // Pixel centres: output place p stands at p + 1/2.
    let luma = edge + (place + 0.5) * scale - 0.5;
    let last = count.saturating_sub(1) as f64;
    let sample = ((luma - grid.offset) / grid.step).clamp(0.0, last);
    let lower = (sample.floor() as usize).min(count.saturating_sub(2));
    // A float that is too large for the type becomes its largest value.
    let weight = ((sample - lower as f64) * 65_536.0).round() as u16;
    Tap { index: lower, weight }
}

/// A weight of 65536ths, rounded to 256ths.
fn to_256ths(weight: u16) -> u16 {
    ((u32::from(weight) + 128) >> 8) as u16
}

fn mix_rows(between: &mut [u16], upper: &[u8], lower: &[u8], weight: u16) {
    let rest = 256 - weight;
    for ((mixed, &a), &b) in between.iter_mut().zip(upper).zip(lower) {
        *mixed = u16::from(a) * rest + u16::from(b) * weight;
    }
}

fn mix_columns(mixed: &mut [u8], between: &[u16], runs: &[Run], weights: &[u16]) {
    for run in runs {
        let steps = (run.until - run.from).div_ceil(LANES);
        for step in 0..steps {
            let (column, source) = (run.from + step * LANES, run.first + step * LANES);
            let nearer = &between[source..source + LANES];
            let farther = &between[source + 1..source + 1 + LANES];
            let weights = &weights[column..column + LANES];
            let samples = &mut mixed[column..column + LANES];
            let pairs = nearer.iter().zip(farther).zip(weights);
            for (sample, ((&near, &far), &weight)) in samples.iter_mut().zip(pairs) {
                let mixed = near - share(near, weight) + share(far, weight);
                *sample = ((mixed + 128) >> 8) as u8;
            }
        }
    }
}

/// `weight` / 65536 of `value`.
fn share(value: u16, weight: u16) -> u16 {
    ((u32::from(value) * u32::from(weight)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Motion; 7] = [
        Motion::ZoomIn,
        Motion::ZoomOut,
        Motion::PanLeft,
        Motion::PanRight,
        Motion::PanUp,
        Motion::PanDown,
        Motion::Still,
    ];

    #[test]
    fn the_view_never_leaves_the_picture_and_keeps_the_focus() {
        let keep = Keep { x: (0.6, 0.95), y: (0.0, 0.3) };
        for motion in ALL {
            for keep in [None, Some(keep), Some(Keep { x: (0.0, 1.0), y: (0.2, 0.3) })] {
                let path = CameraPath::new(motion, 8.0, keep);
                for step in 0..=10 {
                    let view = path.view(f64::from(step) / 10.0, 1000, 500);
                    let right = view.left + view.width;
                    let bottom = view.top + view.height;
                    assert!(view.left >= -1e-9 && right <= 1000.0 + 1e-9, "{motion:?} {view:?}");
                    assert!(view.top >= -1e-9 && bottom <= 500.0 + 1e-9, "{motion:?} {view:?}");
                    let Some(keep) = keep else { continue };
                    assert!(view.left <= keep.x.0 * 1000.0 + 1e-6, "{motion:?} {view:?}");
                    assert!(right >= keep.x.1 * 1000.0 - 1e-6, "{motion:?} {view:?}");
                    assert!(view.top <= keep.y.0 * 500.0 + 1e-6, "{motion:?} {view:?}");
                    assert!(bottom >= keep.y.1 * 500.0 - 1e-6, "{motion:?} {view:?}");
                }
            }
        }
    }

    #[test]
    fn motions_go_where_their_names_say() {
        let edges = |motion| {
            let path = CameraPath::new(motion, 8.0, None);
            (path.view(0.0, 1000, 1000), path.view(1.0, 1000, 1000))
        };
        let (start, end) = edges(Motion::PanLeft);
        assert!(end.left < start.left && end.top == start.top);
        let (start, end) = edges(Motion::PanDown);
        assert!(end.top > start.top && end.left == start.left);
        let (start, end) = edges(Motion::ZoomIn);
        assert!(end.width < start.width);
        let (start, end) = edges(Motion::ZoomOut);
        assert!(end.width > start.width);
        assert!(CameraPath::new(Motion::Still, 8.0, None).is_still());
    }

    #[test]
    fn a_view_of_everything_at_the_same_size_changes_nothing() {
        let rgb: Vec<u8> = (0..64 * 32 * 3).map(|index| (index % 251) as u8).collect();
        let picture = Planes::from_rgb(64, 32, &rgb);
        let mut frame = Planes::black(64, 32);
        let view = View { left: 0.0, top: 0.0, width: 64.0, height: 32.0 };
        Sampler::default().sample(&picture, &view, &mut frame);
        assert_eq!(frame, picture);
    }

    #[test]
    fn an_edge_glides_at_constant_speed_without_a_step_back() {
        let (width, height) = (358, 202);
        let edge = 150;
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|pixel| [if pixel % width < edge { 0 } else { 255 }; 3])
            .collect();
        let picture = Planes::from_rgb(width, height, &rgb);
        let path = CameraPath::new(Motion::ZoomIn, 6.0, None);
        let mut sampler = Sampler::default();
        let mut frame = Planes::black(320, 180);
        let places: Vec<f64> = (0..180)
            .map(|index| {
                let view = path.view(f64::from(index) / 179.0, width, height);
                sampler.sample(&picture, &view, &mut frame);
                let dark: f64 =
                    frame.y.row(90).iter().map(|&luma| f64::from(235 - luma) / 219.0).sum();
                dark
            })
            .collect();
        let speed = (places[179] - places[0]) / 179.0;
        let error: f64 = places
            .iter()
            .enumerate()
            .map(|(index, place)| (place - places[0] - speed * index as f64).powi(2))
            .sum();
        let rms = (error / 180.0).sqrt();
        assert!(rms < 0.05, "rms {rms} px");
        let steps_back =
            places.windows(2).filter(|pair| (pair[1] - pair[0]) * speed < -0.002).count();
        assert_eq!(steps_back, 0, "{places:?}");
    }
}
