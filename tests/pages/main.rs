//! The pages for readers say what is so: tables agree with the code, and links and paths lead somewhere.
//! No server is needed.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod code_table;
mod compose;
mod links;
mod page;
mod paths;
mod quotes;
mod settings;

use page::Page;

#[test]
fn the_readme_has_at_most_200_lines() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 200, "{lines} lines: what is for one kind of reader belongs into docs/");
}
