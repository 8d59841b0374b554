//! Motifs of kitchen science, each in the square from −100 to 100.

use super::seeded::Seeded;
use crate::craft::palette::{Palette, Rgb};
use crate::craft::svg::{Paint, Svg};

/// A dark tone for metal.
fn metal(palette: &Palette) -> Rgb {
    if palette.is_dark() {
        palette.ink.mix(palette.background, 0.55)
    } else {
        palette.ink.mix(palette.background, 0.12)
    }
}

/// A light tone for steam, dough and whites.
fn cream(palette: &Palette) -> Rgb {
    if palette.is_dark() { palette.ink.mix(palette.accent, 0.08) } else { Rgb(255, 253, 246) }
}

/// A wavy line of steam upwards from (x, y).
fn steam(svg: &mut Svg, palette: &Palette, x: f64, y: f64, scale: f64) {
    let colour = if palette.is_dark() { cream(palette) } else { palette.second };
    svg.open(x, y, 0.0, scale, 0.55);
    svg.path("M0 0C-16 -14 16 -24 0 -40C-14 -54 12 -62 2 -76", &Paint::stroke(colour, 5.0));
    svg.close();
}

fn flame(svg: &mut Svg, palette: &Palette, x: f64, scale: f64) {
    svg.open(x, 92.0, 0.0, scale, 1.0);
    svg.path(
        "M0 0C-24 0 -26 -22 -14 -36C-12 -26 -6 -26 -6 -32C-8 -46 2 -54 8 -62C6 -48 24 -38 22 -18C21 -6 12 0 0 0Z",
        &Paint::fill(palette.accent),
    );
    svg.path(
        "M1 -2C-10 -2 -11 -14 -3 -24C2 -18 12 -16 10 -8C9 -4 6 -2 1 -2Z",
        &Paint::fill(cream(palette)).alpha(0.85),
    );
    svg.close();
}

pub(super) fn pan(svg: &mut Svg, palette: &Palette) {
    for (x, scale) in [(-46.0, 0.85), (-8.0, 1.05), (30.0, 0.85)] {
        flame(svg, palette, x, scale);
    }
    for x in [-44.0, -8.0, 28.0] {
        steam(svg, palette, x, -36.0, 0.85);
    }
    svg.path("M66 -6L122 -24", &Paint::stroke(metal(palette), 12.0));
    svg.path(
        "M-84 -12L72 -12C70 16 58 32 40 32L-52 32C-70 32 -82 16 -84 -12Z",
        &Paint::fill(metal(palette)),
    );
    svg.path(
        "M-84 -12L72 -12C71 -2 69 4 67 8L-79 8C-82 2 -83 -4 -84 -12Z",
        &Paint::fill(palette.second),
    );
    svg.ellipse(
        -6.0,
        -12.0,
        78.0,
        10.0,
        &Paint::fill(metal(palette).mix(palette.background, 0.35)),
    );
    svg.ellipse(
        -24.0,
        -14.0,
        30.0,
        8.0,
        &Paint::fill(palette.accent.mix(palette.background, 0.25)),
    );
    svg.ellipse(-26.0, -17.0, 26.0, 5.5, &Paint::fill(palette.accent));
}

pub(super) fn pot(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    for x in [-36.0, 0.0, 36.0] {
        steam(svg, palette, x, -44.0, 0.8);
    }
    svg.path("M-96 0L-78 0M96 0L78 0", &Paint::stroke(metal(palette), 13.0));
    let water = svg.linear(
        [0.0, 0.0, 0.0, 1.0],
        &[
            (0.0, palette.second.mix(cream(palette), 0.3), 0.95),
            (1.0, palette.second.mix(palette.background, 0.3), 0.95),
        ],
    );
    svg.rect([-76.0, -30.0, 152.0, 112.0], 18.0, &Paint::gradient(&water));
    for _ in 0..16 {
        let (x, y) = (seeded.between(-60.0, 60.0), seeded.between(-16.0, 66.0));
        // Bubbles grow as they rise.
        let radius = 3.0 + (66.0 - y) / 82.0 * seeded.between(3.0, 9.0);
        svg.circle(x, y, radius, &Paint::stroke(cream(palette), 2.6).alpha(0.85));
        svg.circle(
            x - radius * 0.3,
            y - radius * 0.3,
            radius * 0.22,
            &Paint::fill(cream(palette)).alpha(0.9),
        );
    }
    svg.path(
        "M-78 -38L-78 66Q-78 84 -60 84L60 84Q78 84 78 66L78 -38",
        &Paint::stroke(metal(palette), 8.0),
    );
    svg.rect([-70.0, 92.0, 140.0, 7.0], 3.5, &Paint::fill(palette.accent));
}

