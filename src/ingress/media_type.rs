//! What headers say of a body: its type and its charset.

/// The value of a `Content-Type` header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// Type and subtype in lower case.
    pub(super) essence: String,
    /// In lower case, where there is one.
    charset: Option<String>,
}

impl MediaType {
    pub(super) fn of(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset =
            parts.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
                let is_charset = name.trim().eq_ignore_ascii_case("charset");
                is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
            });
        Self { essence, charset }
    }

    /// Whether texts in it are UTF-8. ASCII is; so is what names no charset.
    pub(super) fn is_utf8(&self) -> bool {
        self.charset.as_deref().is_none_or(|name| ["utf-8", "utf8", "us-ascii"].contains(&name))
    }
}

/// Whether a `Content-Disposition` names a file, as `filename=` or `filename*=`.
pub(super) fn has_file_name(disposition: &[u8]) -> bool {
    let disposition = disposition.to_ascii_lowercase();
    let parameters = disposition.split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start);
    parameters.into_iter().any(|parameter| {
        let rest = parameter.strip_prefix(b"filename");
        rest.is_some_and(|rest| matches!(rest.trim_ascii_start().first(), Some(b'=' | b'*')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_is_found_among_parameters_whatever_its_case_and_quotes() {
        for (text, essence, is_utf8) in [
            ("application/json", "application/json", true),
            ("Application/JSON; Charset=\"UTF-8\"", "application/json", true),
            ("text/plain;charset=us-ascii", "text/plain", true),
            ("text/plain; boundary=x; charset = utf8", "text/plain", true),
            ("text/plain; charset=ISO-8859-1", "text/plain", false),
            ("text/plain; charset=utf-16", "text/plain", false),
            ("text/plain; charset=", "text/plain", false),
        ] {
            let media = MediaType::of(text);
            assert_eq!((media.essence.as_str(), media.is_utf8()), (essence, is_utf8), "{text}");
        }
    }

    #[test]
    fn a_field_may_be_called_filename_and_is_no_file() {
        assert!(!has_file_name(b"form-data; name=\"filename\""));
        assert!(!has_file_name(b"form-data; name=filename"));
        assert!(has_file_name(b"form-data; name=a;FILENAME=b"));
        assert!(has_file_name(b"form-data; name=a; filename*=UTF-8''b"));
    }
}
