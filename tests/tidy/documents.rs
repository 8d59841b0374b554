//! Documents tell the truth: every guarantee names a test that exists, every command and option in
//! the README is the program's and its config is valid, every link to a file leads somewhere.

use std::collections::BTreeMap;
use std::process::Command;

use super::assert_none;
use super::tree::{TextFile, read, root, text_files};

/// Where the promises are.
const GUARANTEES: &str = "docs/guarantees.md";

#[test]
fn every_guarantee_names_a_test_that_exists() {
    let Some(text) = read(GUARANTEES) else { return };
    let files = text_files();
    let mut problems = Vec::new();
    let mut rows = 0;
    for (number, line) in text.lines().enumerate() {
        let Some(row) = table_row(&text, number, line) else { continue };
        rows += 1;
        let place = format!("{GUARANTEES}:{}", number + 1);
        let tests: Vec<&str> = quoted(row).into_iter().filter(|name| name.contains("::")).collect();
        if tests.is_empty() {
            problems.push(format!("{place}: no test is named (as `tests/file.rs::name`)"));
        }
        let lost = tests.into_iter().filter(|name| !test_exists(&files, name));
        problems.extend(lost.map(|name| format!("{place}: there is no test {name}")));
    }
    assert!(rows > 0, "{GUARANTEES} has no table of guarantees");
    assert_none("every guarantee has its test", &problems);
}

/// The line if it is a row of a table, neither its head nor the rule below it.
fn table_row<'t>(text: &str, number: usize, line: &'t str) -> Option<&'t str> {
    let is_rule = |line: &str| {
        line.starts_with('|') && line.chars().all(|c| "|-: ".contains(c)) && line.contains('-')
    };
    let next = text.lines().nth(number + 1).unwrap_or_default();
    (line.starts_with('|') && !is_rule(line) && !is_rule(next)).then_some(line)
}

/// What stands in single backticks.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// A test is named by its file and its function, `src/a/b.rs::name`, or by its module path,
/// `a::b::tests::name`.
fn test_exists(files: &[TextFile], name: &str) -> bool {
    let Some((place, function)) = name.rsplit_once("::") else { return false };
    let is_meant = |file: &&TextFile| match place.contains('/') {
        true => file.path == place || file.path == format!("{place}.rs"),
        false => {
            let first = place.split("::").find(|part| *part != "ytempire").unwrap_or_default();
            let in_source = file.path.starts_with(&format!("src/{first}"));
            file.path.ends_with(".rs")
                && (in_source || file.path.starts_with(&format!("tests/{first}")))
        }
    };
    files.iter().filter(is_meant).any(|file| has_test(&file.text, function))
}

/// Whether a function of this name has a test attribute above it.
fn has_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let opening = format!("fn {function}(");
    let is_the_function = |line: &&str| line.trim_start_matches("async ").starts_with(&opening);
    let Some(at) = lines.iter().position(is_the_function) else { return false };
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with(['#', '/']));
    attributes.into_iter().any(|line| line.contains("test"))
}

#[test]
fn commands_in_the_readme_are_real() {
    let Some(text) = read("README.md") else { return };
    let mut known_help: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for (number, line) in code_block_lines(&text) {
        let Some(words) = command_words(line) else { continue };
        let told = check_command(&words, &mut known_help);
        problems.extend(told.map(|problem| format!("README.md:{number}: {problem}")));
    }
    assert_none("commands in the README are the program's", &problems);
}

#[test]
fn the_config_in_the_readme_is_valid() {
    let text = read("README.md").expect("the README");
    let config = code_block(&text, "toml").expect("a block of toml");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ytempire.toml");
    std::fs::write(&file, config).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_ytempire"))
        .args(["config", "check", "--config"])
        .arg(&file)
        .output()
        .expect("the program can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The first block of `language`.
fn code_block<'t>(text: &'t str, language: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("```{language}\n"))?;
    rest.split_once("```").map(|(block, _)| block)
}

/// The lines inside ``` blocks, with their numbers from 1.
fn code_block_lines(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push((number + 1, line));
        }
    }
    lines
}

