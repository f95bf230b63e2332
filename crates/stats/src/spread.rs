use types::Millis;

/// Every value of one figure, in order: percentiles are exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread(Vec<Millis>);

impl Spread {
    pub fn iter(&self) -> impl Iterator<Item = Millis> + '_ {
        self.0.iter().copied()
    }

    /// How many lie up to each of the rising `bounds`, each counted once, and at the
    /// end how many lie beyond the last.
    pub fn steps(&self, bounds: &[Millis]) -> Vec<u64> {
        let up_to = |bound: &Millis| self.0.partition_point(|value| value <= bound);
        let ends = bounds.iter().map(up_to).chain([self.0.len()]);
        let begins = std::iter::once(0).chain(bounds.iter().map(up_to));
        ends.zip(begins).map(|(end, begin)| (end - begin) as u64).collect()
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

    #[test]
    fn every_value_lies_in_one_step_and_a_bound_in_the_lower_one() {
        let spread: Spread = [0, 5, 6, 10, 11, 99].into_iter().collect();
        assert_eq!(spread.steps(&[5, 10, 20]), [2, 2, 1, 1]);
        assert_eq!(Spread::default().steps(&[5]), [0, 0]);
    }
}
