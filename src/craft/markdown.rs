//! Notes in Markdown, turned into plain paragraphs, a title, a date and tags.
//!
//! Why it exists: a script is written from sentences. Headings, code, tables and pictures are none;
//! emphasis, links and list marks are taken off the words they stand around. It reads what people
//! write into notes (CommonMark's usual blocks, and front matter between lines of `---`), not every
//! corner of the specification.
//!
//! Architecture invariant: never a failure and never more than linear work, whatever the input is.

use super::feedtext::{html_to_text, plain_paragraphs};

/// A note as it was written, without its marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// The `title` of the front matter, else the first heading.
    pub title: Option<String>,
    /// The `date` of the front matter as written.
    pub date: Option<String>,
    /// The `tags` of the front matter, as written.
    pub tags: Vec<String>,
    /// The prose: paragraphs separated by blank lines.
    pub text: String,
}

/// Longest front matter that is looked for, in lines.
const MAX_FRONT_MATTER: usize = 200;

/// Reads a note in Markdown.
#[must_use]
pub fn read_markdown(markdown: &str) -> Note {
    let unix_lines = markdown.replace("\r\n", "\n").replace('\r', "\n");
    let (mut note, body) = front_matter(&unix_lines);
    let blocks = Blocks::of(body);
    note.title = note.title.or(blocks.first_heading);
    note.text = html_to_text(&blocks.prose);
    note
}

/// Reads a note in plain text: its first line is its title when a blank line follows it.
#[must_use]
pub fn read_plain(text: &str) -> Note {
    let unix_lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let trimmed = unix_lines.trim_start_matches('\n');
    if let Some((first, rest)) = trimmed.split_once('\n')
        && is_title_like(first)
        && rest.starts_with('\n')
        && !rest.trim().is_empty()
    {
        let title = Some(plain_paragraphs(first));
        return Note { title, text: plain_paragraphs(rest), ..Note::default() };
    }
    Note { text: plain_paragraphs(trimmed), ..Note::default() }
}

/// Short, and no sentence of its own.
fn is_title_like(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.chars().count() <= 120 && !line.ends_with(['.', '!', '?', ':', ','])
}

/// The front matter between two lines of `---` at the beginning, and what follows it.
fn front_matter(text: &str) -> (Note, &str) {
    let mut note = Note::default();
    let trimmed = text.trim_start_matches('\n');
    let Some(inside) = trimmed.strip_prefix("---\n") else { return (note, text) };
    let mut length = 0;
    let mut lines = Vec::new();
    let mut is_closed = false;
    for line in inside.split_inclusive('\n').take(MAX_FRONT_MATTER) {
        length += line.len();
        if matches!(line.trim_end(), "---" | "...") {
            is_closed = true;
            break;
        }
        lines.push(line.trim_end());
    }
    if !is_closed {
        return (note, text);
    }
    let mut is_in_tags = false;
    for line in lines {
        if let Some(item) = line.trim_start().strip_prefix("- ")
            && is_in_tags
        {
            note.tags.extend(unquoted(item));
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        is_in_tags = false;
        match key.trim().to_ascii_lowercase().as_str() {
            "title" => note.title = unquoted(value).map(|title| plain_paragraphs(&title)),
            "date" | "published" => note.date = unquoted(value),
            "tags" | "keywords" | "categories" => {
                let list = value.trim().trim_start_matches('[').trim_end_matches(']');
                note.tags.extend(list.split(',').filter_map(unquoted));
                is_in_tags = true;
            }
            _ => {}
        }
    }
    (note, inside.get(length..).unwrap_or_default())
}

fn unquoted(value: &str) -> Option<String> {
    let value = value.trim().trim_matches(['"', '\'']).trim().trim_start_matches('#');
    (!value.is_empty()).then(|| value.to_owned())
}

/// The prose of a document, and its first heading.
#[derive(Default)]
struct Blocks {
    prose: String,
    first_heading: Option<String>,
}

impl Blocks {
    fn of(text: &str) -> Self {
        let mut blocks = Self::default();
        let mut fence: Option<&str> = None;
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let trimmed = line.trim();
            if let Some(mark) = fence {
                if trimmed.starts_with(mark) {
                    fence = None;
                }
                continue;
            }
            if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                fence = Some(mark);
                blocks.prose.push_str("\n\n");
                continue;
            }
            let is_after_gap = blocks.prose.is_empty() || blocks.prose.ends_with("\n\n");
            let is_code = is_after_gap && (line.starts_with("    ") || line.starts_with('\t'));
            let is_code = is_code && list_item(trimmed).is_none();
            if is_code || is_table_row(trimmed) || is_definition(trimmed) {
                continue;
            }
            if trimmed.is_empty() || is_rule(trimmed) {
                blocks.prose.push_str("\n\n");
                continue;
            }
            let underline = lines.peek().map_or("", |next| next.trim());
            let is_underlined = is_after_gap && is_underline(underline);
            if let Some(heading) = atx_heading(trimmed) {
                blocks.heading(heading);
            } else if is_underlined {
                blocks.heading(trimmed);
                lines.next();
            } else {
                blocks.prose_line(trimmed);
            }
        }
        blocks
    }

    fn heading(&mut self, heading: &str) {
        self.prose.push_str("\n\n");
        if self.first_heading.is_none() {
            let title = html_to_text(&inline(heading)).replace("\n\n", " ");
            self.first_heading = (!title.is_empty()).then_some(title);
        }
    }

    fn prose_line(&mut self, line: &str) {
        let mut rest = line;
        while let Some(quoted) = rest.strip_prefix('>') {
            rest = quoted.trim_start();
        }
        if let Some(item) = list_item(rest) {
            self.prose.push_str("\n\n");
            rest = item;
        }
        self.prose.push_str(&inline(rest));
        self.prose.push('\n');
    }
}

