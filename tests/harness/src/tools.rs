//! Libraries and programs of other languages, in the versions that a test names, fetched into `target/`
//! once. What can't be fetched fails the test: that would else pass without having tested anything.

use super::places::scratch;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder under `target/` of this name, held alone while it is filled.
fn filled(name: &str, what: &str, from: &str, fill: impl FnOnce(&Path) -> Output) -> PathBuf {
    let folder = scratch().join(name);
    std::fs::create_dir_all(&folder).expect("a folder under target/");
    let turn = File::create(folder.with_extension("lock")).expect("a lock file");
    turn.lock().expect("a turn");
    let filled = folder.join("filled-with");
    if std::fs::read_to_string(&filled).is_ok_and(|with| with == what) {
        return folder;
    }
    let output = fill(&folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "this test needs {what}, and could not fetch it from {from}, or the mirror that is set up in its \
         place, into {}: {said}",
        folder.display()
    );
    std::fs::write(filled, what).expect("noted");
    folder
}

fn run(command: &mut Command, install: &str) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|e| panic!("this test needs {program}, {install}: {e}"))
}

/// A Python with these packages, which must be all that they need themselves, in exact versions: its
/// programs' folder.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let fill = |folder: &Path| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(folder);
        let made = run(&mut venv, "with its module venv (Debian: python3-venv)");
        if !made.status.success() {
            return made;
        }
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]).args(packages);
        run(&mut pip, "which comes with venv")
    };
    filled(name, &packages.join(" "), "PyPI", fill).join("bin")
}

/// A folder whose `node_modules` has these packages, with blanks between them, in exact versions.
pub fn node(name: &str, packages: &str) -> PathBuf {
    filled(name, packages, "npm's registry", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]);
        run(
            npm.arg("--prefix").arg(folder).args(packages.split(' ')),
            "which comes with Node 18 or newer",
        )
    })
}
