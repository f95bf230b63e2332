//! WAV files: any PCM in, 8 kHz mono out; and stereo out for recordings.

use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::{Error, RATE};

/// Samples of one prompt at most, at its own rate: 10 minutes of 48 kHz stereo.
const SAMPLES_MAX: u32 = 10 * 60 * 48_000 * 2;
/// Zero crossings of the resampler's kernel on each side.
const LOBES: f64 = 16.0;

/// Reads a WAV file (PCM 8–32 bits or float, any rate, any channels) as 8 kHz mono.
///
/// # Errors
/// [`Error::Wav`] when it is not such a file or too long.
pub fn read(bytes: &[u8]) -> Result<Vec<i16>, Error> {
    let wav = |error: hound::Error| Error::Wav(error.to_string());
    let reader = WavReader::new(Cursor::new(bytes)).map_err(wav)?;
    let spec = reader.spec();
    if reader.len() > SAMPLES_MAX {
        return Err(Error::Wav("longer than ten minutes".into()));
    }
    if spec.channels == 0 || !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(Error::Wav(format!("{} channels at {} Hz", spec.channels, spec.sample_rate)));
    }
    let samples = samples(reader, spec).map_err(wav)?;
    let mono = to_mono(&samples, usize::from(spec.channels));
    Ok(resample(&mono, spec.sample_rate))
}

fn samples(reader: WavReader<Cursor<&[u8]>>, spec: WavSpec) -> Result<Vec<f32>, hound::Error> {
    if spec.sample_format == SampleFormat::Float {
        return reader.into_samples::<f32>().collect();
    }
    let scale = 1.0 / (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
    reader.into_samples::<i32>().map(|s| Ok(s? as f32 * scale)).collect()
}

fn to_mono(samples: &[f32], channels: usize) -> Vec<f32> {
    samples.chunks_exact(channels).map(|c| c.iter().sum::<f32>() / channels as f32).collect()
}

/// Windowed-sinc interpolation, cutting off what 8 kHz cannot hold. Prompts are
/// converted once and cached, so clarity goes before speed.
fn resample(samples: &[f32], rate: u32) -> Vec<i16> {
    if rate == RATE {
        return samples.iter().map(|s| to_i16(f64::from(*s))).collect();
    }
    let step = f64::from(rate) / f64::from(RATE);
    let cutoff = (1.0 / step).min(1.0);
    let reach = LOBES / cutoff;
    let count = (samples.len() as f64 / step) as usize;
    let at = |n: usize| {
        let centre = n as f64 * step;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(samples.len().saturating_sub(1));
        let taps = first..=last;
        taps.map(|k| f64::from(samples[k]) * kernel(k as f64 - centre, cutoff, reach)).sum()
    };
    (0..count).map(|n| to_i16(at(n))).collect()
}

/// A sinc under a Hann window.
fn kernel(x: f64, cutoff: f64, reach: f64) -> f64 {
    use std::f64::consts::PI;
    let sinc = if x == 0.0 { 1.0 } else { (PI * x * cutoff).sin() / (PI * x * cutoff) };
    cutoff * sinc * (0.5 + 0.5 * (PI * x / reach).cos())
}

fn to_i16(sample: f64) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// A PCM16 WAV file at 8 kHz of interleaved samples.
pub fn write(samples: &[i16], channels: u16) -> Vec<u8> {
    let spec = WavSpec { channels, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).expect("a header fits into memory");
    let mut samples_out = writer.get_i16_writer(samples.len() as u32);
    samples.iter().for_each(|sample| samples_out.write_sample(*sample));
    samples_out.flush().expect("memory takes every byte");
    writer.finalize().expect("memory takes every byte");
    bytes.into_inner()
}

/// Length of the header that [`header`] makes, in bytes.
pub const HEADER: usize = 44;

/// The header of a PCM16 WAV file at 8 kHz with `samples` per channel, for files
/// that are streamed.
pub fn header(samples: u64, channels: u16) -> [u8; HEADER] {
    let frame = u32::from(channels) * 2;
    let length = u32::try_from(samples * u64::from(frame)).unwrap_or(u32::MAX - 36);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(length + 36).to_le_bytes());
    header[8..20].copy_from_slice(b"WAVEfmt \x10\0\0\0");
    header[20..22].copy_from_slice(&1u16.to_le_bytes());
    header[22..24].copy_from_slice(&channels.to_le_bytes());
    header[24..28].copy_from_slice(&RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(RATE * frame).to_le_bytes());
    header[32..34].copy_from_slice(&(frame as u16).to_le_bytes());
    header[34..36].copy_from_slice(&16u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..].copy_from_slice(&length.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;
    use crate::goertzel::tone_level;

    fn file(rate: u32, channels: u16, hz: f64) -> Vec<u8> {
        let spec =
            WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..rate {
            let sample = ((TAU * hz * f64::from(n) / f64::from(rate)).sin() * 16_000.0) as i16;
            (0..channels).for_each(|_| writer.write_sample(sample).unwrap());
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_tone_stays_the_same_tone_from_any_rate() {
        for (rate, channels) in
            [(8_000, 1), (8_000, 2), (11_025, 1), (16_000, 1), (22_050, 1), (44_100, 2), (48_000, 2)]
        {
            let samples = read(&file(rate, channels, 1000.0)).unwrap();
            assert!((7_999..=8_000).contains(&samples.len()), "{rate}: {}", samples.len());
            let level = tone_level(&samples[400..7600], 1000.0);
            assert!((level - 16_000.0 / 32_767.0).abs() < 0.01, "{rate}: {level}");
        }
    }

    #[test]
    fn what_8_khz_cannot_hold_is_cut_and_not_folded() {
        let samples = read(&file(48_000, 1, 5_000.0)).unwrap();
        assert!(tone_level(&samples[400..7600], 3_000.0) < 0.01);
    }

    #[test]
    fn the_streamed_header_is_the_one_of_a_whole_file() {
        let samples = [1, 2, 3, 4, 5, 6];
        let file = write(&samples, 2);
        assert_eq!(&file[..HEADER], &header(3, 2));
        assert_eq!(file.len(), HEADER + 12);
    }

    proptest! {
        #[test]
        fn whatever_comes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn a_damaged_file_never_panics(at in 0usize..60, value: u8) {
            let mut bytes = file(8_000, 1, 400.0);
            bytes.truncate(200);
            bytes[at] = value;
            let _ = read(&bytes);
        }
    }
}
