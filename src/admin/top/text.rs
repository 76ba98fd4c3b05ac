//! The view as plain text, in as much room as it needs.

use super::section::{Section, Tone};
use super::sections;
use super::view::View;

/// Names and messages are cut at this width and nowhere else: a line stays a line in most windows.
const WIDTH: usize = 100;

/// Its lines. Lines that need attention end with an exclamation mark, as there is no colour.
pub(super) fn lines(view: &View) -> Vec<String> {
    let mut lines = vec![sections::title(view)];
    lines.extend(sections::troubles(view).into_iter().map(|trouble| trouble + " !"));
    let [flow, state] = [sections::flow(view), sections::state(view)];
    for section in flow.iter().chain(&state).chain([&sections::refusals(view)]) {
        lines.push(String::new());
        lines.extend(laid(section));
    }
    lines.push(String::new());
    lines.push(format!("HEALTH {}", sections::health(view).join(", ")));
    lines
}

fn laid(section: &Section) -> impl Iterator<Item = String> {
    let natural = section.natural_width().min(WIDTH);
    section.lay(natural, usize::MAX).into_iter().map(|(tone, line)| match tone {
        Tone::Alarm => line + " !",
        _ => line,
    })
}
