//! The way of a packet through a session: relayed where the listener hears one
//! party and nothing else, mixed otherwise; recorded and listened to on the way.

use std::{net::SocketAddr, time::Duration};

use proto::media::v1::{Digit, LegUp, MediaLost, Unheard, event::What};
use rtp::{Frame, Law, Packet, mixer::Sum};
use str0m::Input;

use crate::{
    io::Io,
    leg::{Media, Via},
    plays::Plays,
    session::Session,
    watch::Change,
    web,
};

/// Every so often the edge is told how well a leg is heard.
const QUALITY_PERIOD: Duration = Duration::from_secs(5);

/// What a slot is sent. Who hears nobody is sent silence now and then: carriers
/// and NATs cut a way on which no packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The slot is free.
    Nothing,
    /// The packets of one slot as they come.
    Relay(usize),
    /// Frames made every 20 ms.
    Mix,
}

impl Session {
    /// Works out the feeds after a change.
    pub fn replan(&mut self, now: Duration) {
        self.feeds = (0..self.legs.len()).map(|slot| self.feed(slot)).collect();
        for speaker in 0..self.legs.len() {
            let mixed = self.matrix.listeners(speaker).any(|l| self.feeds.get(l) == Some(&Feed::Mix));
            let heard = self.matrix.listeners(speaker).next().is_some();
            let Some(leg) = &mut self.legs[speaker] else { continue };
            leg.watch.wanted(now, heard);
            if !mixed {
                leg.forget();
            }
        }
    }

    fn feed(&self, slot: usize) -> Feed {
        if self.legs[slot].is_none() {
            return Feed::Nothing;
        }
        let mut speakers = self.matrix.speakers(slot);
        match (speakers.next(), speakers.next(), self.plays.any_to(slot)) {
            (Some(only), None, false) => Feed::Relay(only),
            _ => Feed::Mix,
        }
    }

    /// A datagram on the socket of a plain leg.
    pub fn receive(&mut self, now: Duration, slot: usize, from: SocketAddr, datagram: &[u8], io: &mut Io) {
        let Some(Some(leg)) = self.legs.get_mut(slot) else { return };
        let Via::Rtp(wire) = &mut leg.via else { return };
        if rtp::packet::is_rtcp(datagram) {
            if wire.is_party(from) {
                leg.reported(now, datagram, io);
            }
            return;
        }
        let Ok(packet) = Packet::parse(datagram) else { return };
        if !wire.admit(now, from, &packet) {
            return;
        }
        if !leg.watch.is_up() {
            let leg = leg.id.clone();
            io.tell(&self.id, 0, What::LegUp(LegUp { leg }));
        }
        self.route(now, slot, &packet, io);
    }

    /// The socket of a plain leg.
    pub fn socket(&self, slot: usize) -> Option<&mio::net::UdpSocket> {
        match &self.legs.get(slot)?.as_ref()?.via {
            Via::Rtp(wire) => Some(&wire.socket),
            Via::Web(_) => None,
        }
    }

    /// A datagram for the browser at `slot`.
    pub fn receive_web(&mut self, now: Duration, slot: usize, input: Input<'_>, io: &mut Io) {
        let Some(Some(leg)) = self.legs.get_mut(slot) else { return };
        let Via::Web(web) = &mut leg.via else { return };
        let heard = web.receive(input, io);
        self.note_web(now, slot, heard, io);
    }

    fn note_web(&mut self, now: Duration, slot: usize, heard: crate::error::Result<web::Heard>, io: &mut Io) {
        let Some(Some(leg)) = self.legs.get_mut(slot) else { return };
        let id = leg.id.clone();
        let heard = heard.unwrap_or_else(|error| {
            tracing::info!(session = self.id, leg = id, %error, "webrtc failed");
            web::Heard { lost: true, ..Default::default() }
        });
        if heard.connected {
            io.tell(&self.id, 0, What::LegUp(LegUp { leg: id.clone() }));
        }
        if heard.lost && leg.watch.gave_up() {
            io.tell(&self.id, 0, What::MediaLost(MediaLost { leg: id }));
        }
        if let Some((far, round_trip)) = heard.far {
            leg.far_told(far, round_trip);
        }
        for packet in &heard.packets {
            let header = &packet.header;
            let packet = Packet {
                marker: header.marker,
                payload_type: *header.payload_type,
                sequence: header.sequence_number,
                timestamp: header.timestamp,
                ssrc: *header.ssrc,
                payload: &packet.payload,
            };
            self.route(now, slot, &packet, io);
        }
    }

    /// Which slot a datagram of the browsers' port belongs to.
    pub fn web_slot(&self, input: &Input<'_>) -> Option<usize> {
        self.legs.iter().position(|leg| match leg.as_ref().map(|l| &l.via) {
            Some(Via::Web(web)) => web.accepts(input),
            _ => false,
        })
    }