pub(super) fn molecule(svg: &mut Svg, palette: &Palette) {
    let bond = Paint::stroke(
        cream(palette).mix(palette.ink, if palette.is_dark() { 0.0 } else { 0.75 }),
        5.0,
    );
    let hexagon = "M0 -38L33 -19L33 19L0 38L-33 19L-33 -19Z";
    for (x, y) in [(-33.0, -20.0), (33.0, -20.0), (0.0, 37.0)] {
        svg.open(x, y, 0.0, 1.0, 1.0);
        svg.path(hexagon, &Paint::fill(palette.surface).alpha(0.75));
        svg.path(hexagon, &bond);
        svg.close();
    }
    svg.path("M-25 -36L-2 -23M41 -4L61 -16M-8 62L-25 52", &Paint::stroke(palette.second, 4.0));
    svg.path("M-66 -1L-92 14M66 -39L92 -54M0 75L0 101M-33 -58L-33 -86M33 56L60 72", &bond);
    let atoms = [
        (-92.0, 14.0, 13.0, palette.accent),
        (92.0, -54.0, 13.0, palette.second),
        (0.0, 101.0, 11.0, palette.accent),
        (-33.0, -88.0, 11.0, palette.second),
        (62.0, 73.0, 15.0, palette.accent),
        (0.0, -1.0, 9.0, palette.accent),
        (-66.0, -39.0, 8.0, palette.second),
        (-33.0, 56.0, 8.0, palette.second),
        (33.0, -58.0, 8.0, palette.accent),
    ];
    for (x, y, radius, colour) in atoms {
        svg.circle(x, y, radius, &Paint::fill(colour));
        svg.circle(
            x - radius * 0.3,
            y - radius * 0.35,
            radius * 0.28,
            &Paint::fill(cream(palette)).alpha(0.7),
        );
    }
}

pub(super) fn wheat(svg: &mut Svg, palette: &Palette) {
    let ears = [(-40.0, -20.0, 0.86), (40.0, 20.0, 0.86), (0.0, 0.0, 1.0)];
    for (x, turn, scale) in ears {
        svg.open(x * 0.62, 96.0, turn, scale, 1.0);
        svg.path("M0 0L0 -178", &Paint::stroke(palette.second, 4.5));
        for row in 0..6u32 {
            let y = -84.0 - 17.0 * f64::from(row);
            let light = palette.accent.mix(cream(palette), 0.28);
            for (side, colour) in [(-1.0, palette.accent), (1.0, light)] {
                svg.path(
                    &format!(
                        "M0 {y:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} 0 {y:.1}Z",
                        side * 4.0, y - 14.0, side * 12.0, y - 22.0, side * 22.0, y - 26.0,
                        side * 24.0, y - 12.0, side * 16.0, y - 1.0,
                    ),
                    &Paint::fill(colour),
                );
            }
        }
        svg.path(
            "M0 -176C-8 -188 -6 -198 0 -208C6 -198 8 -188 0 -176Z",
            &Paint::fill(palette.accent),
        );
        svg.path("M0 -24C16 -30 30 -46 34 -66C16 -62 4 -48 0 -24Z", &Paint::fill(palette.second));
        svg.close();
    }
}

pub(super) fn egg(svg: &mut Svg, palette: &Palette) {
    let shadow = Paint::fill(palette.background.mix(Rgb(0, 0, 0), 0.5)).alpha(0.22);
    svg.ellipse(0.0, 78.0, 92.0, 14.0, &shadow);
    let white = cream(palette);
    svg.path(
        "M-88 34C-104 6 -78 -20 -52 -28C-34 -58 14 -70 38 -44C72 -46 102 -18 90 14C104 46 70 76 38 68C10 88 -34 84 -50 66C-72 66 -84 54 -88 34Z",
        &Paint::fill(white),
    );
    svg.path(
        "M-72 34C-84 12 -62 -10 -40 -16C-60 8 -50 46 -16 56C-40 62 -66 54 -72 34Z",
        &Paint::fill(white.mix(palette.second, 0.18)),
    );
    let yolk_edge = palette.accent.mix(palette.background, 0.12);
    svg.circle(6.0, 8.0, 39.0, &Paint::fill(yolk_edge));
    svg.circle(4.0, 5.0, 35.0, &Paint::fill(palette.accent));
    svg.path("M-18 -8C-14 -18 -4 -24 8 -24", &Paint::stroke(white, 6.0).alpha(0.85));
}
