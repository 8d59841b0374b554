//! How well two rankings agree.

/// Spearman's rank correlation (1904) of two rows of numbers, in [-1, 1]; equal numbers share the
/// mean of their ranks. None with fewer than two, or when all of one row are equal.
pub(super) fn spearman(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() != other.len() || one.len() < 2 {
        return None;
    }
    let (one, other) = (ranks(one), ranks(other));
    let (mean_one, mean_other) = (mean(one.iter().copied())?, mean(other.iter().copied())?);
    let mut product = 0.0;
    let (mut spread_one, mut spread_other) = (0.0, 0.0);
    for (a, b) in one.iter().zip(&other) {
        product += (a - mean_one) * (b - mean_other);
        spread_one += (a - mean_one).powi(2);
        spread_other += (b - mean_other).powi(2);
    }
    let spread = (spread_one * spread_other).sqrt();
    (spread > 0.0).then(|| (product / spread).clamp(-1.0, 1.0))
}

/// The mean; none of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rankings_have_their_known_correlation() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 200.0, 3_000.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        let tied = spearman(&[1.0, 2.0, 2.0, 4.0], &[1.0, 3.0, 2.0, 4.0]).unwrap();
        assert!((tied - 0.948_683).abs() < 1e-6, "{tied}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }
}
