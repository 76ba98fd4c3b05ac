//! What a mistyped option may have meant.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Letters that may differ, one in so many.
const LETTERS_A_MISTAKE: usize = 3;

/// Drops suggestions that are no slips of the pen. Clap compares letters out of order: it would take
/// `--answers` for `--lanes`.
pub(super) fn only_if_similar(mut error: Error) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let is_similar = match (text(ContextKind::InvalidArg), text(ContextKind::SuggestedArg)) {
        (Some(given), Some(suggested)) => {
            edits(given, suggested) * LETTERS_A_MISTAKE <= suggested.trim_matches('-').len()
        }
        _ => true,
    };
    if !is_similar {
        error.remove(ContextKind::SuggestedArg);
        // It names the suggested option as if it had been given.
        error.remove(ContextKind::Usage);
    }
    // "To pass it as a value, use `--`": no value of ours begins like this.
    error.remove(ContextKind::Suggested);
    error
}

/// Letters to insert, delete or replace (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
