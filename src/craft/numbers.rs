//! Numbers as English words, the way they are read out.

const BELOW_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
/// Ordinals that are not made by adding "th".
const IRREGULAR_ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

fn below_hundred(number: u64) -> String {
    let word = |words: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| words.get(at).copied()).unwrap_or_default()
    };
    if number < 20 {
        return word(&BELOW_TWENTY, number).to_owned();
    }
    let tens = word(&TENS, number / 10);
    match number % 10 {
        0 => tens.to_owned(),
        ones => format!("{tens} {}", word(&BELOW_TWENTY, ones)),
    }
}

fn below_thousand(number: u64) -> String {
    if number < 100 {
        return below_hundred(number);
    }
    let hundreds = below_hundred(number / 100);
    match number % 100 {
        0 => format!("{hundreds} hundred"),
        rest => format!("{hundreds} hundred and {}", below_hundred(rest)),
    }
}

/// `2001` → "two thousand and one".
#[must_use]
pub fn cardinal(number: u64) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = number;
    for (scale, name) in SCALES {
        let count = rest / scale;
        if count > 0 {
            words.push(format!("{} {name}", cardinal(count)));
        }
        rest %= scale;
    }
    if rest > 0 && rest < 100 && !words.is_empty() {
        words.push(format!("and {}", below_hundred(rest)));
    } else if rest > 0 || words.is_empty() {
        words.push(below_thousand(rest));
    }
    words.join(" ")
}

/// `21` → "twenty first".
#[must_use]
pub fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let (head, last) = match words.rsplit_once(' ') {
        Some((head, last)) => (format!("{head} "), last),
        None => (String::new(), words.as_str()),
    };
    let irregular = IRREGULAR_ORDINALS.iter().find(|(plain, _)| *plain == last);
    let ending = match (irregular, last.strip_suffix('y')) {
        (Some((_, ordinal)), _) => (*ordinal).to_owned(),
        (None, Some(stem)) => format!("{stem}ieth"),
        (None, None) => format!("{last}th"),
    };
    head + &ending
}

/// `1969` → "nineteen sixty nine", `1905` → "nineteen oh five", `2003` → "two thousand and three".
#[must_use]
pub fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    let is_millennium = century % 10 == 0;
    if !(1000..10_000).contains(&number) || (is_millennium && rest < 10) {
        return cardinal(number);
    }
    let century = below_hundred(century);
    match rest {
        0 => format!("{century} hundred"),
        1..=9 => format!("{century} oh {}", below_hundred(rest)),
        _ => format!("{century} {}", below_hundred(rest)),
    }
}

/// `1920` → "nineteen twenties", `60` → "sixties".
#[must_use]
pub fn decade(number: u64) -> String {
    let words = if number < 100 { below_hundred(number) } else { year(number) };
    words.strip_suffix('y').map_or_else(|| format!("{words}s"), |stem| format!("{stem}ies"))
}

/// Each digit by its name: `007` → "zero zero seven". Other characters are left out.
#[must_use]
pub fn digits(text: &str) -> String {
    let names = text.chars().filter_map(|c| c.to_digit(10)).map(u64::from).map(below_hundred);
    names.collect::<Vec<_>>().join(" ")
}

/// A number as written, with `,` between thousands and `.` before decimals, in words:
/// `1,234.05` → "one thousand two hundred and thirty four point zero five". `None` when it is no
/// such number.
#[must_use]
pub fn written(text: &str) -> Option<String> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole = without_separators(whole)?;
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    let words = match whole.parse::<u64>() {
        Ok(number) if !has_leading_zero => cardinal(number),
        _ => digits(&whole),
    };
    match fraction {
        None => Some(words),
        Some(fraction) if is_digits(fraction) => {
            Some(format!("{words} point {}", digits(fraction)))
        }
        Some(_) => None,
    }
}

/// The digits of a whole number, where commas are only between groups of three.
#[must_use]
pub fn without_separators(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let is_grouped = whole.contains(',');
    let first_fits = is_digits(first) && (!is_grouped || first.len() <= 3);
    let rest_fits = groups.all(|group| group.len() == 3 && is_digits(group));
    (first_fits && rest_fits).then(|| whole.replace(',', ""))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value of a Roman numeral of I, V, X and L up to 49; `None` when it is none.
#[must_use]
pub fn roman(text: &str) -> Option<u64> {
    const ONES: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    const TENS_UP: [&str; 5] = ["", "X", "XX", "XXX", "XL"];
    let mut value = 0_u64;
    for tens in TENS_UP {
        for ones in ONES {
            if value > 0 && text.strip_prefix(tens) == Some(ones) {
                return Some(value);
            }
            value += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_are_read_in_british_english() {
        for (number, words) in [
            (0, "zero"),
            (13, "thirteen"),
            (42, "forty two"),
            (108, "one hundred and eight"),
            (1_001, "one thousand and one"),
            (384_400, "three hundred and eighty four thousand four hundred"),
            (2_000_000, "two million"),
        ] {
            assert_eq!(cardinal(number), words);
        }
        assert!(cardinal(u64::MAX).starts_with("eighteen thousand"));
    }

    #[test]
    fn ordinals_years_and_decades_have_their_own_words() {
        assert_eq!(ordinal(1), "first");
        assert_eq!(ordinal(12), "twelfth");
        assert_eq!(ordinal(20), "twentieth");
        assert_eq!(ordinal(21), "twenty first");
        assert_eq!(year(1969), "nineteen sixty nine");
        assert_eq!(year(1905), "nineteen oh five");
        assert_eq!(year(1900), "nineteen hundred");
        assert_eq!(year(2000), "two thousand");
        assert_eq!(year(2003), "two thousand and three");
        assert_eq!(year(2024), "twenty twenty four");
        assert_eq!(year(1066), "ten sixty six");
        assert_eq!(decade(1920), "nineteen twenties");
        assert_eq!(decade(1910), "nineteen tens");
        assert_eq!(decade(60), "sixties");
    }

    #[test]
    fn written_numbers_are_read_or_refused() {
        assert_eq!(written("3.14").unwrap(), "three point one four");
        assert_eq!(written("20,000").unwrap(), "twenty thousand");
        assert_eq!(written("007").unwrap(), "zero zero seven");
        assert_eq!(written("1,23"), None);
        assert_eq!(written("1.2.3"), None);
        assert_eq!(written(""), None);
    }

    #[test]
    fn roman_numerals_up_to_49() {
        assert_eq!(roman("XIII"), Some(13));
        assert_eq!(roman("IV"), Some(4));
        assert_eq!(roman("IIII"), None);
        assert_eq!(roman(""), None);
    }
}
