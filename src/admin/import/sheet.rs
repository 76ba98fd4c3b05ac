//! A CSV file with a header: rows with the lines on which they begin.

use super::blanks::Blanks;
use super::damage;
use super::header::{Columns, Header};
use super::quoting::Fault;
use super::source::Source;
use anyhow::{Context as _, bail};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file whose header has been read.
pub(super) struct Sheet<R = File> {
    reader: Reader<Source<R>>,
    header: Header,
    record: ByteRecord,
    /// The line on which it begins, and what is wrong with its quotes.
    line: u64,
    fault: Option<Fault>,
    blanks: Blanks,
    /// What each of them is as a row.
    blank: ByteRecord,
    /// Whether the record is still to come, behind blank rows.
    is_held: bool,
    /// Of the file, in bytes; 0 when it is no regular file.
    pub(super) size: u64,
}

pub(super) struct Row<'a> {
    header: &'a Header,
    record: &'a ByteRecord,
}

impl Sheet {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it can't be read, is no CSV, has no header, or one with other columns.
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
            .from_reader(Source::new(file)?);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? {
            bail!("it is empty; {}", columns.wanted());
        }
        let header = Header::read(&record, columns)?;
        let end = reader.position().byte();
        if let Some(fault) = reader.get_mut().fault_before(end) {
            bail!("the header has {fault}");
        }
        let blank = vec![""; header.width()].into();
        Ok(Self {
            reader,
            header,
            record,
            line: 1,
            fault: None,
            blanks: Blanks::default(),
            blank,
            is_held: false,
            size,
        })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// How far it has been read, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row, with its line: good enough to be looked at, or bad already. Blank lines are none, nor
    /// are rows of nothing but commas at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, Result<Row<'_>, String>)>> {
        loop {
            if let Some(line) = self.blanks.next_row() {
                let row = Row { header: &self.header, record: &self.blank };
                return Ok(Some((line, Ok(row))));
            }
            if std::mem::take(&mut self.is_held) {
                return Ok(Some((self.line, self.check())));
            }
            if !self.read()? {
                return Ok(None);
            }
            match self.is_blank() {
                true => self.blanks.push(self.line),
                false => {
                    self.blanks.end();
                    self.is_held = true;
                }
            }
        }
    }

    /// Reads the next record that is no blank line.
    fn read(&mut self) -> anyhow::Result<bool> {
        loop {
            let start = self.reader.position().byte();
            self.reader.get_mut().row_at(start);
            let about = self.reader.position().line();
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.with_context(|| format!("cannot read beyond line {about}"))? {
                return Ok(false);
            }
            // In files with CRLF this is what a blank line looks like.
            if self.record.len() != 1 || &self.record[0] != b"\r" {
                break;
            }
        }
        let end = self.reader.position().byte();
        self.fault = self.reader.get_mut().fault_before(end);
        // The record's own position can't be used: it lies before any blank lines.
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let is_ended = !self.reader.get_ref().is_quote_open();
        self.line = self.reader.position().line() - inside - u64::from(is_ended);
        Ok(true)
    }

    fn is_blank(&self) -> bool {
        let quote_open = self.reader.get_ref().is_quote_open();
        !quote_open && self.fault.is_none() && self.record.iter().all(is_blank)
    }

    fn check(&self) -> Result<Row<'_>, String> {
        let (fields, columns) = (self.record.len(), self.header.width());
        if self.reader.get_ref().is_quote_open() {
            Err("a quote is opened and never closed".to_owned())
        } else if let Some(fault) = self.fault {
            Err(fault.to_string())
        } else if self.header.is_again(&self.record) {
            Err("a header again, as in files that were joined: remove the line".to_owned())
        } else if fields < columns || !self.record.iter().skip(columns).all(is_blank) {
            Err(format!("{fields} fields, but the header has {columns}"))
        } else {
            Ok(Row { header: &self.header, record: &self.record })
        }
    }
}

fn is_blank(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| text.trim().is_empty())
}

