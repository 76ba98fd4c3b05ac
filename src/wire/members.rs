//! The members of a JSON object, also of one that is broken somewhere. A JSON library stops at the first
//! byte that is no JSON (Python writes `NaN`, a publisher cuts a message short), and would read nothing
//! that stands behind it.

/// Names and values, as far as they can be told apart. A value is the bytes between the colon and the
/// next comma of the object, and may be no JSON.
pub(super) fn members(json: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let inside = json.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    Parts { rest: Some(inside) }.filter_map(member)
}

fn member(part: &[u8]) -> Option<(String, &[u8])> {
    let (colon, _) = structure(part).find(|(_, byte)| *byte == b':')?;
    let (name, value) = part.split_at(colon);
    Some((serde_json::from_slice(name).ok()?, value[1..].trim_ascii()))
}

/// What stands between the commas of an object, up to its end.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let mut depth = 0_usize;
        for (at, byte) in structure(rest) {
            match byte {
                b'{' | b'[' => depth += 1,
                b',' if depth == 0 => {
                    self.rest = Some(&rest[at + 1..]);
                    return Some(&rest[..at]);
                }
                b'}' | b']' if depth == 0 => return Some(&rest[..at]),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        Some(rest)
    }
}

/// The bytes outside of texts, and where they stand.
fn structure(json: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut is_text, mut is_escaped) = (false, false);
    json.iter().copied().enumerate().filter(move |(_, byte)| {
        let was_text = is_text;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ => {}
        }
        !was_text && !is_text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn read(json: &str) -> Vec<(String, &str)> {
        let text = |value| std::str::from_utf8(value).expect("a part of a text");
        members(json.as_bytes()).map(|(name, value)| (name, text(value))).collect()
    }

    #[test]
    fn what_is_no_json_hides_no_other_member() {
        for (json, expected) in [
            (r#"{"a":NaN,"b":1}"#, &[("a", "NaN"), ("b", "1")][..]),
            (
                r#"{"a":{"x":[Infinity,],"y":'},"b":"c"#,
                &[("a", r#"{"x":[Infinity,],"y":'}"#), ("b", r#""c"#)],
            ),
            (r#"{"a":[{"b":1],"c":2"#, &[("a", r#"[{"b":1],"c":2"#)]),
            (
                r#"{ "a" : [1 2], ,b:3, "c":"\",\"d\":4", "a":5 } "e":6"#,
                &[("a", "[1 2]"), ("c", r#""\",\"d\":4""#), ("a", "5")],
            ),
            (r#"{"a":"1","b":"2"#, &[("a", r#""1""#), ("b", r#""2"#)]),
            (r#"{"\u0061":1}"#, &[("a", "1")]),
            (r#"[{"a":1}]"#, &[]),
            (r#""{\"a\":1}""#, &[]),
            ("{", &[]),
            ("", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
            assert_eq!(read(json), expected, "{json}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            r#"[\\"{}\[\],:a-c]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                object(inner).prop_map(Value::Object),
            ]
        })
    }

    fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        let members = prop::collection::btree_map(r#"[\\"{}\[\],:a-c]{0,4}"#, value, 0..5);
        members.prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn of_an_object_in_order_it_reads_what_a_library_reads(object in object(value()), pretty: bool) {
            let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
            let json = write(&object).expect("JSON");
            let read = members(&json).map(|(name, value)| (name, serde_json::from_slice(value).expect("a value")));
            prop_assert_eq!(read.collect::<Map<String, Value>>(), object);
        }

        #[test]
        fn cut_short_it_reads_what_stands_before_the_cut(object in object(value()), cut: prop::sample::Index) {
            let json = serde_json::to_vec(&object).expect("JSON");
            let cut = cut.index(json.len() + 1);
            let whole: Vec<_> = members(&json).collect();
            let read: Vec<_> = members(&json[..cut]).collect();
            let kept = read.len().saturating_sub(1);
            prop_assert_eq!(&read[..kept], &whole[..kept]);
            if let Some((name, value)) = read.last() {
                prop_assert_eq!(name, &whole[kept].0);
                prop_assert!(whole[kept].1.starts_with(value));
            }
        }
    }
}
