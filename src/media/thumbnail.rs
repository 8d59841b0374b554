//! The picture that stands for a video: a drawing over a background, as a JPEG of limited size.

use std::path::Path;

use super::drawing::{Artist, write_file};
use super::error::MediaError;
use super::overlay::Raster;
use super::picture::Picture;

/// The largest file that the platform takes, in bytes (YouTube Data API, thumbnails.set).
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// JPEG qualities, tried in order until the file is small enough.
const QUALITIES: [u8; 5] = [92, 85, 75, 60, 40];

/// Draws a thumbnail of 1280x720 (upright: 720x1280) and writes it to `out`: `background` scaled to
/// cover it, or black, and `svg` over that. `resources` is where pictures named in `svg` are.
///
/// # Errors
/// Input (background or drawing), output `picture_unwritable`, machine `font_missing`.
pub fn write_thumbnail(
    artist: &Artist,
    background: Option<&Path>,
    svg: Option<&str>,
    resources: Option<&Path>,
    upright: bool,
    out: &Path,
) -> Result<(), MediaError> {
    let (width, height) = if upright { (720, 1280) } else { (1280, 720) };
    let mut rgb = match background {
        Some(path) => Picture::load(path)?.cover_rgb(width, height, None)?,
        None => vec![0; (width * height * 3) as usize],
    };
    if let Some(svg) = svg {
        lay_over(&mut rgb, &artist.rasterise(svg, width, height, resources)?);
    }
    write_file(out, &small_jpeg(&opaque(width, height, &rgb))?)
}

/// The first encoding that is small enough.
fn small_jpeg(raster: &Raster) -> Result<Vec<u8>, MediaError> {
    for quality in QUALITIES {
        let bytes = raster.to_jpeg(quality)?;
        if bytes.len() < MAX_BYTES {
            return Ok(bytes);
        }
    }
    Err(MediaError::engine("thumbnail_too_large", "no JPEG quality makes it smaller than 2 MiB"))
}

fn opaque(width: u32, height: u32, rgb: &[u8]) -> Raster {
    let rgba = rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    Raster { width: width as usize, height: height as usize, rgba }
}

/// Blends a premultiplied drawing over RGB of the same size.
fn lay_over(rgb: &mut [u8], drawing: &Raster) {
    for (below, above) in rgb.chunks_exact_mut(3).zip(drawing.rgba.chunks_exact(4)) {
        let rest = u16::from(255 - above[3]);
        for (channel, &sample) in below.iter_mut().zip(above) {
            let through = (u16::from(*channel) * rest + 127) / 255;
            *channel = sample.saturating_add(through as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_have_the_platforms_size_and_a_small_file() {
        let folder = tempfile::tempdir().unwrap();
        let artist = Artist::new().unwrap();
        let background = folder.path().join("b.png");
        let noise: Vec<u8> = (0..640u32 * 360 * 4)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 3)
            .collect();
        Raster { width: 640, height: 360, rgba: noise }.save_png(&background).unwrap();
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="720"><text x="40" y="200" font-size="90" fill="white">Title</text></svg>"#;
        for upright in [false, true] {
            let out = folder.path().join("t.jpg");
            write_thumbnail(&artist, Some(&background), Some(svg), None, upright, &out).unwrap();
            assert!(std::fs::metadata(&out).unwrap().len() < MAX_BYTES as u64);
            let size = image::image_dimensions(&out).unwrap();
            assert_eq!(size, if upright { (720, 1280) } else { (1280, 720) });
        }
    }
}
