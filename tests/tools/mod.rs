//! Programs and libraries of other languages, in the versions written here, fetched into `target/` once.
//! What can't be fetched fails the test: that would else pass without having tested anything.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder under `target/` of this name, held alone while it is filled.
fn filled(name: &str, what: &str, fill: impl FnOnce(&Path) -> Output) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder under target/");
    let turn = File::create(folder.with_extension("lock")).expect("a lock file");
    turn.lock().expect("a turn");
    let filled = folder.join("filled-with");
    if std::fs::read_to_string(&filled).is_ok_and(|with| with == what) {
        return folder;
    }
    let output = fill(&folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "can't fetch {what}: {said}");
    std::fs::write(filled, what).expect("noted");
    folder
}

/// A Python with these packages of PyPI: its programs' folder.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let fill = |folder: &Path| {
        let made = Command::new("python3").args(["-m", "venv"]).arg(folder).output();
        let made = made.expect("python3 must be installed");
        if !made.status.success() {
            return made;
        }
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
        pip.output().expect("pip runs")
    };
    filled(name, &packages.join(" "), fill).join("bin")
}

/// A folder whose `node_modules` has these packages of npm.
pub fn node(name: &str, packages: &[&str]) -> PathBuf {
    filled(name, &packages.join(" "), |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        npm.arg(folder).args(packages).output().expect("npm must be installed")
    })
}

/// Where programs may leave files.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}
