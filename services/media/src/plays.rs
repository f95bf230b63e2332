//! Prompts and music that play to the legs of a session.

use proto::media::v1::{Play, PlayEnded, event};
use rtp::{
    Frame, SILENCE,
    mixer::Sum,
    playout::{Player, Prompt},
};

use crate::{
    error::{Error, Result},
    io::{Io, PromptsWanted},
    prompts::LIST_MAX,
    session::EXTRAS_MAX,
};

/// What plays, by the edge's names.
#[derive(Default)]
pub struct Plays {
    running: Vec<Running>,
    serial: u64,
}

struct Running {
    id: String,
    slot: usize,
    looped: bool,
    serial: u64,
    /// `None` until its prompts are loaded.
    player: Option<Player>,
}

impl Plays {
    /// Begins a play, in place of one with the same name.
    pub fn begin(&mut self, play: Play, slot: usize, session: &str, io: &mut Io) -> Result<()> {
        self.stop(&play.play);
        if play.hashes.len() > LIST_MAX || self.running.len() >= EXTRAS_MAX {
            return Err(Error::Exhausted("prompts at once"));
        }
        self.serial += 1;
        let (id, looped, serial) = (play.play, play.r#loop, self.serial);
        let player = io.prompts.cached(&play.hashes).map(|prompts| Player::new(prompts, looped));
        if player.is_none() {
            let (session, play, hashes) = (session.to_owned(), id.clone(), play.hashes);
            let wanted = PromptsWanted { nth_loop: io.nth_loop, session, play, serial, hashes };
            io.loads.try_send(wanted).map_err(|_| Error::Exhausted("prompt loads"))?;
        }
        self.running.push(Running { id, slot, looped, serial, player });
        Ok(())
    }

    /// The prompts of a play have come; `false` when it is not wanted any more.
    pub fn loaded(&mut self, id: &str, serial: u64, prompts: Vec<Prompt>) -> bool {
        let Some(play) = self.running.iter_mut().find(|p| p.id == id && p.serial == serial) else {
            return false;
        };
        play.player = Some(Player::new(prompts, play.looped));
        true
    }

    /// The prompts of a play cannot be had.
    pub fn failed(&mut self, id: &str, serial: u64) -> bool {
        let before = self.running.len();
        self.running.retain(|p| p.id != id || p.serial != serial);
        self.running.len() < before
    }

    pub fn stop(&mut self, id: &str) {
        self.running.retain(|p| p.id != id);
    }

    /// What has not ended.
    pub fn names(&self) -> Vec<String> {
        self.running.iter().map(|play| play.id.clone()).collect()
    }

    pub fn remove_leg(&mut self, slot: usize) {
        self.running.retain(|p| p.slot != slot);
    }

    /// Whether something plays to a leg.
    pub fn any_to(&self, slot: usize) -> bool {
        self.running.iter().any(|p| p.slot == slot && p.player.is_some())
    }

    /// Adds the next 20 ms for a leg; names the plays that are over.
    pub fn add_to(&mut self, slot: usize, sum: &mut Sum) -> Vec<String> {
        let mut over = Vec::new();
        for play in self.running.iter_mut().filter(|p| p.slot == slot) {
            let Some(player) = &mut play.player else { continue };
            let mut frame: Frame = SILENCE;
            if player.next(&mut frame) {
                sum.add(&frame);
            } else {
                over.push(play.id.clone());
            }
        }
        self.running.retain(|p| !over.contains(&p.id));
        over
    }

    /// Tells the edge that plays are over.
    pub fn tell_ended(over: Vec<String>, session: &str, io: &mut Io) {
        over.into_iter().for_each(|play| io.tell(session, 0, event::What::PlayEnded(PlayEnded { play })));
    }
}
