//! The parts the program does not bring itself: FFmpeg's libraries, the fonts, a GPU's driver.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::gpu::device::{self, GpuPresence};

use super::Check;

/// What FFmpeg must be able to encode with.
const ENCODERS: &[&str] = &["libx264", "aac", "mov_text"];
/// What FFmpeg's filters must be able to do.
const FILTERS: &[&str] = &["flite", "aresample", "ebur128"];
/// Where the fonts may be: Debian's package first.
const FONT_FOLDERS: &[&str] = &[
    "/usr/share/fonts/opentype/inter",
    "/usr/share/fonts/truetype/inter",
    "/usr/local/share/fonts",
];
/// The faces that pictures are set in.
const FONT_FILES: &[&str] = &["Inter-Regular.otf", "Inter-Bold.otf"];

/// FFmpeg's libraries and whether they have what is needed.
pub(super) fn check_ffmpeg() -> [Check; 2] {
    let libraries = [
        ("avcodec", ffmpeg::codec::version()),
        ("avformat", ffmpeg::format::version()),
        ("avfilter", ffmpeg::filter::version()),
        ("swscale", ffmpeg::software::scaling::version()),
        ("swresample", ffmpeg::software::resampling::version()),
        ("avutil", ffmpeg::util::version()),
    ];
    let versions: Vec<String> = libraries
        .iter()
        .map(|(name, version)| format!("{name} {}", print_version(*version)))
        .collect();
    [Check::ok("ffmpeg", versions.join(", ")), check_ffmpeg_parts()]
}

fn check_ffmpeg_parts() -> Check {
    const NAME: &str = "ffmpeg_parts";
    let encoder_is_missing = |name: &&&str| ffmpeg::encoder::find_by_name(name).is_none();
    let filter_is_missing = |name: &&&str| ffmpeg::filter::find(name).is_none();
    let missing_encoders = ENCODERS.iter().filter(encoder_is_missing);
    let missing_filters = FILTERS.iter().filter(filter_is_missing);
    let missing: Vec<&str> = missing_encoders.chain(missing_filters).copied().collect();
    if missing.is_empty() {
        let parts: Vec<&str> = ENCODERS.iter().chain(FILTERS).copied().collect();
        return Check::ok(NAME, parts.join(", "));
    }
    Check::error(
        NAME,
        format!("FFmpeg here lacks {}", missing.join(", ")),
        "install Debian's own FFmpeg libraries: apt-get install libavcodec59 libavfilter8",
    )
}

/// FFmpeg packs a version as major, minor and micro in 16, 8 and 8 bits.
fn print_version(packed: u32) -> String {
    format!("{}.{}.{}", packed >> 16, (packed >> 8) & 0xff, packed & 0xff)
}

/// The font family that every picture is set in; never substituted.
pub(super) fn check_fonts() -> Check {
    const NAME: &str = "fonts";
    const REMEDY: &str = "apt-get install fonts-inter";
    let folder = FONT_FOLDERS
        .iter()
        .map(Path::new)
        .find(|folder| FONT_FILES.iter().all(|file| folder.join(file).is_file()));
    let Some(folder) = folder else {
        return Check::error(NAME, "the Inter fonts are not installed", REMEDY);
    };
    let unusable = FONT_FILES.iter().find(|file| !is_usable_font(&folder.join(file)));
    match unusable {
        Some(file) => {
            let detail = format!("{} is not a usable font", folder.join(file).display());
            Check::error(NAME, detail, "apt-get install --reinstall fonts-inter")
        }
        None => Check::ok(NAME, format!("Inter in {}", folder.display())),
    }
}

fn is_usable_font(file: &Path) -> bool {
    let Ok(bytes) = std::fs::read(file) else { return false };
    ttf_parser::Face::parse(&bytes, 0).is_ok_and(|face| face.glyph_index('A').is_some())
}

/// A GPU is welcome and never needed.
pub(super) fn check_gpu() -> Check {
    const NAME: &str = "gpu";
    match device::probe() {
        GpuPresence::NoDriver => Check::ok(NAME, "no CUDA driver: every stage uses the processor"),
        GpuPresence::NoDevice => Check::ok(NAME, "no CUDA device: every stage uses the processor"),
        GpuPresence::Broken(what) => Check::warning(
            NAME,
            format!("the CUDA driver does not work ({what}): every stage uses the processor"),
            "run nvidia-smi; after an update of the driver, restart the machine",
        ),
        GpuPresence::Devices(devices) => {
            let described: Vec<String> = devices
                .iter()
                .map(|gpu| format!("{} with {} MiB", gpu.name, gpu.memory_bytes >> 20))
                .collect();
            Check::ok(NAME, described.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_unpacked() {
        assert_eq!(print_version((59 << 16) | (37 << 8) | 100), "59.37.100");
    }

    #[test]
    fn what_is_not_a_font_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Inter-Regular.otf");
        assert!(!is_usable_font(&file));
        std::fs::write(&file, "not a font").expect("written");
        assert!(!is_usable_font(&file));
    }
}
