//! A session: the conference of one call. Its operations, each idempotent.

use std::{collections::VecDeque, time::Duration};

use proto::media::v1::{
    self as pb, AddLeg, Event, Failed, LegAnswer, Request, SetRemote, add_leg::Kind, event, request,
    sessions::Held,
};
use rtp::{Law, mixer::Matrix, mixer::PARTIES_MAX};

use crate::{
    edges::Edge,
    error::{Error, Result},
    io::Io,
    leg::{Leg, Via},
    plays::Plays,
    recordings::Recordings,
    route::Feed,
    web::Web,
    wire::Wire,
};

/// Answers kept for operations that are asked again.
const ANSWERS_MAX: usize = 64;
/// Recordings and plays of one session at most.
pub const EXTRAS_MAX: usize = 16;

/// One call.
pub struct Session {
    pub id: String,
    /// Position in its loop: part of its sockets' tokens.
    pub index: usize,
    pub owner: Edge,
    /// When the owner's stream broke.
    pub orphaned: Option<Duration>,
    /// By slot; a slot is a party of the matrix.
    pub legs: Vec<Option<Leg>>,
    pub matrix: Matrix,
    /// What each slot is sent, worked out from the matrix and the plays.
    pub feeds: Vec<Feed>,
    pub plays: Plays,
    pub recordings: Recordings,
    done: u64,
    answers: VecDeque<Event>,
}

impl Session {
    pub fn new(id: String, index: usize, owner: Edge) -> Self {
        Self {
            id,
            index,
            owner,
            orphaned: None,
            legs: Vec::new(),
            matrix: Matrix::default(),
            feeds: Vec::new(),
            plays: Plays::default(),
            recordings: Recordings::default(),
            done: 0,
            answers: VecDeque::new(),
        }
    }

    /// What an edge that came back must know.
    pub fn held(&self) -> Held {
        Held { session: self.id.clone(), done: self.done, plays: self.plays.names() }
    }

    /// Does what the edge asks, once: asked again, it gets the same answer.
    pub fn operate(&mut self, now: Duration, request: Request, io: &mut Io) {
        let Some(what) = request.what else { return };
        if request.op <= self.done && request.op > 0 {
            io.events.extend(self.answers.iter().filter(|a| a.op == request.op).cloned());
            return;
        }
        self.done = request.op;
        let told = io.events.len();
        let subject = subject(&what);
        if let Err(error) = self.perform(now, request.op, what, io) {
            tracing::info!(session = self.id, op = request.op, %error, "operation failed");
            io.tell(&self.id, request.op, failed(&error, subject));
        }
        self.replan(now);
        let answers = io.events[told..].iter().filter(|e| e.op == request.op).cloned();
        self.answers.extend(answers);
        while self.answers.len() > ANSWERS_MAX {
            self.answers.pop_front();
        }
    }

    fn perform(&mut self, now: Duration, op: u64, what: request::What, io: &mut Io) -> Result<()> {
        use request::What;
        match what {
            What::AddLeg(add) => self.add_leg(now, op, add, io),
            What::SetRemote(set) => self.set_remote(now, op, set, io),
            What::RemoveLeg(remove) => self.remove_leg(now, &remove.leg, io),
            What::Hear(hear) => self.hear(&hear),
            What::Play(play) => {
                let slot = self.slot(&play.leg)?;
                self.plays.begin(play, slot, &self.id, io)
            }
            What::StopPlay(stop) => {
                self.plays.stop(&stop.play);
                Ok(())
            }
            What::Record(record) => self.record(now, record),
            What::StopRecord(stop) => {
                self.recordings.stop(now, &stop.recording, io);
                Ok(())
            }
            What::Press(press) => self.press(&press),
            What::Open(_) | What::Release(_) | What::List(_) => Ok(()),
        }
    }

    fn press(&mut self, press: &pb::Press) -> Result<()> {
        let slot = self.slot(&press.leg)?;
        let leg = self.legs[slot].as_mut().ok_or_else(|| Error::NoLeg(press.leg.clone()))?;
        if leg.keypad.press(&press.keys) { Ok(()) } else { Err(Error::Exhausted("keys that wait")) }
    }

    /// The slot of a leg.
    pub fn slot(&self, leg: &str) -> Result<usize> {
        let found = self.legs.iter().position(|l| l.as_ref().is_some_and(|l| l.id == leg));
        found.ok_or_else(|| Error::NoLeg(leg.to_owned()))
    }

    fn free_slot(&mut self) -> Result<usize> {
        if let Some(free) = self.legs.iter().position(Option::is_none) {
            return Ok(free);
        }
        if self.legs.len() >= PARTIES_MAX {
            return Err(Error::Exhausted("legs"));
        }
        self.legs.push(None);
        Ok(self.legs.len() - 1)
    }

    /// The law that the other plain legs use: with the same one they are relayed.
    fn preferred(&self) -> Option<Law> {
        self.legs.iter().flatten().find_map(Leg::law)
    }

    fn add_leg(&mut self, now: Duration, op: u64, add: AddLeg, io: &mut Io) -> Result<()> {
        if let Ok(slot) = self.slot(&add.leg) {
            return self.reconnect(now, op, slot, add, io);
        }
        let slot = self.free_slot()?;
        let random = chassis::random::u128();
        let (via, sdp) = match add.kind() {
            Kind::Rtp => self.rtp_leg(now, slot, &add, random, io)?,
            Kind::Webrtc => {
                let mut web = Box::new(Web::new(now, io)?);
                let sdp = match add.offer.as_str() {
                    "" => web.offer(now, io)?,
                    offer => web.answer(now, offer, io)?,
                };
                (Via::Web(web), sdp)
            }
        };
        self.legs[slot] = Some(Leg::new(now, add.leg.clone(), via, random));
        io.tell(&self.id, op, event::What::LegAnswer(LegAnswer { leg: add.leg, sdp }));
        Ok(())
    }

