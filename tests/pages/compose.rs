//! docker-compose.yml: no password that everybody knows, no image that changes by itself, no guess at `sslmode`.

use crate::page::root;
use std::collections::BTreeMap;

fn compose() -> String {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).expect("a file");
    let is_said = |line: &&str| !line.trim_start().starts_with('#');
    text.lines().filter(is_said).collect::<Vec<_>>().join("\n")
}

/// Each variable, with all that stands behind its name.
fn variables(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for rest in text.split("${").skip(1) {
        let inside = rest.split_once('}').expect("an end").0;
        let name = inside.split([':', '-', '?']).next().expect("a name");
        found.entry(name).or_default().push(&inside[name.len()..]);
    }
    found
}

#[test]
fn it_does_not_start_without_passwords_of_its_own() {
    let text = compose();
    let secrets: Vec<_> = variables(&text)
        .into_iter()
        .filter(|(name, _)| ["PASSWORD", "SECRET"].iter().any(|end| name.ends_with(end)))
        .collect();
    assert!(secrets.len() >= 8, "{secrets:?}");
    for (name, rests) in secrets {
        assert!(rests.iter().any(|rest| rest.starts_with(":?")), "{name} may be left out");
        let has_default = |rest: &&str| !rest.is_empty() && !rest.starts_with(":?");
        assert!(!rests.iter().any(has_default), "{name} has a default: {rests:?}");
    }
    // None is written down either.
    for line in text.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        let is_secret = ["PASSWORD", "_PASS", "SECRET"].iter().any(|end| name.ends_with(end));
        assert!(!is_secret || value.contains("${") || value.starts_with('*'), "{line}");
    }
}

#[test]
fn its_images_are_pinned_by_version() {
    let text = compose();
    let images = text.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    // That of the checkout is built here.
    let images: Vec<_> = images.filter(|image| !image.starts_with("${REDEEMQ_IMAGE:-")).collect();
    assert!(images.len() >= 4, "{images:?}");
    for image in images {
        let version = image.split_once(':').map_or("", |(_, version)| version);
        let number = version.trim_start_matches('v').split('-').next().unwrap_or_default();
        let parts: Vec<_> = number.split('.').map(str::parse::<u32>).collect();
        assert!(parts.len() >= 2 && parts.iter().all(Result::is_ok), "{image} is not pinned");
    }
}

#[test]
fn it_chooses_how_the_database_is_reached() {
    let text = compose();
    let urls: Vec<_> = text.lines().filter(|line| line.contains("DATABASE_URL: ")).collect();
    assert_eq!(urls.len(), 4);
    for url in urls {
        assert!(url.contains("?sslmode="), "{url}");
    }
}
