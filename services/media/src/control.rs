//! RTCP of a leg: what the party says of our stream, and the round trip.

use std::time::Duration;

use rtp::{
    RATE, quality,
    receiver::{self, Receiver},
    rtcp::{Report, SenderInfo, ntp, round_trip},
};

/// What the party hears of us, by its own reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    pub lost: u64,
    pub jitter: Duration,
}

/// The reports of one leg.
#[derive(Debug, Default)]
pub struct Control {
    /// The middle of the party's last sender report's time, and when it came.
    heard: Option<(u32, Duration)>,
    pub far: Option<Far>,
    pub round_trip: Option<Duration>,
    /// Packets sent, and the bytes of their payloads.
    packets: u64,
    octets: u64,
}

/// Our stream as a report names it.
pub struct Ours {
    pub ssrc: u32,
    pub timestamp: u32,
}

impl Control {
    /// A packet went to the party.
    pub fn sent(&mut self, payload: usize) {
        self.packets += 1;
        self.octets += payload as u64;
    }

    /// Takes the party's reports; `unix` is the time since 1970.
    pub fn receive(&mut self, now: Duration, unix: Duration, ours: u32, datagram: &[u8]) {
        for report in Report::parse(datagram).unwrap_or_default() {
            if let Some(sender) = report.sender {
                self.heard = Some(((sender.ntp >> 16) as u32, now));
            }
            for block in report.blocks.iter().filter(|block| block.ssrc == ours) {
                self.far = Some(Far { lost: block.lost.max(0) as u64, jitter: ticks(block.jitter) });
                self.round_trip = round_trip(ntp(unix), block).or(self.round_trip);
            }
        }
    }

    /// Our report: of what we sent, if anything, and of what came.
    pub fn report(
        &self,
        now: Duration,
        unix: Duration,
        ours: &Ours,
        block: Option<receiver::Quality>,
    ) -> Vec<u8> {
        // Both roll over, as RFC 3550 §6.4.1 wants.
        let (packets, octets) = (self.packets as u32, self.octets as u32);
        let rtp_timestamp = ours.timestamp;
        let sender =
            (self.packets > 0).then(|| SenderInfo { ntp: ntp(unix), rtp_timestamp, packets, octets });
        let block = block.map(|block| match self.heard {
            Some((last_report, at)) => {
                let since = (now.saturating_sub(at).as_micros() * 65_536 / 1_000_000) as u32;
                receiver::Quality { last_report, since_report: since, ..block }
            }
            None => block,
        });
        let mut bytes = Vec::new();
        Report { ssrc: ours.ssrc, sender, blocks: block.into_iter().collect() }.write(&mut bytes);
        bytes
    }

    /// The figures of the leg as the edge is told them.
    pub fn figures(&self, leg: &str, receiver: &Receiver) -> proto::media::v1::Quality {
        let jitter = ticks(receiver.jitter());
        let ((received, lost), sent) = (receiver.total(), self.packets);
        let score = |lost: u64, of: u64, jitter: Duration| {
            (of > 0).then(|| {
                let share = lost as f64 / of as f64;
                quality::mos(share, quality::mouth_to_ear(self.round_trip, jitter))
            })
        };
        let far = self.far.map(|far| proto::media::v1::quality::Far {
            lost: far.lost,
            jitter_ms: millis(far.jitter),
            mos: score(far.lost, sent, far.jitter).unwrap_or_default(),
        });
        proto::media::v1::Quality {
            leg: leg.to_owned(),
            received,
            lost,
            jitter_ms: millis(jitter),
            sent,
            round_trip_ms: self.round_trip.map(millis),
            mos: score(lost, received + lost, jitter),
            far,
        }
    }
}

/// RTP clock units of G.711.
fn ticks(units: u32) -> Duration {
    Duration::from_micros(u64::from(units) * 1_000_000 / u64::from(RATE))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