impl Row<'_> {
    /// The field, empty when there is no such column.
    ///
    /// # Errors
    /// When it is no text.
    pub(super) fn text(&self, column: &str) -> Result<&str, String> {
        let Some(place) = self.header.place(column) else { return Ok("") };
        let field = &self.record[place];
        let ends_line = place + 1 == self.record.len();
        let field = if ends_line { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
        std::str::from_utf8(field)
            .map_err(|_| format!("{column}: is not UTF-8: save the file as CSV in UTF-8"))
    }

    /// Whether one of its codes and ids looks as a spreadsheet would have changed it, and how.
    pub(super) fn damage(&self) -> Option<String> {
        let damage =
            |column: &&str| Some(format!("{column}: {}", damage::of(self.text(column).ok()?)?));
        self.header.ids().iter().find_map(damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns { required: &["a"], optional: &["b", "c"], ids: &["a"] };

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
        assert_eq!(reason(2), "a: is not UTF-8: save the file as CSV in UTF-8");
        assert!(rows[3].1.is_ok());
        assert_eq!(reason(4), "a quote is opened and never closed");
    }

    #[test]
    fn a_header_with_other_columns_is_refused_by_their_places() {
        let wanted = "; the first line must name the columns a and may name b, c";
        for (text, reason, tells_columns) in [
            ("", "it is empty", true),
            (",\n", "its first line is no header", true),
            ("SECRET-1\nSECRET-2\n", "its first line is no header", true),
            ("b\n", "column `a` is missing", true),
            ("a,A \n", "column `a` appears twice", false),
            ("a,,b\n", "columns without a name: 2", true),
            ("a,SECRET,b,SECRET\n", "unknown columns: 2, 4, counted from 1", true),
            (
                "a;b\n",
                "its columns are separated by semicolons: save it as CSV in UTF-8, with commas",
                false,
            ),
            (
                "\"a\"\t\"SECRET\"\n",
                "its columns are separated by tabs: save it as CSV in UTF-8, with commas",
                false,
            ),
            (
                "a|b\n",
                "its columns are separated by bars: save it as CSV in UTF-8, with commas",
                false,
            ),
            (
                "a\r1\r2",
                "its lines end with CR alone, as on old Macs: save it with the line ends LF or CRLF",
                false,
            ),
            (
                "SEP=;\r\na;b\r\n",
                "its first line tells a spreadsheet the separator: remove that line, and save it as CSV in UTF-8, with commas",
                false,
            ),
            ("a,\"b\"c\n", "unknown columns: 2, counted from 1", true),
            ("a, \"b\"\n", "unknown columns: 2, counted from 1", true),
            ("\"a\"\u{a0},b\n", "the header has text after a closing quote", false),
        ] {
            let error = Sheet::new(text.as_bytes(), 0, COLUMNS).err().expect("refused").to_string();
            assert!(error.starts_with(reason) && !error.contains("SECRET"), "{error}");
            assert!(!tells_columns || error.ends_with(wanted), "{error}");
        }
        let zipped = Sheet::new(b"PK\x03\x04".as_slice(), 0, COLUMNS).err().expect("refused");
        assert!(zipped.to_string().contains(".xlsx"), "{zipped}");
    }

    #[test]
    fn a_header_may_have_blanks_capitals_and_columns_without_a_name_at_the_end() {
        for header in [" B ,A\t", "\u{feff}\"b\",\" a\"", "B,a,,", "b,\u{a0}A , \r"] {
            let rows = read(format!("{header}\n1,2\n3,4,,\r\n5,6,,7\n").as_bytes());
            assert_eq!(rows[0], (2, Ok(("2".to_owned(), "1".to_owned()))), "{header:?}");
            assert_eq!(rows[1], (3, Ok(("4".to_owned(), "3".to_owned()))), "{header:?}");
            assert_eq!(
                rows[2],
                (4, Err("4 fields, but the header has 2".to_owned())),
                "{header:?}"
            );
        }
    }

    #[test]
    fn a_header_again_is_no_row() {
        let again = Err("a header again, as in files that were joined: remove the line".to_owned());
        let text = "a,b\n1,2\n\u{feff}a,b\n B,\"A\",\r\na\nb,c\na,x\n";
        let rows = read(text.as_bytes());
        assert_eq!(rows[1..4], [(3, again.clone()), (4, again.clone()), (5, again)]);
        assert_eq!(
            rows[4].1,
            Ok(("b".to_owned(), "c".to_owned())),
            "without a column that must be there"
        );
        assert_eq!(rows[5].1, Ok(("a".to_owned(), "x".to_owned())));
    }

    #[test]
    fn rows_of_nothing_are_none_at_the_end_and_rows_in_the_middle() {
        let blank = || Ok((String::new(), String::new()));
        let rows = read(b"a,b\n1,\n,\n\n , \r\n\"\",,,\n2,\n,\n\n\" \",\t\r\n,,,,\n");
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 5, 6, 7]);
        assert_eq!(rows[1..4], [(3, blank()), (5, blank()), (6, blank())]);
        assert_eq!(read(b"a,b\n,\n,\n"), []);
    }

    #[test]
    fn broken_quotes_are_told_with_their_line() {
        let rows = read(
            b"a,b\n1,\"x\"y\n2,\"x\ny\" \n\n3, \"x\n\"4\"\"\",5\"\n6,\"x\n7,\"y\n8,9\n10,\"z\n",
        );
        let told = |n: usize| rows[n].1.as_ref().err().map(String::as_str).unwrap_or_default();
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 6, 7, 8, 10, 11]);
        assert!(told(0).starts_with("text after a closing quote"), "{rows:?}");
        assert_eq!(rows[1].1, Ok(("2".to_owned(), "x\ny ".to_owned())));
        assert!(told(2).starts_with("a blank before an opening quote"), "{rows:?}");
        assert_eq!(rows[3].1, Ok(("4\"".to_owned(), "5\"".to_owned())));
        assert!(told(4).starts_with("text after a closing quote"), "{rows:?}");
        assert!(rows[5].1.is_ok() && told(6) == "a quote is opened and never closed", "{rows:?}");
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
