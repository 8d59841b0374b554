use super::*;
use crate::domain::timestamp::Timestamp;

/// A story of `source` with `title`, whose text repeats `words`.
fn story(source: &str, title: &str, text: &str) -> Story {
    Story {
        id: format!("{source}/{title}"),
        title: title.to_owned(),
        url: None,
        published: Timestamp(i64::try_from(title.len()).unwrap()),
        text: text.to_owned(),
        tags: Vec::new(),
        views: None,
        source: source.to_owned(),
        reference: None,
    }
}

fn told_twice() -> Vec<Story> {
    vec![
        story(
            "a",
            "Apollo 13 and the tank that exploded",
            "An oxygen tank exploded aboard Apollo 13. The crew moved to the lander.",
        ),
        story(
            "b",
            "How Apollo 13 came home",
            "The crew of Apollo 13 came home in the lander after an oxygen tank exploded.",
        ),
        story(
            "b",
            "Why onions make you cry",
            "A sliced onion sets free a sulphur gas that stings the eyes.",
        ),
        story(
            "c",
            "Tears and sulphur in an onion",
            "The onion builds a sulphur gas when it is sliced, and the gas stings.",
        ),
        story(
            "c",
            "Apollo 8 circled the Moon",
            "Three men saw the far side and read to the whole world at Christmas.",
        ),
    ]
}

#[test]
fn the_same_story_is_one_topic_and_others_stay_apart() {
    let groups = merge(&told_twice(), &MergeRule::default());
    let sizes: Vec<_> = groups.iter().map(|group| group.stories.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 5);
    assert_eq!(groups.len(), 3, "{groups:#?}");
}

#[test]
fn the_order_of_the_sources_does_not_matter() {
    let mut reversed = told_twice();
    reversed.reverse();
    let rule = MergeRule::default();
    assert_eq!(merge(&told_twice(), &rule), merge(&reversed, &rule));
}

#[test]
fn a_topic_told_before_is_recognised_by_key_and_in_other_words() {
    let rule = MergeRule::default();
    let stories = told_twice();
    let groups = merge(&stories, &rule);
    let used: Vec<_> = stories
        .iter()
        .take(1)
        .map(|s| TopicProfile::of("another-key", std::slice::from_ref(s)))
        .collect();
    let left = not_told_before(groups.clone(), &used, &rule);
    let titles: Vec<_> = left.iter().map(|group| group.title.as_str()).collect();
    assert_eq!(left.len(), 2, "{titles:?}");
    assert!(titles.iter().all(|title| !title.contains("13")));

    let all_used: Vec<_> =
        groups.iter().map(|group| TopicProfile::of(&group.key, &group.stories)).collect();
    assert_eq!(not_told_before(groups, &all_used, &rule), []);
}

#[test]
fn only_the_newest_stories_are_compared() {
    let rule = MergeRule { max_stories: 2, ..MergeRule::default() };
    let told: usize = merge(&told_twice(), &rule).iter().map(|group| group.stories.len()).sum();
    assert_eq!(told, 2);
}

/// Short items without tags, each told twice in other forms of its words.
fn paraphrased() -> Vec<Story> {
    [
        ("Alexei Leonov's spacewalk", "Alexei Leonov walks in space"),
        ("Chocolate tempering explained", "How chocolate is tempered"),
        ("Recycling aluminium cans", "Aluminum can recycled"),
        ("Freezing point of salted water", "Why salt water freezes late"),
        ("Volcanic eruption in Iceland", "Icelandic volcano erupts"),
        ("Vaccination against measles", "Measles vaccines work"),
    ]
    .into_iter()
    .flat_map(|(one, other)| [story("a", one, ""), story("b", other, "")])
    .collect()
}

#[test]
fn stories_told_in_other_forms_of_words_are_found_by_their_meaning() {
    let rule = MergeRule::default();
    let pairs = |groups: &[StoryGroup]| groups.iter().filter(|g| g.stories.len() == 2).count();
    let by_meaning = merge(&paraphrased(), &rule);
    assert!(by_meaning.iter().all(|group| {
        let titles: Vec<&str> = group.stories.iter().map(|story| story.title.as_str()).collect();
        let stories = paraphrased();
        let are_pair = |pair: &[Story]| pair.iter().all(|s| titles.contains(&s.title.as_str()));
        titles.len() == 1 || (titles.len() == 2 && stories.chunks(2).any(are_pair))
    }));
    let by_words_alone = merge_by(&paraphrased(), &rule, &Meanings::asked(Vec::new(), Vec::new()));
    let (found, without) = (pairs(&by_meaning), pairs(&by_words_alone));
    assert!(
        found >= 4 && found > without,
        "{found} of 6, by words alone {without}: {by_meaning:#?}"
    );
}
