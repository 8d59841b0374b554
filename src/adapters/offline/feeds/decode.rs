//! A feed's bytes as text, whatever they claim to be encoded in.
//!
//! Architecture invariant: nothing is guessed silently. Bytes that are not what is declared are
//! refused, because a wrong guess would be read out loud; the one exception, UTF-8 under another
//! name, is certain enough to take and is noted.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How far into a document its declaration is looked for, in bytes.
const DECLARATION_WITHIN: usize = 1_024;

/// Text without byte order mark and XML declaration, and a note if the declaration was wrong.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) note: Option<String>,
}

/// Why bytes are no text.
pub(super) enum Undecodable {
    /// They are not text at all.
    Binary,
    /// They are not what they are declared to be.
    Wrong(String),
}

/// Decodes by byte order mark, else by the pattern of UTF-16, else by the XML declaration, else as
/// `charset` says, which is what the transport declares, else as UTF-8. What is not what its own
/// declaration says is tried as `charset`, and noted.
pub(super) fn decode(bytes: &[u8], charset: Option<&str>) -> Result<Decoded, Undecodable> {
    let as_it_says = decode_as_declared(bytes, charset);
    let Err(Undecodable::Wrong(detail)) = &as_it_says else { return as_it_says };
    let Some(encoding) = charset.and_then(|label| Encoding::for_label(label.as_bytes())) else {
        return as_it_says;
    };
    let note = format!("{detail}; it was read as {}, as its server declares", encoding.name());
    strictly(encoding, bytes, Some(note)).or(as_it_says)
}

fn decode_as_declared(bytes: &[u8], charset: Option<&str>) -> Result<Decoded, Undecodable> {
    if let Some((encoding, mark_length)) = Encoding::for_bom(bytes) {
        return strictly(encoding, bytes.get(mark_length..).unwrap_or_default(), None);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return strictly(encoding, bytes, None);
    }
    if bytes.contains(&0) {
        return Err(Undecodable::Binary);
    }
    let declared = declared_label(bytes).or_else(|| charset.map(str::to_owned));
    let Some(label) = declared else { return strictly(UTF_8, bytes, None) };
    let Some(encoding) = Encoding::for_label(label.as_bytes()) else {
        return match std::str::from_utf8(bytes) {
            Ok(_) => strictly(UTF_8, bytes, Some(taken_as_utf8(&label))),
            Err(_) => {
                Err(Undecodable::Wrong(format!("it declares the unknown encoding {label:?}")))
            }
        };
    };
    let is_utf8_all_the_same = encoding != UTF_8 && !bytes.is_ascii();
    if is_utf8_all_the_same && std::str::from_utf8(bytes).is_ok() {
        return strictly(UTF_8, bytes, Some(taken_as_utf8(&label)));
    }
    let is_ascii_under_a_wide_name = encoding == UTF_16LE || encoding == UTF_16BE;
    if is_ascii_under_a_wide_name {
        return strictly(UTF_8, bytes, Some(taken_as_utf8(&label)));
    }
    strictly(encoding, bytes, None)
}

fn taken_as_utf8(label: &str) -> String {
    format!("it declares the encoding {label:?} but is UTF-8, and was read as UTF-8")
}

fn strictly(
    encoding: &'static Encoding,
    bytes: &[u8],
    note: Option<String>,
) -> Result<Decoded, Undecodable> {
    if encoding == UTF_8 {
        let text = std::str::from_utf8(bytes).map_err(|wrong| {
            let at = wrong.valid_up_to();
            Undecodable::Wrong(format!("it should be UTF-8, and byte {at} is not"))
        })?;
        return Ok(Decoded { text: without_declaration(text).to_owned(), note });
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(Decoded { text: without_declaration(&text).to_owned(), note }),
        None => {
            let name = encoding.name();
            Err(Undecodable::Wrong(format!("it should be {name}, and some of its bytes are not")))
        }
    }
}

/// UTF-16 shows in the zero beside the first character, which in a feed is `<` or `{`.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<' | b'{', 0, next, 0, ..] if *next != 0 => Some(UTF_16LE),
        [0, b'<' | b'{', 0, next, ..] if *next != 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// The value of `encoding` in the XML declaration.
fn declared_label(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(DECLARATION_WITHIN))?;
    let head = String::from_utf8_lossy(head);
    let declaration = head.trim_start().strip_prefix("<?xml")?;
    let declaration = declaration.split("?>").next()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(str::to_owned)
}

/// The text is UTF-8 by now, so what it declares is no longer true.
fn without_declaration(text: &str) -> &str {
    let trimmed = text.trim_start();
    if !trimmed.starts_with("<?xml") {
        return trimmed;
    }
    trimmed.find("?>").map_or(trimmed, |end| trimmed.get(end + 2..).unwrap_or_default())
}
