//! How one written token is read, given its neighbours.

use super::lexicon;
use super::special::special;
use crate::craft::numbers;

/// Words after an amount of money that belong to the amount.
const MAGNITUDES: [&str; 4] = ["thousand", "million", "billion", "trillion"];

/// Words after a four-digit number that do not make it a count although they end in s.
const NOT_COUNTED: [&str; 8] = ["was", "is", "has", "as", "this", "his", "its", "does"];

/// A word as written, between the marks around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    pub(super) before: String,
    pub(super) core: String,
    pub(super) after: String,
    pub(super) is_abbreviation: bool,
    pub(super) ends_text: bool,
}

/// How a token is read, and how many tokens that takes.
pub(super) struct Reading {
    pub(super) words: String,
    pub(super) taken: usize,
}

impl Reading {
    pub(super) fn one(words: impl Into<String>) -> Self {
        Self { words: words.into(), taken: 1 }
    }

    fn two(words: impl Into<String>) -> Self {
        Self { words: words.into(), taken: 2 }
    }
}

/// The tokens of an ASCII text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = text.split_whitespace().map(token).collect();
    if let Some(last) = tokens.last_mut() {
        last.ends_text = true;
    }
    tokens
}

fn token(written: &str) -> Token {
    let opens = |c: char| matches!(c, '"' | '\'' | '(' | '[' | '{' | '*' | '_' | '<' | '`');
    let closes = |c: char| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '?'
                | '!'
                | '"'
                | '\''
                | ')'
                | ']'
                | '}'
                | '*'
                | '_'
                | '>'
                | '`'
        )
    };
    let inner = written.trim_start_matches(opens);
    let before = written.get(..written.len() - inner.len()).unwrap_or_default();
    let core = inner.trim_end_matches(closes);
    let after = inner.get(core.len()..).unwrap_or_default();
    let is_short = lexicon::abbreviation(core).or_else(|| lexicon::short_month(core)).is_some();
    let is_abbreviation = after.starts_with('.') && is_short;
    Token {
        before: before.to_owned(),
        core: core.to_owned(),
        after: after.to_owned(),
        is_abbreviation,
        ends_text: false,
    }
}

/// Reads `token`.
pub(super) fn read(
    previous: Option<&Token>,
    token: &Token,
    next: Option<&Token>,
    after_next: Option<&Token>,
) -> Reading {
    if let Some(reading) = special(previous, token, next) {
        return reading;
    }
    let core = token.core.as_str();
    let joined_next = next.filter(|next| token.after.is_empty() && next.before.is_empty());
    if let Some(words) = money(core, joined_next) {
        return words;
    }
    if core.starts_with(|c: char| c.is_ascii_digit()) {
        return number(previous, token, joined_next, after_next);
    }
    let signed =
        core.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(rest) = signed {
        let unsigned = Token { core: rest.to_owned(), ..token.clone() };
        let reading = number(None, &unsigned, joined_next, after_next);
        return Reading { words: format!("minus {}", reading.words), taken: reading.taken };
    }
    if token.is_abbreviation
        && let Some(words) = abbreviation(core, next)
    {
        return Reading::one(words);
    }
    let follows_name =
        previous.filter(|name| name.core.starts_with(|c: char| c.is_ascii_uppercase()));
    if let Some(words) = follows_name.and_then(|name| roman(&name.core, core)) {
        return Reading::one(words);
    }
    Reading::one(word(core))
}

fn abbreviation(core: &str, next: Option<&Token>) -> Option<String> {
    let starts = |check: fn(&char) -> bool| {
        next.and_then(|next| next.core.chars().next()).is_some_and(|c| check(&c))
    };
    // "No." is a number only before one, and "St." is a saint only before a name.
    match core {
        "no" | "No" if !starts(char::is_ascii_digit) => Some(core.to_owned()),
        "St" | "st" if !starts(char::is_ascii_uppercase) => Some("Street".to_owned()),
        "ms" | "co" | "mt" | "lt" | "gen" | "col" | "ca"
            if !starts(char::is_ascii_alphanumeric) =>
        {
            Some(core.to_owned())
        }
        _ => lexicon::abbreviation(core).map(str::to_owned),
    }
}

