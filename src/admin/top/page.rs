//! A page of metrics in Prometheus's text format: names, labels, values. The crates that read it bring
//! a second notion of time along, or a parser generator, and what we need of it is a line's grammar.

use std::collections::BTreeMap;

pub(super) type Labels = BTreeMap<String, String>;

/// One number of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

impl Series {
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// All numbers of a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Page(BTreeMap<String, Vec<Series>>);

impl Page {
    /// Reads it; none when a line is none of the format.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut page = Self::default();
        for line in text.lines().map(str::trim) {
            if !line.is_empty() && !line.starts_with('#') {
                let (name, series) = series(line)?;
                page.0.entry(name.to_owned()).or_default().push(series);
            }
        }
        Some(page)
    }

    /// Whether one of ours may have written it.
    pub(super) fn is_ours(&self) -> bool {
        self.0.contains_key("redeemq_build_info")
    }

    pub(super) fn of(&self, name: &str) -> &[Series] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Numbers of this name that are known.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        self.of(name).iter().map(|series| series.value).filter(|value| !value.is_nan())
    }
}

fn series(line: &str) -> Option<(&str, Series)> {
    let (name, rest) = line.split_at(line.find(['{', ' ', '\t'])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some((name, Series { labels, value }))
}

/// Labels up to the closing brace, and what comes behind it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.insert(name.to_owned(), value);
        rest = behind;
    }
}

/// A value up to its closing quote. What would move the cursor of a terminal is not kept.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        let char = match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            },
            char => char,
        };
        value.push(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_values_are_read() {
        let page = Page::parse(
            "# HELP a What it tells.\n# TYPE a counter\na{x=\"1\",y=\"two words\"} 3\na{x=\"2\"} 4.5 1700000000\n\nb 7\n",
        )
        .expect("a page");
        assert_eq!(page.of("a").len(), 2);
        assert_eq!((page.of("a")[0].label("y"), page.of("a")[0].value), ("two words", 3.0));
        assert_eq!((page.of("a")[1].label("x"), page.of("a")[1].value), ("2", 4.5));
        assert_eq!(page.of("a")[1].label("y"), "");
        assert_eq!((page.of("b")[0].value, page.of("c").len()), (7.0, 0));
    }

    #[test]
    fn values_may_be_infinite_or_none_at_all() {
        let page = Page::parse("a{le=\"+Inf\"} +Inf\na -Inf\na NaN\na 1e3\n").expect("a page");
        assert_eq!(page.values("a").collect::<Vec<_>>(), [f64::INFINITY, -f64::INFINITY, 1_000.0]);
        assert!(page.of("a")[2].value.is_nan());
    }

    #[test]
    fn what_is_escaped_is_itself_again_and_moves_no_cursor() {
        let page = Page::parse(r#"a{x="a \"b\" \\ }, ",y="1\n\u001b[2J"} 1"#).expect("a page");
        assert_eq!(page.of("a")[0].label("x"), r#"a "b" \ }, "#);
        assert!(page.of("a")[0].labels["y"].chars().all(|char| !char.is_control()));
    }

    #[test]
    fn what_is_no_page_is_told_from_one() {
        for text in ["<html>", "a{x=\"1} 3", "a{x=1} 3", "a", "a{} ", "a b"] {
            assert_eq!(Page::parse(text), None, "{text}");
        }
        assert!(!Page::parse("up 1\n").expect("a page").is_ours());
        assert!(Page::parse("redeemq_build_info{version=\"1\"} 1\n").expect("a page").is_ours());
    }
}
