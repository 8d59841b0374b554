//! Where things stand in a frame, for both aspects and at every size.
//!
//! Why it exists: margins, the caption zone and the places of motifs are one set of numbers, so
//! that cards, backgrounds and captions cannot disagree.
//!
//! Architecture invariant: cards keep between `top` and `bottom`; below `bottom` stand captions,
//! and in 9:16 the lowest fifth stays free for the player's own controls.

use crate::domain::timeline::Focus;

use super::LayoutName;

/// The lines of a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Width of the frame.
    pub width: f64,
    /// Height of the frame.
    pub height: f64,
    /// Whether the frame is higher than wide.
    pub tall: bool,
    /// A hundredth of the shorter side; all sizes are multiples of it.
    pub unit: f64,
    /// Left edge of text.
    pub left: f64,
    /// Right edge of text.
    pub right: f64,
    /// Baseline of the channel's name.
    pub masthead: f64,
    /// Upper edge of cards.
    pub top: f64,
    /// Lower edge of cards; captions stand below.
    pub bottom: f64,
}

/// Where a motif stands, in pixels of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Centre.
    pub x: f64,
    /// Centre.
    pub y: f64,
    /// Radius.
    pub radius: f64,
    /// Opacity in [0, 1]; less where text stands over it.
    pub alpha: f64,
}

impl Place {
    /// The square around the motif, in fractions of the frame, cut at its edges.
    #[must_use]
    pub fn focus(&self, grid: &Grid) -> Focus {
        let left = ((self.x - self.radius) / grid.width).clamp(0.0, 0.9);
        let upper = ((self.y - self.radius) / grid.height).clamp(0.0, 0.9);
        let right = ((self.x + self.radius) / grid.width).clamp(left + 0.1, 1.0);
        let lower = ((self.y + self.radius) / grid.height).clamp(upper + 0.1, 1.0);
        Focus { x: left, y: upper, w: right - left, h: lower - upper }
    }
}

impl Grid {
    /// The lines of a frame of this size in pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let tall = height > width;
        let (width, height) = (f64::from(width.max(16)), f64::from(height.max(16)));
        let unit = width.min(height) / 100.0;
        let (side, masthead, top, bottom) =
            if tall { (0.08, 0.085, 0.125, 0.625) } else { (0.065, 0.105, 0.175, 0.765) };
        Self {
            width,
            height,
            tall,
            unit,
            left: width * side,
            right: width * (1.0 - side),
            masthead: height * masthead,
            top: height * top,
            bottom: height * bottom,
        }
    }

    /// Width of the space for text.
    #[must_use]
    pub fn text_width(&self) -> f64 {
        self.right - self.left
    }

    /// Where the motif stands so that the card of `layout` leaves it free.
    #[must_use]
    pub fn motif_place(&self, layout: LayoutName) -> Place {
        let (x, y, radius, alpha) = if self.tall {
            match layout {
                LayoutName::Title => (0.52, 0.245, 26.0, 1.0),
                LayoutName::Number => (0.64, 0.555, 25.0, 1.0),
                LayoutName::Date => (0.66, 0.555, 25.0, 1.0),
                LayoutName::Statement => (0.70, 0.54, 42.0, 0.32),
                LayoutName::Point => (0.50, 0.232, 23.0, 1.0),
            }
        } else {
            match layout {
                LayoutName::Title => (0.765, 0.48, 35.0, 1.0),
                LayoutName::Number => (0.79, 0.51, 32.0, 1.0),
                LayoutName::Date => (0.80, 0.40, 24.0, 1.0),
                LayoutName::Statement => (0.86, 0.42, 42.0, 0.32),
                LayoutName::Point => (0.255, 0.50, 32.0, 1.0),
            }
        };
        Place { x: x * self.width, y: y * self.height, radius: radius * self.unit, alpha }
    }
}
