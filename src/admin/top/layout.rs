//! What goes where in a window of any size.

use super::section::{Laid, Section, Tone, fitted, wide};
use super::sections;
use super::view::View;

/// A narrower window has one column of tables.
const TWO_COLUMNS_FROM: usize = 76;
const GAP: usize = 2;
/// Troubles that are told at a time: there must be room for the numbers.
const TROUBLES_MAX: usize = 3;
/// Lines of refusals that are kept where there is little room.
const REFUSALS_MIN: usize = 4;
const QUIT: &str = "q: quit";

/// A line and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) laid: Laid,
}

pub(super) fn place(view: &View, width: usize, height: usize) -> Vec<Placed> {
    let mut head = vec![(Tone::Head, title(view, width))];
    head.extend(troubles(view).into_iter().map(|trouble| (Tone::Alarm, fitted(&trouble, width))));
    let foot = packed("HEALTH", &sections::health(view), width);
    let room = height.saturating_sub(head.len() + foot.len() + 2);

    let (left, right) = (sections::flow(view), sections::state(view));
    let refusals = sections::refusals(view);
    let columns = match width < TWO_COLUMNS_FROM {
        true => vec![(0, width, [left, right].concat())],
        false => {
            let half = (width - GAP) / 2;
            vec![(0, half, left), (half + GAP, width - GAP - half, right)]
        }
    };
    let wanted = columns.iter().map(|(_, _, all)| wanted(all)).max().unwrap_or_default();
    let refused = refusals.height().min((room.saturating_sub(wanted + 1)).max(REFUSALS_MIN));
    let middle = wanted.min(room.saturating_sub(refused + 1));

    let mut placed = Vec::new();
    let mut put = |x: usize, y: usize, lines: Vec<Laid>| {
        let lines = lines.into_iter().enumerate();
        placed.extend(lines.map(|(line, laid)| Placed { x, y: y + line, laid }));
    };
    let from = head.len() + 1;
    put(0, 0, head);
    for (x, width, sections) in columns {
        put(x, from, stacked(&sections, width, middle));
    }
    put(0, from + middle + 1, refusals.lay(width, room.saturating_sub(middle + 1)));
    put(0, height.saturating_sub(foot.len()), foot);
    placed.retain(|placed| placed.y < height);
    placed
}

fn title(view: &View, width: usize) -> String {
    let title = fitted(&sections::title(view), width.saturating_sub(QUIT.len() + 2));
    let gap = width.saturating_sub(wide(&title) + QUIT.len());
    title + &" ".repeat(gap) + QUIT
}

fn troubles(view: &View) -> Vec<String> {
    let mut troubles = sections::troubles(view);
    if troubles.len() > TROUBLES_MAX {
        let more = troubles.split_off(TROUBLES_MAX - 1).len();
        troubles.push(format!("… and {more} more"));
    }
    troubles
}

/// Lines of sections below each other, with a free one between them.
fn wanted(sections: &[Section]) -> usize {
    let lines: usize = sections.iter().map(Section::height).sum();
    lines + sections.len().saturating_sub(1)
}

/// The longest give way; then the free lines; then the last sections.
fn stacked(sections: &[Section], width: usize, height: usize) -> Vec<Laid> {
    let mut heights: Vec<usize> = sections.iter().map(Section::height).collect();
    let mut gap = 1;
    loop {
        let free = gap * heights.len().saturating_sub(1);
        if heights.iter().sum::<usize>() + free <= height || heights.is_empty() {
            break;
        }
        match heights.iter_mut().max() {
            Some(longest) if *longest > 3 => *longest -= 1,
            _ if gap > 0 => gap = 0,
            _ => drop(heights.pop()),
        }
    }
    let mut lines = Vec::new();
    for (section, height) in sections.iter().zip(heights) {
        if !lines.is_empty() && gap > 0 {
            lines.push((Tone::Plain, String::new()));
        }
        lines.extend(section.lay(width, height));
    }
    lines
}

/// Items side by side, on as many lines as they need.
fn packed(title: &str, items: &[String], width: usize) -> Vec<Laid> {
    let mut lines = vec![title.to_owned()];
    for item in items {
        let last = lines.last().map_or(0, |line| wide(line));
        if last + 2 + wide(item) > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.push_str(item);
        }
    }
    lines.into_iter().map(|line| (Tone::Plain, fitted(&line, width))).collect()
}
