//! For whom a script is, and how hard it may be to follow.
//!
//! Why it exists: the words of a channel's `personality.audience` are free; the writer needs a range
//! of grades and a length at which a sentence gets too long. The ranges begin low: what is heard
//! once must be easier than what can be read twice.

/// A kind of audience. The range of each is in Flesch–Kincaid grades (US school years).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Children, pupils, kids, the young: grades 3 to 7.
    Children,
    /// Everyone, families, beginners, and whatever is not known: grades 4 to 10.
    Everyone,
    /// Curious adults, students, enthusiasts, home cooks: grades 4 to 12.
    CuriousAdults,
    /// Experts, professionals, engineers, scientists: grades 8 to 16.
    Experts,
}

impl Audience {
    /// The audience that `described` speaks of; the least patient one when it speaks of several.
    ///
    /// ```
    /// use ytempire::craft::audience::Audience;
    /// assert_eq!(Audience::of("parents and their children"), Audience::Children);
    /// assert_eq!(Audience::of("people in general"), Audience::Everyone);
    /// ```
    #[must_use]
    pub fn of(described: &str) -> Self {
        let lower = described.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        words.filter_map(known).min().unwrap_or(Self::Everyone)
    }

    /// The lowest and the highest grade of a script for it.
    #[must_use]
    pub fn grades(self) -> (f64, f64) {
        match self {
            Self::Children => (3.0, 7.0),
            Self::Everyone => (4.0, 10.0),
            Self::CuriousAdults => (4.0, 12.0),
            Self::Experts => (8.0, 16.0),
        }
    }

    /// Sentences of more words are divided where they can be, and avoided where they cannot.
    #[must_use]
    pub fn sentence_words(self) -> usize {
        match self {
            Self::Children => 15,
            Self::Everyone => 24,
            Self::CuriousAdults => 30,
            Self::Experts => 36,
        }
    }
}

fn known(word: &str) -> Option<Audience> {
    Some(match word {
        "child" | "children" | "kid" | "kids" | "pupil" | "pupils" | "young" | "schoolchildren"
        | "preschoolers" | "toddlers" => Audience::Children,
        "everyone" | "everybody" | "anyone" | "general" | "public" | "family" | "families"
        | "beginner" | "beginners" | "learner" | "learners" | "teenagers" | "teens" => {
            Audience::Everyone
        }
        "curious" | "adult" | "adults" | "student" | "students" | "enthusiast" | "enthusiasts"
        | "fans" | "amateurs" | "hobbyists" | "cooks" | "makers" | "gardeners" | "readers" => {
            Audience::CuriousAdults
        }
        "expert" | "experts" | "professional" | "professionals" | "engineer" | "engineers"
        | "scientist" | "scientists" | "researcher" | "researchers" | "academics"
        | "specialists" | "developers" | "programmers" | "physicians" | "doctors" => {
            Audience::Experts
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_recognised_in_a_description() {
        for (described, audience) in [
            ("children", Audience::Children),
            ("Kids and their parents", Audience::Children),
            ("everyone", Audience::Everyone),
            ("", Audience::Everyone),
            ("curious adults", Audience::CuriousAdults),
            ("home cooks", Audience::CuriousAdults),
            ("working engineers", Audience::Experts),
            ("experts and beginners", Audience::Everyone),
        ] {
            assert_eq!(Audience::of(described), audience, "{described}");
        }
    }

    #[test]
    fn ranges_rise_with_the_audience() {
        let all =
            [Audience::Children, Audience::Everyone, Audience::CuriousAdults, Audience::Experts];
        for pair in all.windows(2) {
            let [one, next] = pair else { continue };
            assert!(one.grades().0 <= next.grades().0 && one.grades().1 < next.grades().1);
            assert!(one.sentence_words() < next.sentence_words());
        }
    }
}
