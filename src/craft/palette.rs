//! The named palettes of channels: colours that go together and can be read.
//!
//! Why it exists: a channel keeps one look through all its videos, and no choice of a name may
//! give text that cannot be read. Contrast is checked by a test, after WCAG 2.1 (1.4.3).
//!
//! Architecture invariant: `ink` on `background` and on `surface` has a contrast of 7 or more,
//! `accent` on both of 4.5 or more.

use std::fmt;

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Rgb {
    /// This colour with `share` in [0, 1] of `other` in it, mixed in sRGB.
    #[must_use]
    pub fn mix(self, other: Self, share: f64) -> Self {
        let blend = |from: u8, to: u8| {
            let value = f64::from(from) + (f64::from(to) - f64::from(from)) * share.clamp(0.0, 1.0);
            value.round() as u8
        };
        Self(blend(self.0, other.0), blend(self.1, other.1), blend(self.2, other.2))
    }

    /// Relative luminance in [0, 1] (WCAG 2.1).
    #[must_use]
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio with `other`, from 1 to 21 (WCAG 2.1).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

/// The pattern behind the pictures of a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Stars and faint orbits.
    Stars,
    /// Drifting sparks over a glow.
    Embers,
    /// Fine squared paper with pencil arcs.
    Paper,
    /// Layered waves.
    Waves,
    /// Height lines of a landscape.
    Contours,
    /// Large soft shapes.
    Blobs,
    /// Dots that grow towards a corner.
    Halftone,
    /// Slanted beams.
    Beams,
}

/// The colours of one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// What configuration calls it.
    pub name: &'static str,
    /// Behind everything.
    pub background: Rgb,
    /// The other end of the background's gradient; as dark or light as `background`.
    pub depth: Rgb,
    /// Panels that hold text.
    pub surface: Rgb,
    /// Text.
    pub ink: Rgb,
    /// What is to be seen first: numbers, marks.
    pub accent: Rgb,
    /// Second colour of drawings.
    pub second: Rgb,
    /// The pattern that goes with it.
    pub pattern: Pattern,
}

/// All palettes; the first is the default.
pub const PALETTES: [Palette; 8] = [
    Palette {
        name: "midnight",
        background: Rgb(11, 16, 38),
        depth: Rgb(27, 33, 82),
        surface: Rgb(20, 27, 58),
        ink: Rgb(241, 244, 255),
        accent: Rgb(255, 196, 84),
        second: Rgb(110, 142, 251),
        pattern: Pattern::Stars,
    },
    Palette {
        name: "ember",
        background: Rgb(28, 13, 15),
        depth: Rgb(76, 24, 22),
        surface: Rgb(43, 20, 21),
        ink: Rgb(255, 243, 232),
        accent: Rgb(255, 138, 76),
        second: Rgb(236, 84, 96),
        pattern: Pattern::Embers,
    },
    Palette {
        name: "paper",
        background: Rgb(246, 239, 225),
        depth: Rgb(233, 220, 194),
        surface: Rgb(255, 251, 242),
        ink: Rgb(38, 32, 27),
        accent: Rgb(176, 50, 30),
        second: Rgb(46, 111, 117),
        pattern: Pattern::Paper,
    },
    Palette {
        name: "ocean",
        background: Rgb(5, 32, 44),
        depth: Rgb(8, 66, 82),
        surface: Rgb(9, 46, 61),
        ink: Rgb(235, 250, 252),
        accent: Rgb(94, 226, 206),
        second: Rgb(64, 156, 222),
        pattern: Pattern::Waves,
    },
    Palette {
        name: "forest",
        background: Rgb(14, 31, 23),
        depth: Rgb(30, 62, 44),
        surface: Rgb(22, 44, 33),
        ink: Rgb(243, 248, 236),
        accent: Rgb(201, 224, 101),
        second: Rgb(98, 168, 116),
        pattern: Pattern::Contours,
    },
    Palette {
        name: "citrus",
        background: Rgb(255, 236, 179),
        depth: Rgb(255, 214, 140),
        surface: Rgb(255, 248, 226),
        ink: Rgb(45, 31, 16),
        accent: Rgb(163, 52, 13),
        second: Rgb(57, 130, 68),
        pattern: Pattern::Blobs,
    },
    Palette {
        name: "slate",
        background: Rgb(226, 231, 236),
        depth: Rgb(200, 210, 220),
        surface: Rgb(247, 249, 251),
        ink: Rgb(24, 32, 43),
        accent: Rgb(18, 84, 176),
        second: Rgb(214, 92, 60),
        pattern: Pattern::Halftone,
    },
    Palette {
        name: "plum",
        background: Rgb(30, 14, 44),
        depth: Rgb(70, 28, 92),
        surface: Rgb(44, 22, 62),
        ink: Rgb(252, 242, 255),
        accent: Rgb(255, 133, 192),
        second: Rgb(146, 114, 255),
        pattern: Pattern::Beams,
    },
];

/// The palette called `name`.
#[must_use]
pub fn palette(name: &str) -> Option<&'static Palette> {
    PALETTES.iter().find(|palette| palette.name == name)
}

/// All names, for error messages and help.
#[must_use]
pub fn palette_names() -> Vec<&'static str> {
    PALETTES.iter().map(|palette| palette.name).collect()
}

impl Palette {
    /// Whether text is light on dark.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.background.luminance() < self.ink.luminance()
    }

    /// Text of less weight: most of the ink, some of the background; contrast stays above 4.5.
    #[must_use]
    pub fn quiet_ink(&self) -> Rgb {
        self.ink.mix(self.background, 0.22)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_palette_can_be_read() {
        for palette in &PALETTES {
            for ground in [palette.background, palette.depth, palette.surface] {
                let name = palette.name;
                let ink = palette.ink.contrast(ground);
                assert!(ink >= 7.0, "{name}: ink {ink:.2} on {ground}");
                let quiet = palette.quiet_ink().contrast(ground);
                assert!(quiet >= 4.5, "{name}: quiet ink {quiet:.2} on {ground}");
                let accent = palette.accent.contrast(ground);
                assert!(accent >= 4.5, "{name}: accent {accent:.2} on {ground}");
            }
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for name in palette_names() {
            assert_eq!(palette(name).map(|found| found.name), Some(name));
            assert_eq!(palette_names().iter().filter(|other| **other == name).count(), 1);
        }
        assert_eq!(palette("no such look"), None);
    }

    #[test]
    fn black_on_white_has_the_contrast_of_the_standard() {
        assert!((Rgb(0, 0, 0).contrast(Rgb(255, 255, 255)) - 21.0).abs() < 1e-9);
    }
}
