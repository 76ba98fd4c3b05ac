//! Bodies in `multipart/form-data`, which PHP sends: fields only, no files.

use super::media_type::{self, MediaType};
use super::response::Rejection;
use crate::domain::form::NotUtf8;
use crate::domain::params::Params;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use futures_util::FutureExt as _;
use futures_util::stream;
use multer::Multipart;
use std::convert::Infallible;

/// The parameters of a body that has arrived whole.
///
/// # Errors
/// 2302 naming the field or the body; 415 for a field in another charset or encoding.
pub(super) fn read(content_type: &str, body: Bytes) -> Result<Params, Rejection> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| malformed())?;
    // Nothing is waited for: all of it is there.
    fields(boundary, body).now_or_never().ok_or_else(malformed)?
}

async fn fields(boundary: String, body: Bytes) -> Result<Params, Rejection> {
    let mut multipart = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let (mut fields, mut faults) = (Vec::new(), Vec::new());
    while let Some(field) = multipart.next_field().await.map_err(|_| malformed())? {
        let name = field.name().map(str::to_owned);
        refuse_unreadable(name.as_deref(), field.headers())?;
        let value = field.bytes().await.map_err(|_| malformed())?;
        match (name, String::from_utf8(value.into())) {
            (Some(name), Ok(value)) => fields.push((name, value)),
            (name, _) => faults.push(name),
        }
    }
    if faults.is_empty() {
        Ok(fields.into_iter().collect())
    } else {
        Err(Rejection::not_utf8(&NotUtf8::of(faults)))
    }
}

/// A field is a text in UTF-8 as it stands: no file, no other charset, and no encoding to be undone.
fn refuse_unreadable(name: Option<&str>, headers: &HeaderMap) -> Result<(), Rejection> {
    let name = name.unwrap_or("body");
    let text = |header| headers.get(header).and_then(|value| value.to_str().ok());
    let disposition = headers.get(header::CONTENT_DISPOSITION).map(|value| value.as_bytes());
    if disposition.is_some_and(media_type::has_file_name) {
        return Err(Rejection::invalid(name).because("files are not accepted"));
    }
    let is_plain = |encoding: &str| {
        ["7bit", "8bit", "binary"].iter().any(|plain| encoding.trim().eq_ignore_ascii_case(plain))
    };
    let is_readable = text("content-type").is_none_or(|text| MediaType::of(text).is_utf8())
        && text("content-transfer-encoding").is_none_or(is_plain);
    if is_readable {
        Ok(())
    } else {
        Err(Rejection::invalid_with_status(415, name).because("fields are texts in UTF-8"))
    }
}

fn malformed() -> Rejection {
    Rejection::invalid("body").because("no well-formed multipart/form-data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::strategies::not_utf8;
    use crate::domain::params::Given;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=----7MA4YWxk";

    fn part(headers: &str, value: &[u8]) -> Vec<u8> {
        [b"------7MA4YWxk\r\n", headers.as_bytes(), b"\r\n\r\n", value, b"\r\n"].concat()
    }

    fn named(name: &str, value: &[u8]) -> Vec<u8> {
        part(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
    }

    fn parsed(parts: &[Vec<u8>]) -> Result<Params, Rejection> {
        read(TYPE, [parts.concat().as_slice(), b"------7MA4YWxk--\r\n"].concat().into())
    }

    fn status(parsed: Result<Params, Rejection>) -> Option<u16> {
        parsed.err().map(|rejection| rejection.status())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_field_that_is_not_utf8_is_refused_by_its_name(bytes in not_utf8(), at_end: bool) {
            prop_assume!(!bytes.windows(2).any(|pair| pair == b"\r\n"));
            let (bad, good) = (named("player_id", &bytes), named("amount", b"1"));
            let parts = if at_end { [good, bad] } else { [bad, good] };
            let rejection = parsed(&parts).expect_err("refused");
            prop_assert_eq!(rejection.status(), 400);
            prop_assert!(rejection.message().contains("[ player_id ]"), "{}", rejection.message());
        }

        #[test]
        fn a_field_in_utf8_is_read_as_it_stands(value in "[^\r\n]{1,30}") {
            let params = parsed(&[named("player_id", value.as_bytes())]).expect("fields");
            match value.trim().is_empty() {
                true => prop_assert_eq!(params.text("player_id"), Given::Missing),
                false => prop_assert_eq!(params.text("player_id"), Given::Good(value.as_str())),
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_wait(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(TYPE, bytes.clone().into());
            let _ = parsed(&[bytes]);
        }

        #[test]
        fn a_body_that_breaks_off_is_refused(cut in 1_usize..90) {
            let whole = [named("a", b"1"), b"------7MA4YWxk--".to_vec()].concat();
            let cut = whole.len().saturating_sub(cut);
            prop_assert_eq!(status(read(TYPE, whole[..cut].to_vec().into())), Some(400));
        }
    }

    #[test]
    fn php_and_net_name_fields_with_and_without_quotes() {
        let net = "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=amount";
        let params = parsed(&[named("player_id", "p é".as_bytes()), part(net, b"3")]);
        let params = params.expect("fields");
        assert_eq!(params.text("player_id"), Given::Good("p é"));
        assert_eq!(params.whole("amount", 1..=10), Given::Good(3));
        assert_eq!(parsed(&[]).expect("no fields"), Params::default());
        let twice = parsed(&[named("a", b"1"), named("a", b"1")]).expect("fields");
        assert_eq!(twice.id("a"), Given::Unacceptable);
    }

    #[test]
    fn files_and_other_charsets_are_refused() {
        for (headers, expected) in [
            ("Content-Disposition: form-data; name=\"a\"; filename=\"a.txt\"", 400),
            ("Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''a.txt", 400),
            ("Content-Disposition: form-data; name=\"a\"; FileName=a.txt", 400),
            ("Content-Disposition: form-data", 400),
            (
                "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=iso-8859-1",
                415,
            ),
            (
                "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64",
                415,
            ),
        ] {
            assert_eq!(status(parsed(&[part(headers, b"QQ==")])), Some(expected), "{headers}");
        }
        for bad in
            ["multipart/form-data", "multipart/form-data; boundary", "multipart/mixed; boundary=x"]
        {
            assert_eq!(status(read(bad, Bytes::new())), Some(400), "{bad}");
        }
    }
}
