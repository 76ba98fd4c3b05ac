//! Where a file's quotes are broken. The CSV reader joins the pieces without a word: `"AB"C` would be ABC.

use std::collections::VecDeque;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("text after a closing quote: a quote inside a field is written twice")]
    TextAfterQuote,
    #[error("a blank before an opening quote: a quoted field begins with its quote")]
    BlankBeforeQuote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    /// Nothing but blanks so far.
    Blank,
    Bare,
    Quoted,
    /// At a quote in a quoted field: its end, or the first of two.
    Closing,
    /// In the blanks after its end.
    Closed,
}

/// Reads all bytes of the file beside the CSV reader, in the same states.
#[derive(Debug)]
pub(super) struct Quoting {
    state: State,
    at: u64,
    /// The first fault of each record that has one, with its place; few, as the reader is not far behind.
    faults: VecDeque<(u64, Fault)>,
    is_record_faulty: bool,
}

impl Quoting {
    pub(super) fn new() -> Self {
        let faults = VecDeque::new();
        Self { state: State::FieldStart, at: 0, faults, is_record_faulty: false }
    }

    pub(super) fn scan(&mut self, bytes: &[u8]) {
        let is_plain = self.state != State::Quoted && !bytes.contains(&b'"');
        let is_closing = matches!(self.state, State::Closing | State::Closed);
        if is_plain
            && !is_closing
            && let Some(last) = last_field(bytes)
        {
            // Without a quote only the last field matters to what follows.
            self.is_record_faulty &= !bytes.contains(&b'\n');
            self.at += (bytes.len() - last.len()) as u64;
            self.state = State::FieldStart;
            return self.step_over(last);
        }
        self.step_over(bytes);
    }

    /// The fault of the record that ends before this byte.
    pub(super) fn fault_before(&mut self, end: u64) -> Option<Fault> {
        let (at, fault) = *self.faults.front()?;
        (at < end).then(|| self.faults.pop_front()).flatten().map(|_| fault)
    }

    fn step_over(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.next(*byte);
            self.at += 1;
        }
    }

    fn next(&mut self, byte: u8) -> State {
        use State::{Bare, Blank, Closed, Closing, FieldStart, Quoted};
        match (self.state, byte) {
            (Quoted, b'"') => Closing,
            (Quoted, _) | (FieldStart | Closing, b'"') => Quoted,
            (_, b'\n') => {
                self.is_record_faulty = false;
                FieldStart
            }
            (_, b',') => FieldStart,
            (FieldStart | Blank, b' ' | b'\t') => Blank,
            (Blank, b'"') => self.fault(Fault::BlankBeforeQuote),
            (Closing | Closed, b' ' | b'\t' | b'\r') => Closed,
            (Closing | Closed, _) => self.fault(Fault::TextAfterQuote),
            (FieldStart | Blank | Bare, _) => Bare,
        }
    }

    fn fault(&mut self, fault: Fault) -> State {
        if !self.is_record_faulty {
            self.faults.push_back((self.at, fault));
        }
        self.is_record_faulty = true;
        State::Bare
    }
}

/// What stands behind the last separator or line end; none if there is none.
fn last_field(bytes: &[u8]) -> Option<&[u8]> {
    let separator = bytes.iter().rposition(|byte| matches!(byte, b',' | b'\n'))?;
    Some(&bytes[separator + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::{ByteRecord, ReaderBuilder, Terminator};
    use proptest::prelude::*;

    /// The text, read in pieces of so many bytes.
    fn scanned(text: &str, piece: usize) -> Quoting {
        let mut quoting = Quoting::new();
        text.as_bytes().chunks(piece).for_each(|piece| quoting.scan(piece));
        quoting
    }

    fn faults(text: &str, piece: usize) -> Vec<(u64, Fault)> {
        scanned(text, piece).faults.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_a_csv_writer_writes_has_no_fault(
            rows in prop::collection::vec(prop::collection::vec("[a\", \n\r]{0,5}", 3), 0..5), piece in 1_usize..9,
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).expect("room"));
            let text = String::from_utf8(writer.into_inner().expect("room")).expect("UTF-8");
            prop_assert_eq!(faults(&text, piece), [], "{:?}", text);
        }

        #[test]
        fn text_after_a_closing_quote_is_found_in_its_record(
            before in "([ab\n]{0,4},){0,3}", text in "[a, \n]{0,4}", after in "[ \t]{0,2}[ab=;]", rest in "[ab,\n]{0,6}",
            piece in 1_usize..9,
        ) {
            let quoted = format!("{before}\"{}\"", text.replace('"', "\"\""));
            let at = (quoted.len() + after.len() - 1) as u64;
            prop_assert_eq!(faults(&(quoted + &after + &rest), piece), [(at, Fault::TextAfterQuote)]);
        }

        #[test]
        fn without_a_fault_all_fields_read_as_they_were_quoted(text in "[a\", \n]{0,14}", piece in 1_usize..9) {
            let options = |quoting| {
                let mut builder = ReaderBuilder::new();
                builder.has_headers(false).flexible(true).quoting(quoting).terminator(Terminator::Any(b'\n'));
                builder
            };
            let quoting = scanned(&text, piece);
            if quoting.faults.is_empty() && quoting.state != State::Quoted {
                let mut reader = options(true).from_reader(text.as_bytes());
                let fields: Vec<ByteRecord> = reader.byte_records().map(|record| record.expect("read")).collect();
                // Quotes that are left stand inside a bare field, or were written twice in a quoted one.
                let left = fields.iter().flatten().any(|field| field.starts_with(b"\"") || field.starts_with(b" \""));
                let is_doubled = ["\"\"\"", "\" \"\""].iter().any(|start| text.contains(start));
                prop_assert!(!left || is_doubled, "{:?} reads {:?}", text, fields);
            }
        }
    }

    #[test]
    fn a_record_has_one_fault_and_it_is_taken_with_its_record() {
        let mut quoting = Quoting::new();
        quoting.scan(b"\"a\"b\"c\"d, \"e\"\nf\n \"g\",\n");
        assert_eq!(quoting.fault_before(3), None);
        assert_eq!(quoting.fault_before(15), Some(Fault::TextAfterQuote));
        assert_eq!(quoting.fault_before(17), None);
        assert_eq!(quoting.fault_before(23), Some(Fault::BlankBeforeQuote));
        assert_eq!(quoting.fault_before(99), None);
    }

    #[test]
    fn quotes_inside_a_bare_field_are_text() {
        assert_eq!(faults("=\"00456\",TV 42\"\r\n\"a\" ,\"b\"\r\n", 3), []);
    }
}
