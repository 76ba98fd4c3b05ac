//! A CSV file with a header: rows with the lines on which they begin.

use super::source::Source;
use anyhow::{Context as _, bail};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The columns that a file must and may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
}

/// A file whose header has been read.
pub(super) struct Sheet<R = File> {
    reader: Reader<Source<R>>,
    header: Header,
    record: ByteRecord,
    /// Of the file, in bytes; 0 when it is no regular file.
    pub(super) size: u64,
}

/// Which columns there are, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Header(Vec<&'static str>);

pub(super) struct Row<'a> {
    header: &'a Header,
    record: &'a ByteRecord,
}

impl Sheet {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it can't be read, has no header, or one with other columns.
    pub(super) fn open(path: &Path, columns: Columns) -> anyhow::Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        Self::new(file, size, columns).with_context(|| format!("cannot import {name}"))
    }
}

impl<R: Read> Sheet<R> {
    fn new(file: R, size: u64, columns: Columns) -> anyhow::Result<Self> {
        // Not the default terminator: with it, a row after CRLF claims the line before.
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Source::new(file));
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? {
            bail!("it is empty; {}", columns.wanted());
        }
        let header = Header::read(&record, columns)?;
        Ok(Self { reader, header, record, size })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// How far it has been read, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row that is not blank, with its line: good enough to be looked at, or bad already.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, Result<Row<'_>, String>)>> {
        loop {
            let start = self.reader.position().byte();
            self.reader.get_mut().row_at(start);
            let about = self.reader.position().line();
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.with_context(|| format!("cannot read beyond line {about}"))? {
                return Ok(None);
            }
            // In files with CRLF this is what a blank line looks like.
            if self.record.len() != 1 || &self.record[0] != b"\r" {
                break;
            }
        }
        let quote_open = self.reader.get_ref().is_quote_open();
        // The record's own position can't be used: it lies before any blank lines.
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let line = self.reader.position().line() - inside - u64::from(!quote_open);
        Ok(Some((line, self.check(quote_open))))
    }

    fn check(&self, quote_open: bool) -> Result<Row<'_>, String> {
        let (fields, columns) = (self.record.len(), self.header.0.len());
        if quote_open {
            Err("a quote is opened and never closed".to_owned())
        } else if fields != columns {
            Err(format!("{fields} fields, but the header has {columns}"))
        } else {
            Ok(Row { header: &self.header, record: &self.record })
        }
    }
}

impl Columns {
    fn wanted(self) -> String {
        let list = |names: &[&str]| names.join(", ");
        match self.optional {
            [] => format!("the first line must name the columns {}", list(self.required)),
            optional => format!(
                "the first line must name the columns {} and may name {}",
                list(self.required),
                list(optional)
            ),
        }
    }
}

impl Header {
    fn read(record: &ByteRecord, columns: Columns) -> anyhow::Result<Self> {
        let known = || columns.required.iter().chain(columns.optional);
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for field in record {
            let name = String::from_utf8_lossy(field.trim_ascii());
            match known().find(|column| **column == name) {
                Some(column) if found.contains(column) => bail!("column `{column}` appears twice"),
                Some(column) => found.push(*column),
                None => unknown.push(format!("`{:.40}`", name.escape_debug().to_string())),
            }
        }
        if !unknown.is_empty() {
            unknown.truncate(20);
            bail!("unknown column {}; {}", unknown.join(", "), columns.wanted());
        }
        let is_missing = |column: &&&str| !found.contains(column);
        if let Some(missing) = columns.required.iter().find(is_missing) {
            bail!("column `{missing}` is missing; {}", columns.wanted());
        }
        Ok(Self(found))
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.0.contains(&column)
    }
}