    /// A browser that was loaded anew offers for the leg that it had: a new
    /// peer in the same place, so that who hears whom, what plays and what is
    /// recorded go on.
    fn reconnect(&mut self, now: Duration, op: u64, slot: usize, add: AddLeg, io: &mut Io) -> Result<()> {
        let browser = matches!(&self.legs[slot], Some(leg) if matches!(leg.via, Via::Web(_)));
        if !browser || add.kind() != Kind::Webrtc {
            return Err(Error::Internal(format!("leg {} is there already", add.leg)));
        }
        let mut web = Box::new(Web::new(now, io)?);
        let sdp = web.answer(now, &add.offer, io)?;
        let leg = Leg::new(now, add.leg.clone(), Via::Web(web), chassis::random::u128());
        if let Some(before) = self.legs[slot].replace(leg) {
            before.close(now, io);
        }
        io.tell(&self.id, op, event::What::LegAnswer(LegAnswer { leg: add.leg, sdp }));
        Ok(())
    }

    fn rtp_leg(
        &self,
        now: Duration,
        slot: usize,
        add: &AddLeg,
        random: u128,
        io: &mut Io,
    ) -> Result<(Via, String)> {
        let wanted = u16::try_from(add.port).unwrap_or_default();
        let (socket, port) = io.ports.open_at(now, wanted)?;
        let mut wire = Box::new(Wire::new(socket, (io.address, port).into(), (random >> 66) as u64));
        let sdp = if add.offer.is_empty() {
            Ok(wire.offer(self.preferred()))
        } else {
            wire.answer(&add.offer, self.preferred())
        };
        let token = crate::reactor::token(self.index, slot);
        let registered = io.registry.register(&mut wire.socket, token, mio::Interest::READABLE);
        match (sdp, registered) {
            (Ok(sdp), Ok(())) => Ok((Via::Rtp(wire), sdp)),
            (Err(error), _) => {
                wire.close(now, io);
                Err(error)
            }
            (_, Err(error)) => {
                wire.close(now, io);
                Err(error.into())
            }
        }
    }

    fn set_remote(&mut self, now: Duration, op: u64, set: SetRemote, io: &mut Io) -> Result<()> {
        let preferred = self.preferred();
        let slot = self.slot(&set.leg)?;
        let leg = self.legs[slot].as_mut().ok_or(Error::NoLeg(set.leg.clone()))?;
        let answer = match (&mut leg.via, set.is_offer) {
            (Via::Rtp(wire), true) => wire.answer(&set.sdp, preferred)?,
            (Via::Rtp(wire), false) => return wire.accept(&set.sdp),
            (Via::Web(web), true) => web.answer(now, &set.sdp, io)?,
            (Via::Web(web), false) => return web.accept(now, &set.sdp, io),
        };
        io.tell(&self.id, op, event::What::LegAnswer(LegAnswer { leg: set.leg, sdp: answer }));
        Ok(())
    }

    fn remove_leg(&mut self, now: Duration, leg: &str, io: &mut Io) -> Result<()> {
        let slot = self.slot(leg)?;
        self.drop_leg(now, slot, io);
        Ok(())
    }

    fn drop_leg(&mut self, now: Duration, slot: usize, io: &mut Io) {
        let Some(mut leg) = self.legs[slot].take() else { return };
        self.matrix.remove(slot);
        self.plays.remove_leg(slot);
        if let Some(quality) = leg.quality(now, Duration::ZERO, io) {
            io.tell(&self.id, 0, event::What::Quality(quality));
        }
        leg.close(now, io);
    }

    fn hear(&mut self, hear: &pb::Hear) -> Result<()> {
        let mut matrix = Matrix::default();
        for listener in &hear.listeners {
            let to = self.slot(&listener.leg)?;
            for source in &listener.sources {
                matrix.set(to, self.slot(source)?, true);
            }
        }
        self.matrix = matrix;
        Ok(())
    }

    fn record(&mut self, now: Duration, record: pb::Record) -> Result<()> {
        let law = self.preferred().unwrap_or(Law::A);
        self.recordings.begin(now, record, &self.id, law)
    }

    /// Ends it: all ports, plays and recordings.
    pub fn release(mut self, now: Duration, io: &mut Io) -> Edge {
        self.recordings.stop_all(now, io);
        (0..self.legs.len()).for_each(|slot| self.drop_leg(now, slot, io));
        io.stats.leave();
        self.owner
    }
}

/// The leg or play that an operation is about.
fn subject(what: &request::What) -> String {
    use request::What;
    match what {
        What::AddLeg(add) => add.leg.clone(),
        What::SetRemote(set) => set.leg.clone(),
        What::RemoveLeg(remove) => remove.leg.clone(),
        What::Play(play) => play.play.clone(),
        What::StopPlay(stop) => stop.play.clone(),
        What::Record(record) => record.recording.clone(),
        What::Press(press) => press.leg.clone(),
        _ => String::new(),
    }
}

/// The event of a failure.
pub fn failed(error: &Error, subject: String) -> event::What {
    event::What::Failed(Failed { code: error.code().into(), message: error.to_string(), subject })
}
