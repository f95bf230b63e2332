//! The waveform of a recording: the highest amplitude per slice and channel.

/// Slices of one waveform at most.
pub const SLICES: usize = 800;

/// Gathers peaks while audio goes by.
#[derive(Default)]
pub struct Peaks {
    left: Vec<u16>,
    right: Vec<u16>,
}

/// Samples behind one gathered peak: 50 ms.
const STEP: usize = 400;

impl Peaks {
    /// Takes PCM16 little endian stereo; to be called with whole steps but for the last.
    pub fn add(&mut self, audio: &[u8]) {
        for step in audio.chunks(STEP * 4) {
            let (mut left, mut right) = (0, 0);
            for frame in step.chunks_exact(4) {
                left = left.max(i16::from_le_bytes([frame[0], frame[1]]).unsigned_abs());
                right = right.max(i16::from_le_bytes([frame[2], frame[3]]).unsigned_abs());
            }
            self.left.push(left);
            self.right.push(right);
        }
    }

    /// Left and right, 0 to 1, in at most [`SLICES`] slices.
    pub fn slices(&self) -> (Vec<f32>, Vec<f32>) {
        (slices(&self.left), slices(&self.right))
    }
}

fn slices(steps: &[u16]) -> Vec<f32> {
    let per_slice = steps.len().div_ceil(SLICES).max(1);
    let highest = |slice: &[u16]| f32::from(slice.iter().copied().max().unwrap_or(0)) / 32_768.0;
    steps.chunks(per_slice).map(highest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(seconds: usize, left: i16, right: i16) -> Vec<u8> {
        let frame = [left.to_le_bytes(), right.to_le_bytes()].concat();
        frame.repeat(seconds * 8000)
    }

    #[test]
    fn the_loud_part_is_where_it_was_and_in_its_channel() {
        let mut peaks = Peaks::default();
        peaks.add(&audio(5, 0, 100));
        peaks.add(&audio(5, -16_384, 100));
        let (left, right) = peaks.slices();
        assert_eq!(left.len(), 200);
        assert!(left[..100].iter().all(|p| *p == 0.0) && left[100..].iter().all(|p| *p == 0.5));
        assert!(right.iter().all(|p| *p < 0.01));
    }

    #[test]
    fn a_long_recording_has_no_more_slices_than_fit() {
        let mut peaks = Peaks::default();
        (0..200).for_each(|_| peaks.add(&audio(5, 1, 1)));
        assert!(peaks.slices().0.len() <= SLICES);
        assert!(Peaks::default().slices().0.is_empty());
    }
}
