//! The edge dies and comes back with what it kept; a gateway dies and another takes
//! its place.

use crate::{
    network::Stream,
    world::{What, World},
};
use call::{Effect, Input};
use rand::Rng;
use types::*;

/// An edge is away no longer, and a gateway's sessions are built anew within it.
const AWAY_MAX: Millis = 3_000;

impl World {
    /// At this moment, or in the middle of the next step: its facts and the call are
    /// kept, nothing of it is done.
    pub(crate) fn edge_dies(&mut self) {
        if self.edge_back.is_some() {
            return;
        }
        if self.chance(500) {
            self.dies_in_a_step = true;
        } else {
            self.edge_is_dead();
        }
    }

    fn edge_is_dead(&mut self) {
        let away = self.rng.random_range(100..AWAY_MAX);
        self.edge_back = Some(self.now + away);
        self.forget(|what| {
            let told = |input: &Input| {
                matches!(
                    input,
                    Input::Ivr(_)
                        | Input::IvrFailed
                        | Input::Announcement(_)
                        | Input::Position { .. }
                        | Input::Reserved(_)
                        | Input::Withdrawn { .. }
                        | Input::Overflow(_)
                )
            };
            matches!(what, What::Ivr(..)) || matches!(what, What::Call(_, input) if told(input))
        });
        self.network.broken_until = self.network.broken_until.max(self.now + away + 1);
        self.at(away, What::EdgeIsBack);
        self.at(away + 1, What::Reattach);
    }

    /// The step that the edge dies in, if it does: true, with what it had still to do.
    pub(crate) fn dies_in(&mut self, n: usize, effects: &[Effect]) -> bool {
        if !std::mem::take(&mut self.dies_in_a_step) {
            return false;
        }
        let facts: Vec<_> = effects.iter().filter(|effect| !effect.is_kept()).cloned().collect();
        facts.into_iter().for_each(|fact| self.effect(n, fact, &mut Vec::new()));
        let todo = effects.iter().filter(|effect| effect.is_kept()).cloned().collect();
        self.lines[n].todo = Some((self.now, todo));
        self.edge_is_dead();
        true
    }

    /// The time of what is being done: what the edge had still to do when it died
    /// happened then.
    pub(crate) fn happens(&self) -> Timestamp {
        self.step_at.unwrap_or(self.now)
    }

    /// What happens to a call while the edge is away; false: it is there.
    pub(crate) fn missed(&mut self, n: usize, input: &Input) -> bool {
        let Some(back) = self.edge_back else { return false };
        let after = back.since(self.now) + 1;
        match input {
            // The gateway says which plays are over.
            Input::PlayEnded(play) => self.lines[n].over.push(*play),
            // Nobody hears them.
            Input::Key(_) | Input::LineKey { .. } | Input::Measured { .. } => {}
            // Said again by whoever got no answer.
            _ => {
                let again = self.rng.random_range(0..500);
                self.at(after + again, What::Call(n, input.clone()));
            }
        }
        true
    }

    pub(crate) fn edge_is_back(&mut self) {
        self.edge_back = None;
        for n in 0..self.lines.len() {
            if let Some((at, todo)) = self.lines[n].todo.take() {
                self.step_at = Some(at);
                self.perform(n, todo);
                self.step_at = None;
            }
            if self.lines[n].call.ended() {
                continue;
            }
            let over = std::mem::take(&mut self.lines[n].over);
            let plays: Vec<_> = self.lines[n].call.plays_once().filter(|play| over.contains(play)).collect();
            plays.into_iter().for_each(|play| self.call(n, Input::PlayEnded(play)));
            if let Some(asked) = self.lines[n].asked.clone() {
                self.send(Stream::Ivr(n), What::Ivr(n, asked));
            }
            self.at(1, What::CallTick(n));
        }
    }

    /// Its sessions are gone, and what it would have told.
    pub(crate) fn gateway_dies(&mut self) {
        self.forget(|what| matches!(what, What::Call(_, Input::PlayEnded(_))));
        let within = self.rng.random_range(100..AWAY_MAX);
        for n in 0..self.lines.len() {
            if !self.lines[n].call.ended() {
                self.lines[n].playing.clear();
                self.at(within, What::Call(n, Input::MediaRebuilt));
            }
        }
    }
}
