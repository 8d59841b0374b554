//! Motifs of spaceflight, each in the square from −100 to 100.

use super::seeded::Seeded;
use crate::craft::palette::{Palette, Rgb};
use crate::craft::svg::{Paint, Svg};

/// A tone between the second colour and the background: the shaded side of things.
fn shade(palette: &Palette) -> Rgb {
    palette
        .second
        .mix(palette.background, if palette.is_dark() { 0.55 } else { 0.0 })
        .mix(Rgb(0, 0, 0), if palette.is_dark() { 0.0 } else { 0.25 })
}

/// A light tone for bodies and hulls.
fn hull(palette: &Palette) -> Rgb {
    if palette.is_dark() { palette.ink.mix(palette.second, 0.12) } else { Rgb(255, 255, 255) }
}

/// The middle tone of hulls.
fn hull_shade(palette: &Palette) -> Rgb {
    hull(palette).mix(shade(palette), 0.38)
}

pub(super) fn planet(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    let lit = palette.second.mix(Rgb(255, 255, 255), 0.22);
    svg.open(0.0, 0.0, -22.0, 1.0, 1.0);
    svg.path("M-118 0A118 34 0 0 1 118 0", &Paint::stroke(palette.accent, 2.2).alpha(0.75));
    svg.close();
    let body = svg.radial(0.34, 0.3, 0.75, &[(0.0, lit, 1.0), (1.0, shade(palette), 1.0)]);
    svg.circle(0.0, 0.0, 78.0, &Paint::gradient(&body));
    for band in 0..5u32 {
        let y = -50.0 + 24.0 * f64::from(band) + seeded.between(-6.0, 6.0);
        let reach = (72.0f64 * 72.0 - y * y).max(0.0).sqrt();
        let from = seeded.between(-0.95, -0.5) * reach;
        let to = seeded.between(0.1, 0.9) * reach;
        let line = Paint::stroke(lit, seeded.between(3.0, 7.0)).alpha(0.32);
        svg.path(&format!("M{from:.1} {y:.1}Q0 {:.1} {to:.1} {y:.1}", y + 7.0), &line);
    }
    svg.path(
        "M22 -75A78 78 0 1 1 -60 50A92 92 0 0 0 22 -75Z",
        &Paint::fill(palette.background.mix(Rgb(0, 0, 0), 0.3)).alpha(0.22),
    );
    svg.open(0.0, 0.0, -22.0, 1.0, 1.0);
    svg.path("M118 0A118 34 0 0 1 -118 0", &Paint::stroke(palette.accent, 2.6));
    svg.circle(52.0, 30.5, 6.5, &Paint::fill(palette.accent));
    svg.close();
}

pub(super) fn moon(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    let light = hull(palette);
    let body = svg.radial(
        0.36,
        0.32,
        0.72,
        &[
            (0.0, light, 1.0),
            (0.6, light.mix(shade(palette), 0.25), 1.0),
            (1.0, shade(palette), 1.0),
        ],
    );
    svg.circle(0.0, 0.0, 88.0, &Paint::gradient(&body));
    let craters = [
        (-34.0, -28.0, 21.0),
        (22.0, -44.0, 12.0),
        (34.0, 8.0, 24.0),
        (-18.0, 36.0, 16.0),
        (-58.0, 14.0, 9.0),
        (12.0, 62.0, 10.0),
        (-2.0, -4.0, 7.0),
    ];
    for (x, y, radius) in craters {
        let (x, y) = (x + seeded.between(-5.0, 5.0), y + seeded.between(-5.0, 5.0));
        let rim = Paint::fill(light.mix(shade(palette), 0.15)).alpha(0.8);
        svg.circle(x + radius * 0.1, y + radius * 0.12, radius * 1.08, &rim);
        svg.circle(x, y, radius, &Paint::fill(light.mix(shade(palette), 0.5)).alpha(0.75));
    }
    svg.path("M-96 62C-40 112 60 104 104 40", &Paint::stroke(palette.accent, 2.4).alpha(0.9));
    svg.circle(104.0, 40.0, 5.0, &Paint::fill(palette.accent));
}

