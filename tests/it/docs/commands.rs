//! Every command of this program that a page names is one, with options that it has.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::PROGRAM;

/// A page's name and what it says.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "SECURITY.md"].map(|name| root.join(name)).into();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    // What was decided is told as it was then.
    let is_page = |path: &std::path::PathBuf| {
        path.extension().is_some_and(|end| end == "md") && !path.ends_with("decisions.md")
    };
    pages.extend(docs.filter(is_page));
    let read = |path: std::path::PathBuf| {
        let said = fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), said)
    };
    pages.into_iter().map(read).collect()
}

/// What stands in blocks for a shell, and between backquotes within a line.
fn code(page: &str) -> Vec<String> {
    let (mut lines, mut block) = (Vec::new(), None);
    for line in page.replace("\\\n", " ").lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(of), None) => block = Some(matches!(of, "sh" | "text" | "console" | "ini" | "yaml")),
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) => lines.push(line.to_owned()),
            (None, Some(false)) => {}
            (None, None) => lines.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    lines
}

/// The command lines of this program in a line, without its name.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("portcullis ") {
        let before = &rest[..at];
        let path = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap();
        // The built-in project has the same name, and so may a receiver's page.
        let begins = (path.is_empty() || path.ends_with('/') && !path.contains("://"))
            && !before.ends_with("--project ");
        rest = &rest[at + "portcullis ".len()..];
        let words = words(rest);
        if begins && words.first().is_some_and(|word| is_command(word)) {
            found.push(words);
        }
    }
    found
}

/// Whether it is the beginning of a command line, and not of a sentence.
fn is_command(word: &str) -> bool {
    word.starts_with("--") || word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// The words up to the end of the command, as a shell would see them; what stands for something else is
/// something.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '"' | '\'') => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
            (None, '|' | '&' | ';' | '<' | '>' | '#' | ')') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(|word| named(&word)).collect()
}

fn named(word: &str) -> String {
    match word.trim_start_matches('$') {
        command if command.starts_with('(') => "x".to_owned(),
        "PROJECT" => "prj_x".to_owned(),
        name if name.len() < word.len() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') => {
            "x".to_owned()
        }
        _ => word.replace('…', "0000000000000000"),
    }
}

/// What is wrong with a command line, as far as its words go: that all are there is not asked.
fn wrong(words: &[String]) -> Option<String> {
    let own = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let done = Command::new(PROGRAM).args(&words[..own]).arg("--help").output().unwrap();
    (!done.status.success()).then(|| String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn every_command_in_the_documentation_is_one_with_options_that_it_has() {
    let mut count = 0;
    let mut all_wrong = Vec::new();
    for (name, page) in pages() {
        for words in code(&page).iter().flat_map(|line| commands(line)) {
            count += 1;
            all_wrong
                .extend(wrong(&words).map(|why| format!("{name}: portcullis {}\n{why}", words.join(" "))));
        }
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
    assert!(count > 80, "{count} commands were found");
}

#[test]
fn a_command_that_is_none_is_found() {
    for (line, is_wrong) in [
        ("portcullis audit list --act key.block | jq", false),
        ("KEY=$(portcullis audit list --acts key.block)", true),
        ("target/release/portcullis key lists", true),
        ("portcullis token exec --refresh-every 5m -- printenv --colour", true),
        ("portcullis key show pk_live_…", false),
    ] {
        let found = commands(line);
        assert_eq!(found.len(), 1, "{line}");
        assert_eq!(wrong(&found[0]).is_some(), is_wrong, "{line}: {:?}", wrong(&found[0]));
    }
}
