//! Tokens with a form of their own: dates in digits, operators, versions, file names, hashtags,
//! ratios, short months and titles.

use super::lexicon;
use super::token::{Reading, Token};
use crate::craft::numbers;

/// Short titles that stand without a full stop, too, before a name.
const TITLES: [(&str, &str); 8] = [
    ("Dr", "Doctor"),
    ("Mr", "Mister"),
    ("Mrs", "Missus"),
    ("Ms", "Miss"),
    ("Prof", "Professor"),
    ("St", "Saint"),
    ("Mt", "Mount"),
    ("Capt", "Captain"),
];

/// Signs that are a token, and how they are read.
const OPERATORS: [(&str, &str); 17] = [
    ("=", "equals"),
    ("==", "equals"),
    ("===", "equals"),
    ("!=", "is not"),
    ("<=", "is at most"),
    (">=", "is at least"),
    ("<", "is less than"),
    (">", "is more than"),
    ("->", "to"),
    ("=>", "to"),
    ("&&", "and"),
    ("||", "or"),
    ("*", "times"),
    ("/", "divided by"),
    ("^", "to the power of"),
    ("+=", "plus equals"),
    (":=", "becomes"),
];

/// Words that are always read otherwise than they are written.
const READ_AS: [(&str, &str); 15] = [
    ("pH", "P H"),
    ("vs", "versus"),
    ("24/7", "twenty four seven"),
    ("9/11", "nine eleven"),
    ("and/or", "and or"),
    ("C#", "C sharp"),
    ("F#", "F sharp"),
    ("w/o", "without"),
    ("NaCl", "N A C L"),
    ("KCl", "K C L"),
    ("HCl", "H C L"),
    ("NaOH", "N A O H"),
    ("iOS", "I O S"),
    ("PhD", "P H D"),
    ("4K", "four K"),
];

/// Endings of file names, and other short endings behind a dot.
const FILE_ENDINGS: [&str; 22] = [
    "rs", "py", "js", "ts", "c", "h", "cpp", "java", "go", "txt", "md", "json", "toml", "yaml",
    "xml", "html", "css", "csv", "pdf", "mp4", "wav", "exe",
];

/// How a token with a form of its own is read; `None` when it has none.
pub(super) fn special(
    previous: Option<&Token>,
    token: &Token,
    next: Option<&Token>,
) -> Option<Reading> {
    let core = token.core.as_str();
    // What closes a sign may be part of it: "!" of "!=".
    let whole = format!("{}{core}{}", token.before, token.after);
    // At the beginning of a text a sign stands for nothing: it marks a list.
    let operator = OPERATORS.iter().find(|(sign, _)| previous.is_some() && *sign == whole);
    if let Some((_, words)) = operator {
        return Some(Reading::one(*words));
    }
    if let Some((_, words)) = READ_AS.iter().find(|(written, _)| *written == core) {
        return Some(Reading::one(*words));
    }
    let words = iso_date(core)
        .or_else(|| version(core))
        .or_else(|| ratio(core))
        .or_else(|| file_name(core))
        .or_else(|| hashtag(core))
        .or_else(|| around_a_year(core))
        .or_else(|| power(core))
        .or_else(|| half_day(core, token))
        .or_else(|| title(token, next))
        .or_else(|| bare_unit(previous, core));
    if let Some(words) = words {
        return Some(Reading::one(words));
    }
    short_month(previous, token, next)
}

/// `2026-11-15`, `2026-11-15T12:00Z` → "the fifteenth of November twenty twenty six".
fn iso_date(core: &str) -> Option<String> {
    let day_only = core.split('T').next().unwrap_or(core);
    let parts: Vec<&str> = day_only.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let is_date = year.len() == 4 && month.len() == 2 && day.len() == 2;
    let (year, month, day): (u64, usize, u64) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let month = lexicon::month(month.checked_sub(1)?)?;
    (is_date && (1..=31).contains(&day))
        .then(|| format!("the {} of {month} {}", numbers::ordinal(day), numbers::year(year)))
}

/// `v1.2.3`, `1.95.0`: points between numbers.
fn version(core: &str) -> Option<String> {
    let (prefix, digits) = match core.strip_prefix(['v', 'V']) {
        Some(rest) => ("version ", rest),
        None => ("", core),
    };
    let parts: Vec<&str> = digits.split('.').collect();
    let are_numbers = parts
        .iter()
        .all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let is_version = are_numbers && (parts.len() >= 3 || (!prefix.is_empty() && parts.len() == 2));
    if !is_version {
        return None;
    }
    let read: Option<Vec<String>> =
        parts.iter().map(|part| part.parse().ok().map(numbers::cardinal)).collect();
    Some(format!("{prefix}{}", read?.join(" point ")))
}

/// `16:9` → "sixteen to nine"; a clock has two digits behind its colon.
fn ratio(core: &str) -> Option<String> {
    let (one, other) = core.split_once(':')?;
    let is_clock = other.len() == 2 && one.len() <= 2;
    let (one, other): (u64, u64) = (one.parse().ok()?, other.parse().ok()?);
    (!is_clock).then(|| format!("{} to {}", numbers::cardinal(one), numbers::cardinal(other)))
}

