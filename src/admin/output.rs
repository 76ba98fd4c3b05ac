//! What a command says: its result to stdout, as aligned text or as JSON; all else to stderr.

use crate::progress::{Progress, Unit};
use anyhow::Context as _;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// Lines of text, each a list of columns.
pub type Lines = Vec<Vec<String>>;

/// Where results and remarks go.
pub struct Output {
    json: bool,
    /// Whether progress is shown.
    live: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Output {
    pub fn stdio(json: bool) -> Self {
        Self { json, live: true, out: Box::new(io::stdout()), err: Box::new(io::stderr()) }
    }

    /// Any other, which no one watches live.
    pub fn to(
        json: bool,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        Self { json, live: false, out: Box::new(out), err: Box::new(err) }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Shows the result: as one line of JSON, or as `text` makes it readable.
    ///
    /// # Errors
    /// When stdout can't be written. A reader who has seen enough is no error.
    pub fn result<T: Serialize>(
        &mut self,
        result: &T,
        text: impl FnOnce(&T) -> Lines,
    ) -> anyhow::Result<()> {
        let text =
            if self.json { serde_json::to_string(result)? + "\n" } else { aligned(&text(result)) };
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("cannot write the result")
            }
            _ => Ok(()),
        }
    }

    /// A remark for people, on stderr. A closed stderr is no error.
    pub fn remark(&mut self, text: &str) {
        _ = writeln!(self.err, "{text}");
    }

    /// How far the command is, on stderr: beside JSON as well.
    pub fn progress(&self, doing: &'static str, unit: Unit, total: u64) -> Progress {
        if self.live { Progress::on_stderr(doing, unit, total) } else { Progress::hidden() }
    }
}

/// Pads all columns but the last of a line to the widest of their kind.
fn aligned(lines: &Lines) -> String {
    let mut widths = Vec::new();
    for line in lines {
        for (column, cell) in line.iter().enumerate().take(line.len().saturating_sub(1)) {
            widths.resize(widths.len().max(column + 1), 0);
            widths[column] = widths[column].max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            match widths.get(column) {
                Some(width) if column + 1 < line.len() => {
                    text.push_str(&format!("{cell:width$}  "))
                }
                _ => text.push_str(cell),
            }
        }
        text.push('\n');
    }
    text
}

pub fn line<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let lines =
            vec![line(["id", "name", "x"]), line(["a-long-one", "ä", ""]), line(["b", "cc"])];
        assert_eq!(aligned(&lines), "id          name  x\na-long-one  ä     \nb           cc\n");
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        for json in [true, false] {
            let mut output = Output::to(json, Closed, Closed);
            output.remark("gone");
            assert!(output.result(&1, |_| vec![line(["1"])]).is_ok());
        }
    }
}
