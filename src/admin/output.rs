//! What a command says: its result to stdout, as aligned text or as JSON; all else to stderr. Nothing
//! reaches a terminal that is not [`printable`].

use crate::printable;
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
        let text = match self.json {
            true => printable::json(&serde_json::to_string(result)?).into_owned() + "\n",
            false => aligned(&text(result)),
        };
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("cannot write the result")
            }
            _ => Ok(()),
        }
    }

    /// A remark for people, on stderr. A closed stderr is no error.
    pub fn remark(&mut self, text: &str) {
        _ = writeln!(self.err, "{}", printable::text(text));
    }

    /// How far the command is, on stderr: beside JSON as well.
    pub fn progress(&self, doing: &'static str, unit: Unit, total: u64) -> Progress {
        if self.live { Progress::on_stderr(doing, unit, total) } else { Progress::hidden() }
    }
}

/// Pads all columns but the last of a line to the widest of their kind.
fn aligned(lines: &Lines) -> String {
    let cells =
        |line: &Vec<String>| line.iter().map(|cell| printable::text(cell).into_owned()).collect();
    let lines: Lines = lines.iter().map(cells).collect();
    let mut widths = Vec::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate().take(line.len().saturating_sub(1)) {
            widths.resize(widths.len().max(column + 1), 0);
            widths[column] = widths[column].max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
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
    use crate::printable::is_printable;
    use crate::printable::tests::UNPRINTABLE;
    use std::sync::{Arc, Mutex};

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

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic while writing").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whatever_a_command_says_is_printable() {
        let hostile: String = UNPRINTABLE.iter().collect();
        for json in [true, false] {
            let said = Shared::default();
            let mut output = Output::to(json, said.clone(), said.clone());
            output.remark(&hostile);
            let lines = |text: &String| vec![line([text, "x"]), line(["a", text])];
            output.result(&hostile, lines).expect("written");
            let said = said.0.lock().expect("no panic while writing").clone();
            let said = String::from_utf8(said).expect("UTF-8");
            assert!(said.lines().all(|line| line.chars().all(is_printable)), "{said:?}");
            assert_eq!(said.lines().count(), if json { 2 } else { 3 });
            let last = said.lines().last().expect("a line");
            assert!(!json || serde_json::from_str::<String>(last).expect("JSON") == hostile);
            assert!(json || last.contains("\\u{1b}") && last.contains("\\u{202e}"), "{last}");
        }
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
