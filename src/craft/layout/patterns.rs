//! The generative pattern behind the pictures of each palette.
//!
//! Architecture invariant: patterns stay faint (they are ground, not figure) and change with the
//! seed only.

use std::f64::consts::TAU;

use super::grid::Grid;
use super::seeded::Seeded;
use crate::craft::palette::{Palette, Pattern};
use crate::craft::svg::{Paint, Svg};

pub(super) fn draw(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    match palette.pattern {
        Pattern::Stars => stars(svg, palette, grid, seeded),
        Pattern::Embers => embers(svg, palette, grid, seeded),
        Pattern::Paper => paper(svg, palette, grid, seeded),
        Pattern::Waves => waves(svg, palette, grid, seeded),
        Pattern::Contours => contours(svg, palette, grid, seeded),
        Pattern::Blobs => blobs(svg, palette, grid, seeded),
        Pattern::Halftone => halftone(svg, palette, grid, seeded),
        Pattern::Beams => beams(svg, palette, grid, seeded),
    }
}

/// A point anywhere in the frame.
fn anywhere(grid: &Grid, seeded: &mut Seeded) -> (f64, f64) {
    (seeded.between(0.0, grid.width), seeded.between(0.0, grid.height))
}

fn stars(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    let centre = (seeded.between(0.6, 1.0) * grid.width, seeded.between(0.9, 1.3) * grid.height);
    for ring in 1..6u32 {
        let radius = f64::from(ring) * grid.unit * seeded.between(24.0, 30.0);
        let line = Paint::stroke(palette.second, grid.unit * 0.16).alpha(0.22);
        svg.ellipse(centre.0, centre.1, radius * 1.25, radius, &line);
    }
    for _ in 0..130 {
        let (x, y) = anywhere(grid, seeded);
        let bright = seeded.one_in(9);
        let radius = grid.unit * if bright { 0.26 } else { seeded.between(0.07, 0.16) };
        let alpha = if bright { 0.85 } else { seeded.between(0.25, 0.6) };
        svg.circle(x, y, radius, &Paint::fill(palette.ink).alpha(alpha));
    }
}

fn embers(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    for _ in 0..3 {
        let x = seeded.between(0.1, 0.95) * grid.width;
        let radius = grid.unit * seeded.between(50.0, 80.0);
        let glow =
            svg.radial(0.5, 0.5, 0.5, &[(0.0, palette.second, 0.26), (1.0, palette.second, 0.0)]);
        svg.circle(x, grid.height * 1.02, radius, &Paint::gradient(&glow));
    }
    for _ in 0..90 {
        let x = seeded.between(0.0, grid.width);
        // The square root puts more sparks near the lower edge.
        let y = seeded.between(0.0, 1.0).sqrt() * grid.height;
        let radius = grid.unit * seeded.between(0.1, 0.42);
        let alpha = seeded.between(0.12, 0.55);
        svg.circle(x, y, radius, &Paint::fill(palette.accent).alpha(alpha));
    }
}

fn paper(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    let step = grid.unit * 6.0;
    let line = Paint::stroke(palette.second, grid.unit * 0.12).alpha(0.26);
    let mut offset = step * 0.5;
    while offset < grid.width.max(grid.height) {
        svg.polyline(&[(offset, 0.0), (offset, grid.height)], &line);
        svg.polyline(&[(0.0, offset), (grid.width, offset)], &line);
        offset += step;
    }
    for _ in 0..3 {
        let (x, y) = anywhere(grid, seeded);
        let radius = grid.unit * seeded.between(20.0, 60.0);
        let pencil = Paint::stroke(palette.ink, grid.unit * 0.2).alpha(0.16);
        svg.circle(x, y, radius, &pencil);
        svg.circle(x, y, grid.unit * 0.5, &Paint::fill(palette.accent).alpha(0.35));
    }
}

/// A smooth line from left to right: two sines of different length.
fn wave_line(grid: &Grid, middle: f64, height: f64, phase: f64) -> Vec<(f64, f64)> {
    (0..=48u32)
        .map(|step| {
            let share = f64::from(step) / 48.0;
            let slow = (share * TAU * 1.2 + phase).sin();
            let quick = (share * TAU * 2.7 + phase * 1.7).sin() * 0.35;
            (share * grid.width, middle + (slow + quick) * height)
        })
        .collect()
}

