//! G.711: A-law and µ-law, by tables built at compile time from the
//! Recommendation's segments.

/// Which of the two laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMA, payload type 8.
    A,
    /// PCMU, payload type 0.
    Mu,
}

const A_DECODE: [i16; 256] = decode_table(Law::A);
const MU_DECODE: [i16; 256] = decode_table(Law::Mu);
static A_ENCODE: [u8; 4096] = encode_table_a();
static MU_ENCODE: [u8; 16384] = encode_table_mu();
const A_TO_MU: [u8; 256] = transcode_table(Law::A);
const MU_TO_A: [u8; 256] = transcode_table(Law::Mu);

impl Law {
    /// The static payload type (RFC 3551 table 4).
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    /// The encoding name in an rtpmap.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "PCMA",
            Self::Mu => "PCMU",
        }
    }

    /// The octet that decodes to (nearly) nothing.
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }

    /// One sample, full 16-bit scale.
    pub const fn decode(self, octet: u8) -> i16 {
        match self {
            Self::A => A_DECODE[octet as usize],
            Self::Mu => MU_DECODE[octet as usize],
        }
    }

    /// One octet for a 16-bit sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => A_ENCODE[(sample as u16 >> 4) as usize],
            Self::Mu => MU_ENCODE[(sample as u16 >> 2) as usize],
        }
    }

    /// The same sample in the other law.
    pub const fn transcode(self, octet: u8, to: Self) -> u8 {
        match (self, to) {
            (Self::A, Self::Mu) => A_TO_MU[octet as usize],
            (Self::Mu, Self::A) => MU_TO_A[octet as usize],
            _ => octet,
        }
    }

    /// Appends the samples of `octets` to `out`.
    pub fn decode_into(self, octets: &[u8], out: &mut Vec<i16>) {
        out.extend(octets.iter().map(|octet| self.decode(*octet)));
    }

    /// Appends the octets of `samples` to `out`.
    pub fn encode_into(self, samples: &[i16], out: &mut Vec<u8>) {
        out.extend(samples.iter().map(|sample| self.encode(*sample)));
    }
}

/// Table 1/G.711: 13-bit values, even bits inverted, here scaled to 16 bits.
const fn decode_a(octet: u8) -> i16 {
    let code = octet ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// Table 2/G.711: 14-bit values with a bias of 33, here scaled to 16 bits.
const fn decode_mu(octet: u8) -> i16 {
    let code = !octet;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

/// `magnitude` has 11 bits: the upper bits of the sample without its sign.
const fn encode_a(magnitude: u16, negative: bool) -> u8 {
    let code = if magnitude < 32 {
        magnitude as u8
    } else {
        let exponent = 15 - magnitude.leading_zeros() as u16;
        ((exponent - 3) << 4 | (magnitude >> (exponent - 4)) & 0x0f) as u8
    };
    (if negative { code } else { code | 0x80 }) ^ 0x55
}

/// `magnitude` is of the 16-bit scale.
const fn encode_mu(magnitude: i32, negative: bool) -> u8 {
    let biased = (if magnitude > 32_635 { 32_635 } else { magnitude }) as u32 + 0x84;
    let exponent = 31 - biased.leading_zeros();
    let code = ((exponent - 7) << 4 | (biased >> (exponent - 4)) & 0x0f) as u8;
    !(if negative { code | 0x80 } else { code })
}

const fn decode_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match law {
            Law::A => decode_a(i as u8),
            Law::Mu => decode_mu(i as u8),
        };
        i += 1;
    }
    table
}

/// Indexed by the upper 12 bits of a sample, sign included.
const fn encode_table_a() -> [u8; 4096] {
    let mut table = [0; 4096];
    let mut i: usize = 0;
    while i < 4096 {
        let negative = i >= 2048;
        let magnitude = if negative { 4095 - i } else { i };
        table[i] = encode_a(magnitude as u16, negative);
        i += 1;
    }
    table
}

/// Indexed by the upper 14 bits of a sample, sign included.
const fn encode_table_mu() -> [u8; 16384] {
    let mut table = [0; 16384];
    let mut i: usize = 0;
    while i < 16384 {
        let negative = i >= 8192;
        let magnitude = if negative { ((16383 - i) << 2) + 2 } else { i << 2 };
        table[i] = encode_mu(magnitude as i32, negative);
        i += 1;
    }
    table
}

const fn transcode_table(from: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let sample = from.decode(i as u8);
        table[i] = match from {
            Law::A => MU_ENCODE_AT_BUILD[(sample as u16 >> 2) as usize],
            Law::Mu => A_ENCODE_AT_BUILD[(sample as u16 >> 4) as usize],
        };
        i += 1;
    }
    table
}

const A_ENCODE_AT_BUILD: [u8; 4096] = encode_table_a();
const MU_ENCODE_AT_BUILD: [u8; 16384] = encode_table_mu();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of tables 1a and 2a of the Recommendation, scaled to 16 bits.
    #[test]
    fn the_ends_of_the_scale_are_the_recommendations() {
        assert_eq!(Law::A.decode(0xaa), 32_256);
        assert_eq!(Law::A.decode(0x2a), -32_256);
        assert_eq!(Law::A.decode(0xd5), 8);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::Mu.decode(0x00), -32_124);
        assert_eq!(Law::Mu.decode(0xff), 0);
        assert_eq!((Law::A.encode(0), Law::Mu.encode(0)), (0xd5, 0xff));
        assert_eq!((Law::A.encode(i16::MIN), Law::Mu.encode(i16::MIN)), (0x2a, 0x00));
        assert_eq!((Law::A.encode(i16::MAX), Law::Mu.encode(i16::MAX)), (0xaa, 0x80));
    }

    #[test]
    fn every_octet_survives_a_round() {
        for octet in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(octet)), octet);
            let mu = Law::Mu.encode(Law::Mu.decode(octet));
            assert!(mu == octet || (octet == 0x7f && mu == 0xff), "{octet:#x} {mu:#x}");
        }
    }

    #[test]
    fn transcoding_there_and_back_stays_within_a_step() {
        for octet in 0..=255u8 {
            let back = Law::Mu.transcode(Law::A.transcode(octet, Law::Mu), Law::A);
            let (was, is) = (i32::from(Law::A.decode(octet)), i32::from(Law::A.decode(back)));
            assert!((was - is).abs() <= was.abs() / 16 + 16, "{octet:#x}: {was} {is}");
        }
    }

    proptest! {
        #[test]
        fn the_error_is_below_a_step(sample: i16) {
            for law in [Law::A, Law::Mu] {
                let (is, decoded) = (i32::from(sample), i32::from(law.decode(law.encode(sample))));
                prop_assert!((is - decoded).abs() <= is.abs() / 32 + 16 + is.abs() / 64, "{law:?} {is} {decoded}");
            }
        }
    }
}