pub(super) fn rocket(svg: &mut Svg, palette: &Palette) {
    svg.path("M-112 104C-60 96 -22 70 2 34", &Paint::stroke(palette.second, 3.0).alpha(0.55));
    svg.open(8.0, -6.0, 32.0, 1.0, 1.0);
    let flame =
        svg.linear([0.0, 0.0, 0.0, 1.0], &[(0.0, palette.accent, 1.0), (1.0, palette.accent, 0.0)]);
    svg.path("M-15 56C-26 84 -8 96 0 122C8 96 26 84 15 56Z", &Paint::gradient(&flame));
    svg.path("M-7 56C-10 72 -3 82 0 94C3 82 10 72 7 56Z", &Paint::fill(hull(palette)).alpha(0.9));
    svg.path("M-22 14L-46 50L-42 64L-18 50Z", &Paint::fill(palette.second));
    svg.path("M22 14L46 50L42 64L18 50Z", &Paint::fill(shade(palette)));
    svg.path(
        "M0 -98C22 -76 27 -40 25 0L19 56L-19 56L-25 0C-27 -40 -22 -76 0 -98Z",
        &Paint::fill(hull(palette)),
    );
    svg.path(
        "M0 -98C22 -76 27 -40 25 0L19 56L5 56C12 10 14 -60 0 -98Z",
        &Paint::fill(hull_shade(palette)),
    );
    svg.path(
        "M0 -98C11 -87 18 -73 22 -58L-22 -58C-18 -73 -11 -87 0 -98Z",
        &Paint::fill(palette.accent),
    );
    svg.circle(0.0, -26.0, 12.5, &Paint::fill(palette.second));
    svg.circle(0.0, -26.0, 8.0, &Paint::fill(palette.background));
    svg.rect([-22.4, 24.0, 44.8, 6.0], 0.0, &Paint::fill(palette.second).alpha(0.8));
    svg.close();
}

pub(super) fn satellite(svg: &mut Svg, palette: &Palette) {
    svg.path("M-120 70C-60 112 70 108 122 52", &Paint::stroke(palette.second, 2.0).alpha(0.5));
    for (radius, alpha) in [(30.0, 0.9), (46.0, 0.6), (62.0, 0.35)] {
        let arc =
            format!("M{:.1} 66A{radius} {radius} 0 0 0 {:.1} 66", -radius * 0.62, radius * 0.62);
        svg.open(-36.0, 12.0, 36.0, 1.0, alpha);
        svg.path(&arc, &Paint::stroke(palette.accent, 3.0));
        svg.close();
    }
    svg.open(0.0, -8.0, -28.0, 1.0, 1.0);
    for side in [-1.0, 1.0] {
        svg.rect(
            [if side < 0.0 { -36.0 } else { 20.0 }, -3.0, 16.0, 6.0],
            0.0,
            &Paint::fill(hull_shade(palette)),
        );
        let left = if side < 0.0 { -106.0 } else { 36.0 };
        svg.rect([left, -25.0, 70.0, 50.0], 3.0, &Paint::fill(palette.second));
        let cell = Paint::stroke(palette.background, 1.6).alpha(0.55);
        for column in 1..4u32 {
            let x = left + 17.5 * f64::from(column);
            svg.polyline(&[(x, -24.0), (x, 24.0)], &cell);
        }
        svg.polyline(&[(left + 1.0, 0.0), (left + 69.0, 0.0)], &cell);
    }
    svg.rect([-21.0, -32.0, 42.0, 64.0], 5.0, &Paint::fill(hull(palette)));
    svg.rect([4.0, -32.0, 17.0, 64.0], 5.0, &Paint::fill(hull_shade(palette)));
    svg.rect([-21.0, -12.0, 42.0, 8.0], 0.0, &Paint::fill(palette.accent));
    svg.polyline(&[(0.0, 32.0), (0.0, 46.0)], &Paint::stroke(hull(palette), 3.0));
    svg.path("M-24 50A26 20 0 0 0 24 50Z", &Paint::fill(hull_shade(palette)));
    svg.polyline(&[(0.0, -32.0), (0.0, -62.0)], &Paint::stroke(hull(palette), 2.4));
    svg.circle(0.0, -64.0, 4.5, &Paint::fill(palette.accent));
    svg.close();
}

pub(super) fn capsule(svg: &mut Svg, palette: &Palette) {
    let cord = Paint::stroke(hull_shade(palette), 1.6);
    for x in [-84.0, -46.0, 0.0, 46.0, 84.0] {
        svg.polyline(&[(x, -38.0), (0.0, 34.0)], &cord);
    }
    svg.path("M-88 -36C-84 -120 84 -120 88 -36Q66 -50 46 -36Q24 -52 0 -36Q-24 -52 -46 -36Q-66 -50 -88 -36Z",
        &Paint::fill(hull(palette)));
    svg.path(
        "M-46 -36C-44 -78 -26 -98 0 -99C-22 -84 -30 -60 -24 -44Q-36 -44 -46 -36Z",
        &Paint::fill(palette.accent),
    );
    svg.path(
        "M46 -36C44 -78 26 -98 0 -99C22 -84 30 -60 24 -44Q36 -44 46 -36Z",
        &Paint::fill(palette.accent),
    );
    svg.path("M-14 34L14 34L40 84L-40 84Z", &Paint::fill(hull(palette)));
    svg.path("M4 34L14 34L40 84L16 84Z", &Paint::fill(hull_shade(palette)));
    svg.path("M-40 84L40 84C34 98 -34 98 -40 84Z", &Paint::fill(shade(palette)));
    svg.circle(-8.0, 60.0, 7.0, &Paint::fill(palette.second));
    svg.rect([-36.0, 76.0, 72.0, 4.0], 0.0, &Paint::fill(palette.accent));
}