fn file_name(core: &str) -> Option<String> {
    let (name, ending) = core.rsplit_once('.')?;
    let is_file = FILE_ENDINGS.contains(&ending)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.contains(['/', '@', '.']);
    let spelled: Vec<String> =
        ending.to_uppercase().chars().filter(char::is_ascii_alphabetic).map(String::from).collect();
    let ending = if ending.len() <= 3 { spelled.join(" ") } else { ending.to_owned() };
    is_file.then(|| format!("{} dot {ending}", name.replace(['_', '-'], " ")))
}

/// `#SpaceX` → "hashtag Space X".
fn hashtag(core: &str) -> Option<String> {
    let tag = core.strip_prefix('#')?;
    if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let mut words = String::from("hashtag ");
    let mut previous = ' ';
    for character in tag.chars() {
        if character.is_ascii_uppercase() && previous.is_ascii_lowercase() {
            words.push(' ');
        }
        if character.is_ascii_digit() {
            words.push_str(&format!(" {}", numbers::digits(&character.to_string())));
        } else {
            words.push(if character == '_' { ' ' } else { character });
        }
        previous = character;
    }
    Some(words)
}

/// `mid-1990s`, `post-1945`.
fn around_a_year(core: &str) -> Option<String> {
    let (prefix, year) = core.split_once('-')?;
    let is_prefix =
        ["mid", "pre", "post", "early", "late"].contains(&prefix.to_lowercase().as_str());
    let (digits, is_decade) = match year.strip_suffix('s') {
        Some(digits) => (digits, true),
        None => (year, false),
    };
    let value: u64 = digits.parse().ok().filter(|value| (1100..2100).contains(value))?;
    let read = if is_decade { numbers::decade(value) } else { numbers::year(value) };
    is_prefix.then(|| format!("{prefix} {read}"))
}

/// `10^6` → "ten to the power of six".
fn power(core: &str) -> Option<String> {
    let (base, exponent) = core.split_once('^')?;
    let exponent: i64 = exponent.parse().ok()?;
    let base = numbers::written(base).or_else(|| {
        let is_name =
            (1..=2).contains(&base.len()) && base.bytes().all(|b| b.is_ascii_alphabetic());
        is_name.then(|| base.to_owned())
    })?;
    let sign = if exponent < 0 { "minus " } else { "" };
    Some(match exponent {
        2 => format!("{base} squared"),
        3 => format!("{base} cubed"),
        _ => format!("{base} to the power of {sign}{}", numbers::cardinal(exponent.unsigned_abs())),
    })
}

/// `9am`, `9:30pm`, and `7p.m` before its full stop.
fn half_day(core: &str, token: &Token) -> Option<String> {
    let lower = core.to_lowercase();
    let is_dotted = token.after.starts_with('.');
    let (time, half) = lower
        .strip_suffix("am")
        .map(|time| (time, "A M"))
        .or_else(|| lower.strip_suffix("pm").map(|time| (time, "P M")))
        .or_else(|| lower.strip_suffix("a.m").filter(|_| is_dotted).map(|time| (time, "A M")))
        .or_else(|| lower.strip_suffix("p.m").filter(|_| is_dotted).map(|time| (time, "P M")))?;
    let (hour, minute) = time.split_once(':').unwrap_or((time, "00"));
    let (hour, minutes): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    let is_time = (1..=12).contains(&hour) && minutes < 60 && minute.len() == 2;
    let hour = numbers::cardinal(hour);
    is_time.then(|| match minutes {
        0 => format!("{hour} {half}"),
        1..=9 => format!("{hour} oh {} {half}", numbers::cardinal(minutes)),
        _ => format!("{hour} {} {half}", numbers::cardinal(minutes)),
    })
}

/// `Dr Smith`: a title without its full stop.
fn title(token: &Token, next: Option<&Token>) -> Option<String> {
    let (_, words) = TITLES.iter().find(|(short, _)| *short == token.core)?;
    let names = next.is_some_and(|next| next.core.starts_with(|c: char| c.is_ascii_uppercase()));
    (token.after.is_empty() && names).then(|| (*words).to_owned())
}

/// `in km/h`: a unit with no number before it.
fn bare_unit(previous: Option<&Token>, core: &str) -> Option<String> {
    let follows_number =
        previous.is_some_and(|before| before.core.ends_with(|c: char| c.is_ascii_digit()));
    (core.contains('/') && !follows_number)
        .then(|| lexicon::unit(core, false).map(str::to_owned))
        .flatten()
}

/// `Mar 16`, `16 Sept. 1926`: a short month beside a number.
fn short_month(previous: Option<&Token>, token: &Token, next: Option<&Token>) -> Option<Reading> {
    let month = lexicon::short_month(&token.core)?;
    let is_number = |token: &Token| token.core.starts_with(|c: char| c.is_ascii_digit());
    let beside = next.is_some_and(is_number) || previous.is_some_and(is_number);
    let only_dot = matches!(token.after.as_str(), "" | "." | "," | ".,");
    (beside && only_dot).then(|| Reading::one(month))
}