    fn route(&mut self, now: Duration, slot: usize, packet: &Packet<'_>, io: &mut Io) {
        let Some(Some(leg)) = self.legs.get_mut(slot) else { return };
        match leg.judge(now, packet) {
            None => {}
            Some(Media::Event(key, event)) => {
                let duration_ms = i64::from(event.duration) / 8;
                key.into_iter().for_each(|key| self.tell_key(slot, key, duration_ms, io));
                self.relay_event(now, slot, packet, key, io);
            }
            Some(Media::Speech(law)) => {
                let keys = leg.listen(law, packet.payload);
                keys.into_iter().for_each(|key| self.tell_key(slot, key, 0, io));
                self.route_speech(now, slot, packet, law, io);
            }
        }
    }

    fn tell_key(&self, slot: usize, key: char, duration_ms: i64, io: &mut Io) {
        let Some(Some(leg)) = self.legs.get(slot) else { return };
        let digit = Digit { leg: leg.id.clone(), key: key.to_string(), duration_ms };
        io.tell(&self.id, 0, What::Digit(digit));
    }

    fn route_speech(&mut self, now: Duration, slot: usize, packet: &Packet<'_>, law: Law, io: &mut Io) {
        if let Some(leg) = &self.legs[slot] {
            self.recordings.hear(now, &leg.id, packet, law);
        }
        let mut mixed = false;
        for listener in self.matrix.listeners(slot) {
            match self.feeds.get(listener) {
                Some(Feed::Relay(from)) if *from == slot => {
                    if let Some(leg) = &mut self.legs[listener] {
                        leg.relay(now, slot, packet, law, io);
                    }
                }
                Some(Feed::Mix) => mixed = true,
                _ => {}
            }
        }
        if let (true, Some(leg)) = (mixed, &mut self.legs[slot]) {
            leg.keep(now, packet, law);
        }
    }

    /// A party's key, for those who hear the party: packet by packet where its
    /// audio is relayed too, pressed anew where it is mixed.
    fn relay_event(
        &mut self,
        now: Duration,
        slot: usize,
        packet: &Packet<'_>,
        key: Option<char>,
        io: &mut Io,
    ) {
        for listener in self.matrix.listeners(slot) {
            match (self.feeds.get(listener), self.legs.get_mut(listener)) {
                (Some(Feed::Relay(_)), Some(Some(leg))) => leg.relay_event(now, slot, packet, io),
                (Some(Feed::Mix), Some(Some(leg))) => {
                    if let Some(key) = key {
                        leg.keypad.press(key.encode_utf8(&mut [0; 4]));
                    }
                }
                _ => {}
            }
        }
    }

    /// What happens every 20 ms.
    pub fn tick(&mut self, now: Duration, io: &mut Io) {
        self.tick_web(now, io);
        self.legs.iter_mut().flatten().for_each(|leg| leg.stroke(now, io));
        self.tick_mix(now, io);
        self.recordings.tick(now, io);
        self.tick_watch(now, io);
    }

    fn tick_web(&mut self, now: Duration, io: &mut Io) {
        for slot in 0..self.legs.len() {
            if let Some(Via::Web(web)) = self.legs[slot].as_mut().map(|l| &mut l.via) {
                let heard = web.tick(now, io);
                self.note_web(now, slot, heard, io);
            }
        }
    }

    fn tick_mix(&mut self, now: Duration, io: &mut Io) {
        if !self.feeds.contains(&Feed::Mix) {
            return;
        }
        let spoken: Vec<Option<Frame>> =
            self.legs.iter_mut().map(|leg| leg.as_mut().and_then(|l| l.speech())).collect();
        let mut over = Vec::new();
        for listener in 0..self.legs.len() {
            if self.feeds[listener] != Feed::Mix {
                continue;
            }
            let mut sum = Sum::default();
            self.matrix.speakers(listener).filter_map(|s| spoken.get(s)?.as_ref()).for_each(|f| sum.add(f));
            over.extend(self.plays.add_to(listener, &mut sum));
            if let Some(leg) = &mut self.legs[listener] {
                match sum.frame() {
                    Some(frame) => leg.say(now, &frame, io),
                    None => leg.rest(now, io),
                }
            }
        }
        if !over.is_empty() {
            Plays::tell_ended(over, &self.id, io);
            self.replan(now);
        }
    }

    fn tick_watch(&mut self, now: Duration, io: &mut Io) {
        for leg in self.legs.iter_mut().flatten() {
            if let Some(change) = leg.look(now, io.watch) {
                io.tell(&self.id, 0, told(change, leg.id.clone()));
            }
            if let Some(quality) = leg.quality(now, QUALITY_PERIOD, io) {
                io.tell(&self.id, 0, What::Quality(quality));
            }
        }
    }
}

fn told(change: Change, leg: String) -> What {
    match change {
        Change::Lost => What::MediaLost(MediaLost { leg }),
        Change::Silent => {
            metrics::counter!("media_silences_total").increment(1);
            What::Unheard(Unheard { leg, on: true })
        }
        Change::Over => What::Unheard(Unheard { leg, on: false }),
    }
}
