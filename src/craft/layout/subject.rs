//! Finds the drawing that suits the words of a scene.
//!
//! Why it exists: viewers complain most about pictures that have nothing to do with what is said,
//! and about the same picture again and again.
//!
//! Architecture invariant: the motif of the scene before is never taken again.

use super::seeded::Seeded;
use super::{abstract_forms, kitchen, space};
use crate::craft::palette::Palette;
use crate::craft::svg::Svg;

/// A drawing that can stand in a background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Motif {
    /// A planet's limb with an orbit around it.
    Planet,
    /// A cratered moon.
    Moon,
    /// A rocket under way.
    Rocket,
    /// A satellite with panels.
    Satellite,
    /// A capsule under its parachute.
    Capsule,
    /// A pan over a flame.
    Pan,
    /// Bubbles in a pot.
    Pot,
    /// A molecule of hexagons.
    Molecule,
    /// Ears of wheat.
    Wheat,
    /// An egg, opened.
    Egg,
    /// Rings around rings.
    Rings,
    /// Facets of a crystal.
    Facets,
    /// Ribbons in an arc.
    Ribbons,
}

/// A world of motifs and the words that call for it.
struct Family {
    /// Word beginnings that tell the subject.
    stems: &'static [&'static str],
    /// Motifs and the word beginnings that call for each.
    motifs: &'static [(Motif, &'static [&'static str])],
}

const FAMILIES: [Family; 3] = [
    Family {
        stems: &[
            "space",
            "orbit",
            "rocket",
            "moon",
            "lunar",
            "astronaut",
            "cosmonaut",
            "satellite",
            "apollo",
            "nasa",
            "planet",
            "mars",
            "launch",
            "sputnik",
            "spacecraft",
            "telescope",
            "voyager",
            "soyuz",
            "shuttle",
            "gemini",
        ],
        motifs: &[
            (
                Motif::Planet,
                &[
                    "planet",
                    "earth",
                    "mars",
                    "venus",
                    "jupiter",
                    "saturn's",
                    "orbit",
                    "world",
                    "atmosphere",
                    "gravit",
                    "globe",
                    "solar",
                    "neptune",
                    "uranus",
                    "surface",
                ],
            ),
            (Motif::Moon, &["moon", "lunar", "crater", "tranquil", "rock", "dust", "far side"]),
            (
                Motif::Rocket,
                &[
                    "rocket", "launch", "booster", "engine", "fuel", "thrust", "missile",
                    "liftoff", "shuttle", "stage", "propell", "ascent", "pad",
                ],
            ),
            (
                Motif::Satellite,
                &[
                    "satellite",
                    "sputnik",
                    "probe",
                    "voyager",
                    "telescope",
                    "hubble",
                    "station",
                    "antenna",
                    "radio",
                    "signal",
                    "instrument",
                    "camera",
                    "beep",
                    "panel",
                ],
            ),
            (
                Motif::Capsule,
                &[
                    "capsule",
                    "parachute",
                    "splashdown",
                    "reentry",
                    "re-entry",
                    "cosmonaut",
                    "astronaut",
                    "crew",
                    "gagarin",
                    "shield",
                    "landing",
                    "landed",
                    "module",
                    "oxygen",
                    "return",
                ],
            ),
        ],
    },
    Family {
        stems: &[
            "kitchen",
            "cook",
            "bread",
            "food",
            "bake",
            "baking",
            "egg",
            "flour",
            "dough",
            "boil",
            "fry",
            "flavour",
            "flavor",
            "taste",
            "sauce",
            "meat",
            "butter",
            "oven",
            "recipe",
            "sugar",
            "salt",
            "onion",
            "chocolate",
            "milk",
            "cheese",
            "pasta",
            "rice",
            "vegetable",
            "cream",
        ],
        motifs: &[
            (
                Motif::Pan,
                &[
                    "pan", "fry", "fried", "sear", "flame", "brown", "maillard", "meat", "steak",
                    "onion", "crust", "caramel", "oil", "roast", "heat", "burn", "hot", "butter",
                ],
            ),
            (
                Motif::Pot,
                &[
                    "boil",
                    "water",
                    "steam",
                    "simmer",
                    "bubble",
                    "pasta",
                    "rice",
                    "soup",
                    "bean",
                    "vegetable",
                    "pot",
                    "pressure",
                    "salt",
                    "liquid",
                    "evaporat",
                    "carbon",
                    "vinegar",
                    "bicarbonate",
                    "gas",
                    "ferment",
                ],
            ),
            (
                Motif::Molecule,
                &[
                    "molecul", "protein", "acid", "sugar", "starch", "enzyme", "chemi", "reaction",
                    "amino", "atom", "bond", "compound", "polymer", "gluten", "crystal", "flavour",
                    "flavor", "aroma", "fat", "pectin",
                ],
            ),
            (
                Motif::Wheat,
                &[
                    "bread",
                    "flour",
                    "dough",
                    "yeast",
                    "wheat",
                    "bake",
                    "baking",
                    "oven",
                    "loaf",
                    "grain",
                    "rise",
                    "knead",
                    "sourdough",
                    "gluten",
                    "cake",
                    "pastry",
                ],
            ),
            (
                Motif::Egg,
                &[
                    "egg",
                    "yolk",
                    "foam",
                    "whisk",
                    "mayonnaise",
                    "emulsi",
                    "meringue",
                    "cream",
                    "whip",
                    "custard",
                    "albumen",
                    "milk",
                    "sauce",
                    "white",
                ],
            ),
        ],
    },
    Family {
        stems: &[],
        motifs: &[(Motif::Rings, &[]), (Motif::Facets, &[]), (Motif::Ribbons, &[])],
    },
];

