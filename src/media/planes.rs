//! Frames as the encoder wants them: three 8-bit planes, 4:2:0, BT.709, limited range.
//!
//! Every pixel becomes Y′CbCr once, when its picture is loaded; motion, drawings and crossfades
//! then work on the planes, at half the bytes of RGB and without a second rounding of colours.
//! Coefficients: ITU-R BT.709-6, sections 3 and 4. Chroma is sited left, as H.264 assumes when a
//! file does not say otherwise (H.264 Annex E, chroma_sample_loc_type 0).

/// One plane: `width` × `height` bytes without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    /// Samples per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The samples, row by row.
    pub samples: Vec<u8>,
}

impl Plane {
    /// A plane full of `value`.
    #[must_use]
    pub fn filled(width: usize, height: usize, value: u8) -> Self {
        Self { width, height, samples: vec![value; width * height] }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.chunks_exact(self.width.max(1))
    }

    /// Row `y`; the last one when there are not so many.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height.saturating_sub(1)) * self.width;
        &self.samples[start..start + self.width]
    }
}

/// A picture in Y′CbCr; the chroma planes have half the width and height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes {
    /// Luma, 16 (black) to 235 (white).
    pub y: Plane,
    /// Blue difference, 128 is none.
    pub u: Plane,
    /// Red difference, 128 is none.
    pub v: Plane,
}

impl Planes {
    /// A black picture; odd sides are rounded up for chroma.
    #[must_use]
    pub fn black(width: usize, height: usize) -> Self {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        Self {
            y: Plane::filled(width, height, 16),
            u: Plane::filled(half_width, half_height, 128),
            v: Plane::filled(half_width, half_height, 128),
        }
    }

    /// The planes of an RGB picture, 3 bytes per pixel.
    #[must_use]
    pub fn from_rgb(width: usize, height: usize, rgb: &[u8]) -> Self {
        let mut planes = Self::black(width, height);
        for (luma, pixel) in planes.y.samples.iter_mut().zip(rgb.chunks_exact(3)) {
            *luma = Tone::of(pixel[0], pixel[1], pixel[2]).luma();
        }
        let chroma = planes.u.samples.iter_mut().zip(planes.v.samples.iter_mut());
        for (index, (u, v)) in chroma.enumerate() {
            let place = (index % planes.u.width, index / planes.u.width);
            let [red, green, blue] = chroma_average::<3>(rgb, width, height, place);
            let tone = Tone { red, green, blue };
            *u = tone.blue_difference();
            *v = tone.red_difference();
        }
        planes
    }

    /// The three planes in the order Y, U, V.
    #[must_use]
    pub fn all(&self) -> [&Plane; 3] {
        [&self.y, &self.u, &self.v]
    }

    /// Replaces this picture by its mixture with `other`: 0 is all of this, 256 all of the other.
    pub fn dissolve_into(&mut self, other: &Self, weight: u32) {
        let weight = weight.min(256) as u16;
        let pairs = [(&mut self.y, &other.y), (&mut self.u, &other.u), (&mut self.v, &other.v)];
        for (ours, theirs) in pairs {
            for (a, b) in ours.samples.iter_mut().zip(&theirs.samples) {
                // At most 255 × 256 + 128: it fits into 16 bits.
                let mixed = u16::from(*a) * (256 - weight) + u16::from(*b) * weight + 128;
                *a = (mixed >> 8) as u8;
            }
        }
    }
}

/// The mean of the `N`-byte pixels that make up the left-sited chroma sample at `place`, as 16.8
/// fixed point: weights 1-2-1 across, 1-1 down.
pub(crate) fn chroma_average<const N: usize>(
    pixels: &[u8],
    width: usize,
    height: usize,
    place: (usize, usize),
) -> [u32; N] {
    let (column, row) = (place.0 * 2, place.1 * 2);
    let columns = [(column.saturating_sub(1), 1), (column, 2), ((column + 1).min(width - 1), 1)];
    let mut sums = [0; N];
    for y in [row, (row + 1).min(height - 1)] {
        for (x, weight) in columns {
            let start = (y * width + x) * N;
            for (sum, sample) in sums.iter_mut().zip(&pixels[start..start + N]) {
                *sum += u32::from(*sample) * weight;
            }
        }
    }
    // Eight weights in all; 256 / 8 = 32.
    sums.map(|sum| sum * 32)
}

/// A colour in fixed point: 255 × 256 is full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tone {
    pub(crate) red: u32,
    pub(crate) green: u32,
    pub(crate) blue: u32,
}

