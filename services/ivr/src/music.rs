//! The built-in music on hold: a slow, quiet arpeggio, made rather than
//! shipped, so that nobody's rights are in it.

use std::{f32::consts::TAU, io::Cursor};

const RATE: u32 = 8_000;
const NOTE_SECONDS: f32 = 0.8;
/// Cmaj7, Am7, Fmaj7, G: hertz.
const CHORDS: [[f32; 4]; 4] = [
    [261.6, 329.6, 392.0, 493.9],
    [220.0, 261.6, 329.6, 392.0],
    [174.6, 220.0, 261.6, 329.6],
    [196.0, 246.9, 293.7, 392.0],
];
const VOLUME: f32 = 5_000.0;

/// The tone after which a caller speaks: half a second of 1,000 Hz.
const TONE_HERTZ: f32 = 1_000.0;
const TONE_SECONDS: f32 = 0.5;

/// A WAV file of 16 bit, 8 kHz, mono, that can be looped.
pub fn wav() -> Vec<u8> {
    file(CHORDS.iter().flatten().flat_map(|hertz| note(*hertz)))
}

pub fn tone() -> Vec<u8> {
    let length = (TONE_SECONDS * RATE as f32) as usize;
    file((0..length).map(|i| (VOLUME * (TAU * TONE_HERTZ * i as f32 / RATE as f32).sin()) as i16))
}

fn file(samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("memory can be written to");
    for sample in samples {
        writer.write_sample(sample).expect("memory can be written to");
    }
    writer.finalize().expect("memory can be written to");
    file.into_inner()
}

/// One plucked note: a fundamental and a soft octave that fade.
fn note(hertz: f32) -> impl Iterator<Item = i16> {
    let length = (NOTE_SECONDS * RATE as f32) as usize;
    (0..length).map(move |i| {
        let t = i as f32 / RATE as f32;
        let attack = (t / 0.02).min(1.0);
        let release = ((NOTE_SECONDS - t) / 0.05).min(1.0);
        let fade = (-2.0 * t).exp();
        let wave = (TAU * hertz * t).sin() + 0.2 * (2.0 * TAU * hertz * t).sin();
        (VOLUME * attack * release * fade * wave) as i16
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_music_is_a_readable_file_that_does_not_clip() {
        let file = super::wav();
        let mut reader = hound::WavReader::new(&file[..]).unwrap();
        assert_eq!(reader.duration(), 16 * 6_400);
        let loudest = reader.samples::<i16>().map(|s| s.unwrap().unsigned_abs()).max().unwrap();
        assert!((2_000..20_000).contains(&loudest), "{loudest}");
    }
}
