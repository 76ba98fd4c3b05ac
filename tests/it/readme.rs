//! The README says what the code says.

use redeemq::domain::code::Code;

/// The rows of a table whose first cell is four digits: code, message, status.
fn rows(readme: &str) -> Vec<[&str; 3]> {
    readme
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            <[&str; 3]>::try_from(cells).ok()
        })
        .filter(|[code, ..]| code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit()))
        .collect()
}

#[test]
fn the_readmes_table_of_codes_is_the_tables_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let status = |code: Code| code.http_status().to_string();
    let statuses: Vec<String> = Code::ALL.into_iter().map(status).collect();
    let told = Code::ALL.into_iter().zip(&statuses);
    let told: Vec<[&str; 3]> =
        told.map(|(code, status)| [code.as_str(), code.message(), status.as_str()]).collect();
    assert_eq!(rows(&readme), told);
}
