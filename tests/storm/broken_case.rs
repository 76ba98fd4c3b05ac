//! What is no request at all.

use crate::http_case::{Caller, Case, Shape};
use crate::odd::bytes;
use crate::redeem_case::JSON;
use rand::RngExt as _;
use rand::rngs::StdRng;

/// No HTTP, or HTTP that breaks off. None of it may be taken for a job that its sender did not finish.
pub fn case(rng: &mut StdRng, caller: &Caller<'_>) -> Case {
    let body = br#"{"goods_id":"mug","player_id":"p1","amount":1}"#;
    let head = |more: &str| {
        let token = caller.token;
        format!(
            "POST /Redeem/goods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\n{more}\r\n"
        )
    };
    let with = |head: String, body: &[u8]| [head.as_bytes(), body].concat();
    let bytes = match rng.random_range(0..12) {
        0 => bytes(rng, 600),
        1 => with(head("Content-Length: 9999\r\n"), body),
        2 => with(head("Content-Length: ten\r\n"), body),
        3 => with(head("Content-Length: -1\r\n"), body),
        4 => with(head("Content-Length: 45\r\nContent-Length: 46\r\n"), body),
        5 => with(head("Transfer-Encoding: chunked\r\n"), b"zz\r\n{}\r\n0\r\n\r\n"),
        6 => with(head("Transfer-Encoding: chunked\r\n"), b"ffffffffffffffffff\r\n{}"),
        7 => with(head("Transfer-Encoding: gzip\r\n"), b"{}"),
        8 => head("X: \0\r\n").into_bytes(),
        9 => head(&"X-Many: x\r\n".repeat(200)).into_bytes(),
        10 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        _ => {
            let cut = rng.random_range(0..60);
            let mut bytes = head("Content-Length: 46\r\n").into_bytes();
            bytes.truncate(bytes.len() - cut);
            bytes
        }
    };
    Case { bytes, shape: Shape::Anything, is_last: true }
}
