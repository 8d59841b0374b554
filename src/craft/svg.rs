//! Writes SVG documents from small shapes.
//!
//! Why it exists: pictures hold text that comes from the world, and a `<` in a headline must not
//! break a video. Text is escaped here and nowhere else.
//!
//! Architecture invariant: a document made here is well-formed XML whatever text it holds, refers
//! to nothing outside itself, and is the same for the same calls.

use std::fmt::{Display, Write as _};

use super::palette::Rgb;
use super::typeset::{FAMILY, Fitted, Weight};

/// How a shape is painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Paint {
    fill: String,
    stroke: Option<(String, f64)>,
    alpha: f64,
    round: bool,
}

impl Paint {
    /// Filled with one colour.
    #[must_use]
    pub fn fill(colour: Rgb) -> Self {
        Self { fill: colour.to_string(), stroke: None, alpha: 1.0, round: false }
    }

    /// Filled with a gradient made by [`Svg::linear`] or [`Svg::radial`].
    #[must_use]
    pub fn gradient(gradient: &Gradient) -> Self {
        Self { fill: format!("url(#{})", gradient.0), stroke: None, alpha: 1.0, round: false }
    }

    /// Only an outline, `width` wide, with round ends.
    #[must_use]
    pub fn stroke(colour: Rgb, width: f64) -> Self {
        Self {
            fill: "none".to_owned(),
            stroke: Some((colour.to_string(), width)),
            alpha: 1.0,
            round: true,
        }
    }

    /// The same at an opacity in [0, 1].
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    fn attributes(&self) -> String {
        let mut text = format!(" fill=\"{}\"", self.fill);
        if let Some((colour, width)) = &self.stroke {
            let _ = write!(text, " stroke=\"{colour}\" stroke-width=\"{}\"", short(*width));
            if self.round {
                text.push_str(" stroke-linecap=\"round\" stroke-linejoin=\"round\"");
            }
        }
        if self.alpha < 1.0 {
            let _ = write!(text, " opacity=\"{}\"", short(self.alpha.max(0.0)));
        }
        text
    }
}

/// The name of a gradient within its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gradient(String);

/// One stop of a gradient: offset in [0, 1], colour, opacity in [0, 1].
pub type Stop = (f64, Rgb, f64);

/// Where text hangs on its x coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// x is the left end.
    Start,
    /// x is the middle.
    Middle,
    /// x is the right end.
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextLook {
    /// Weight.
    pub weight: Weight,
    /// Size in pixels.
    pub size: f64,
    /// Colour.
    pub colour: Rgb,
    /// Extra space between letters in ems; measured text allows for values up to 0.
    pub tracking: f64,
    /// Which end x means.
    pub anchor: Anchor,
}

/// An SVG document that grows shape by shape, back to front.
#[derive(Debug, Clone)]
pub struct Svg {
    width: f64,
    height: f64,
    enlarged: f64,
    defs: String,
    body: String,
    gradients: u32,
    open_groups: u32,
}

