//! docs/codes.md has every code, with its message and status.

use crate::page::Page;
use redeemq::domain::code::Code;

#[test]
fn the_table_of_codes_is_that_of_the_code() {
    let is_code = |cell: &str| cell.len() == 4 && cell.bytes().all(|byte| byte.is_ascii_digit());
    let mut documented = Page::read("docs/codes.md").rows();
    documented.retain(|row| is_code(&row[0]));
    let row = |code: Code| {
        vec![code.as_str().to_owned(), code.message().to_owned(), code.http_status().to_string()]
    };
    assert_eq!(documented, Code::ALL.into_iter().map(row).collect::<Vec<_>>());
}
