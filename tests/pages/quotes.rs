//! What the pages for operators quote from logs and commands is what the program says.

use crate::page::{Page, root};
use std::path::Path;

/// Those that quote nothing else.
const PAGES: [&str; 2] = ["docs/operations.md", "docs/lanes.md"];

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn what_a_page_quotes_is_said_by_the_program() {
    let mut code = String::new();
    sources(&root().join("src"), &mut code);
    let mut found = 0;
    for path in PAGES {
        // What stands in backquotes are names and values.
        let prose: String = Page::read(path).prose().split('`').step_by(2).collect();
        for quote in prose.split('"').skip(1).step_by(2) {
            found += 1;
            assert!(code.contains(quote), "{path} quotes {quote:?}");
        }
    }
    assert!(found >= 2, "only {found} quotes were found");
}
