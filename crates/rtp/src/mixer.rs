//! Who hears whom, and the sum of it (mix-minus).

use crate::{FRAME, Frame};

/// Parties in one conference at most: one bit each.
pub const PARTIES_MAX: usize = 32;

/// The matrix: a row per listener, a bit per speaker; and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    hears: [u32; PARTIES_MAX],
    heard_by: [u32; PARTIES_MAX],
}

impl Matrix {
    /// Everybody of the first `parties` hears everybody else.
    pub fn everyone(parties: usize) -> Self {
        let mut matrix = Self::default();
        for listener in 0..parties.min(PARTIES_MAX) {
            (0..parties.min(PARTIES_MAX)).for_each(|speaker| matrix.set(listener, speaker, true));
        }
        matrix
    }

    /// Says whether `listener` hears `speaker`; nobody hears themselves.
    pub fn set(&mut self, listener: usize, speaker: usize, hears: bool) {
        if listener == speaker || listener >= PARTIES_MAX || speaker >= PARTIES_MAX {
            return;
        }
        let put = |row: u32, bit: usize| if hears { row | 1 << bit } else { row & !(1 << bit) };
        self.hears[listener] = put(self.hears[listener], speaker);
        self.heard_by[speaker] = put(self.heard_by[speaker], listener);
    }

    pub fn hears(&self, listener: usize, speaker: usize) -> bool {
        listener < PARTIES_MAX && speaker < PARTIES_MAX && self.hears[listener] & 1 << speaker != 0
    }

    /// Forgets a party in both directions.
    pub fn remove(&mut self, party: usize) {
        if party < PARTIES_MAX {
            (self.hears[party], self.heard_by[party]) = (0, 0);
            self.hears.iter_mut().chain(&mut self.heard_by).for_each(|row| *row &= !(1 << party));
        }
    }

    /// Whom `listener` hears.
    pub fn speakers(&self, listener: usize) -> impl Iterator<Item = usize> + use<> {
        bits(self.hears.get(listener).copied().unwrap_or_default())
    }

    /// Who hears `speaker`.
    pub fn listeners(&self, speaker: usize) -> impl Iterator<Item = usize> + use<> {
        bits(self.heard_by.get(speaker).copied().unwrap_or_default())
    }
}

/// The numbers of the bits that are set.
fn bits(mut row: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = row.trailing_zeros();
        row &= row.wrapping_sub(1);
        (lowest < u32::BITS).then_some(lowest as usize)
    })
}

/// A sum of frames that clips only when it is read.
pub struct Sum {
    total: [i32; FRAME],
    parts: u32,
}

impl Default for Sum {
    fn default() -> Self {
        Self { total: [0; FRAME], parts: 0 }
    }
}

impl Sum {
    pub fn add(&mut self, frame: &Frame) {
        self.parts += 1;
        for (total, sample) in self.total.iter_mut().zip(frame) {
            *total += i32::from(*sample);
        }
    }

    /// The sum clipped to 16 bits; `None` when nothing was added.
    pub fn frame(&self) -> Option<Frame> {
        (self.parts > 0).then(|| self.total.map(|t| t.clamp(i16::MIN.into(), i16::MAX.into()) as i16))
    }
}

/// What each listener hears of `spoken` (an entry per party, `None` for silence).
pub fn mix(matrix: &Matrix, spoken: &[Option<Frame>]) -> Vec<Option<Frame>> {
    let heard = |listener: usize| {
        let mut sum = Sum::default();
        let speakers = matrix.speakers(listener).filter_map(|s| spoken.get(s)?.as_ref());
        speakers.for_each(|frame| sum.add(frame));
        sum.frame()
    };
    (0..spoken.len()).map(heard).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(n: i16) -> Option<Frame> {
        Some([n; FRAME])
    }

    #[test]
    fn three_parties_each_hear_the_other_two() {
        let heard = mix(&Matrix::everyone(3), &[level(1), level(10), level(100)]);
        assert_eq!(heard, [level(110), level(101), level(11)]);
    }

    #[test]
    fn a_whisper_reaches_the_agent_alone() {
        let (caller, agent, supervisor) = (0, 1, 2);
        let mut matrix = Matrix::everyone(2);
        matrix.set(agent, supervisor, true);
        matrix.set(supervisor, agent, true);
        matrix.set(supervisor, caller, true);
        let heard = mix(&matrix, &[level(1), level(10), level(100)]);
        assert_eq!(heard, [level(10), level(101), level(11)]);
    }

    #[test]
    fn a_removed_party_is_heard_by_nobody() {
        let mut matrix = Matrix::everyone(3);
        matrix.remove(1);
        let heard = mix(&matrix, &[level(1), level(10), level(100)]);
        assert_eq!(heard, [level(100), None, level(1)]);
    }

    #[test]
    fn loud_voices_clip_and_do_not_wrap() {
        let heard = mix(&Matrix::everyone(3), &[level(i16::MAX), level(i16::MAX), level(i16::MIN)]);
        assert_eq!(heard[2], level(i16::MAX));
        assert_eq!(heard[0], level(-1));
    }

    proptest! {
        #[test]
        fn nobody_hears_themselves(pairs in prop::collection::vec((0usize..40, 0usize..40), 0..100)) {
            let mut matrix = Matrix::default();
            pairs.iter().for_each(|(listener, speaker)| matrix.set(*listener, *speaker, true));
            for (listener, speaker) in pairs {
                let valid = listener != speaker && listener < PARTIES_MAX && speaker < PARTIES_MAX;
                prop_assert_eq!(matrix.hears(listener, speaker), valid);
            }
        }
    }
}
