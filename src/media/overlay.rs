//! Drawings over a picture: premultiplied planes with transparency, limited to what is drawn.

use std::ops::Range;

use super::planes::{Plane, Planes, Tone, chroma_average};

/// Full opacity for [`Overlay::blend`].
pub const OPAQUE: u32 = 256;

/// A drawing as premultiplied RGBA, 4 bytes per pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The pixels, row by row.
    pub rgba: Vec<u8>,
}

/// One plane of an overlay with its transparency, and where in each row anything is drawn.
#[derive(Debug, Clone)]
struct Layer {
    samples: Plane,
    alpha: Plane,
    spans: Vec<Range<usize>>,
}

/// A drawing ready to be blended into a frame.
#[derive(Debug, Clone)]
pub struct Overlay {
    x: usize,
    y: usize,
    luma: Layer,
    blue: Layer,
    red: Layer,
}

impl Overlay {
    /// The overlay of `raster` with its upper left corner at (`x`, `y`) of the frame, rounded down
    /// to even numbers, so that chroma stays in place.
    #[must_use]
    pub fn new(raster: &Raster, x: usize, y: usize) -> Self {
        let (width, height) = (raster.width, raster.height);
        let mut planes = Planes::black(width, height);
        let mut alpha = planes.clone();
        let pixels = raster.rgba.chunks_exact(4);
        let lumas = planes.y.samples.iter_mut().zip(alpha.y.samples.iter_mut());
        for ((luma, transparency), pixel) in lumas.zip(pixels) {
            let tone = Tone::of(pixel[0], pixel[1], pixel[2]);
            *luma = tone.luma_times_alpha(u32::from(pixel[3]) << 8);
            *transparency = pixel[3];
        }
        for index in 0..planes.u.samples.len() {
            let place = (index % planes.u.width, index / planes.u.width);
            let mean = chroma_average::<4>(&raster.rgba, width, height, place);
            let [red, green, blue, opacity] = mean;
            let (u, v) = Tone { red, green, blue }.chroma_times_alpha(opacity);
            planes.u.samples[index] = u;
            planes.v.samples[index] = v;
            alpha.u.samples[index] = ((opacity + 128) >> 8) as u8;
        }
        let chroma_alpha = alpha.u;
        Self {
            x: x & !1,
            y: y & !1,
            luma: Layer::new(planes.y, alpha.y),
            blue: Layer::new(planes.u, chroma_alpha.clone()),
            red: Layer::new(planes.v, chroma_alpha),
        }
    }

    /// Draws it over `frame`; `opacity` from 0 to [`OPAQUE`].
    pub fn blend(&self, frame: &mut Planes, opacity: u32) {
        let opacity = opacity.min(OPAQUE);
        if opacity == 0 {
            return;
        }
        self.luma.blend(&mut frame.y, self.x, self.y, opacity);
        self.blue.blend(&mut frame.u, self.x / 2, self.y / 2, opacity);
        self.red.blend(&mut frame.v, self.x / 2, self.y / 2, opacity);
    }
}

impl Layer {
    fn new(samples: Plane, alpha: Plane) -> Self {
        let spans = alpha.rows().map(drawn_part).collect();
        Self { samples, alpha, spans }
    }

    fn blend(&self, target: &mut Plane, x: usize, y: usize, opacity: u32) {
        let rows = target.samples.chunks_exact_mut(target.width.max(1)).skip(y);
        for ((index, span), row) in self.spans.iter().enumerate().zip(rows) {
            let end = span.end.min(target.width.saturating_sub(x));
            if span.start >= end {
                continue;
            }
            let below = &mut row[x + span.start..x + end];
            let samples = &self.samples.row(index)[span.start..end];
            let alphas = &self.alpha.row(index)[span.start..end];
            if opacity == OPAQUE {
                blend_row(below, samples, alphas);
            } else {
                blend_row_faded(below, samples, alphas, opacity);
            }
        }
    }
}

/// From the first to the last sample that is not fully transparent.
fn drawn_part(alphas: &[u8]) -> Range<usize> {
    let first = alphas.iter().position(|&alpha| alpha != 0);
    let last = alphas.iter().rposition(|&alpha| alpha != 0);
    match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    }
}

fn blend_row(below: &mut [u8], samples: &[u8], alphas: &[u8]) {
    for ((pixel, &sample), &alpha) in below.iter_mut().zip(samples).zip(alphas) {
        let rest = by_255(u16::from(*pixel) * u16::from(255 - alpha));
        *pixel = sample.saturating_add(rest);
    }
}

fn blend_row_faded(below: &mut [u8], samples: &[u8], alphas: &[u8], opacity: u32) {
    for ((pixel, &sample), &alpha) in below.iter_mut().zip(samples).zip(alphas) {
        let faded = |value: u8| ((u32::from(value) * opacity + 128) >> 8) as u8;
        let rest = by_255(u16::from(*pixel) * u16::from(255 - faded(alpha)));
        *pixel = faded(sample).saturating_add(rest);
    }
}

/// `product` / 255, rounded: exact for products of two bytes.
fn by_255(product: u16) -> u8 {
    let rounded = product + 128;
    ((rounded + (rounded >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(pixel: [u8; 4]) -> Raster {
        Raster { width: 4, height: 4, rgba: pixel.repeat(16) }
    }

    #[test]
    fn an_opaque_drawing_replaces_and_a_clear_one_changes_nothing() {
        let picture = Planes::from_rgb(8, 8, &[90; 192]);
        let mut frame = picture.clone();
        Overlay::new(&raster([0, 0, 0, 0]), 2, 2).blend(&mut frame, OPAQUE);
        assert_eq!(frame, picture);
        Overlay::new(&raster([255, 255, 255, 255]), 2, 2).blend(&mut frame, OPAQUE);
        assert_eq!(frame.y.row(1), picture.y.row(1));
        assert_eq!(frame.y.row(3)[2..6], [235; 4]);
        assert_eq!(frame.u.samples, picture.u.samples);
    }

    #[test]
    fn half_transparent_white_is_half_way() {
        let mut frame = Planes::black(4, 4);
        Overlay::new(&raster([128, 128, 128, 128]), 0, 0).blend(&mut frame, OPAQUE);
        assert!(frame.y.samples.iter().all(|&luma| (125..=127).contains(&luma)));
    }

    #[test]
    fn a_drawing_that_leaves_the_frame_is_cut() {
        let mut frame = Planes::black(6, 6);
        Overlay::new(&raster([255; 4]), 4, 4).blend(&mut frame, OPAQUE);
        Overlay::new(&raster([255; 4]), 40, 40).blend(&mut frame, OPAQUE);
        assert_eq!(frame.y.row(5), [16, 16, 16, 16, 235, 235]);
    }
}
