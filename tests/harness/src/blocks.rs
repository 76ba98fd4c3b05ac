//! The commands that the pages tell their readers to type.

use super::places::root;
use std::path::PathBuf;

/// The pages at the top level that have commands. A changelog may name those of earlier days.
const TOP: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/// Those, and the pages of docs/.
pub fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(root().join("docs")).expect("docs/");
    let docs = docs.map(|entry| entry.expect("a page").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    TOP.map(|page| root().join(page))
        .into_iter()
        .chain(pages)
        .map(|path| (path.clone(), std::fs::read_to_string(path).expect("a page")))
        .collect()
}

/// The commands of each block that is marked `sh`, a line for each, however many it was written on.
pub fn blocks() -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    for (_, text) in pages() {
        let mut open: Option<String> = None;
        for line in text.lines() {
            match (&mut open, line) {
                (None, "```sh") => open = Some(String::new()),
                (Some(block), "```") => {
                    blocks.push(block.replace("\\\n", " ").lines().map(str::to_owned).collect());
                    open = None;
                }
                (Some(block), line) => *block += &format!("{line}\n"),
                (None, _) => {}
            }
        }
    }
    blocks
}

/// The block whose first command begins like this.
pub fn block(begins: &str) -> Vec<String> {
    let found = blocks().into_iter().find(|block| block[0].starts_with(begins));
    found.unwrap_or_else(|| panic!("no block begins with {begins}"))
}

/// What stands in backquotes and begins with this word, in the middle of a sentence.
pub fn mentioned(program: &str) -> Vec<String> {
    let begins = format!("{program} ");
    let spans = pages().into_iter().flat_map(|(_, text)| {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    spans.filter(|span| span.starts_with(&begins) && !span.contains('\n')).collect()
}