impl Row<'_> {
    /// The field, empty when there is no such column.
    ///
    /// # Errors
    /// When it is no text.
    pub(super) fn text(&self, column: &str) -> Result<&str, String> {
        let Some(place) = self.header.0.iter().position(|name| *name == column) else {
            return Ok("");
        };
        let field = &self.record[place];
        let ends_line = place + 1 == self.record.len();
        let field = if ends_line { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
        std::str::from_utf8(field).map_err(|_| format!("{column}: is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns { required: &["a"], optional: &["b", "c"] };

    type Found = (u64, Result<(String, String), String>);

    fn read(text: &[u8]) -> Vec<Found> {
        let mut sheet = Sheet::new(text, 0, COLUMNS).expect("a header");
        let mut rows = Vec::new();
        while let Some((line, row)) = sheet.next().expect("readable") {
            let fields = row.and_then(|r| Ok((r.text("a")?.to_owned(), r.text("b")?.to_owned())));
            rows.push((line, fields));
        }
        rows
    }

    fn lines(text: &str) -> Vec<(u64, String)> {
        let good = |(line, row): Found| (line, row.expect("good").0);
        read(text.as_bytes()).into_iter().map(good).collect()
    }

    fn at(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
        rows.iter().map(|(line, a)| (*line, (*a).to_owned())).collect()
    }

    #[test]
    fn rows_know_their_lines_whatever_ends_them() {
        assert_eq!(lines("a\n1\n2\n"), at(&[(2, "1"), (3, "2")]));
        assert_eq!(lines("a\r\n1\r\n2\r\n"), at(&[(2, "1"), (3, "2")]));
        assert_eq!(lines("a\n1\n2"), at(&[(2, "1"), (3, "2")]));
        assert_eq!(lines("a\r\n1\r\n2"), at(&[(2, "1"), (3, "2")]));
        assert_eq!(lines("\u{feff}a\n1\n"), at(&[(2, "1")]));
    }

    #[test]
    fn blank_lines_and_quoted_line_ends_are_counted() {
        assert_eq!(lines("\n\na\n\n1\n\n\n2\n\n"), at(&[(5, "1"), (8, "2")]));
        assert_eq!(lines("a\r\n\r\n1\r\n\r\n\r\n2\r\n"), at(&[(3, "1"), (6, "2")]));
        assert_eq!(lines("a\n\"x\ny\n\"\nz"), at(&[(2, "x\ny\n"), (5, "z")]));
        assert_eq!(lines("a\r\n\r\n\"x\r\ny\"\r\n\"z\"\r\n"), at(&[(3, "x\r\ny"), (5, "z")]));
    }

    #[test]
    fn columns_are_found_by_name_and_may_be_absent() {
        let rows = read(b"b, a \r\n\"1\",\"2\"\r\n");
        assert_eq!(rows, [(2, Ok(("2".to_owned(), "1".to_owned())))]);
        assert_eq!(read(b"a\nx\n"), [(2, Ok(("x".to_owned(), String::new())))]);
    }

    #[test]
    fn a_bad_row_says_why_and_keeps_no_other_out() {
        let rows = read(b"a,b\n1\n1,2,3\n\xff,1\n5,6\n\"7,8\n9\n");
        let reason = |n: usize| rows[n].1.as_ref().expect_err("bad").as_str();
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(reason(0), "1 fields, but the header has 2");
        assert_eq!(reason(1), "3 fields, but the header has 2");
        assert_eq!(reason(2), "a: is not UTF-8");
        assert!(rows[3].1.is_ok());
        assert_eq!(reason(4), "a quote is opened and never closed");
    }

    #[test]
    fn a_header_with_other_columns_is_refused_by_name() {
        for (text, reason) in [
            ("", "it is empty; the first line must name the columns a and may name b, c"),
            (
                "b\n",
                "column `a` is missing; the first line must name the columns a and may name b, c",
            ),
            ("a,a\n", "column `a` appears twice"),
            (
                "a;b\n",
                "unknown column `a;b`; the first line must name the columns a and may name b, c",
            ),
            (
                "a\r1\r2",
                "unknown column `a\\r1\\r2`; the first line must name the columns a and may name b, c",
            ),
        ] {
            let error = Sheet::new(text.as_bytes(), 0, COLUMNS).err().expect("refused");
            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn a_row_without_an_end_is_not_held_in_memory() {
        let endless = b"a\n1\n\"".chain(std::io::repeat(b'x'));
        let mut sheet = Sheet::new(endless, 0, COLUMNS).expect("a header");
        assert!(matches!(sheet.next(), Ok(Some((2, Ok(_))))));
        let error = sheet.next().err().expect("too long");
        assert!(format!("{error:#}").contains("longer than 1 MiB"), "{error:#}");
        assert!(sheet.record.as_slice().len() < 4 << 20);
    }
}
