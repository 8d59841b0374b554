use std::sync::Arc;

use proptest::prelude::*;
use resvg::{tiny_skia, usvg};

use super::*;
use crate::craft::palette::PALETTES;
use crate::craft::typeset::FACE_FILES;
use crate::craft::typeset::tests::{FONT_FOLDER, faces_once};

pub(crate) fn svg_options() -> &'static usvg::Options<'static> {
    static OPTIONS: std::sync::OnceLock<usvg::Options<'static>> = std::sync::OnceLock::new();
    OPTIONS.get_or_init(|| {
        let mut fonts = usvg::fontdb::Database::new();
        for file in FACE_FILES {
            fonts.load_font_data(std::fs::read(format!("{FONT_FOLDER}/{file}")).expect("font"));
        }
        usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() }
    })
}

fn brief<'a>(sentences: &'a [&'a str], size: (u32, u32), number: u32) -> SceneBrief<'a> {
    SceneBrief {
        number,
        of: 7,
        heading: "A beep that changed the world",
        sentences,
        visual: "the satellite over the Earth",
        subject: "history of spaceflight",
        channel_title: "Orbit Notes",
        palette: &PALETTES[0],
        seed: 7,
        width: size.0,
        height: size.1,
    }
}

/// The boxes of all texts of a document, as they are drawn.
fn text_boxes(svg: &str) -> Vec<tiny_skia::Rect> {
    fn collect(group: &usvg::Group, boxes: &mut Vec<tiny_skia::Rect>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => collect(group, boxes),
                usvg::Node::Text(text) => boxes.push(text.abs_bounding_box()),
                _ => {}
            }
        }
    }
    let tree = usvg::Tree::from_str(svg, svg_options()).expect("well-formed");
    let mut boxes = Vec::new();
    collect(tree.root(), &mut boxes);
    boxes
}

const SIZES: [(u32, u32); 4] = [(1920, 1080), (1080, 1920), (320, 180), (180, 320)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_leaves_the_margins_or_enters_the_caption_zone(
        heading in "[A-Za-z0-9 ,']{1,60}",
        sentence in "[A-Z][a-z0-9 ,]{5,140}\\.",
        number in 1u32..9,
        size in 0usize..4,
        earlier in 0usize..5,
    ) {
        let sentences = [sentence.as_str(), "It weighed 84 kilograms.", "It flew in 1957."];
        let mut brief = brief(&sentences, SIZES[size], number);
        brief.heading = &heading;
        let mut arts = Vec::new();
        for _ in 0..earlier {
            let art = scene_art(&brief, &arts, faces_once());
            arts.push(art);
        }
        let art = scene_art(&brief, &arts, faces_once());
        let grid = Grid::new(brief.width, brief.height);
        for text in text_boxes(&art.layer_svg) {
            let slack = grid.unit * 1.5;
            prop_assert!(f64::from(text.left()) >= grid.left - slack * 1.5, "{:?} left", art.layout);
            prop_assert!(f64::from(text.right()) <= grid.right + slack, "{:?} right", art.layout);
            prop_assert!(f64::from(text.bottom()) <= grid.bottom + slack, "{:?} low", art.layout);
            prop_assert!(f64::from(text.top()) >= 0.0, "{:?} high", art.layout);
        }
    }

    #[test]
    fn any_words_give_pictures_that_parse(heading in any::<String>(), text in any::<String>()) {
        let sentences = [text.as_str()];
        let mut brief = brief(&sentences, (320, 180), 2);
        brief.heading = &heading;
        brief.channel_title = &text;
        let art = scene_art(&brief, &[], faces_once());
        for svg in [&art.background_svg, &art.layer_svg] {
            prop_assert!(usvg::Tree::from_str(svg, svg_options()).is_ok());
        }
    }
}

#[test]
fn text_blocks_of_a_card_do_not_overlap() {
    let sentences =
        ["The ball weighed 84 kilograms and crossed the sky.", "It was launched in 1957."];
    for size in SIZES {
        let mut arts = Vec::new();
        for number in 1..9 {
            let mut brief = brief(&sentences, size, number);
            brief.heading = "The hidden machine that counted every single second aboard";
            let art = scene_art(&brief, &arts, faces_once());
            let boxes = text_boxes(&art.layer_svg);
            for (index, one) in boxes.iter().enumerate() {
                for other in boxes.iter().skip(index + 1) {
                    let shared = one.bottom().min(other.bottom()) - one.top().max(other.top());
                    let smaller = one.height().min(other.height());
                    let beside = one.right() <= other.left() || other.right() <= one.left();
                    assert!(beside || shared < smaller * 0.3, "{size:?} {:?}", art.layout);
                }
            }
            arts.push(art);
        }
    }
}

#[test]
fn neighbours_differ_and_all_layouts_are_used() {
    let sentences =
        ["The ball weighed 84 kilograms and crossed the sky.", "It was launched in 1957."];
    let mut arts = Vec::new();
    for number in 1..9 {
        let art = scene_art(&brief(&sentences, (1920, 1080), number), &arts, faces_once());
        arts.push(art);
    }
    for pair in arts.windows(2) {
        assert_ne!(pair[0].layout, pair[1].layout);
        assert_ne!(pair[0].motif, pair[1].motif);
        assert_ne!(pair[0].motion, pair[1].motion);
    }
    let used: std::collections::BTreeSet<_> = arts.iter().map(|art| art.layout).collect();
    assert_eq!(used.len(), 5, "{used:?}");
}

#[test]
fn the_same_brief_gives_the_same_bytes_and_another_seed_others() {
    let sentences = ["It flew."];
    let first = scene_art(&brief(&sentences, (1920, 1080), 3), &[], faces_once());
    assert_eq!(first, scene_art(&brief(&sentences, (1920, 1080), 3), &[], faces_once()));
    let mut other = brief(&sentences, (1920, 1080), 3);
    other.seed = 8;
    assert_ne!(first.background_svg, scene_art(&other, &[], faces_once()).background_svg);
}
