//! Draws the card of a scene: text that stands still over the moving background.
//!
//! Architecture invariant: everything stands inside the grid's margins, between `top` and
//! `bottom`, and every text is fitted to its box.

use super::SceneBrief;
use super::choice::Content;
use super::grid::Grid;
use crate::craft::palette::{Palette, Rgb};
use crate::craft::svg::{Anchor, Paint, Svg, TextLook};
use crate::craft::typeset::{Faces, Fitted, TextBox, Weight};

/// What every card needs.
struct Card<'a> {
    svg: Svg,
    palette: &'a Palette,
    grid: &'a Grid,
    faces: &'a Faces,
}

/// The card as an SVG document as large as the frame.
pub(super) fn draw(
    brief: &SceneBrief<'_>,
    content: &Content,
    grid: &Grid,
    faces: &Faces,
) -> String {
    let svg = Svg::new(grid.width, grid.height);
    let mut card = Card { svg, palette: brief.palette, grid, faces };
    card.veil([0.0, 0.0, 0.0, grid.top / grid.height], &[(0.0, 0.72), (0.6, 0.6), (1.0, 0.0)]);
    match content {
        Content::Title => card.title(brief.heading),
        Content::Number { number, unit, about } => card.number(number, unit, about),
        Content::Date { year, about } => card.date(year, about),
        Content::Statement { sentence } => card.statement(sentence),
        Content::Point { phrase } => card.point(brief.heading, phrase),
    }
    card.masthead(brief);
    card.svg.finish()
}

fn look(weight: Weight, colour: Rgb) -> TextLook {
    let tracking = if weight == Weight::Medium { 0.0 } else { -0.015 };
    TextLook { weight, size: 0.0, colour, tracking, anchor: Anchor::Start }
}

