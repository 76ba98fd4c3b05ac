//! Every file and folder that a page names is there.

use crate::page::{Page, root};

/// How a path of the project begins.
const BEGINS: [&str; 9] =
    ["src/", "tests/", "docs/", "deploy/", "examples/", "tools/", "migrations/", ".ci/", ".sqlx"];
/// What a name at the top level may end with.
const ENDS: [&str; 4] = [".rs", ".md", ".toml", ".yml"];

#[test]
fn every_path_that_a_page_names_is_there() {
    let mut found = 0;
    for page in Page::all() {
        for span in page.spans() {
            // A command may follow its path with arguments.
            let path = span.split(' ').next().expect("a word");
            let is_path = BEGINS.iter().any(|begins| path.starts_with(begins))
                || ENDS.iter().any(|ends| path.ends_with(ends));
            if is_path {
                found += 1;
                assert!(root().join(path).exists(), "{} names {path}", page.path.display());
            }
        }
    }
    assert!(found > 100, "only {found} paths were found");
}
