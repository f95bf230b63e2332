//! A leg: one party of a call, whichever way it is reached.

use std::time::Duration;

use rtp::{
    FRAME, Frame, Law, Packet, SILENCE,
    dtmf::{self, Detector, Event},
    jitter::{Heard, JitterBuffer},
    outbound::{Outbound, Stamp},
    receiver::{Arrival, Receiver},
};

use crate::{
    control::{Control, Far, Ours},
    io::Io,
    keypad::{Keypad, Stroke},
    watch::{Change, Limits, Watch},
    web::Web,
    wire::Wire,
};

/// How the party is reached.
pub enum Via {
    Rtp(Box<Wire>),
    Web(Box<Web>),
}

/// The first figures come sooner than the next: calls are often short.
const FIRST: Duration = Duration::from_secs(1);

/// Frames of silence in a row that a plain leg is sent, and then every how many
/// frames one: the party's ear closes softly, and the way stays open. A packet less
/// is most of what a leg costs to whom nobody speaks.
const RESTS: u32 = 5;
const REST_EVERY: u32 = 5;

/// One party.
pub struct Leg {
    pub id: String,
    pub via: Via,
    outbound: Outbound,
    /// Frames in a row in which there was nothing to say.
    rests: u32,
    receiver: Receiver,
    keys: dtmf::Receiver,
    /// Listens for tones where telephone-events were not agreed.
    tones: Option<Box<Detector>>,
    /// Filled while somebody hears this leg in a mix.
    jitter: Option<Box<JitterBuffer>>,
    pub watch: Watch,
    report_at: Duration,
    control: Control,
    /// Keys on their way to the party: while one is pressed, nothing else is sent.
    pub keypad: Keypad,
}

/// What a packet was.
pub enum Media {
    Speech(Law),
    /// A telephone-event, and the key if it newly presses one.
    Event(Option<char>, Event),
}

impl Leg {
    /// `random` seeds the stream's SSRC, sequence and timestamp.
    pub fn new(now: Duration, id: String, via: Via, random: u128) -> Self {
        Self {
            id,
            via,
            outbound: Outbound::new(random as u32, (random >> 32) as u16, (random >> 48) as u32),
            rests: 0,
            receiver: Receiver::default(),
            keys: dtmf::Receiver::default(),
            tones: None,
            jitter: None,
            watch: Watch::default(),
            report_at: now + FIRST,
            control: Control::default(),
            keypad: Keypad::default(),
        }
    }

    /// The law that was agreed, if it is one only.
    pub fn law(&self) -> Option<Law> {
        match &self.via {
            Via::Rtp(wire) => wire.law(),
            Via::Web(_) => None,
        }
    }

    fn event(&self) -> Option<u8> {
        match &self.via {
            Via::Rtp(wire) => wire.event(),
            Via::Web(web) => web.event(),
        }
    }

    /// Judges a packet that came from the party; `None` for duplicates and what
    /// was not agreed.
    pub fn judge(&mut self, now: Duration, packet: &Packet<'_>) -> Option<Media> {
        let law = match &self.via {
            Via::Rtp(wire) => wire.law_of(packet.payload_type),
            Via::Web(web) => web.law_of(packet.payload_type),
        };
        let is_event = self.event() == Some(packet.payload_type);
        // Whatever it sends, such as comfort noise: it is there.
        self.watch.heard(now, packet);
        if law.is_none() && !is_event || self.receiver.receive(now, packet) == Arrival::Duplicate {
            return None;
        }
        if is_event {
            let event = Event::parse(packet.payload).ok()?;
            return Some(Media::Event(self.keys.receive(packet.ssrc, packet.timestamp, event), event));
        }
        law.map(Media::Speech)
    }

    /// Keys heard as tones, for parties without telephone-events.
    pub fn listen(&mut self, law: Law, payload: &[u8]) -> Vec<char> {
        if self.event().is_some() {
            self.tones = None;
            return Vec::new();
        }
        let mut samples = Vec::with_capacity(payload.len());
        law.decode_into(payload, &mut samples);
        self.tones.get_or_insert_default().listen(&samples)
    }

    /// Keeps a packet's audio for the mix.
    pub fn keep(&mut self, now: Duration, packet: &Packet<'_>, law: Law) {
        let jitter = self.jitter.get_or_insert_default();
        let mut samples = Vec::with_capacity(packet.payload.len());
        law.decode_into(packet.payload, &mut samples);
        jitter.put(now, packet.timestamp, &samples);
    }

    /// Nobody hears this leg in a mix any more.
    pub fn forget(&mut self) {
        self.jitter = None;
    }

    /// The next 20 ms of what the party said.
    pub fn speech(&mut self) -> Option<Frame> {
        let mut frame = SILENCE;
        let heard = self.jitter.as_mut()?.get(&mut frame);
        (heard != Heard::Silence).then_some(frame)
    }

    /// Passes on what `source` said, as it is or in the other law.
    pub fn relay(&mut self, now: Duration, source: usize, packet: &Packet<'_>, law: Law, io: &mut Io) {
        if self.keypad.is_down() {
            return;
        }
        self.rests = 0;
        let to = self.law_for(law);
        let stamp = self.outbound.relay(now, source, packet, packet.payload.len() as u32);
        if to == law {
            self.send(now, stamp, to, packet.payload, io);
        } else {
            let payload: Vec<u8> = packet.payload.iter().map(|o| law.transcode(*o, to)).collect();
            self.send(now, stamp, to, &payload, io);
        }
    }