fn waves(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    for layer in 0..6u32 {
        let middle = grid.height * (0.48 + 0.1 * f64::from(layer));
        let phase = seeded.between(0.0, TAU);
        let mut points = wave_line(grid, middle, grid.unit * 4.5, phase);
        let crest = Paint::stroke(palette.accent, grid.unit * 0.14).alpha(0.16);
        svg.polyline(&points, &crest);
        points.push((grid.width, grid.height));
        points.push((0.0, grid.height));
        let colour = palette.second.mix(palette.background, 0.35);
        svg.polyline(&points, &Paint::fill(colour).alpha(0.10));
    }
}

fn contours(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    for _ in 0..3 {
        let (x, y) = anywhere(grid, seeded);
        let phases = [seeded.between(0.0, TAU), seeded.between(0.0, TAU)];
        for ring in 1..9u32 {
            let radius = grid.unit * 6.2 * f64::from(ring);
            let points: Vec<(f64, f64)> = (0..=72u32)
                .map(|step| {
                    let angle = TAU * f64::from(step) / 72.0;
                    let bulge = 1.0
                        + 0.16 * (angle * 2.0 + phases[0]).sin()
                        + 0.08 * (angle * 3.0 + phases[1]).sin();
                    (x + angle.cos() * radius * bulge * 1.25, y + angle.sin() * radius * bulge)
                })
                .collect();
            let alpha = 0.27 - 0.022 * f64::from(ring);
            svg.polyline(&points, &Paint::stroke(palette.second, grid.unit * 0.2).alpha(alpha));
        }
    }
}

fn blobs(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    for index in 0..5u32 {
        let (x, y) = anywhere(grid, seeded);
        let radius = grid.unit * seeded.between(18.0, 42.0);
        let phase = seeded.between(0.0, TAU);
        let points: Vec<(f64, f64)> = (0..72u32)
            .map(|step| {
                let angle = TAU * f64::from(step) / 72.0;
                let bulge = 1.0 + 0.13 * (angle * 3.0 + phase).sin() + 0.07 * (angle * 2.0).cos();
                (x + angle.cos() * radius * bulge, y + angle.sin() * radius * bulge)
            })
            .collect();
        let colour = match index % 3 {
            0 => palette.depth.mix(palette.accent, 0.22),
            1 => palette.surface,
            _ => palette.depth.mix(palette.second, 0.25),
        };
        svg.polyline(&points, &Paint::fill(colour).alpha(0.38));
    }
}

fn halftone(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    let step = grid.unit * 4.2;
    let from_left = seeded.one_in(2);
    let ink = Paint::fill(palette.accent).alpha(0.16);
    let mut y = step * 0.5;
    let mut row = 0u32;
    while y < grid.height + step {
        let mut x = if row.is_multiple_of(2) { 0.0 } else { step * 0.5 };
        while x < grid.width + step {
            let across = if from_left { 1.0 - x / grid.width } else { x / grid.width };
            let growth = (across * 0.6 + y / grid.height * 0.7 - 0.55).clamp(0.0, 1.0);
            if growth > 0.04 {
                svg.circle(x, y, step * 0.48 * growth, &ink);
            }
            x += step;
        }
        y += step * 0.866;
        row += 1;
    }
}

fn beams(svg: &mut Svg, palette: &Palette, grid: &Grid, seeded: &mut Seeded) {
    let lean = grid.height * 0.42;
    for index in 0..7u32 {
        let x = seeded.between(-0.2, 1.1) * grid.width;
        let width = grid.unit * seeded.between(3.0, 20.0);
        let colour = if index % 2 == 0 { palette.second } else { palette.accent };
        let light = svg.linear([0.0, 0.0, 0.0, 1.0], &[(0.0, colour, 0.22), (1.0, colour, 0.0)]);
        let corners =
            [(x + lean, 0.0), (x + lean + width, 0.0), (x + width, grid.height), (x, grid.height)];
        svg.polyline(&corners, &Paint::gradient(&light));
    }
}