/// `# Heading #`.
fn atx_heading(line: &str) -> Option<&str> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    if level == 0 || level > 6 || !(words.is_empty() || words.starts_with([' ', '\t'])) {
        return None;
    }
    Some(words.trim().trim_end_matches('#').trim_end())
}

/// The line below a heading: only `=` or only `-`.
fn is_underline(line: &str) -> bool {
    line.len() >= 2 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'))
}

fn is_rule(line: &str) -> bool {
    let marks: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    let is_of = |mark: char| marks.chars().all(|c| c == mark);
    marks.len() >= 3 && ['-', '*', '_', '='].into_iter().any(is_of)
}

fn is_table_row(line: &str) -> bool {
    line.starts_with('|') && line.len() > 1
}

/// `[name]: https://…` and `[^1]: a footnote`.
fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// What follows `- `, `* `, `+ `, `1. ` or `1) `, and the box of a task.
fn list_item(line: &str) -> Option<&str> {
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - after_number.len();
    let item = if (1..=9).contains(&digits) {
        after_number.strip_prefix(". ").or_else(|| after_number.strip_prefix(") "))
    } else {
        ["- ", "* ", "+ "].into_iter().find_map(|mark| line.strip_prefix(mark))
    }?;
    let item = item.trim_start();
    let is_task = ["[ ] ", "[x] ", "[X] "].into_iter().find_map(|mark| item.strip_prefix(mark));
    Some(is_task.unwrap_or(item))
}

/// A line of prose without emphasis, code marks, links and pictures.
fn inline(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['\\', '`', '*', '_', '~', '!', '[', '<']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        rest = take_mark(from, &mut plain);
    }
    plain.push_str(rest);
    plain
}

/// Takes the mark that `text` begins with, writes what it stands for, and gives what follows.
fn take_mark<'a>(text: &'a str, plain: &mut String) -> &'a str {
    let mut characters = text.chars();
    let Some(mark) = characters.next() else { return "" };
    let rest = characters.as_str();
    match mark {
        '\\' => {
            let Some(escaped) = rest.chars().next().filter(char::is_ascii_punctuation) else {
                plain.push('\\');
                return rest;
            };
            push_literal(escaped, plain);
            rest.get(1..).unwrap_or_default()
        }
        '`' | '*' => rest,
        '~' if rest.starts_with('~') => rest.get(1..).unwrap_or_default(),
        '_' => {
            // Within a word it is a letter.
            let is_inner = plain.ends_with(char::is_alphanumeric)
                && rest.starts_with(|c: char| c.is_alphanumeric());
            if is_inner {
                plain.push('_');
            }
            rest
        }
        '!' if rest.starts_with('[') => match link(rest.get(1..).unwrap_or_default()) {
            Some((_, after)) => after,
            None => {
                plain.push('!');
                rest
            }
        },
        '[' => match link(rest) {
            Some((words, after)) => {
                if !words.starts_with('^') {
                    plain.push_str(&words.replace(['*', '`', '['], ""));
                }
                after
            }
            None => {
                plain.push('[');
                rest
            }
        },
        '<' => match rest.split_once('>') {
            // An address in angle brackets is not read out.
            Some((address, after)) if address.starts_with("http") => after,
            _ => {
                plain.push('<');
                rest
            }
        },
        other => {
            plain.push(other);
            rest
        }
    }
}

