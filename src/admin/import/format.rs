//! What a file is that is no CSV in UTF-8, and what to do with it.

/// First bytes that are enough to tell.
pub(super) const HEAD_BYTES: usize = 4096;

const SAVE_AS: &str = "open it, and save it as CSV in UTF-8, with commas";
const UNPACK: &str = "unpack it first";

/// First bytes of files, what they are, and what to do.
const MAGIC: [(&[u8], &str, &str); 19] = [
    (b"\x1f\x8b", "compressed with gzip", "unpack it first, with gunzip"),
    (b"PK\x03\x04", "a workbook of a spreadsheet (.xlsx, .ods), or another zip archive", SAVE_AS),
    (b"PK\x05\x06", "an empty zip archive", "give the CSV file itself"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old workbook of a spreadsheet (.xls)", SAVE_AS),
    (b"%PDF-", "a PDF document", "ask for the list as CSV"),
    (b"{\\rtf", "a document of a word processor (RTF)", "ask for the list as CSV"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"SQLite format 3\0", "an SQLite database", "export the list as CSV"),
    (b"PAR1", "a Parquet file", "export the list as CSV"),
    (b"\x89PNG", "a picture", "ask for the list as CSV"),
    (b"\xff\xd8\xff", "a picture", "ask for the list as CSV"),
    (b"\xff\xfe\0\0", "in UTF-32", SAVE_AS),
    (b"\0\0\xfe\xff", "in UTF-32", SAVE_AS),
    (b"\xff\xfe", "in UTF-16 (little-endian)", SAVE_AS),
    (b"\xfe\xff", "in UTF-16 (big-endian)", SAVE_AS),
    (b"BZh", "compressed with bzip2", UNPACK),
];

/// What it is, in words for people; none if it may be CSV.
pub(super) fn other_than_csv(head: &[u8]) -> Option<String> {
    let magic = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic));
    let (what, remedy) = magic.map(|(_, what, remedy)| (*what, *remedy)).or_else(|| text(head))?;
    Some(format!("it is {what}: {remedy}"))
}

fn text(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let pairs = || head.chunks_exact(2).take(3);
    let first = head.trim_ascii_start().first();
    // A NUL further down is a fault of its row.
    let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match first {
        _ if head.len() >= 4 && pairs().all(|pair| pair[0] != 0 && pair[1] == 0) => {
            Some(("in UTF-16 (little-endian)", SAVE_AS))
        }
        _ if head.len() >= 4 && pairs().all(|pair| pair[0] == 0 && pair[1] != 0) => {
            Some(("in UTF-16 (big-endian)", SAVE_AS))
        }
        _ if header.contains(&0) => Some(("no text, but a binary file", "ask for the list as CSV")),
        Some(b'<') => Some(("HTML or XML", SAVE_AS)),
        Some(b'{' | b'[') => Some(("JSON", "ask for the list as CSV")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn utf_16_is_named_in_both_orders_with_and_without_its_mark(
            text in "[a-z_,]{2,30}\n[A-Za-zé漢0-9,]{0,30}", mark: bool,
        ) {
            let text = if mark { format!("\u{feff}{text}") } else { text };
            let named = |bytes| other_than_csv(&utf16(&text, bytes)).unwrap_or_default();
            prop_assert!(named(u16::to_le_bytes).contains("UTF-16 (little-endian)"));
            prop_assert!(named(u16::to_be_bytes).contains("UTF-16 (big-endian)"));
        }

        #[test]
        fn whatever_begins_like_another_kind_of_file_is_named_with_what_to_do(
            kind in 0..MAGIC.len(), rest in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let (magic, what, remedy) = MAGIC[kind];
            let named = other_than_csv(&[magic, b"\x01", rest.as_slice()].concat());
            prop_assert_eq!(named, Some(format!("it is {what}: {remedy}")));
        }

        #[test]
        fn a_header_is_taken_for_csv(header in "[a-z_]{1,12}([,;\t][a-z_]{0,12}){0,4}", rest in ".{0,40}") {
            prop_assert_eq!(other_than_csv(format!("{header}\r\n{rest}\0").as_bytes()), None);
        }
    }

    #[test]
    fn other_text_is_named_as_well() {
        let named = |head: &[u8]| other_than_csv(head).unwrap_or_default();
        assert!(named(b" <html>").contains("HTML"));
        assert!(named(b"\n[{\"code\": \"A\"}]").contains("JSON"));
        assert!(named(b"\x7fELF\x02\0\0\x01").contains("binary"));
        assert_eq!(named(b""), "");
    }
}
