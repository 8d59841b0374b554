//! Draws the moving background: the palette's gradient and pattern, and the scene's motif.

use super::grid::{Grid, Place};
use super::seeded::Seeded;
use super::subject::{self, Motif};
use super::{BACKGROUND_SCALE, patterns};
use crate::craft::palette::Palette;
use crate::craft::svg::{Paint, Svg};

/// The whole background as an SVG document, [`BACKGROUND_SCALE`] times the frame.
pub(super) fn draw(
    palette: &Palette,
    grid: &Grid,
    motif: Motif,
    place: Place,
    seeded: &mut Seeded,
) -> String {
    let mut svg = Svg::new(grid.width, grid.height).enlarged(BACKGROUND_SCALE);
    paint(&mut svg, palette, grid, motif, place, seeded);
    svg.finish()
}

/// The background into a document as large as the frame.
pub(crate) fn paint(
    svg: &mut Svg,
    palette: &Palette,
    grid: &Grid,
    motif: Motif,
    place: Place,
    seeded: &mut Seeded,
) {
    let whole = [0.0, 0.0, grid.width, grid.height];
    let slope = if grid.tall { [0.1, 0.0, 0.5, 1.0] } else { [0.0, 0.1, 1.0, 0.9] };
    let ground = svg.linear(slope, &[(0.0, palette.background, 1.0), (1.0, palette.depth, 1.0)]);
    svg.rect(whole, 0.0, &Paint::gradient(&ground));
    patterns::draw(svg, palette, grid, seeded);

    let strength = if palette.is_dark() { 0.34 } else { 0.55 };
    let light = if palette.is_dark() { palette.second } else { palette.surface };
    let glow = svg.radial(
        0.5,
        0.5,
        0.5,
        &[(0.0, light, strength * place.alpha), (0.5, light, strength * 0.4), (1.0, light, 0.0)],
    );
    svg.circle(place.x, place.y, place.radius * 1.75, &Paint::gradient(&glow));

    svg.open(place.x, place.y, 0.0, place.radius / 100.0, place.alpha);
    subject::draw(motif, svg, palette, seeded);
    svg.close();
}