/// The motif for a scene: of the subject's family, the one whose words the scene uses most; each
/// earlier use counts against it, and the last one in `used` is not taken again.
#[must_use]
pub fn motif_for(scene: &str, subject: &str, used: &[Motif]) -> Motif {
    let scene_words = words(scene);
    let subject_words = words(subject);
    let family = family_for(&scene_words, &subject_words);
    let last = used.last();
    let mut best = (f64::MIN, Motif::Rings);
    for (motif, stems) in family.motifs {
        if Some(motif) == last {
            continue;
        }
        let said = hits(&scene_words, stems).min(4);
        let uses = used.iter().filter(|earlier| *earlier == motif).count();
        let score = said as f64 - 1.5 * uses as f64 + 0.1 * hits(&subject_words, stems) as f64;
        if score > best.0 {
            best = (score, *motif);
        }
    }
    best.1
}

/// The family whose words are used most; what the video is about counts threefold.
fn family_for(scene: &[String], subject: &[String]) -> &'static Family {
    let [space, kitchen, neutral] = &FAMILIES;
    let score = |family: &Family| hits(scene, family.stems) + 3 * hits(subject, family.stems);
    match (score(space), score(kitchen)) {
        (0, 0) => neutral,
        (of_space, of_kitchen) if of_space >= of_kitchen => space,
        _ => kitchen,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// How many words begin with one of the stems; short stems must match whole words or plurals.
fn hits(words: &[String], stems: &[&str]) -> usize {
    let matches = |word: &str, stem: &str| match word.strip_prefix(stem) {
        Some(rest) => stem.len() >= 5 || matches!(rest, "" | "s" | "ed" | "es" | "ing"),
        None => false,
    };
    words.iter().filter(|word| stems.iter().any(|stem| matches(word, stem))).count()
}

/// Draws a motif in the square from −100 to 100.
pub(super) fn draw(motif: Motif, svg: &mut Svg, palette: &Palette, seeded: &mut Seeded) {
    match motif {
        Motif::Planet => space::planet(svg, palette, seeded),
        Motif::Moon => space::moon(svg, palette, seeded),
        Motif::Rocket => space::rocket(svg, palette),
        Motif::Satellite => space::satellite(svg, palette),
        Motif::Capsule => space::capsule(svg, palette),
        Motif::Pan => kitchen::pan(svg, palette),
        Motif::Pot => kitchen::pot(svg, palette, seeded),
        Motif::Molecule => kitchen::molecule(svg, palette),
        Motif::Wheat => kitchen::wheat(svg, palette),
        Motif::Egg => kitchen::egg(svg, palette),
        Motif::Rings => abstract_forms::rings(svg, palette, seeded),
        Motif::Facets => abstract_forms::facets(svg, palette, seeded),
        Motif::Ribbons => abstract_forms::ribbons(svg, palette, seeded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_suit_the_words() {
        let space = "history of spaceflight";
        let kitchen = "kitchen science";
        assert_eq!(motif_for("The rocket left its launch pad", space, &[]), Motif::Rocket);
        assert_eq!(motif_for("A crater on the moon", space, &[]), Motif::Moon);
        assert_eq!(motif_for("Whisk the egg yolk", kitchen, &[]), Motif::Egg);
        assert_eq!(motif_for("Yeast makes bread dough rise", kitchen, &[]), Motif::Wheat);
        assert_eq!(motif_for("Taxes rise", "municipal finance", &[]), Motif::Rings);
    }

    #[test]
    fn the_same_picture_never_comes_twice_in_a_row() {
        let mut used = Vec::new();
        for _ in 0..8 {
            used.push(motif_for("moon moon moon moon", "the moon in space", &used));
        }
        assert!(used.windows(2).all(|pair| pair[0] != pair[1]), "{used:?}");
        assert!(used.iter().filter(|motif| **motif == Motif::Moon).count() >= 2);
    }
}
