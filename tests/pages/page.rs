//! A Markdown page, as far as these tests read it.

use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub struct Page {
    /// From the root of the project.
    pub path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = std::fs::read_to_string(root().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The pages at the top level and in `docs/`.
    pub fn all() -> Vec<Self> {
        let of = |folder: &str| {
            let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
            let paths =
                entries.map(|entry| Path::new(folder).join(entry.expect("an entry").file_name()));
            paths
                .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
                .collect::<Vec<_>>()
        };
        let mut paths = [of(""), of("docs")].concat();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    /// The text outside of fenced blocks.
    pub fn prose(&self) -> String {
        let blocks = self.text.split("\n```");
        blocks.step_by(2).collect::<Vec<_>>().join("\n")
    }

    /// What stands in backquotes, outside of fenced blocks.
    pub fn spans(&self) -> Vec<String> {
        self.prose().split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The cells of every row of every table.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let prose = self.prose();
        let rows = prose.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        rows.map(|row| row.split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    }
}