/// A character that was escaped must not look like mark-up to what comes after.
fn push_literal(character: char, plain: &mut String) {
    match character {
        '<' => plain.push_str("&lt;"),
        '&' => plain.push_str("&amp;"),
        other => plain.push(other),
    }
}

/// How far the closing bracket of a link may be, in bytes.
const MAX_LINK: usize = 2_000;

/// `words](target)`, `words][name]` or `words]`, after the opening bracket.
fn link(text: &str) -> Option<(&str, &str)> {
    let within = text.bytes().take(MAX_LINK);
    let end = within.into_iter().position(|byte| byte == b']')?;
    let (words, after) = (text.get(..end)?, text.get(end + 1..)?);
    for (opening, closing) in [('(', b')'), ('[', b']')] {
        if let Some(target) = after.strip_prefix(opening) {
            let end = target.bytes().take(MAX_LINK).position(|byte| byte == closing)?;
            return Some((words, target.get(end + 1..)?));
        }
    }
    words.starts_with('^').then_some((words, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prose_stays_and_marks_go() {
        let note = read_markdown(
            "# The *crust* of bread\n\nA **brown** crust is _sugar_ and `protein`.\nIt [smells](http://x.y/z) good ![photo](a.png).\n\n\
             ## Heading\n> Quoted\n> lines.\n\n- one item\n- [ ] a task\n1. first\n\n```rust\nlet x = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\
             snake_case stays, 2 \\* 3 too[^1].\n\n[^1]: A footnote.\n[ref]: http://x\n\n    code\n\nEnd.",
        );
        assert_eq!(note.title.as_deref(), Some("The crust of bread"));
        assert_eq!(
            note.text,
            "A brown crust is sugar and protein. It smells good .\n\nQuoted lines.\n\none item\n\na task\n\nfirst\n\nsnake_case stays, 2 * 3 too.\n\nEnd."
        );
    }

    #[test]
    fn front_matter_gives_title_date_and_tags() {
        let note = read_markdown(
            "---\ntitle: \"Salt\"\ndate: 2026-11-01\ntags: [food, 'taste']\n---\n# Other\nText.",
        );
        assert_eq!(note.title.as_deref(), Some("Salt"));
        assert_eq!(note.date.as_deref(), Some("2026-11-01"));
        assert_eq!(note.tags, ["food", "taste"]);
        assert_eq!(note.text, "Text.");
        let list = read_markdown("---\ntags:\n  - a\n  - b\nother: c\n  - d\n---\nText.");
        assert_eq!(list.tags, ["a", "b"]);
        let open = read_markdown("---\ntitle: never closed\n\nText.");
        assert!(open.title.is_none() && open.text.contains("Text."));
    }

    #[test]
    fn an_underlined_line_is_a_heading_and_a_rule_is_not() {
        let note = read_markdown("Title\n=====\n\nText.\n\n---\n\nMore.");
        assert_eq!(note.title.as_deref(), Some("Title"));
        assert_eq!(note.text, "Text.\n\nMore.");
    }

    #[test]
    fn html_in_a_note_is_taken_off() {
        let note = read_markdown(
            "<p>One <b>bold</b> word</p><script>x()</script>\n\n5 \\< 6 <https://x.y>",
        );
        assert_eq!(note.text, "One bold word\n\n5 < 6");
    }

    #[test]
    fn a_plain_note_may_begin_with_its_title() {
        let note = read_plain("\nBread and salt\n\nIt is old.\nVery old.");
        assert_eq!(note.title.as_deref(), Some("Bread and salt"));
        assert_eq!(note.text, "It is old. Very old.");
        assert_eq!(read_plain("One sentence.\n\nTwo.").title, None);
        assert_eq!(read_plain("Only a line").text, "Only a line");
    }

    #[test]
    fn a_megabyte_of_marks_takes_no_time() {
        for mark in ["[", "![", "*", "`", "<", "> ", "\\", "[a](", "# ", "|"] {
            let _ = read_markdown(&mark.repeat(500_000 / mark.len()));
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "(---\n|#|\\*|_|`|```\n|\\[|\\]|\\(|\\)|!|<|>|é|\\\\| |\n|- |1\\. |a|:|\\|){0,60}") {
            let _ = read_markdown(&text);
            let _ = read_plain(&text);
        }
    }
}
