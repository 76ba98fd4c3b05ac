//! Every link leads somewhere.

use crate::page::{Page, root};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Where the links of a page lead to, as they are written.
fn links(page: &Page) -> Vec<String> {
    let prose = page.prose();
    let after =
        prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    after.filter(|target| !target.starts_with("https://")).collect()
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(plain.pop(), "{} leads out of the project", path.display())
            }
            part => plain.push(part),
        }
    }
    plain
}

/// File and heading that a link of this page means.
fn target(page: &Page, link: &str) -> (PathBuf, Option<String>) {
    let (path, anchor) =
        link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let folder = page.path.parent().expect("a folder");
    let path = if path.is_empty() { page.path.clone() } else { plain(&folder.join(path)) };
    (path, anchor.map(str::to_owned))
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let slug = |heading: &str| {
        let kept = heading.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.collect::<String>().replace(' ', "-")
    };
    let prose = page.prose();
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| slug(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    for page in Page::all() {
        for link in links(&page) {
            let (path, anchor) = target(&page, &link);
            let here = page.path.display();
            assert!(root().join(&path).exists(), "{here} links to {link}: there is no such file");
            if let Some(anchor) = anchor {
                let headings = anchors(&Page::read(path));
                assert!(headings.contains(&anchor), "{here} links to {link}, of {headings:?}");
            }
        }
    }
}

#[test]
fn every_page_is_linked_from_another() {
    let pages = Page::all();
    let linked: BTreeSet<PathBuf> = pages
        .iter()
        .flat_map(|page| {
            links(page)
                .into_iter()
                .map(|link| target(page, &link).0)
                .filter(|path| *path != page.path)
        })
        .collect();
    for page in pages.iter().filter(|page| page.path != Path::new("README.md")) {
        assert!(linked.contains(&page.path), "no page links to {}", page.path.display());
    }
}
