//! How good a conversation sounds, from what can be measured of its packets.

use std::time::Duration;

/// R of a faultless G.711 call with the default values of ITU-T G.107 (table 2).
const R_BEST: f64 = 93.2;
/// Robustness of G.711 with packet loss concealment against random loss, percent
/// (ITU-T G.113, appendix I).
const BPL: f64 = 25.1;
/// One frame of 20 ms on its way through codec and socket.
const FRAME: Duration = Duration::from_millis(20);

/// The time from mouth to ear: half of the round trip, one frame, and a jitter
/// buffer of twice the jitter.
pub fn mouth_to_ear(round_trip: Option<Duration>, jitter: Duration) -> Duration {
    round_trip.unwrap_or_default() / 2 + FRAME + jitter * 2
}

/// The estimated mean opinion score, 1 (bad) to 4.4, of G.711 with this share of
/// packets lost (0 to 1) and this delay, by the E-model of ITU-T G.107 with its
/// defaults: `R = 93.2 - Id - Ie,eff`.
///
/// `Id` is the usual simplification for delay without echo, 0.024 d + 0.11 (d - 177.3)
/// beyond 177.3 ms; `Ie,eff = 95 Ppl / (Ppl + Bpl)` for random loss (equation 7-29 with
/// Ie = 0 and BurstR = 1); R becomes a score by annex B.
pub fn mos(lost: f64, delay: Duration) -> f64 {
    let d = delay.as_secs_f64() * 1_000.0;
    let id = 0.024 * d + 0.11 * (d - 177.3).max(0.0);
    let percent = (lost * 100.0).clamp(0.0, 100.0);
    let r = R_BEST - id - 95.0 * percent / (percent + BPL);
    score(r)
}

/// ITU-T G.107, annex B.
fn score(r: f64) -> f64 {
    match r {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// The formula worked out by hand.
    #[test]
    fn known_points() {
        let near = |is: f64, should: f64| assert!((is - should).abs() < 0.01, "{is} is not {should}");
        near(mos(0.0, ms(0)), 4.41);
        // R = 93.2 - 2.4 - 95 / 26.1 = 87.16
        near(mos(0.01, ms(100)), 4.26);
        // R = 93.2 - 1.2 - 95 * 5 / 30.1 = 76.22
        near(mos(0.05, ms(50)), 3.87);
        // R = 93.2 - 9.6 - 24.50 = 59.10
        near(mos(0.0, ms(400)), 3.05);
        near(mos(1.0, ms(0)), 1.18);
        near(mos(1.0, ms(2_000)), 1.0);
    }

    #[test]
    fn delay_counts_the_jitter_buffer_and_half_of_the_round_trip() {
        assert_eq!(mouth_to_ear(Some(ms(80)), ms(5)), ms(70));
        assert_eq!(mouth_to_ear(None, ms(0)), ms(20));
    }

    proptest! {
        #[test]
        fn more_loss_and_more_delay_never_sound_better(lost in 0.0..1.0f64, more in 0.0..1.0f64, d in 0u64..2_000) {
            prop_assert!(mos(lost, ms(d)) >= mos(lost.max(more), ms(d)));
            prop_assert!(mos(lost, ms(d)) >= mos(lost, ms(d + 50)) - 1e-9);
            prop_assert!((1.0..=4.5).contains(&mos(lost, ms(d))));
        }
    }
}
