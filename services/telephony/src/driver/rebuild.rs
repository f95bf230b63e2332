//! A gateway is gone: another, or the same begun anew, gets the call's legs, and
//! every peer is told where its sound goes now.
//!
//! A leg is wanted at the port that it had. Where it is to be had, as after a restart
//! of the gateway, the peer has nothing to learn.

use bytes::Bytes;
use call::Input;
use sip::Answer;
use sip::sdp::Audio;
use types::{HangupCause, LegId, Millis};

use super::{Driver, MEDIA_TIMEOUT_MS, PhoneLeg};
use crate::line::Line;

/// A call whose sound cannot be had anywhere for so long is over.
pub(super) const PATIENCE: Millis = 30_000;
/// Between two attempts to find a gateway, or to change a session that is being
/// changed.
const AGAIN: Millis = 300;

/// A leg that has to learn where its sound goes.
pub(super) struct Move {
    leg: sip::LegId,
    /// What its peer knows.
    before: Option<Bytes>,
}

impl Driver {
    /// The session is lost.
    pub(super) async fn media_gone(&mut self) {
        if self.call.ended() {
            return;
        }
        let now = chassis::clock::now();
        if let Some(media) = self.media.take() {
            self.lost_op = media.last_op();
        }
        self.reoffers.clear();
        self.moves.clear();
        self.silent_since.get_or_insert(now);
        self.rebuild().await;
    }

    /// Looks for a gateway and gives it the call.
    async fn rebuild(&mut self) {
        let (now, call) = (chassis::clock::now(), self.call.id().clone());
        let (signals, after) = (self.signals.clone(), self.lost_op);
        let opened = self.shared.gateways.open(&self.tenant, &call, signals, after).await;
        let Some(media) = opened else {
            if self.silent_since.is_some_and(|since| now.since(since) > PATIENCE) {
                return self.input(Input::HangUp(HangupCause::MediaLost)).await;
            }
            self.again_at = Some(now + AGAIN);
            return;
        };
        self.silent_since = None;
        self.media = Some(media);
        tracing::warn!("the call's sound is built anew");
        metrics::counter!("telephony_media_rebuilt_total").increment(1);
        if let Some(leg) = self.caller.as_ref().map(PhoneLeg::leg) {
            let (party, local) = (self.caller_leg(), self.local.clone());
            self.add_again(&party, Some(leg), local).await;
            if self.media_due.is_some() {
                self.media_due = Some(now + MEDIA_TIMEOUT_MS);
            }
        }
        let parties: Vec<LegId> = self.lines.keys().cloned().collect();
        for party in parties {
            let Some(line) = self.lines.get_mut(&party) else { continue };
            if line.is_browser() {
                line.renew().await;
                continue;
            }
            let (leg, local) = (line.sip_leg(), line.local.clone());
            self.add_again(&party, leg, local).await;
        }
        self.input(Input::MediaRebuilt).await;
        self.keep();
    }

    async fn add_again(&mut self, party: &LegId, leg: Option<sip::LegId>, local: Option<Bytes>) {
        let remote = self.remote_of(leg).await;
        let port = local.as_ref().and_then(port).unwrap_or_default();
        let in_browser = self.lines.get(party).is_some_and(Line::is_webrtc);
        let webrtc = in_browser || remote.as_deref().is_some_and(sip::sdp::is_webrtc);
        let Some(media) = &mut self.media else { return };
        // What a browser said is of the connection that is lost: it is asked anew.
        let op = match webrtc {
            true => media.add_browser(party, &[]).await,
            false => media.add_rtp_at(party, remote.as_deref(), port).await,
        };
        if let Some(leg) = leg {
            self.moves.insert(op, Move { leg, before: local });
        }
    }

    /// What a peer said last of where it wants its sound.
    pub(super) async fn remote_of(&self, leg: Option<sip::LegId>) -> Option<Bytes> {
        let leg = leg?;
        let known = move |edge: &mut crate::edge::Edge, _| edge.stack.endpoint.descriptions(leg).0;
        self.shared.edge.ask(known).await.flatten()
    }

    /// The new gateway has a leg; its peer is told unless it knows. False: it was no
    /// leg of a call that is built anew.
    pub(super) async fn leg_moved(&mut self, op: u64, party: &LegId, sdp: &Bytes) -> bool {
        let Some(Move { leg, before: Some(before) }) = self.moves.remove(&op) else { return false };
        let stays = place(&before).is_some_and(|place_before| place(sdp) == Some(place_before));
        let stays = stays && !sip::sdp::is_webrtc(sdp);
        if !stays {
            tracing::info!(%party, "the peer is told where its sound goes now");
            self.tell_place(leg).await;
        }
        true
    }

    /// re-INVITE, or early media once more while nobody has answered.
    pub(super) async fn tell_place(&mut self, leg: sip::LegId) {
        let is_caller = self.caller.as_ref().is_some_and(|caller| caller.leg() == leg);
        let line = self.phone_party(leg).and_then(|party| self.lines.get(&party));
        let local = if is_caller { self.local.clone() } else { line.and_then(|line| line.local.clone()) };
        let Some(sdp) = local else { return };
        let early = is_caller && self.offered && !self.call.ledger().connected;
        let tell = move |edge: &mut crate::edge::Edge, now| {
            let endpoint = &mut edge.stack.endpoint;
            if early {
                endpoint.fork(leg);
                return endpoint.progress(now, leg, &Answer::new(183).sdp(sdp)).is_ok();
            }
            endpoint.offer(now, leg, sdp).is_ok()
        };
        let told = self.shared.edge.ask(tell).await.unwrap_or_default();
        if !told {
            // The session is being changed: as soon as that is done.
            self.untold.insert(leg);
            self.again_at = Some(chassis::clock::now() + AGAIN);
        }
    }

    /// What did not work a moment ago.
    pub(super) async fn try_again(&mut self) {
        self.again_at = None;
        if self.silent_since.is_some() {
            return self.rebuild().await;
        }
        for leg in std::mem::take(&mut self.untold) {
            let answered = move |edge: &mut crate::edge::Edge, _| edge.stack.endpoint.is_answered(leg);
            let there = self.caller.as_ref().is_some_and(|caller| caller.leg() == leg)
                || self.phone_party(leg).is_some();
            if there && self.shared.edge.ask(answered).await.unwrap_or_default() {
                self.tell_place(leg).await;
            } else if there {
                self.untold.insert(leg);
                self.again_at = Some(chassis::clock::now() + AGAIN);
            }
        }
    }

    /// The new gateway cannot have a leg.
    pub(super) async fn not_moved(&mut self, op: u64) -> bool {
        let Some(Move { leg, .. }) = self.moves.remove(&op) else { return false };
        match self.phone_party(leg) {
            Some(party) => self.input(Input::MediaLost(party)).await,
            None => self.input(Input::MediaFailed(HangupCause::MediaLost)).await,
        }
        true
    }
}

fn audio(sdp: &Bytes) -> Option<Audio> {
    Audio::parse(sdp).ok()
}

fn port(sdp: &Bytes) -> Option<u16> {
    audio(sdp).map(|audio| audio.address.port())
}

/// Where a party is to send, and what.
fn place(sdp: &Bytes) -> Option<(std::net::SocketAddr, Option<sip::sdp::Codec>)> {
    audio(sdp).map(|audio| (audio.address, audio.codecs.first().cloned()))
}