/// What a single letter counts after.
const COUNTED: [&str; 15] = [
    "Saturn", "Part", "Chapter", "Volume", "Act", "Book", "Phase", "Type", "Class", "Stage",
    "Mark", "War", "Appendix", "Section", "Title",
];

fn roman(name: &str, core: &str) -> Option<String> {
    let is_number = core.len() >= 2 || COUNTED.contains(&name);
    let value = numbers::roman(core).filter(|_| is_number)?;
    Some(if lexicon::is_regnal(name) {
        format!("the {}", numbers::ordinal(value))
    } else {
        numbers::cardinal(value)
    })
}

fn money(core: &str, next: Option<&Token>) -> Option<Reading> {
    let core = core.strip_prefix("US").filter(|rest| rest.starts_with('$')).unwrap_or(core);
    let (one, several, hundredths, amount) = lexicon::currency(core)?;
    let Some(words) = numbers::written(amount) else {
        return short_magnitude(amount).map(|words| Reading::one(format!("{words} {several}")));
    };
    if let Some(magnitude) = next.filter(|next| MAGNITUDES.contains(&next.core.as_str())) {
        return Some(Reading::two(format!("{words} {} {several}", magnitude.core)));
    }
    let cents = amount.split_once('.').filter(|(_, cents)| cents.len() == 2);
    let Some((whole, cents)) = cents else {
        let unit = if amount == "1" { one } else { several };
        return Some(Reading::one(format!("{words} {unit}")));
    };
    let unit = if whole == "1" { one } else { several };
    let whole = numbers::written(whole)?;
    let cents = numbers::cardinal(cents.parse().ok()?);
    Some(Reading::one(format!("{whole} {unit} and {cents} {hundredths}")))
}

/// `5bn`, `1.5m`, `20k` of an amount of money.
fn short_magnitude(amount: &str) -> Option<String> {
    let end = amount.find(|c: char| c.is_ascii_alphabetic())?;
    let (digits, letters) = amount.split_at(end);
    let magnitude = match letters {
        "k" | "K" => "thousand",
        "m" | "M" | "mn" => "million",
        "b" | "B" | "bn" => "billion",
        "tn" | "T" => "trillion",
        _ => return None,
    };
    Some(format!("{} {magnitude}", numbers::written(digits)?))
}

/// A token that begins with a digit.
fn number(
    previous: Option<&Token>,
    token: &Token,
    next: Option<&Token>,
    after_next: Option<&Token>,
) -> Reading {
    let core = token.core.as_str();
    let end = core.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '.')));
    let (digits, suffix) = core.split_at(end.unwrap_or(core.len()));
    let Some(words) = numbers::written(digits) else {
        return Reading::one(word(core));
    };
    let value: Option<u64> = digits.parse().ok();
    if !suffix.is_empty() {
        return Reading::one(suffixed(core, digits, &words, value, suffix));
    }
    let next_core = next.map_or("", |next| next.core.as_str());
    if next_core == "degrees"
        && let Some(scale) = after_next.map(|scale| scale.core.as_str())
        && let "C" | "F" = scale
    {
        let unit = lexicon::unit(scale, false).unwrap_or_default();
        return Reading { words: format!("{words} {unit}"), taken: 3 };
    }
    // "in" after a number is nearly always the preposition.
    let unit = lexicon::unit(next_core, value == Some(1)).filter(|_| next_core != "in");
    if let Some(unit) = unit {
        return Reading::two(format!("{words} {unit}"));
    }
    let day = value.filter(|day| (1..=31).contains(day) && digits.len() <= 2);
    if let Some(day) = day {
        if let Some(month) = month(next_core) {
            let article = previous.is_none_or(|word| !word.core.eq_ignore_ascii_case("the"));
            let article = if article { "the " } else { "" };
            return Reading::two(format!("{article}{} of {month}", numbers::ordinal(day)));
        }
        if previous.is_some_and(|before| month(&before.core).is_some()) {
            return Reading::one(numbers::ordinal(day));
        }
    }
    match value {
        Some(year) if is_year(digits, year, next_core) => Reading::one(numbers::year(year)),
        _ => Reading::one(words),
    }
}

