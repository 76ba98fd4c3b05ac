//! Rows of nothing but commas. At the end of a file a spreadsheet leaves any number of them, and they are
//! none; in the middle each is a row. Which they are is known at the next row.

use std::collections::VecDeque;

/// Runs of them that are kept: then they are rows, wherever they stand.
const RUNS_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Blanks {
    /// First and last lines of those that stand below each other.
    runs: VecDeque<(u64, u64)>,
    are_rows: bool,
}

impl Blanks {
    pub(super) fn push(&mut self, line: u64) {
        match self.runs.back_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => self.runs.push_back((line, line)),
        }
        self.are_rows = self.runs.len() > RUNS_MAX;
    }

    /// Another row follows.
    pub(super) fn end(&mut self) {
        self.are_rows = true;
    }

    /// The line of the next that is a row.
    pub(super) fn next_row(&mut self) -> Option<u64> {
        let (first, last) = self.runs.front_mut().filter(|_| self.are_rows)?;
        let line = *first;
        *first += 1;
        if *first > *last {
            self.runs.pop_front();
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(blanks: &mut Blanks) -> Vec<u64> {
        std::iter::from_fn(|| blanks.next_row()).collect()
    }

    #[test]
    fn they_are_rows_only_before_another() {
        let mut blanks = Blanks::default();
        [3, 4, 7].into_iter().for_each(|line| blanks.push(line));
        assert_eq!(rows(&mut blanks), [0; 0]);
        blanks.end();
        assert_eq!(rows(&mut blanks), [3, 4, 7]);
        blanks.push(9);
        assert_eq!(rows(&mut blanks), [0; 0]);
    }

    #[test]
    fn they_take_little_room() {
        let mut blanks = Blanks::default();
        (1..=1_000_000).for_each(|line| blanks.push(line));
        assert_eq!(blanks.runs.len(), 1);
        let mut blanks = Blanks::default();
        let told: usize = (1..=10_000)
            .map(|n| {
                blanks.push(2 * n);
                rows(&mut blanks).len()
            })
            .sum();
        assert!(told > 8_000 && blanks.runs.len() <= RUNS_MAX, "{told}");
    }
}