/// The words after the program's name, if the line calls it; a comment ends the line.
fn command_words(line: &str) -> Option<Vec<&str>> {
    let mut words = line.trim_start().trim_start_matches("$ ").split_whitespace();
    let program = words.next()?;
    let is_ours = program == "ytempire" || program.ends_with("/ytempire");
    is_ours.then(|| words.take_while(|word| !["#", "|", ">", "&&"].contains(word)).collect())
}

/// What is wrong with the call `words`, if anything: each leading plain word must be a command of
/// the one before, and each option must be in the last one's help.
fn check_command(words: &[&str], known_help: &mut BTreeMap<Vec<String>, String>) -> Option<String> {
    let mut path: Vec<String> = Vec::new();
    if !help_of(&path, known_help).contains("Commands:") {
        return Some("the program's help lists no commands".to_owned());
    }
    for word in words {
        let help = help_of(&path, known_help);
        let offers_commands = help.contains("Commands:");
        if !offers_commands || word.starts_with(['-', '[', '<']) {
            break;
        }
        let names = commands_in(&help);
        if let Some(unknown) = word.split('|').find(|name| !names.iter().any(|known| known == name))
        {
            return Some(format!("`ytempire {}` has no command {unknown}", path.join(" ")));
        }
        path.push(word.split('|').next().unwrap_or_default().to_owned());
    }
    let help = help_of(&path, known_help);
    let options = words.iter().map(|word| word.trim_matches(['[', ']']));
    let options = options.filter(|word| word.starts_with("--"));
    let mut names = options.map(|word| word.split('=').next().unwrap_or_default());
    names
        .find(|name| !help.split([' ', '\n', ',', '=']).any(|word| word == *name))
        .map(|name| format!("`ytempire {}` has no option {name}", path.join(" ")))
}

fn help_of(path: &[String], known_help: &mut BTreeMap<Vec<String>, String>) -> String {
    let ask = || {
        let output = Command::new(env!("CARGO_BIN_EXE_ytempire"))
            .args(path)
            .arg("--help")
            .current_dir(root())
            .output()
            .expect("the program can be run");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    known_help.entry(path.to_vec()).or_insert_with(ask).clone()
}

/// The names in the `Commands:` part of a help text.
fn commands_in(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let entries = lines.take_while(|line| !line.is_empty());
    let names = entries.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for file in text_files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = root().join(&file.path).parent().map(ToOwned::to_owned).unwrap_or_default();
        for (number, line) in file.text.lines().enumerate() {
            for rest in line.split("](").skip(1) {
                let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
                let is_elsewhere = target.is_empty() || target.contains("://");
                if !is_elsewhere && !folder.join(target).exists() {
                    problems.push(format!("{}:{}: {target}", file.path, number + 1));
                }
            }
        }
    }
    assert_none("links lead to files that exist", &problems);
}

#[test]
fn tests_named_in_documents_are_found_in_every_form() {
    let text =
        "/// Why.\n#[tokio::test(start_paused = true)]\nasync fn it_holds() {}\nfn other() {}\n";
    let files = [TextFile { path: "src/journal/fold.rs".to_owned(), text: text.to_owned() }];
    for name in [
        "src/journal/fold.rs::it_holds",
        "src/journal/fold::it_holds",
        "journal::fold::it_holds",
        "ytempire::journal::it_holds",
    ] {
        assert!(test_exists(&files, name), "{name}");
    }
    for name in
        ["src/journal/fold.rs::other", "src/none.rs::it_holds", "feed::it_holds", "it_holds"]
    {
        assert!(!test_exists(&files, name), "{name}");
    }
}

#[test]
fn calls_of_the_program_are_recognised() {
    let block =
        "text\n```sh\n$ ytempire workflow list --json  # all\nmake demo\n```\nytempire no\n";
    let calls: Vec<Vec<&str>> =
        code_block_lines(block).into_iter().filter_map(|(_, line)| command_words(line)).collect();
    assert_eq!(calls, [["workflow", "list", "--json"]]);
    let help =
        "About\n\nUsage: x\n\nCommands:\n  demo  Makes\n        more\n  run   Runs\n\nOptions:\n";
    assert_eq!(commands_in(help), ["demo", "run"]);
}
