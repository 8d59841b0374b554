//! HTML as feeds carry it, turned into plain paragraphs.
//!
//! Why it exists: a script is written from sentences, and a feed hands over mark-up, entities,
//! scripts and invisible characters. Everything after this module sees only plain text.
//!
//! Architecture invariant: never a failure and never more than linear work, whatever the input is:
//! feeds are written by strangers.

/// Elements whose content is not prose and is dropped with them.
const DROPPED: [&str; 9] =
    ["script", "style", "noscript", "template", "iframe", "svg", "head", "math", "object"];

/// Elements that begin and end a paragraph.
const BLOCKS: [&str; 26] = [
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "tr",
    "table",
    "blockquote",
    "section",
    "article",
    "header",
    "footer",
    "hr",
    "pre",
    "figure",
    "figcaption",
    "dl",
    "dt",
    "dd",
    "body",
];

/// The longest entity name that is looked for, in bytes, without `&` and `;`.
const MAX_ENTITY: usize = 10;

/// Plain text of an HTML fragment: tags gone, entities decoded, paragraphs separated by one blank
/// line, all other white space single spaces.
#[must_use]
pub fn html_to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after_comment) = rest.strip_prefix("<!--") {
            rest = after_comment.find("-->").map_or("", |end| &after_comment[end + 3..]);
            continue;
        }
        let Some(tag) = Tag::at_start(rest) else {
            text.push('<');
            rest = &rest[1..];
            if !rest.contains('>') {
                break;
            }
            continue;
        };
        rest = &rest[tag.length..];
        if DROPPED.contains(&tag.name.as_str()) && !tag.closing && !tag.self_closed {
            rest = after_closing_tag(rest, &tag.name);
        } else if tag.name == "br" {
            text.push('\n');
        } else if BLOCKS.contains(&tag.name.as_str()) {
            text.push_str("\n\n");
        }
    }
    text.push_str(rest);
    plain_paragraphs(&decode_entities(&text))
}

/// Plain text as a feed gives it: invisible characters gone, paragraphs separated by one blank
/// line, all other white space single spaces. Nothing is taken for mark-up.
#[must_use]
pub fn plain_paragraphs(text: &str) -> String {
    let unix_lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in unix_lines.split('\n') {
        let words = collapse_spaces(line);
        let Some(current) = paragraphs.last_mut() else { break };
        if words.is_empty() {
            if !current.is_empty() {
                paragraphs.push(String::new());
            }
            continue;
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(&words);
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

fn collapse_spaces(line: &str) -> String {
    let visible: String = line.chars().filter(|c| !is_invisible(*c)).collect();
    let unified = visible.replace(|c: char| c.is_whitespace() || c.is_control(), " ");
    unified.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Characters that show nothing and break words apart: soft hyphen, joiners, direction marks, BOM.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// One tag at the beginning of a text.
struct Tag {
    /// Lower-case element name; empty for declarations and instructions.
    name: String,
    closing: bool,
    self_closed: bool,
    /// In bytes, with both angle brackets.
    length: usize,
}

impl Tag {
    /// Reads the tag that `text` begins with; `None` when its `<` is only a character.
    fn at_start(text: &str) -> Option<Self> {
        let inside = text.strip_prefix('<')?;
        let closing = inside.starts_with('/');
        let name_on = if closing { &inside[1..] } else { inside };
        let begins_tag =
            name_on.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?');
        if !begins_tag {
            return None;
        }
        let end = tag_end(inside)?;
        let name: String = name_on
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let self_closed = inside[..end].ends_with('/');
        Some(Self { name, closing, self_closed, length: end + 2 })
    }
}

/// Offset of the `>` that ends a tag, not counting those inside quotes; where a quote never ends,
/// the first `>` there is.
fn tag_end(inside: &str) -> Option<usize> {
    let mut quote: Option<u8> = None;
    for (at, byte) in inside.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at),
            (None, _) => {}
        }
    }
    inside.find('>')
}

/// What follows `</name …>`; nothing when it is never closed.
fn after_closing_tag<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let is_it = rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_it {
            return rest.find('>').map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

/// Replaces character references by what they stand for; unknown ones stay as they are written.
#[must_use]
pub fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().take(MAX_ENTITY + 1).position(|byte| byte == b';');
        let meaning = end.and_then(|end| rest.get(..end)).and_then(entity);
        match (meaning, end) {
            (Some(character), Some(end)) => {
                decoded.push(character);
                rest = &rest[end + 1..];
            }
            _ => decoded.push('&'),
        }
    }
    decoded.push_str(rest);
    decoded
}