/// The month that `word` is or stands for.
fn month(word: &str) -> Option<&str> {
    if lexicon::is_month(word) { Some(word) } else { lexicon::short_month(word) }
}

fn is_year(digits: &str, value: u64, next: &str) -> bool {
    let counts_something = next.ends_with('s')
        && next.starts_with(|c: char| c.is_ascii_lowercase())
        && !NOT_COUNTED.contains(&next);
    digits.len() == 4 && (1100..2100).contains(&value) && !counts_something
}

/// A number with something attached to it.
fn suffixed(core: &str, digits: &str, words: &str, value: Option<u64>, suffix: &str) -> String {
    let is_year_like = digits.len() == 4 && value.is_some_and(|year| (1100..2100).contains(&year));
    match (suffix, value) {
        ("%", _) => return format!("{words} percent"),
        ("st" | "nd" | "rd" | "th", Some(value)) => return numbers::ordinal(value),
        ("s" | "'s", Some(value)) if is_year_like || (value < 100 && value % 10 == 0) => {
            return numbers::decade(value);
        }
        ("x", _) => return format!("{words} times"),
        _ => {}
    }
    if let Some(unit) = lexicon::unit(suffix, value == Some(1)) {
        return format!("{words} {unit}");
    }
    if let Some(rest) = suffix.strip_prefix('-') {
        let described = if lexicon::unit(rest, true).is_some() {
            lexicon::unit(rest, true).unwrap_or_default().to_owned()
        } else {
            word(rest)
        };
        let number = match value {
            Some(year) if is_year_like => numbers::year(year),
            _ => words.to_owned(),
        };
        return format!("{number} {described}");
    }
    if let Some((hour, minute)) = core.split_once(':') {
        return clock(hour, minute).unwrap_or_else(|| word(core));
    }
    if let Some((top, bottom)) = core.split_once('/') {
        return fraction(top, bottom).unwrap_or_else(|| word(core));
    }
    word(core)
}

fn clock(hour: &str, minute: &str) -> Option<String> {
    let hour: u64 = hour.parse().ok().filter(|hour| *hour < 25)?;
    let minute_value: u64 = minute.parse().ok().filter(|value| minute.len() == 2 && *value < 60)?;
    let hour = numbers::cardinal(hour);
    Some(match minute_value {
        0 => format!("{hour} o'clock"),
        1..=9 => format!("{hour} oh {}", numbers::cardinal(minute_value)),
        _ => format!("{hour} {}", numbers::cardinal(minute_value)),
    })
}

fn fraction(top: &str, bottom: &str) -> Option<String> {
    let (top, bottom): (u64, u64) = (top.parse().ok()?, bottom.parse().ok()?);
    let part = match bottom {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        3 | 5..=20 => numbers::ordinal(bottom),
        _ => return Some(format!("{} over {}", numbers::cardinal(top), numbers::cardinal(bottom))),
    };
    let plural = match (top, bottom) {
        (1, _) => part,
        (_, 2) => "halves".to_owned(),
        _ => format!("{part}s"),
    };
    Some(format!("{} {plural}", numbers::cardinal(top)))
}