impl Card<'_> {
    /// `units` of the grid in pixels.
    fn units(&self, units: f64) -> f64 {
        self.grid.unit * units
    }

    fn fit(&self, text: &str, weight: Weight, room: [f64; 4], lines: usize) -> Fitted {
        let [width, height, largest, smallest] = room;
        let [largest, smallest] = [largest, smallest].map(|size| self.units(size));
        self.faces.fit(text, weight, TextBox { width, height, largest, smallest, lines })
    }

    /// A veil of the background's colour from the left edge, gone at `end` (a fraction of the
    /// width): for text that stands left of a motif.
    fn veil_from_left(&mut self, end: f64) {
        let stops = [(0.0, 0.84), (0.3, 0.84), (0.62, 0.62), (1.0, 0.0)];
        self.veil([0.0, 0.0, end, 0.0], &stops);
    }

    /// A veil of the background's colour across the frame, strongest between `upper` and `lower`
    /// (fractions of the height): for text above or below a motif.
    fn veil_band(&mut self, upper: f64, lower: f64) {
        let soft = 0.07;
        let stops = [
            ((upper - soft).max(0.0), 0.0),
            (upper + soft * 0.3, 0.84),
            (lower, 0.84),
            (lower + soft, 0.0),
        ];
        self.veil([0.0, 0.0, 0.0, 1.0], &stops);
    }

    fn veil(&mut self, line: [f64; 4], strengths: &[(f64, f64)]) {
        let colour = self.palette.background;
        let stops: Vec<_> =
            strengths.iter().map(|(offset, alpha)| (*offset, colour, *alpha)).collect();
        let veil = self.svg.linear(line, &stops);
        let whole = [0.0, 0.0, self.grid.width, self.grid.height];
        self.svg.rect(whole, 0.0, &Paint::gradient(&veil));
    }

    /// A short bar of the accent that marks where reading begins.
    fn mark(&mut self, x: f64, y: f64) {
        let bar = [x, y, self.units(9.0), self.units(1.1)];
        self.svg.rect(bar, self.units(0.55), &Paint::fill(self.palette.accent));
    }

    /// The channel's name at the upper left, how far the video is at the upper right.
    fn masthead(&mut self, brief: &SceneBrief<'_>) {
        let grid = self.grid;
        let parts = brief.of.clamp(1, 12);
        let (part, gap) = (self.units(2.6), self.units(0.9));
        let progress_width = f64::from(parts) * (part + gap) - gap;
        let size = if grid.tall { 3.6 } else { 2.9 };
        let dot = self.units(0.85);
        let name_left = grid.left + dot * 3.6;
        let room = grid.right - progress_width - self.units(4.0) - name_left;
        let name = self.fit(
            brief.channel_title,
            Weight::Bold,
            [room, self.units(size * 1.3), size, size * 0.6],
            1,
        );
        let middle = grid.masthead - self.units(1.0);
        self.svg.circle(grid.left + dot, middle, dot, &Paint::fill(self.palette.accent));
        let name_look = TextLook { tracking: 0.0, ..look(Weight::Bold, self.palette.quiet_ink()) };
        self.svg.block(name_left, middle - name.height() / 2.0, &name, name_look);
        for index in 0..parts {
            let x = grid.right - progress_width + f64::from(index) * (part + gap);
            let reached = index < brief.number;
            let paint = if reached {
                Paint::fill(self.palette.accent)
            } else {
                Paint::fill(self.palette.ink).alpha(0.28)
            };
            let height = self.units(0.7);
            self.svg.rect([x, middle - height / 2.0, part, height], height / 2.0, &paint);
        }
    }

    fn title(&mut self, heading: &str) {
        let grid = self.grid;
        let (width, height) = if grid.tall {
            self.veil_band(0.46, 0.62);
            (grid.text_width(), grid.height * 0.2)
        } else {
            self.veil_from_left(0.7);
            (grid.width * 0.475, grid.height * 0.54)
        };
        let text = self.fit(heading, Weight::Black, [width, height, 14.0, 6.0], 4);
        let y = if grid.tall {
            grid.bottom - text.height()
        } else {
            grid.top + (grid.bottom - grid.top - text.height()) * 0.52
        };
        self.mark(grid.left, y - self.units(4.0));
        self.svg.block(grid.left, y, &text, look(Weight::Black, self.palette.ink));
    }

    fn number(&mut self, number: &str, unit: &str, about: &str) {
        let grid = self.grid;
        let (width, number_size, mut y) = if grid.tall {
            self.veil_band(0.0, 0.38);
            (grid.text_width(), 21.0, grid.top + self.units(1.0))
        } else {
            self.veil_from_left(0.74);
            (grid.width * 0.52, 30.0, grid.top)
        };
        let ink = self.palette.ink;
        let height = self.units(number_size * 1.17);
        let figure = self.fit(number, Weight::Black, [width, height, number_size, 12.0], 1);
        let accent = TextLook { tracking: -0.03, ..look(Weight::Black, self.palette.accent) };
        y = self.svg.block(grid.left - figure.size * 0.05, y, &figure, accent);
        if !unit.is_empty() {
            let label = self.fit(unit, Weight::Bold, [width, self.units(10.0), 8.0, 4.0], 1);
            y = self.svg.block(grid.left, y, &label, look(Weight::Bold, ink));
        }
        self.mark(grid.left, y + self.units(3.0));
        if about.is_empty() {
            return;
        }
        let top = y + self.units(6.0);
        let limit = if grid.tall { grid.height * 0.42 } else { grid.bottom };
        let room = [width, (limit - top).max(self.units(8.0)), 6.2, 4.0];
        let text = self.fit(about, Weight::Medium, room, 3);
        self.svg.block(grid.left, top, &text, look(Weight::Medium, self.palette.ink));
    }

    fn date(&mut self, year: &str, about: &str) {
        if self.grid.tall { self.date_tall(year, about) } else { self.date_wide(year, about) }
    }

    /// A time line across the frame; what it is about above it, the year on it.
    fn date_wide(&mut self, year: &str, about: &str) {
        let grid = self.grid;
        self.veil_from_left(0.72);
        let line_y = grid.height * 0.69;
        let figure =
            self.fit(year, Weight::Black, [grid.width * 0.4, self.units(30.0), 25.0, 10.0], 1);
        let room = [grid.width * 0.55, self.units(19.0), 7.4, 4.2];
        let text = self.fit(about, Weight::Bold, room, 2);
        let year_y = line_y - self.units(5.0) - figure.height();
        self.svg.block(
            grid.left,
            (year_y - text.height()).max(grid.top - self.units(1.0)),
            &text,
            look(Weight::Bold, self.palette.ink),
        );
        let accent = TextLook { tracking: -0.03, ..look(Weight::Black, self.palette.accent) };
        self.svg.block(grid.left - figure.size * 0.05, year_y, &figure, accent);
        self.time_line([grid.left, line_y], [grid.right, line_y], 0.16);
    }

    /// A time line down the left margin; year and words beside it.
    fn date_tall(&mut self, year: &str, about: &str) {
        let grid = self.grid;
        self.veil_band(0.0, 0.37);
        let line_x = grid.left + self.units(1.6);
        let left = line_x + self.units(7.0);
        let width = grid.right - left;
        let figure = self.fit(year, Weight::Black, [width, self.units(30.0), 24.0, 10.0], 1);
        let top = grid.top + self.units(2.0);
        let accent = TextLook { tracking: -0.03, ..look(Weight::Black, self.palette.accent) };
        let below = self.svg.block(left - figure.size * 0.05, top, &figure, accent);
        let room = [width, grid.height * 0.405 - below, 7.6, 4.6];
        let text = self.fit(about, Weight::Bold, room, 3);
        self.svg.block(left, below + self.units(1.0), &text, look(Weight::Bold, self.palette.ink));
        let share = (top + figure.height() * 0.5 - grid.top) / (grid.bottom - grid.top);
        self.time_line([line_x, grid.top], [line_x, grid.bottom], share);
    }

    /// A line with ticks and one marked place at `share` of its length.
    fn time_line(&mut self, from: [f64; 2], to: [f64; 2], share: f64) {
        let along =
            |share: f64| (from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share);
        let quiet = Paint::stroke(self.palette.ink, self.units(0.35)).alpha(0.45);
        self.svg.polyline(&[along(0.0), along(1.0)], &quiet);
        let vertical = from[0] == to[0];
        for tick in 0..=20u32 {
            let (x, y) = along(f64::from(tick) / 20.0);
            let half = self.units(if tick % 5 == 0 { 1.5 } else { 0.8 });
            let ends = if vertical {
                [(x - half, y), (x + half, y)]
            } else {
                [(x, y - half), (x, y + half)]
            };
            self.svg.polyline(&ends, &quiet);
        }
        let (x, y) = along(share);
        let reached = Paint::stroke(self.palette.accent, self.units(0.8));
        self.svg.polyline(&[along(0.0), (x, y)], &reached);
        self.svg.circle(x, y, self.units(2.4), &Paint::fill(self.palette.background));
        self.svg.circle(x, y, self.units(1.7), &Paint::fill(self.palette.accent));
    }

    fn statement(&mut self, sentence: &str) {
        let grid = self.grid;
        if grid.tall {
            self.veil_band(0.0, 0.62);
        } else {
            self.veil_from_left(1.1);
        }
        let bar = self.units(1.1);
        let left = grid.left + bar + self.units(4.0);
        let width = if grid.tall { grid.right - left } else { grid.width * 0.74 };
        let lines = if grid.tall { 7 } else { 4 };
        let largest = if grid.tall { 9.2 } else { 9.6 };
        let text_room = [width, (grid.bottom - grid.top) * 0.78, largest, 4.8];
        let text = self.fit(sentence, Weight::Bold, text_room, lines);
        let free = grid.bottom - grid.top - text.height();
        let y = grid.top + free * if grid.tall { 0.38 } else { 0.5 };
        self.svg.block(left, y, &text, look(Weight::Bold, self.palette.ink));
        let bar_box = [grid.left, y + self.units(0.8), bar, text.height() - self.units(1.6)];
        self.svg.rect(bar_box, bar / 2.0, &Paint::fill(self.palette.accent));
    }

    fn point(&mut self, heading: &str, phrase: &str) {
        let grid = self.grid;
        let padding = self.units(5.5);
        let (left, width, room_height) = if grid.tall {
            (grid.left, grid.text_width(), grid.height * 0.27)
        } else {
            (grid.width * 0.485, grid.right - grid.width * 0.485, grid.bottom - grid.top)
        };
        let inner = width - 2.0 * padding;
        let gap = if phrase.is_empty() { 0.0 } else { self.units(3.0) };
        let for_text = room_height - 2.0 * padding - gap - self.units(4.2);
        let share = if phrase.is_empty() { 1.0 } else { 0.52 };
        let head_room = [inner, for_text * share, 8.6, 4.6];
        let head = self.fit(heading, Weight::Black, head_room, 3);
        let body_room = [inner, (for_text - head.height()).max(self.units(4.0)), 5.4, 3.4];
        let body = self.fit(phrase, Weight::Medium, body_room, 4);
        let height = head.height() + body.height() + gap + 2.0 * padding + self.units(4.2);
        let y = if grid.tall {
            grid.bottom - height
        } else {
            grid.top + (grid.bottom - grid.top - height) * 0.45
        };
        let shadow = Paint::fill(Rgb(0, 0, 0)).alpha(0.16);
        let corner = self.units(2.6);
        let drop = self.units(1.0);
        self.svg.rect([left + drop * 0.4, y + drop, width, height], corner, &shadow);
        let panel = Paint::fill(self.palette.surface).alpha(0.96);
        self.svg.rect([left, y, width, height], corner, &panel);
        let edge = Paint::stroke(self.palette.ink, self.units(0.18)).alpha(0.16);
        self.svg.rect([left, y, width, height], corner, &edge);
        self.mark(left + padding, y + padding);
        let text_left = left + padding;
        let ink = self.palette.ink;
        let head_top = y + padding + self.units(4.2);
        let below = self.svg.block(text_left, head_top, &head, look(Weight::Black, ink));
        let quiet = look(Weight::Medium, ink);
        self.svg.block(text_left, below + gap, &body, quiet);
    }
}
