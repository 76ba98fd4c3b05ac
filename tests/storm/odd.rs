//! Odd texts, odd values, and mutations of what was good.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};

pub fn one_in(rng: &mut StdRng, n: u32) -> bool {
    rng.random_ratio(1, n)
}

pub fn pick<'a>(rng: &mut StdRng, list: &[&'a str]) -> &'a str {
    list.choose(rng).copied().unwrap_or_default()
}

pub fn bytes(rng: &mut StdRng, max: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=max)];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Any character there is; ASCII, controls and the ends of the planes more often than others.
fn character(rng: &mut StdRng) -> char {
    match rng.random_range(0..10) {
        0..5 => char::from(rng.random_range(0x20..0x7f_u8)),
        5 => char::from(rng.random_range(0..0x20_u8)),
        6 => *['\u{0}', '\u{7f}', '\u{85}', '\u{feff}', '\u{fffe}', '\u{ffff}', '\u{202e}']
            .choose(rng)
            .expect("some"),
        7 => *['é', 'ß', '１', '٣', '字', '😀', '\u{10ffff}', '\u{a0}'].choose(rng).expect("some"),
        _ => rng.random(),
    }
}

/// Any text, with lengths around the bounds of the contract more often than others.
pub fn text(rng: &mut StdRng) -> String {
    match rng.random_range(0..12) {
        0 => String::new(),
        1 => pick(
            rng,
            &[" ", "\t", "\u{a0}\u{2003}", "null", "true", "NaN", "../..", "%00", "'--", "{}"],
        )
        .to_owned(),
        2 => near(rng, &[1, 128, 255, 256]),
        3 => (0..rng.random_range(0..300)).map(|_| character(rng)).collect(),
        _ => (0..rng.random_range(1..20)).map(|_| character(rng)).collect(),
    }
}

/// As many bytes as one of these bounds, or one more or less.
fn near(rng: &mut StdRng, bounds: &[usize]) -> String {
    let bytes = bounds.choose(rng).copied().unwrap_or(1) + rng.random_range(0..3) - 1;
    let wide = ["x", "é", "字", "😀"].choose(rng).copied().unwrap_or("x");
    let mut text = wide.repeat(bytes / wide.len());
    while text.len() < bytes {
        text.push('x');
    }
    text
}

/// A short text that fits a property of a message.
pub fn short(rng: &mut StdRng) -> String {
    let text = text(rng);
    text[..text.floor_char_boundary(255)].to_owned()
}

/// Mostly a name that is known; else an odd one.
pub fn name(rng: &mut StdRng, known: &[&str]) -> String {
    if one_in(rng, 4) { text(rng) } else { pick(rng, known).to_owned() }
}

/// A value of JSON as text: whole, broken, huge, deep, or of the wrong type.
pub fn json(rng: &mut StdRng, depth: u32) -> String {
    const ATOMS: [&str; 24] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "10000",
        "10001",
        "-1",
        "1.0",
        "1e3",
        "1e400",
        "-1e-400",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "01",
        "NaN",
        "+1",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"",
    ];
    match rng.random_range(0..if depth == 0 { 8 } else { 12 }) {
        0..5 => pick(rng, &ATOMS).to_owned(),
        5..8 => serde_json::Value::from(text(rng)).to_string(),
        8 => {
            let deep = rng.random_range(1..400);
            let (open, close) = if rng.random() { ("[", "]") } else { ("{\"a\":", "}") };
            let closed = if one_in(rng, 3) { deep / 2 } else { deep };
            format!("{}1{}", open.repeat(deep), close.repeat(closed))
        }
        9 => {
            let items: Vec<String> =
                (0..rng.random_range(0..5)).map(|_| json(rng, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let field = |rng: &mut StdRng| {
                let name = name(rng, &["goods_id", "player_id", "amount", "v", "token"]);
                format!("{}:{}", serde_json::Value::from(name), json(rng, depth - 1))
            };
            let fields: Vec<String> = (0..rng.random_range(0..6)).map(|_| field(rng)).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// One to three small changes somewhere.
pub fn mutate(rng: &mut StdRng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.random_range(1..=3) {
        let at = rng.random_range(0..=bytes.len());
        let rest = bytes.len() - at;
        match rng.random_range(0..7) {
            0 if rest > 0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if rest > 0 => bytes[at] = rng.random(),
            2 if rest > 0 => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            4 => {
                let more = bytes[at..at + rest.min(rng.random_range(0..30))].to_vec();
                bytes.splice(at..at, more);
            }
            5 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
            _ => bytes.insert(at, *b"\0\"\\{}[],:&=%\xff".choose(rng).expect("some")),
        }
    }
    bytes
}
