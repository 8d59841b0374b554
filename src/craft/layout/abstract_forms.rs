//! Motifs for subjects without drawings of their own, each in the square from −100 to 100.

use std::f64::consts::TAU;

use super::seeded::Seeded;
use crate::craft::palette::Palette;
use crate::craft::svg::{Paint, Svg};

pub(super) fn rings(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    for ring in 0..6u32 {
        let radius = 24.0 + 15.0 * f64::from(ring);
        let from = seeded.between(0.0, TAU);
        let to = from + seeded.between(2.6, 5.2);
        let colour = if ring % 2 == 0 { palette.accent } else { palette.second };
        let large = u8::from(to - from > TAU / 2.0);
        let arc = format!(
            "M{:.2} {:.2}A{radius} {radius} 0 {large} 1 {:.2} {:.2}",
            from.cos() * radius,
            from.sin() * radius,
            to.cos() * radius,
            to.sin() * radius,
        );
        svg.path(&arc, &Paint::stroke(colour, 7.0).alpha(0.92));
        svg.circle(to.cos() * radius, to.sin() * radius, 6.0, &Paint::fill(palette.ink));
    }
    svg.circle(0.0, 0.0, 11.0, &Paint::fill(palette.accent));
}

pub(super) fn facets(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    let corners: Vec<(f64, f64)> = (0..7u32)
        .map(|corner| {
            let angle = TAU * (f64::from(corner) + seeded.between(-0.18, 0.18)) / 7.0;
            let radius = seeded.between(78.0, 102.0);
            (angle.cos() * radius, angle.sin() * radius)
        })
        .collect();
    let heart = (seeded.between(-18.0, 18.0), seeded.between(-22.0, 6.0));
    // A ground in the middle tone, so that no seam shows between facets.
    svg.polyline(&corners, &Paint::fill(palette.second.mix(palette.accent, 0.5)));
    for (index, pair) in corners.iter().zip(corners.iter().cycle().skip(1)).enumerate() {
        let (here, next) = pair;
        let share = index as f64 / corners.len() as f64;
        let colour = palette.second.mix(palette.accent, share);
        svg.polyline(&[heart, *here, *next, heart], &Paint::fill(colour).alpha(0.92));
        let inner = |point: &(f64, f64)| {
            (heart.0 + (point.0 - heart.0) * 0.5, heart.1 + (point.1 - heart.1) * 0.5)
        };
        let light = Paint::fill(palette.ink).alpha(0.05 + 0.2 * (1.0 - share));
        svg.polyline(&[heart, inner(here), inner(next), heart], &light);
    }
}

pub(super) fn ribbons(svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    let bend = seeded.between(-20.0, 20.0);
    for ribbon in 0..7u32 {
        let offset = -66.0 + 22.0 * f64::from(ribbon);
        let share = f64::from(ribbon) / 6.0;
        let colour = palette.accent.mix(palette.second, share);
        let curve = format!(
            "M-96 {:.1}C-40 {:.1} 20 {:.1} 96 {:.1}",
            offset + 30.0,
            offset - 50.0 - bend,
            offset + 60.0 + bend,
            offset - 26.0,
        );
        svg.path(&curve, &Paint::stroke(colour, 11.0).alpha(0.92));
    }
    svg.circle(58.0, -70.0, 15.0, &Paint::fill(palette.ink));
}
