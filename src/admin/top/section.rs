//! A table that fits into so many columns and lines of a screen.

use ratatui::text::Span;

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Head,
    Plain,
    /// Needs attention.
    Alarm,
}

/// A line as it is printed.
pub(super) type Laid = (Tone, String);

/// A title and its rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Section {
    /// The title, and what the other columns are.
    pub(super) head: &'static [&'static str],
    /// Columns that begin at their left; numbers end at their right.
    pub(super) texts: &'static [usize],
    /// The column that gives way where there is little room, and takes what room is left.
    pub(super) elastic: usize,
    pub(super) rows: Vec<Row>,
    /// Instead of rows, where there are none.
    pub(super) without: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) alarm: bool,
}

impl Section {
    /// Lines that it would like to have.
    pub(super) fn height(&self) -> usize {
        1 + self.rows.len().max(usize::from(!self.without.is_empty()))
    }

    /// In at most so many lines, of at most so many columns.
    pub(super) fn lay(&self, width: usize, height: usize) -> Vec<Laid> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        let room = height.saturating_sub(1);
        let hidden = rows.len().saturating_sub(room);
        if hidden > 0 {
            rows.sort_by_key(|row| !row.alarm);
            rows.truncate(room.saturating_sub(1));
        }
        let widths = self.widths(&rows, width);
        let head: Vec<String> = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        let mut laid = vec![(Tone::Head, self.line(&head, &widths))];
        for row in &rows {
            let tone = if row.alarm { Tone::Alarm } else { Tone::Plain };
            laid.push((tone, self.line(&row.cells, &widths)));
        }
        if hidden > 0 {
            laid.push((Tone::Plain, format!("… {} more", self.rows.len() - rows.len())));
        } else if rows.is_empty() && !self.without.is_empty() {
            laid.push((Tone::Plain, fitted(self.without, width)));
        }
        laid.truncate(height);
        laid
    }

    /// Columns of a screen in which nothing has to give way.
    pub(super) fn natural_width(&self) -> usize {
        let widths = self.widest(&self.rows.iter().collect::<Vec<_>>());
        let all = widths.iter().sum::<usize>() + widths.len().saturating_sub(1);
        all.max(if self.rows.is_empty() { wide(self.without) } else { 0 })
    }

    fn widest(&self, rows: &[&Row]) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| wide(cell)).collect();
        for row in rows {
            for (widest, cell) in widths.iter_mut().zip(&row.cells) {
                *widest = (*widest).max(wide(cell));
            }
        }
        widths
    }

    fn widths(&self, rows: &[&Row], width: usize) -> Vec<usize> {
        let mut widths = self.widest(rows);
        let gaps = widths.len().saturating_sub(1);
        let others: usize = widths.iter().sum::<usize>() + gaps - widths[self.elastic];
        widths[self.elastic] = width.saturating_sub(others);
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let cell = fitted(cell, *width);
            let pad = " ".repeat(width.saturating_sub(wide(&cell)));
            if self.texts.contains(&column) { cell + &pad } else { pad + &cell }
        });
        padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    }
}

/// Columns of a screen that a text takes.
pub(super) fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

/// Cut where it does not fit.
pub(super) fn fitted(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for char in text.chars() {
        if wide(&cut) + wide(char.encode_utf8(&mut [0; 4])) >= width {
            break;
        }
        cut.push(char);
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(rows: &[(&str, &str, bool)]) -> Section {
        let row = |(name, count, alarm): &(&str, &str, bool)| Row {
            cells: vec![(*name).to_owned(), (*count).to_owned()],
            alarm: *alarm,
        };
        let rows = rows.iter().map(row).collect();
        Section { head: &["QUEUES", "waiting"], texts: &[0], elastic: 0, rows, without: "none" }
    }

    fn lines(section: &Section, width: usize, height: usize) -> Vec<String> {
        section.lay(width, height).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn numbers_end_at_the_right_and_names_give_way() {
        let section = section(&[("short", "1", false), ("a-name-that-is-long", "23,000", false)]);
        assert_eq!(
            lines(&section, 18, 9),
            ["QUEUES     waiting", "short            1", "a-name-th…  23,000"]
        );
    }

    #[test]
    fn where_lines_are_few_rows_that_need_attention_come_first() {
        let section = section(&[("a", "1", false), ("b", "2", false), ("c", "3", true)]);
        let laid = section.lay(12, 3);
        assert_eq!(laid[1], (Tone::Alarm, "c          3".to_owned()));
        assert_eq!(laid[2].1, "… 2 more");
        assert_eq!(lines(&section, 12, 1), ["QUE… waiting"]);
    }

    #[test]
    fn without_rows_it_says_so() {
        assert_eq!(lines(&section(&[]), 20, 5), ["QUEUES       waiting", "none"]);
    }

    #[test]
    fn wide_characters_are_cut_by_what_they_take() {
        assert_eq!(fitted("咖啡店咖啡", 5), "咖啡…");
        assert_eq!(fitted("咖啡", 4), "咖啡");
    }
}
