use types::Millis;

/// Every value of one figure, in order: percentiles are exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread(Vec<Millis>);

impl Spread {
    pub fn iter(&self) -> impl Iterator<Item = Millis> + '_ {
        self.0.iter().copied()
    }

    /// The nearest rank: the least value that `percent` of all do not exceed.
    pub fn percentile(&self, percent: usize) -> Option<Millis> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

impl FromIterator<Millis> for Spread {
    fn from_iter<I: IntoIterator<Item = Millis>>(values: I) -> Spread {
        let mut values: Vec<Millis> = values.into_iter().collect();
        values.sort_unstable();
        Spread(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let spread: Spread = (1..=10).rev().collect();
        assert_eq!([50, 90, 99, 100].map(|p| spread.percentile(p)), [5, 9, 10, 10].map(Some));
        assert_eq!(Spread::default().percentile(50), None);
        assert_eq!([7].into_iter().collect::<Spread>().percentile(1), Some(7));
    }
}
