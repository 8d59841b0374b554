//! Any character as ASCII: letters without their accents, typographic marks as plain ones.

/// `text` in ASCII; what has no ASCII form becomes a space.
pub(super) fn to_ascii(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let characters: Vec<char> = text.chars().collect();
    for (at, character) in characters.iter().copied().enumerate() {
        let before = at.checked_sub(1).and_then(|before| characters.get(before)).copied();
        let after = characters.get(at + 1).copied();
        let between_digits =
            before.is_some_and(|c| c.is_ascii_digit()) && after.is_some_and(|c| c.is_ascii_digit());
        match character {
            '-' if between_digits && is_lone_dash(&characters, at) => folded.push_str(" to "),
            c if c.is_ascii() => folded.push(if c.is_ascii_control() { ' ' } else { c }),
            '–' | '‒' | '‑' | '−' if between_digits => folded.push_str(" to "),
            '−' => folded.push('-'),
            '‑' | '‐' => folded.push('-'),
            '–' | '—' | '―' => folded.push_str(" , "),
            '…' => folded.push_str(" , "),
            '½' | '¼' | '¾' | '⅓' | '⅔' if before.is_some_and(|c| c.is_ascii_digit()) => {
                folded.push_str(" and ");
                folded.push_str(letters(character));
            }
            other => folded.push_str(letters(other)),
        }
    }
    folded
}

/// A hyphen between two numbers means "to", unless there are more of them, as in a date.
fn is_lone_dash(characters: &[char], at: usize) -> bool {
    let joins = |c: &&char| c.is_ascii_digit() || **c == '-';
    let before = characters.iter().take(at).rev().take_while(joins).filter(|c| **c == '-').count();
    let after = characters.iter().skip(at + 1).take_while(joins).filter(|c| **c == '-').count();
    before == 0 && after == 0
}

fn letters(character: char) -> &'static str {
    match character {
        'à' | 'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'å' => "a",
        'ç' | 'ć' | 'č' | 'ĉ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ĝ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ł' | 'ĺ' | 'ļ' | 'ľ' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ō' | 'ő' | 'ø' => "o",
        'ö' | 'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'þ' => "th",
        'À' | 'Á' | 'Â' | 'Ã' | 'Ā' | 'Å' | 'Ą' => "A",
        'Ä' | 'Æ' => "Ae",
        'Ç' | 'Ć' | 'Č' => "C",
        'Ď' | 'Đ' | 'Ð' => "D",
        'È' | 'É' | 'Ê' | 'Ë' | 'Ē' | 'Ę' | 'Ě' => "E",
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ī' | 'İ' => "I",
        'Ł' => "L",
        'Ñ' | 'Ń' | 'Ň' => "N",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ō' | 'Ø' => "O",
        'Ö' | 'Œ' => "Oe",
        'Ř' => "R",
        'Ś' | 'Š' | 'Ş' => "S",
        'Ť' => "T",
        'Ù' | 'Ú' | 'Û' | 'Ū' | 'Ů' => "U",
        'Ü' => "Ue",
        'Ý' => "Y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'Þ' => "Th",
        '‘' | '’' | 'ʼ' | '′' => "'",
        '“' | '”' | '„' | '«' | '»' | '″' => "\"",
        '°' => " degrees ",
        '×' => " times ",
        '÷' => " divided by ",
        '±' => " plus or minus ",
        '≈' | '∼' => " about ",
        '≤' => " at most ",
        '≥' => " at least ",
        '½' => " one half ",
        '¼' => " one quarter ",
        '¾' => " three quarters ",
        '⅓' => " one third ",
        '⅔' => " two thirds ",
        '²' | '₂' => "2",
        '³' | '₃' => "3",
        '₄' => "4",
        '₆' => "6",
        '€' => "EUR",
        '£' => "GBP",
        '¥' => "JPY",
        'µ' | 'μ' => "u",
        '§' => " section ",
        '→' => " to ",
        '•' | '·' => " , ",
        '₀' => "0",
        '₁' => "1",
        '₅' => "5",
        '₇' => "7",
        '₈' => "8",
        '₉' => "9",
        'Ω' => " ohm ",
        'α' => " alpha ",
        'β' => " beta ",
        'γ' => " gamma ",
        'δ' | 'Δ' => " delta ",
        'λ' => " lambda ",
        'π' => " pi ",
        '™' | '®' | '©' => "",
        _ => " ",
    }
}
