//! Picture files into planes: checked before decoding, decoded once, scaled once.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::error::MediaError;
use super::motion::Keep;
use super::planes::Planes;
use crate::domain::timeline::Focus;

/// The longest side of a picture that is read, in pixels.
pub const MAX_SIDE: u32 = 20_000;
/// The most pixels of a picture that is read.
pub const MAX_PIXELS: u64 = 120_000_000;
/// The most memory a decoder may take, in bytes.
const MAX_DECODER_BYTES: u64 = 1024 * 1024 * 1024;

/// A decoded picture, 3 bytes per pixel.
#[derive(Debug, Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

fn unreadable(path: &Path, reason: impl std::fmt::Display) -> MediaError {
    MediaError::input("picture_unreadable", format!("{}: {reason}", path.display()))
        .remedy("use a JPEG or PNG file")
}

/// Opens the file and checks its kind and size before anything large is read.
fn open(path: &Path) -> Result<impl ImageDecoder, MediaError> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|error| unreadable(path, error))?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png)) {
        return Err(unreadable(path, "this is neither JPEG nor PNG"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| unreadable(path, error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        let reason = format!("{width} x {height} pixels are too many");
        return Err(unreadable(path, reason).remedy("make it at most 120 megapixels"));
    }
    if width < 2 || height < 2 {
        return Err(unreadable(path, "a picture has at least 2 x 2 pixels"));
    }
    Ok(decoder)
}

/// Checks that the file at `path` begins like a picture of a size that is read.
///
/// # Errors
/// Input `picture_unreadable`.
pub fn check(path: &Path) -> Result<(), MediaError> {
    open(path).map(|_| ())
}

impl Picture {
    /// Decodes the file at `path`, turned upright as its camera says; transparency is on black.
    ///
    /// # Errors
    /// Input `picture_unreadable`.
    pub fn load(path: &Path) -> Result<Self, MediaError> {
        let mut decoder = open(path)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image =
            DynamicImage::from_decoder(decoder).map_err(|error| unreadable(path, error))?;
        image.apply_orientation(orientation);
        let (width, height) = (image.width(), image.height());
        let rgb = if image.color().has_alpha() {
            image.into_rgba8().pixels().flat_map(|pixel| on_black(pixel.0)).collect()
        } else {
            image.into_rgb8().into_raw()
        };
        Ok(Self { width, height, rgb })
    }

    /// A picture of `width` × `height` from its pixels; `None` when they are not so many.
    #[must_use]
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let expected = u64::from(width) * u64::from(height) * 3;
        (rgb.len() as u64 == expected && expected > 0).then_some(Self { width, height, rgb })
    }

    /// The picture scaled to cover `width` × `height`, centred on `focus` as far as it goes, and
    /// where the focus is then.
    ///
    /// # Errors
    /// Engine `picture_scaling` when the scaler refuses the sizes.
    pub fn cover(
        &self,
        width: u32,
        height: u32,
        focus: Option<&Focus>,
    ) -> Result<(Planes, Option<Keep>), MediaError> {
        let rgb = self.cover_rgb(width, height, focus)?;
        let window = self.window(width, height, focus);
        let keep = focus.map(|focus| window.keep(focus, self));
        Ok((Planes::from_rgb(width as usize, height as usize, &rgb), keep))
    }

    /// As [`Self::cover`], in RGB.
    ///
    /// # Errors
    /// Engine `picture_scaling` when the scaler refuses the sizes.
    pub fn cover_rgb(
        &self,
        width: u32,
        height: u32,
        focus: Option<&Focus>,
    ) -> Result<Vec<u8>, MediaError> {
        let refused = |reason: &dyn std::fmt::Display| {
            MediaError::engine("picture_scaling", format!("the picture cannot be scaled: {reason}"))
        };
        let source = TypedImageRef::<U8x3>::from_buffer(self.width, self.height, &self.rgb)
            .map_err(|error| refused(&error))?;
        let mut target = TypedImage::<U8x3>::new(width, height);
        let window = self.window(width, height, focus);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(window.left, window.top, window.width, window.height);
        Resizer::new()
            .resize_typed(&source, &mut target, &options)
            .map_err(|error| refused(&error))?;
        Ok(target.pixels().iter().flat_map(|pixel| pixel.0).collect())
    }

    /// The largest part of the picture in the frame's proportions, around the focus.
    fn window(&self, width: u32, height: u32, focus: Option<&Focus>) -> Window {
        let (own_width, own_height) = (f64::from(self.width), f64::from(self.height));
        let proportions = f64::from(width) / f64::from(height);
        let window_width = own_width.min(own_height * proportions);
        let window_height = own_height.min(own_width / proportions);
        let (x, y) = match focus {
            Some(focus) => (focus.x + focus.w / 2.0, focus.y + focus.h / 2.0),
            None => (0.5, 0.5),
        };
        let edge = |centre: f64, size: f64, all: f64| {
            (centre * all - size / 2.0).clamp(0.0, (all - size).max(0.0))
        };
        Window {
            left: edge(x, window_width, own_width),
            top: edge(y, window_height, own_height),
            width: window_width,
            height: window_height,
        }
    }
}

/// A part of a picture in its own pixels.
struct Window {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Window {
    /// `focus`, which is in fractions of the picture, in fractions of the window.
    fn keep(&self, focus: &Focus, picture: &Picture) -> Keep {
        let inside = |start: f64, length: f64, all: u32, edge: f64, size: f64| {
            let from = (start * f64::from(all) - edge) / size;
            let to = ((start + length) * f64::from(all) - edge) / size;
            (from.clamp(0.0, 1.0), to.clamp(0.0, 1.0))
        };
        Keep {
            x: inside(focus.x, focus.w, picture.width, self.left, self.width),
            y: inside(focus.y, focus.h, picture.height, self.top, self.height),
        }
    }
}

fn on_black(pixel: [u8; 4]) -> [u8; 3] {
    let [red, green, blue, alpha] = pixel.map(u16::from);
    [red, green, blue].map(|part| ((part * alpha + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(width: u32, height: u32) -> Picture {
        let rgb = (0..width * height)
            .flat_map(|pixel| if pixel % width < width / 2 { [255, 0, 0] } else { [0, 0, 255] })
            .collect();
        Picture::from_rgb(width, height, rgb).unwrap()
    }

    #[test]
    fn a_wide_picture_is_cut_around_its_focus() {
        let picture = halves(200, 50);
        let left = Focus { x: 0.0, y: 0.0, w: 0.1, h: 1.0 };
        let right = Focus { x: 0.9, y: 0.0, w: 0.1, h: 1.0 };
        let red = picture.cover_rgb(32, 32, Some(&left)).unwrap();
        assert!(red.chunks_exact(3).all(|pixel| pixel == [255, 0, 0]));
        let (planes, keep) = picture.cover(32, 32, Some(&right)).unwrap();
        assert!(planes.u.samples.iter().all(|&u| u == 240));
        let keep = keep.unwrap();
        assert!((keep.x.0 - 0.6).abs() < 1e-9 && (keep.x.1 - 1.0).abs() < 1e-9, "{keep:?}");
    }

    #[test]
    fn files_that_are_no_pictures_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        assert!(Picture::load(&path).unwrap_err().message.contains("x.png"));
        for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0rest", b"GIF89a"]
        {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Picture::load(&path).unwrap_err().code, "picture_unreadable");
        }
    }

    #[test]
    fn a_pixel_bomb_is_refused_before_it_is_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.png");
        // A PNG header that promises 100,000 x 100,000 pixels.
        let mut bytes = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
        bytes.extend(100_000u32.to_be_bytes().repeat(2));
        bytes.extend([8, 2, 0, 0, 0]);
        let mut hasher = crc32(&bytes[12..]).to_be_bytes().to_vec();
        bytes.append(&mut hasher);
        bytes.extend(b"\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(check(&path).unwrap_err().code, "picture_unreadable");
    }

    /// CRC-32 as PNG uses it (ISO 3309).
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
            })
        })
    }
}
