//! Paths as people configure them: `//Auth` and `/Auth/` are `/Auth`.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Makes one slash of each run of them, and takes the last one off. The query stays.
pub(super) fn tidy(uri: &mut Uri) {
    if is_tidy(uri.path()) {
        return;
    }
    let mut path = String::with_capacity(uri.path().len());
    for piece in uri.path().split('/').filter(|piece| !piece.is_empty()) {
        path.push('/');
        path.push_str(piece);
    }
    if path.is_empty() {
        path.push('/');
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    // What was a path before is one without some of its slashes; if not, the old one leads nowhere, as before.
    let mut parts = uri.clone().into_parts();
    if let Ok(path) = PathAndQuery::try_from(path) {
        parts.path_and_query = Some(path);
        *uri = Uri::from_parts(parts).unwrap_or_else(|_| uri.clone());
    }
}

/// As most are: nothing is copied for them. What is no path (`*`) is left alone.
fn is_tidy(path: &str) -> bool {
    !path.starts_with('/') || path == "/" || !(path.ends_with('/') || path.contains("//"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tidied(target: &str) -> String {
        let mut uri: Uri = target.parse().expect("a target");
        tidy(&mut uri);
        uri.to_string()
    }

    #[test]
    fn runs_of_slashes_are_one_and_the_last_is_ignored() {
        for (target, expected) in [
            ("/Auth", "/Auth"),
            ("//Auth", "/Auth"),
            ("/Auth/", "/Auth"),
            ("///Redeem//goods///?a=//b/", "/Redeem/goods?a=//b/"),
            ("/", "/"),
            ("//", "/"),
            ("//?a=1", "/?a=1"),
            ("*", "*"),
            ("/a%2F%2Fb/", "/a%2F%2Fb"),
            ("http://example.com//Auth/", "http://example.com/Auth"),
        ] {
            assert_eq!(tidied(target), expected, "{target}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_number_of_slashes_between_the_same_pieces_is_the_same_path(
            pieces in prop::collection::vec("[A-Za-z0-9%._~-]{1,6}", 1..5),
            runs in prop::collection::vec(1_usize..5, 6), at_end in 0_usize..4, query in "(\\?[a-z/=]{0,8})?",
        ) {
            let joined = |run: &dyn Fn(usize) -> usize, end: usize| {
                let path = pieces.iter().enumerate().map(|(i, piece)| "/".repeat(run(i)) + piece);
                path.collect::<String>() + &"/".repeat(end) + &query
            };
            prop_assert_eq!(tidied(&joined(&|i| runs[i], at_end)), joined(&|_| 1, 0));
        }
    }
}
