//! What we build on: the bans and sources of `deny.toml`, where there is no cargo-deny to check them.
//! (Licences and advisories need it.)

/// One line of `bans.deny`.
#[derive(Debug)]
struct Ban {
    name: String,
    /// Banned below this version; all versions are, if absent.
    below: Option<Vec<u64>>,
    /// Only a second version is banned.
    second: bool,
}

#[derive(Debug)]
struct Package {
    name: String,
    version: Vec<u64>,
    source: Option<String>,
}

fn read(file: &str) -> String {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect(file)
}

/// Numbers of a version, without what comes behind `-` or `+`.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    numbers.split('.').map(|number| number.parse().expect("a version")).collect()
}

fn bans(deny: &str) -> Vec<Ban> {
    let crates = deny.lines().filter_map(|line| {
        let (name, rest) = line.trim().strip_prefix("{ crate = \"")?.split_once('"')?;
        let (name, below) = name.split_once(":<").map_or((name, None), |(n, v)| (n, Some(v)));
        let second = rest.contains("deny-multiple-versions = true");
        Some(Ban { name: name.to_owned(), below: below.map(version), second })
    });
    crates.collect()
}

fn packages(lock: &str) -> Vec<Package> {
    let packages = lock.split("[[package]]").skip(1).map(|package| {
        let field = |name: &str| {
            let line =
                package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.map(|value| value.trim_end_matches('"').to_owned())
        };
        let source = field("source");
        let version = version(&field("version").expect("a version"));
        Package { name: field("name").expect("a name"), version, source }
    });
    packages.collect()
}

/// What is wrong with a lock file, a line each.
fn faults(deny: &str, lock: &str) -> Vec<String> {
    let packages = packages(lock);
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let foreign = packages.iter().filter(|p| p.source.as_deref().is_some_and(|s| s != registry));
    let mut faults: Vec<String> =
        foreign.map(|p| format!("{} comes from {:?}", p.name, p.source)).collect();
    for ban in bans(deny) {
        let all: Vec<&Package> = packages.iter().filter(|p| p.name == ban.name).collect();
        if ban.second {
            faults
                .extend((all.len() > 1).then(|| format!("{} versions of {}", all.len(), ban.name)));
        } else {
            let is_banned =
                |p: &&&Package| ban.below.as_ref().is_none_or(|below| p.version < *below);
            let banned = all.iter().filter(is_banned);
            faults.extend(banned.map(|p| format!("{} {:?} is banned", p.name, p.version)));
        }
    }
    faults
}

#[test]
fn nothing_banned_nothing_twice_and_nothing_from_elsewhere_is_built_in() {
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    assert_eq!(bans(&deny).len(), deny.matches("{ crate = ").count(), "each ban on a line");
    assert!(packages(&lock).len() > 100);
    assert_eq!(faults(&deny, &lock), [""; 0]);
}

#[test]
fn a_lock_file_with_a_fault_is_found_out() {
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    let package = |name: &str, version: &str, source: &str| {
        format!(
            "{lock}\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n"
        )
    };
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    for (name, version, source, fault) in [
        ("lapin", "3.7.2", registry, "2 versions of lapin"),
        ("lapin", "4.12.2", registry, "lapin [4, 12, 2] is banned"),
        ("tokio", "2.0.0-alpha.1", registry, "2 versions of tokio"),
        ("sqlx", "0.8.6", registry, "2 versions of sqlx"),
        ("openssl", "0.10.75", registry, "openssl [0, 10, 75] is banned"),
        ("serde", "1.0.0", "git+https://github.com/serde-rs/serde#1", "serde comes from"),
        ("serde", "1.0.0", "registry+https://crates.example/index", "serde comes from"),
    ] {
        let faults = faults(&deny, &package(name, version, source));
        assert!(faults.iter().any(|found| found.contains(fault)), "{fault}: {faults:?}");
    }
}