/// What a character reference stands for; names as in the HTML standard, the ones prose uses.
fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "deg" => '°',
        "plusmn" => '±',
        "times" => '×',
        "divide" => '÷',
        "minus" => '−',
        "middot" => '·',
        "bull" => '•',
        "frac12" => '½',
        "frac14" => '¼',
        "frac34" => '¾',
        "sup2" => '²',
        "sup3" => '³',
        "micro" => 'µ',
        "pound" => '£',
        "euro" => '€',
        "yen" => '¥',
        "cent" => '¢',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "sect" => '§',
        "shy" => '\u{ad}',
        "agrave" => 'à',
        "aacute" => 'á',
        "acirc" => 'â',
        "auml" => 'ä',
        "aring" => 'å',
        "aelig" => 'æ',
        "ccedil" => 'ç',
        "egrave" => 'è',
        "eacute" => 'é',
        "ecirc" => 'ê',
        "euml" => 'ë',
        "iacute" => 'í',
        "icirc" => 'î',
        "iuml" => 'ï',
        "ntilde" => 'ñ',
        "oacute" => 'ó',
        "ocirc" => 'ô',
        "ouml" => 'ö',
        "oslash" => 'ø',
        "uacute" => 'ú',
        "ucirc" => 'û',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "Eacute" => 'É',
        "Aring" => 'Å',
        "Oslash" => 'Ø',
        _ => return None,
    };
    Some(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_go_and_paragraphs_stay() {
        let html =
            "<p>One <b>bold</b> word.</p>\n<p>Two<br>lines.</p><ul><li>a</li><li>b</li></ul>";
        assert_eq!(html_to_text(html), "One bold word.\n\nTwo lines.\n\na\n\nb");
    }

    #[test]
    fn scripts_styles_and_comments_are_dropped() {
        let html = "a<script>alert('<p>x</p>')</script>b<STYLE>p{}</Style>c<!-- <p>no</p> -->d";
        assert_eq!(html_to_text(html), "abcd");
        assert_eq!(html_to_text("kept<script>never closed"), "kept");
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(
            html_to_text("5 &lt; 6 &amp;amp; caf&eacute; &#8212; &#x2014;"),
            "5 < 6 &amp; café — —"
        );
        assert_eq!(
            html_to_text("AT&T and &unknown; and &#0; and &"),
            "AT&T and &unknown; and &#0; and &"
        );
    }

    #[test]
    fn a_lone_angle_bracket_is_text() {
        assert_eq!(html_to_text("3 < 4 and 5 > 4"), "3 < 4 and 5 > 4");
        assert_eq!(html_to_text("a <b never closed"), "a <b never closed");
    }

    #[test]
    fn a_bracket_in_a_quoted_attribute_does_not_end_the_tag() {
        assert_eq!(html_to_text("<img alt=\"a > b\">seen"), "seen");
    }

    #[test]
    fn invisible_characters_are_removed() {
        assert_eq!(plain_paragraphs("so\u{ad}ft\u{200b} a\u{a0}b\u{7}"), "soft a b");
    }

    #[test]
    fn a_million_open_brackets_take_no_time() {
        assert_eq!(html_to_text(&"<a \"".repeat(250_000)).len(), 999_999 + 1);
    }

    proptest! {
        #[test]
        fn no_input_panics(html in "(<|>|/|p|!--|&|#|;|\"|script|é| |\n){0,60}") {
            let _ = html_to_text(&html);
        }
    }
}
