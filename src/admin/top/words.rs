//! Numbers as people read them in passing.

use indicatif::HumanCount;

pub(super) const UNKNOWN: &str = "-";

pub(super) fn count(value: Option<f64>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some(value) if value.is_infinite() => "unlimited".to_owned(),
        Some(value) => HumanCount(value.max(0.0).round() as u64).to_string(),
    }
}

/// Why something failed, without the number that the system has for it.
pub(super) fn reason(text: &str) -> String {
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A number of things a second.
pub(super) fn rate(value: Option<f64>) -> String {
    match value {
        Some(value) if value > 0.0 && value < 9.95 => format!("{value:.1}"),
        value => count(value),
    }
}

pub(super) fn seconds(value: Option<f64>) -> String {
    let Some(value) = value else { return UNKNOWN.to_owned() };
    match value {
        ..0.001 => format!("{:.1} ms", value.max(0.0) * 1e3),
        ..0.9995 => format!("{:.0} ms", value * 1e3),
        ..9.95 => format!("{value:.1} s"),
        ..120.0 => format!("{value:.0} s"),
        ..7_200.0 => format!("{:.0} min", value / 60.0),
        ..172_800.0 => format!("{:.0} h", value / 3_600.0),
        _ => format!("{} days", HumanCount((value / 86_400.0) as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_help() {
        let all = [None, Some(0.0), Some(0.25), Some(9.96), Some(1_234.5), Some(f64::INFINITY)];
        assert_eq!(all.map(rate), ["-", "0", "0.2", "10", "1,235", "unlimited"]);
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let all = [0.0, 0.0005, 0.012, 0.9999, 1.25, 30.0, 600.0, 7_200.0, 864_000.0].map(Some);
        let told = all.map(seconds);
        assert_eq!(
            told,
            ["0.0 ms", "0.5 ms", "12 ms", "1.0 s", "1.2 s", "30 s", "10 min", "2 h", "10 days"]
        );
        assert_eq!(seconds(None), "-");
    }
}