/// A word: addresses, capitals, letters mixed with digits, symbols.
fn word(core: &str) -> String {
    let lower = core.to_lowercase();
    if let Some(address) = address(&lower) {
        return address;
    }
    if core.chars().all(|c| c.is_ascii_alphabetic() || c == '\'') {
        return capitals(core);
    }
    let is_plain = core.chars().all(|c| c.is_ascii_alphanumeric());
    let mut words: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut run_is_digits = false;
    for character in core.chars().chain(std::iter::once(' ')) {
        let is_digit = character.is_ascii_digit();
        let continues = character.is_ascii_alphanumeric() || character == '\'';
        if !run.is_empty() && (!continues || is_digit != run_is_digits) {
            words.push(read_run(&run, run_is_digits, is_plain));
            run.clear();
        }
        if continues {
            run.push(character);
            run_is_digits = is_digit;
        } else if let Some(name) = symbol(character) {
            words.push(name.to_owned());
        }
    }
    words.join(" ")
}

/// `is_plain`: nothing but letters and digits are in the word that the run is a part of.
fn read_run(run: &str, is_digits: bool, is_plain: bool) -> String {
    // Two capitals beside digits or signs are a formula or a type, as in CO2.
    let capitals_in = run.chars().filter(char::is_ascii_uppercase).count();
    let is_pair = run.len() == 2 && capitals_in == 2;
    let is_mixed = (3..=5).contains(&run.len()) && (2..run.len()).contains(&capitals_in);
    if is_pair || (is_plain && is_mixed) {
        return run.to_uppercase().chars().map(String::from).collect::<Vec<_>>().join(" ");
    }
    if is_digits {
        numbers::written(run).unwrap_or_else(|| numbers::digits(run))
    } else {
        capitals(run)
    }
}

fn symbol(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "and",
        '+' => "plus",
        '=' => "equals",
        '@' => "at",
        '#' => "number",
        '%' => "percent",
        '<' => "less than",
        '>' => "more than",
        '~' => "about",
        '$' => "dollars",
        ',' => ",",
        _ => return None,
    })
}

/// Capitals that cannot be read as a word are read letter by letter.
fn capitals(word: &str) -> String {
    let (stem, ending) = match word.strip_suffix("'s") {
        Some(stem) => (stem, "'s"),
        None => match word.strip_suffix('s') {
            Some(stem) if stem.len() > 1 => (stem, "s"),
            _ => (word, ""),
        },
    };
    let is_capitals = |text: &str| text.len() >= 2 && text.chars().all(|c| c.is_ascii_uppercase());
    let has_vowel = |text: &str| text.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    let spelled = |text: &str| text.chars().map(String::from).collect::<Vec<_>>().join(" ");
    if is_capitals(word) && (lexicon::is_spelled(word) || !has_vowel(word)) {
        return spelled(word);
    }
    if is_capitals(stem) && (lexicon::is_spelled(stem) || !has_vowel(stem)) && !ending.is_empty() {
        return format!("{}{ending}", spelled(stem));
    }
    word.to_owned()
}

/// A web or mail address: only what a listener could type from memory.
fn address(lower: &str) -> Option<String> {
    if let Some((name, host)) = lower.split_once('@').filter(|(_, host)| host.contains('.')) {
        return Some(format!("{} at {}", dotted(name), dotted(host)));
    }
    let bare = ["https://", "http://", "www."]
        .iter()
        .fold(lower, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
    let host = bare.split('/').next().unwrap_or_default();
    let is_address = bare != lower
        || [".com", ".org", ".net", ".gov", ".edu", ".io"].iter().any(|end| host.ends_with(end));
    is_address.then(|| dotted(host))
}

fn dotted(host: &str) -> String {
    let parts =
        host.split('.').map(|part| if part.is_empty() { String::new() } else { word_plain(part) });
    parts.collect::<Vec<_>>().join(" dot ")
}

fn word_plain(part: &str) -> String {
    let spaced = part.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    let read = spaced.split(' ').map(|run| {
        if run.bytes().any(|byte| byte.is_ascii_digit()) {
            numbers::digits(run)
        } else {
            run.to_owned()
        }
    });
    read.collect::<Vec<_>>().join(" ")
}
