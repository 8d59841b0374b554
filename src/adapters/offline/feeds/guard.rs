//! A look at an XML document before it is parsed: is it a feed, is it whole, is it harmless?
//!
//! Why it exists: the parser behind us is kind to broken documents and may need quadratic time for
//! crafted ones. One linear pass finds both, and says where.
//!
//! Architecture invariant: entities are never expanded; a document that declares any is refused.

/// Elements inside elements.
const MAX_DEPTH: usize = 64;
/// Elements in all.
const MAX_ELEMENTS: usize = 300_000;
/// One tag, in bytes.
const MAX_TAG: usize = 64 * 1024;
/// Attributes of one tag.
const MAX_ATTRIBUTES: usize = 128;

/// Why a document is not handed to the parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It ends too early; how.
    Truncated(String),
    /// It is something else; what.
    NotAFeed(String),
    /// It is made to hurt; how.
    Hostile(String),
}

/// Looks through an XML document.
pub(super) fn inspect(text: &str) -> Result<(), Refusal> {
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let outside = rest.get(..at).unwrap_or_default();
        if elements == 0 && !outside.trim().is_empty() {
            return Err(Refusal::NotAFeed("it begins with plain text".to_owned()));
        }
        rest = rest.get(at..).unwrap_or_default();
        if let Some(skipped) = after_non_element(rest)? {
            rest = skipped;
            continue;
        }
        let tag = first_tag(rest)?;
        rest = rest.get(tag.len()..).unwrap_or_default();
        if tag.starts_with("</") {
            depth = depth.saturating_sub(1);
            continue;
        }
        if elements == 0 {
            check_root(tag)?;
        }
        elements += 1;
        if elements > MAX_ELEMENTS {
            return Err(Refusal::Hostile(format!("more than {MAX_ELEMENTS} elements")));
        }
        if !tag.ends_with("/>") {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::Hostile(format!("elements nested more than {MAX_DEPTH} deep")));
        }
    }
    if elements == 0 {
        return Err(Refusal::NotAFeed("it has no element".to_owned()));
    }
    if depth > 0 {
        return Err(Refusal::Truncated(format!("{depth} elements are still open at its end")));
    }
    Ok(())
}

/// What follows a comment, a CDATA section, an instruction or a document type at the start of
/// `text`; `None` when an element starts there.
pub(super) fn after_non_element(text: &str) -> Result<Option<&str>, Refusal> {
    let delimiters = [("<!--", "-->", "a comment"), ("<![CDATA[", "]]>", "a text section")];
    for (opening, closing, what) in delimiters {
        if let Some(inside) = text.strip_prefix(opening) {
            return after(inside, closing, what).map(Some);
        }
    }
    if let Some(inside) = text.strip_prefix("<?") {
        return after(inside, "?>", "an instruction").map(Some);
    }
    if text.starts_with("<!") {
        return after_document_type(text).map(Some);
    }
    Ok(None)
}

fn after<'a>(inside: &'a str, closing: &str, what: &str) -> Result<&'a str, Refusal> {
    match inside.find(closing) {
        Some(end) => Ok(inside.get(end + closing.len()..).unwrap_or_default()),
        None => Err(Refusal::Truncated(format!("it ends inside {what}"))),
    }
}

fn after_document_type(text: &str) -> Result<&str, Refusal> {
    let is_html = text.get(..14).is_some_and(|head| head.eq_ignore_ascii_case("<!doctype html"));
    if is_html {
        return Err(Refusal::NotAFeed("it is an HTML page".to_owned()));
    }
    let mut brackets = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => brackets += 1,
            b']' => brackets = brackets.saturating_sub(1),
            b'>' if brackets == 0 => {
                refuse_entities(text.get(..at).unwrap_or_default())?;
                return Ok(text.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    refuse_entities(text)?;
    Err(Refusal::Truncated("it ends inside its document type".to_owned()))
}

fn refuse_entities(document_type: &str) -> Result<(), Refusal> {
    if document_type.contains("<!ENTITY") {
        return Err(Refusal::Hostile("it declares entities of its own".to_owned()));
    }
    Ok(())
}

/// The tag that `text` begins with, with both angle brackets.
pub(super) fn first_tag(text: &str) -> Result<&str, Refusal> {
    let mut quote: Option<u8> = None;
    let mut attributes = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if at > MAX_TAG {
            return Err(Refusal::Hostile(format!("a tag of more than {MAX_TAG} bytes")));
        }
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => attributes += 1,
            (None, b'>') => return Ok(text.get(..=at).unwrap_or_default()),
            (None, _) => {}
        }
        if attributes > MAX_ATTRIBUTES {
            return Err(Refusal::Hostile(format!(
                "a tag with more than {MAX_ATTRIBUTES} attributes"
            )));
        }
    }
    Err(Refusal::Truncated("it ends inside a tag".to_owned()))
}

fn check_root(tag: &str) -> Result<(), Refusal> {
    let name: String = tag
        .chars()
        .skip(1)
        .take_while(|c| !c.is_whitespace() && !matches!(c, '>' | '/'))
        .take(40)
        .collect();
    let local_name = name.rsplit(':').next().unwrap_or_default();
    if local_name.eq_ignore_ascii_case("html") {
        return Err(Refusal::NotAFeed("it is an HTML page".to_owned()));
    }
    if matches!(local_name, "rss" | "feed" | "RDF" | "entry") {
        return Ok(());
    }
    Err(Refusal::NotAFeed(format!("its outermost element is {name:?}")))
}
