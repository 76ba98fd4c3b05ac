//! The first line of a file: which columns it has. A list without a header begins with a code, so nothing of
//! the line is repeated: its columns are counted.

use anyhow::bail;
use csv::ByteRecord;

/// The columns that a file must and may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
    /// Those of codes and ids, which a spreadsheet may have changed.
    pub(super) ids: &'static [&'static str],
}

/// Which columns there are, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Header {
    found: Vec<&'static str>,
    columns: Columns,
}

/// What parts fields in other files.
const SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];

impl Columns {
    pub(super) fn wanted(self) -> String {
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

    fn known(self, name: &str) -> Option<&'static str> {
        self.required.iter().chain(self.optional).find(|column| **column == name).copied()
    }
}

impl Header {
    /// Names may have blanks around them and capitals; columns without a name at the end are none.
    ///
    /// # Errors
    /// When it names other columns, or is no header.
    pub(super) fn read(record: &ByteRecord, columns: Columns) -> anyhow::Result<Self> {
        let names = names(record);
        let found: Vec<_> = names.iter().map(|name| columns.known(name)).collect();
        if found.contains(&None) {
            refuse_other_form(record)?;
        }
        if found.iter().all(Option::is_none) {
            bail!("its first line is no header; {}", columns.wanted());
        }
        let places = |is_bad: &dyn Fn(usize) -> bool| {
            let places = (0..names.len()).filter(|place| is_bad(*place)).take(20);
            places.map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(", ")
        };
        let nameless = places(&|place| names[place].is_empty());
        if !nameless.is_empty() {
            bail!("columns without a name: {nameless}; {}", columns.wanted());
        }
        let unknown = places(&|place| found[place].is_none());
        if !unknown.is_empty() {
            bail!("unknown columns: {unknown}, counted from 1; {}", columns.wanted());
        }
        let found: Vec<_> = found.into_iter().flatten().collect();
        if let Some(twice) = found.iter().enumerate().find(|(at, name)| found[..*at].contains(name))
        {
            bail!("column `{}` appears twice", twice.1);
        }
        if let Some(missing) = columns.required.iter().find(|column| !found.contains(column)) {
            bail!("column `{missing}` is missing; {}", columns.wanted());
        }
        Ok(Self { found, columns })
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.found.contains(&column)
    }

    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.found.iter().position(|name| *name == column)
    }

    pub(super) fn width(&self) -> usize {
        self.found.len()
    }

    pub(super) fn ids(&self) -> &'static [&'static str] {
        self.columns.ids
    }

    /// Whether a row is a header again, of this file or of another one that was joined to it.
    pub(super) fn is_again(&self, record: &ByteRecord) -> bool {
        // Most rows are none by their first field already, and there may be millions.
        let first = record.get(0).unwrap_or_default();
        let is_known = |column: &&str| column.as_bytes().eq_ignore_ascii_case(first.trim_ascii());
        let Columns { required, optional, .. } = self.columns;
        let may_be = !first.is_ascii() || required.iter().chain(optional).any(is_known);
        may_be && Self::read(record, self.columns).is_ok()
    }
}

/// Names as they are compared, up to the last that is not blank.
fn names(record: &ByteRecord) -> Vec<String> {
    let mut names: Vec<String> = record.iter().map(name).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

fn name(field: &[u8]) -> String {
    // A byte order mark stands before a file that was joined to another.
    let is_outer = |character: char| character.is_whitespace() || character == '\u{feff}';
    String::from_utf8_lossy(field).trim_matches(is_outer).to_lowercase()
}

/// What other programs write instead of commas and line ends.
fn refuse_other_form(record: &ByteRecord) -> anyhow::Result<()> {
    const SAVE_AS: &str = "save it as CSV in UTF-8, with commas";
    let line = String::from_utf8_lossy(record.as_slice());
    if line.trim_start().to_ascii_lowercase().starts_with("sep=") {
        bail!("its first line tells a spreadsheet the separator: remove that line, and {SAVE_AS}");
    }
    if line.trim_end().contains('\r') {
        bail!("its lines end with CR alone, as on old Macs: save it with the line ends LF or CRLF");
    }
    if let Some((_, name)) = SEPARATORS.iter().find(|(separator, _)| line.contains(*separator)) {
        bail!("its columns are separated by {name}: {SAVE_AS}");
    }
    Ok(())
}