    /// Passes on a key press, if the party knows telephone-events.
    pub fn relay_event(&mut self, now: Duration, source: usize, packet: &Packet<'_>, io: &mut Io) {
        let Some(payload_type) = self.event().filter(|_| !self.keypad.is_down()) else { return };
        let mut stamp = self.outbound.relay(now, source, packet, 0);
        stamp.marker = packet.marker;
        self.send_as(now, stamp, payload_type, packet.payload, io);
    }

    /// The next 20 ms of a key that is pressed for the party.
    pub fn stroke(&mut self, now: Duration, io: &mut Io) {
        let payload_type = self.event();
        match self.keypad.next(payload_type.is_some()) {
            None => {}
            Some(Stroke::Tone(frame)) => self.send_frame(now, &frame, io),
            Some(Stroke::Event { event, first }) => {
                let mut stamp = self.outbound.frame(now, FRAME as u32);
                stamp.timestamp = *self.keypad.began.get_or_insert(stamp.timestamp);
                stamp.marker = first;
                if let Some(payload_type) = payload_type {
                    self.send_as(now, stamp, payload_type, &event.to_bytes(), io);
                }
            }
        }
    }

    /// Sends 20 ms of our own making.
    pub fn say(&mut self, now: Duration, frame: &Frame, io: &mut Io) {
        if !self.keypad.is_down() {
            self.send_frame(now, frame, io);
        }
    }

    /// There is nothing to say for 20 ms.
    pub fn rest(&mut self, now: Duration, io: &mut Io) {
        self.rests += 1;
        let spared = self.rests > RESTS && !self.rests.is_multiple_of(REST_EVERY);
        let left_out = spared && matches!(self.via, Via::Rtp(_));
        if !self.keypad.is_down() && !left_out {
            let law = self.law_for(Law::A);
            let stamp = self.outbound.frame(now, FRAME as u32);
            self.send(now, stamp, law, &[law.silence(); FRAME], io);
        }
    }

    fn send_frame(&mut self, now: Duration, frame: &Frame, io: &mut Io) {
        self.rests = 0;
        let law = self.law_for(Law::A);
        let stamp = self.outbound.frame(now, FRAME as u32);
        let payload = frame.map(|sample| law.encode(sample));
        self.send(now, stamp, law, &payload, io);
    }

    fn law_for(&self, wanted: Law) -> Law {
        match &self.via {
            Via::Rtp(wire) => wire.law().unwrap_or(wanted),
            Via::Web(web) => web.law(wanted),
        }
    }

    fn send(&mut self, now: Duration, stamp: Stamp, law: Law, payload: &[u8], io: &mut Io) {
        let payload_type = match &self.via {
            Via::Rtp(wire) => wire.payload_type(),
            Via::Web(web) => web.payload_type(law),
        };
        if let Some(payload_type) = payload_type {
            self.send_as(now, stamp, payload_type, payload, io);
        }
    }

    fn send_as(&mut self, now: Duration, stamp: Stamp, payload_type: u8, payload: &[u8], io: &mut Io) {
        let sent = match &mut self.via {
            Via::Rtp(wire) => wire.send(stamp, self.outbound.ssrc, payload_type, payload, &mut io.scratch),
            Via::Web(web) => web.send(now, stamp, payload_type, payload, io),
        };
        if sent {
            self.control.sent(payload.len());
        }
    }

    /// What is newly so about whether the party is heard.
    pub fn look(&mut self, now: Duration, limits: Limits) -> Option<Change> {
        let talks = match &self.via {
            Via::Rtp(wire) => wire.talks(),
            Via::Web(_) => true,
        };
        self.watch.look(now, talks, limits)
    }

    /// The party's own reports.
    pub fn reported(&mut self, now: Duration, datagram: &[u8], io: &Io) {
        self.control.receive(now, io.unix(now), self.outbound.ssrc, datagram);
    }

    /// What the party reports of our stream, read by others.
    pub fn far_told(&mut self, far: Option<Far>, round_trip: Option<Duration>) {
        self.control.far = far.or(self.control.far);
        self.control.round_trip = round_trip.or(self.control.round_trip);
    }

    /// The figures of the leg, every `period` or, with none, now; a report goes to the party too.
    pub fn quality(&mut self, now: Duration, period: Duration, io: &Io) -> Option<proto::media::v1::Quality> {
        if !period.is_zero() && now < self.report_at {
            return None;
        }
        self.report_at = now + period;
        let report = self.receiver.report();
        self.send_report(now, report, io);
        Some(self.control.figures(&self.id, &self.receiver))
    }

    fn send_report(&self, now: Duration, block: Option<rtp::receiver::Quality>, io: &Io) {
        let Via::Rtp(wire) = &self.via else { return };
        let ours = Ours { ssrc: self.outbound.ssrc, timestamp: self.outbound.timestamp(now) };
        wire.send_report(&self.control.report(now, io.unix(now), &ours, block));
    }

    /// Lets go of sockets and state.
    pub fn close(self, now: Duration, io: &mut Io) {
        match self.via {
            Via::Rtp(wire) => wire.close(now, io),
            Via::Web(web) => web.close(now, io),
        }
    }
}
