//! Medians and spreads.

/// Several measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// The middle one; of two in the middle, their mean.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// None of nothing.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    };
    Some(Spread { median, low, high })
}

/// Round by round: what both of a round had to bear (a busy neighbour) then cancels out. Where one was
/// measured more often, its median stands for each of its rounds.
pub fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    if over.len() == under.len() {
        return over.iter().zip(under).map(|(over, under)| over / under).collect();
    }
    let (Some(a), Some(b)) = (spread(over), spread(under)) else { return Vec::new() };
    match over.len() > under.len() {
        true => over.iter().map(|over| over / b.median).collect(),
        false => under.iter().map(|under| a.median / under).collect(),
    }
}

/// What two stages one after the other can do at most, if they share what they run on.
pub fn in_series(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| 1.0 / (1.0 / a + 1.0 / b)).collect()
}

/// How much higher the last quarter of a curve lies than its second. (In the first, all that there is
/// grows: buffers, caches, pools.)
pub fn growth(curve: &[f64]) -> f64 {
    let quarter = curve.len() / 4;
    let middle = |from: usize| spread(&curve[from..from + quarter]).map(|spread| spread.median);
    match (middle(quarter), middle(curve.len() - quarter)) {
        (Some(second), Some(last)) => last - second,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_and_the_spread_reaches_to_the_outer_ones() {
        let of = |values: &[f64]| spread(values).map(|s| (s.median, s.low, s.high));
        assert_eq!(of(&[3.0, 1.0, 100.0]), Some((3.0, 1.0, 100.0)));
        assert_eq!(of(&[4.0, 2.0]), Some((3.0, 2.0, 4.0)));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_neighbour_who_halves_both_of_a_round_does_not_change_its_ratio() {
        assert_eq!(ratios(&[10.0, 5.0], &[20.0, 10.0]), [0.5, 0.5]);
    }

    #[test]
    fn what_was_measured_more_often_is_set_against_the_median_of_the_other() {
        assert_eq!(ratios(&[10.0, 20.0], &[10.0]), [1.0, 2.0]);
        assert_eq!(ratios(&[10.0], &[10.0, 20.0]), [1.0, 0.5]);
        assert_eq!(ratios(&[1.0], &[]), Vec::<f64>::new());
    }

    #[test]
    fn what_rises_only_at_first_does_not_grow() {
        assert_eq!(growth(&[1.0, 5.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]), 0.0);
        assert_eq!(growth(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]), 2.0);
        assert_eq!(growth(&[1.0]), 0.0);
    }

    #[test]
    fn two_equal_stages_in_series_are_half_as_fast() {
        assert_eq!(in_series(&[10.0], &[10.0]), [5.0]);
    }
}