/// 2^24: the coefficients' scale.
const ONE: f64 = 16_777_216.0;
const LUMA_SPAN: f64 = 219.0 / 255.0 / 256.0;
const CHROMA_SPAN: f64 = 224.0 / 255.0 / 256.0;
const RED: f64 = 0.2126;
const GREEN: f64 = 0.7152;
const BLUE: f64 = 0.0722;
const BLUE_RANGE: f64 = 1.8556;
const RED_RANGE: f64 = 1.5748;
const HALF: i64 = 1 << 23;

const fn fixed(value: f64) -> i64 {
    (value * ONE) as i64
}

impl Tone {
    pub(crate) fn of(red: u8, green: u8, blue: u8) -> Self {
        let wide = |sample: u8| u32::from(sample) << 8;
        Self { red: wide(red), green: wide(green), blue: wide(blue) }
    }

    fn weigh(self, red: i64, green: i64, blue: i64) -> i64 {
        i64::from(self.red) * red + i64::from(self.green) * green + i64::from(self.blue) * blue
    }

    /// Luma above black, 0 to 219, rounded with `base` added.
    fn luma_over(self, base: i64) -> u8 {
        let red = const { fixed(RED * LUMA_SPAN) };
        let green = const { fixed(GREEN * LUMA_SPAN) };
        let blue = const { fixed(BLUE * LUMA_SPAN) };
        to_byte(self.weigh(red, green, blue) + base)
    }

    fn blue_over(self, base: i64) -> u8 {
        let red = const { fixed(-RED / BLUE_RANGE * CHROMA_SPAN) };
        let green = const { fixed(-GREEN / BLUE_RANGE * CHROMA_SPAN) };
        let blue = const { fixed((1.0 - BLUE) / BLUE_RANGE * CHROMA_SPAN) };
        to_byte(self.weigh(red, green, blue) + base)
    }

    fn red_over(self, base: i64) -> u8 {
        let red = const { fixed((1.0 - RED) / RED_RANGE * CHROMA_SPAN) };
        let green = const { fixed(-GREEN / RED_RANGE * CHROMA_SPAN) };
        let blue = const { fixed(-BLUE / RED_RANGE * CHROMA_SPAN) };
        to_byte(self.weigh(red, green, blue) + base)
    }

    fn luma(self) -> u8 {
        self.luma_over(16 << 24)
    }

    fn blue_difference(self) -> u8 {
        self.blue_over(128 << 24)
    }

    fn red_difference(self) -> u8 {
        self.red_over(128 << 24)
    }

    /// Luma of a colour multiplied by `alpha` (255 × 256 is opaque), so that it can be added.
    pub(crate) fn luma_times_alpha(self, alpha: u32) -> u8 {
        self.luma_over(share_of(16, alpha))
    }

    /// Chroma (blue, red) of a colour multiplied by `alpha`, so that it can be added.
    pub(crate) fn chroma_times_alpha(self, alpha: u32) -> (u8, u8) {
        let base = share_of(128, alpha);
        (self.blue_over(base), self.red_over(base))
    }
}

/// `level` × alpha, in the coefficients' scale.
fn share_of(level: i64, alpha: u32) -> i64 {
    ((level << 24) * i64::from(alpha)) / (255 * 256)
}

fn to_byte(value: i64) -> u8 {
    ((value + HALF) >> 24).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(rgb: [u8; 3]) -> [u8; 3] {
        let planes = Planes::from_rgb(4, 4, &rgb.repeat(16));
        [planes.y.samples[5], planes.u.samples[3], planes.v.samples[3]]
    }

    #[test]
    fn primaries_have_the_values_of_bt_709() {
        assert_eq!(flat([0, 0, 0]), [16, 128, 128]);
        assert_eq!(flat([255, 255, 255]), [235, 128, 128]);
        assert_eq!(flat([255, 0, 0]), [63, 102, 240]);
        assert_eq!(flat([0, 255, 0]), [173, 42, 26]);
        assert_eq!(flat([0, 0, 255]), [32, 240, 118]);
    }

    #[test]
    fn an_opaque_tone_is_the_same_with_and_without_alpha() {
        let tone = Tone::of(200, 30, 90);
        assert_eq!(tone.luma_times_alpha(255 * 256), tone.luma());
        let (blue, red) = tone.chroma_times_alpha(255 * 256);
        assert_eq!((blue, red), (tone.blue_difference(), tone.red_difference()));
    }

    #[test]
    fn half_way_through_a_crossfade_both_pictures_count_the_same() {
        let mut black = Planes::from_rgb(2, 2, &[0; 12]);
        black.dissolve_into(&Planes::from_rgb(2, 2, &[255; 12]), 128);
        assert_eq!(black.y.samples, vec![126; 4]);
    }
}
