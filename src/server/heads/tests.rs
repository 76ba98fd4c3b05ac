use super::*;
use proptest::prelude::*;

/// The bytes as a reader sees them that gets them in pieces of these lengths, over and over.
fn seen(text: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut heads = Heads::of(());
    let mut bytes = text.to_vec();
    let mut rest = &mut bytes[..];
    for length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at_mut((*length).min(rest.len()));
        heads.check(piece);
        rest = behind;
    }
    bytes
}

/// Requests one after the other, with LF wherever they may have it.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let data = || prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..40);
    let sized = ("[Cc]ontent-[Ll]ength: {0,3}", data()).prop_map(|(name, data)| {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{name}{}\r\n\r\n", data.len());
        [head.as_bytes(), &data].concat()
    });
    let chunk = ("(;[a-z]{0,9})?", data()).prop_map(|(extension, data)| match data.len() {
        0 => Vec::new(),
        length => {
            [format!("{length:x}{extension}\r\n").as_bytes(), data.as_slice(), b"\r\n"].concat()
        }
    });
    let chunked = (any::<bool>(), prop::collection::vec(chunk, 0..4), "(X: y\r\n){0,2}").prop_map(
        |(with_length, chunks, trailer)| {
            let length = if with_length { "Content-Length: 3\r\n" } else { "" };
            let head = format!("POST / HTTP/1.1\r\n{length}transfer-encoding: chunked\r\n\r\n");
            let end = format!("0\r\n{trailer}\r\n");
            [head.as_bytes(), &chunks.concat(), end.as_bytes()].concat()
        },
    );
    let bare = "(\r\n){0,2}GET /[a-z]{0,9} HTTP/1.1\r\nHost: x\r\n(X: [a-z]{0,300}\r\n)?\r\n";
    let bare = bare.prop_map(String::into_bytes);
    prop::collection::vec(prop_oneof![sized, chunked, bare], 1..5).prop_map(|all| all.concat())
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..60, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn well_formed_requests_stay_as_they_are_however_they_come_in(
        requests in requests(), pieces in pieces(),
    ) {
        prop_assert_eq!(seen(&requests, &pieces), requests);
    }

    #[test]
    fn the_first_bare_lf_of_a_head_becomes_a_nul_behind_any_requests(
        before in requests(), pieces in pieces(), line in 0_usize..4,
    ) {
        let head = ["GET / HTTP/1.1\r\n", "Host: x\r\n", "X: y\r\n", "\r\n"];
        let sound: String = head[..line].concat();
        let bare = head[line].replace("\r\n", "\n");
        let text = [before.as_slice(), sound.as_bytes(), bare.as_bytes()].concat();
        let mut expected = text.clone();
        *expected.last_mut().expect("a byte") = 0;
        prop_assert_eq!(seen(&text, &pieces), expected);
    }
}

#[test]
fn a_length_is_read_as_hyper_reads_it() {
    for (headers, expected) in [
        ("", NEXT),
        ("Content-Length: 7\r\n", At::Data { left: 7, then: Then::Head }),
        ("CONTENT-LENGTH:7 \r\n", At::Data { left: 7, then: Then::Head }),
        ("X-Content-Length: 7\r\n", NEXT),
        ("Transfer-Encoding: chunked\r\n", At::ChunkSize),
        ("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", At::ChunkSize),
        ("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", At::ChunkSize),
    ] {
        let mut heads = Heads::of(());
        heads.check(&mut format!("POST / HTTP/1.1\r\n{headers}\r\n").into_bytes());
        assert_eq!(heads.at, expected, "{headers}");
    }
}