impl Svg {
    /// An empty, transparent document of this size in pixels.
    #[must_use]
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            enlarged: 1.0,
            defs: String::new(),
            body: String::new(),
            gradients: 0,
            open_groups: 0,
        }
    }

    /// The same drawing, shown `times` as wide and high.
    #[must_use]
    pub fn enlarged(mut self, times: f64) -> Self {
        self.enlarged = times;
        self
    }

    /// A gradient along the line from (x1, y1) to (x2, y2), in fractions of the painted shape.
    pub fn linear(&mut self, line: [f64; 4], stops: &[Stop]) -> Gradient {
        let [x1, y1, x2, y2] = line.map(short);
        let opening = format!("linearGradient x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"");
        self.gradient_element(&opening, "linearGradient", stops)
    }

    /// A gradient from the centre (x, y) outwards, in fractions of the painted shape.
    pub fn radial(&mut self, x: f64, y: f64, radius: f64, stops: &[Stop]) -> Gradient {
        let [x, y, radius] = [x, y, radius].map(short);
        let opening = format!("radialGradient cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"");
        self.gradient_element(&opening, "radialGradient", stops)
    }

    fn gradient_element(&mut self, opening: &str, name: &str, stops: &[Stop]) -> Gradient {
        self.gradients += 1;
        let id = format!("g{}", self.gradients);
        let _ = write!(self.defs, "<{opening} id=\"{id}\">");
        for (offset, colour, alpha) in stops {
            let (offset, alpha) = (short(*offset), short(*alpha));
            let _ = write!(
                self.defs,
                "<stop offset=\"{offset}\" stop-color=\"{colour}\" stop-opacity=\"{alpha}\"/>"
            );
        }
        let _ = write!(self.defs, "</{name}>");
        Gradient(id)
    }

    /// Everything until [`Svg::close`] is moved, turned (degrees), scaled and made translucent.
    pub fn open(&mut self, x: f64, y: f64, turn: f64, scale: f64, alpha: f64) {
        let [x, y, turn, alpha] = [x, y, turn, alpha].map(short);
        let scale = format!("{scale:.4}");
        let _ = write!(
            self.body,
            "<g transform=\"translate({x} {y}) rotate({turn}) scale({scale})\" opacity=\"{alpha}\">"
        );
        self.open_groups += 1;
    }

    /// Ends the innermost open group, if there is one.
    pub fn close(&mut self) {
        if self.open_groups > 0 {
            self.open_groups -= 1;
            self.body.push_str("</g>");
        }
    }

    /// A rectangle with corners rounded by `radius`.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], radius: f64, paint: &Paint) {
        let [x, y, radius] = [x, y, radius.max(0.0)].map(short);
        let [width, height] = [width.max(0.0), height.max(0.0)].map(short);
        let _ = write!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"{}/>",
            paint.attributes()
        );
    }

    /// A circle.
    pub fn circle(&mut self, x: f64, y: f64, radius: f64, paint: &Paint) {
        self.ellipse(x, y, radius, radius, paint);
    }

    /// An ellipse with radii along the axes.
    pub fn ellipse(&mut self, x: f64, y: f64, across: f64, down: f64, paint: &Paint) {
        let [x, y, across, down] = [x, y, across, down].map(short);
        let _ = write!(
            self.body,
            "<ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{across}\" ry=\"{down}\"{}/>",
            paint.attributes()
        );
    }

    /// A path in SVG path syntax, written by our own code.
    pub fn path(&mut self, commands: &str, paint: &Paint) {
        debug_assert!(!commands.contains(['"', '<', '&']), "path data holds markup");
        let _ = write!(self.body, "<path d=\"{commands}\"{}/>", paint.attributes());
    }

    /// A line through points.
    pub fn polyline(&mut self, points: &[(f64, f64)], paint: &Paint) {
        let mut commands = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(commands, "{letter}{} {}", short(*x), short(*y));
        }
        self.path(&commands, paint);
    }

    /// One line of text with its baseline at y.
    pub fn text(&mut self, x: f64, y: f64, text: &str, look: TextLook) {
        let anchor = match look.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let [x, y, size] = [x, y, look.size].map(short);
        let spacing = short(look.tracking * look.size);
        let (weight, colour) = (look.weight.number(), look.colour);
        let _ = write!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" font-family=\"{FAMILY}\" font-weight=\"{weight}\" \
             font-size=\"{size}\" letter-spacing=\"{spacing}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        );
    }

    /// Lines of fitted text whose box begins at y; returns the y of its lower edge.
    pub fn block(&mut self, x: f64, y: f64, fitted: &Fitted, look: TextLook) -> f64 {
        let look = TextLook { size: fitted.size, ..look };
        let mut line_top = y;
        for line in &fitted.lines {
            // The baseline of Inter stands so that ascenders and descenders share the line evenly.
            let baseline = line_top + fitted.line_height * 0.5 + fitted.size * 0.364;
            self.text(x, baseline, line, look);
            line_top += fitted.line_height;
        }
        line_top
    }

    /// The document.
    #[must_use]
    pub fn finish(mut self) -> String {
        while self.open_groups > 0 {
            self.close();
        }
        let [width, height] = [self.width, self.height].map(short);
        let [shown_width, shown_height] =
            [self.width, self.height].map(|side| short((side * self.enlarged).round()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown_width}\" \
             height=\"{shown_height}\" viewBox=\"0 0 {width} {height}\"><defs>{}</defs>{}</svg>",
            self.defs, self.body
        )
    }
}

/// A number with at most three decimals; what is no number is 0.
pub(crate) fn short(value: f64) -> impl Display {
    let value = if value.is_finite() { value } else { 0.0 };
    let rounded = (value * 1000.0).round() / 1000.0;
    // No negative zero, so that equal pictures are equal bytes.
    rounded + 0.0
}

/// `text` for XML and HTML, in content and in quoted attributes. Characters that XML 1.0 does not
/// allow (production `Char`) are left out.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_text_gives_a_document_that_parses(text in any::<String>()) {
            let mut svg = Svg::new(320.0, 180.0);
            let look = TextLook {
                weight: Weight::Bold,
                size: 20.0,
                colour: Rgb(1, 2, 3),
                tracking: 0.0,
                anchor: Anchor::Start,
            };
            svg.text(10.0, 40.0, &text, look);
            let options = resvg::usvg::Options::default();
            prop_assert!(resvg::usvg::Tree::from_str(&svg.finish(), &options).is_ok());
        }
    }

    #[test]
    fn open_groups_are_closed_and_numbers_stay_numbers() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.open(f64::NAN, -0.0, 0.0, 1.0, 0.5);
        svg.circle(1.0 / 3.0, 2.0, 3.0, &Paint::fill(Rgb(255, 0, 0)));
        let text = svg.finish();
        assert!(text.contains("translate(0 0)") && text.contains("0.333"));
        assert!(text.ends_with("</g></svg>"));
    }
}
