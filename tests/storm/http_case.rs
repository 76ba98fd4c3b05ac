//! One request of the storm, as the bytes that go over the line: near to a good one, or far from it.

use crate::odd::one_in;
use crate::{broken_case, redeem_case, status_case, stray_case};
use rand::RngExt as _;
use rand::rngs::StdRng;
use redeemq::ingress::body::BODY_MAX_BYTES;

/// Bytes of a head that is surely read, leaving room for those of its lines that come last.
const HEAD_MAX_BYTES: usize = 16 * 1024 - 200;

/// How an answer must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A status of the contract, with the envelope.
    Envelope,
    /// Two words for whoever watches the process.
    Probe,
    /// The head of either.
    HeadOnly,
    /// The request is no HTTP, or breaks off: the server may say so in any way, or hang up.
    Anything,
}

pub struct Case {
    pub bytes: Vec<u8>,
    pub shape: Shape,
    /// The server may hang up after its answer.
    pub is_last: bool,
}

impl Case {
    /// Whether the server may refuse it before it is all sent, so that its answer may get lost.
    pub fn is_too_long(&self) -> bool {
        self.bytes.len() > BODY_MAX_BYTES
    }
}

/// What a caller has: a token, and ids that he was given.
pub struct Caller<'a> {
    pub token: &'a str,
    pub job_ids: &'a [String],
}

/// A request before it becomes bytes.
pub struct Draft {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub shape: Shape,
    pub is_last: bool,
}

impl Draft {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            shape: Shape::Envelope,
            is_last: false,
        }
    }

    pub fn header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let mut value = value.into();
        // A line within a line would be another case: see `broken`.
        value.retain(|byte| {
            !b"\r\n\0".contains(byte) && (*byte >= 0x20 || *byte == b'\t') && *byte != 0x7f
        });
        self.headers.push((name.to_owned(), value));
    }
}

impl Case {
    pub fn new(rng: &mut StdRng, caller: &Caller<'_>) -> Self {
        let draft = match rng.random_range(0..100) {
            0..60 => redeem_case::draft(rng, caller),
            60..75 => stray_case::arbitrary(rng, caller),
            75..90 => status_case::draft(rng, caller),
            90..93 => stray_case::auth(rng),
            93..97 => stray_case::elsewhere(rng, caller),
            _ => return broken_case::case(rng, caller),
        };
        whole(rng, draft)
    }
}

/// As bytes, with a length or in chunks.
fn whole(rng: &mut StdRng, mut draft: Draft) -> Case {
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: x\r\n", draft.method, draft.target).into_bytes();
    for (name, value) in &draft.headers {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    if head.len() > HEAD_MAX_BYTES {
        // Refused as no request, and the line is closed.
        draft.shape = Shape::Anything;
        draft.is_last = true;
    }
    let has_body = draft.method == "POST" || !draft.body.is_empty();
    if has_body && one_in(rng, 8) {
        head.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        head.extend(chunked(rng, &draft.body));
    } else {
        if has_body {
            head.extend(format!("Content-Length: {}\r\n", draft.body.len()).bytes());
        }
        head.extend(b"\r\n");
        head.extend(&draft.body);
    }
    Case { bytes: head, shape: draft.shape, is_last: draft.is_last }
}

fn chunked(rng: &mut StdRng, mut body: &[u8]) -> Vec<u8> {
    let mut chunked = Vec::new();
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(rng.random_range(1..=body.len().min(5_000)));
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend([chunk, b"\r\n"].concat());
        body = rest;
    }
    chunked.extend(b"0\r\n\r\n");
    chunked
}
