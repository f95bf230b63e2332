//! Parties that should be heard and are not: told as facts, and to those who
//! wonder why nobody speaks.

use crate::{
    Call, Effect,
    aggregate::{Phase, Step},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{fact::CallEvent, *};

/// The silences of one call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Silences {
    /// Whom the gateway does not hear; with who that is and since when, once told.
    all: BTreeMap<LegId, Option<(Option<Target>, Timestamp)>>,
    /// What was shown, and to which lines.
    shown: (Vec<Unheard>, Vec<LegId>),
}

/// A party of which nothing comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    pub leg: LegId,
    /// `None`: who called.
    pub target: Option<Target>,
}

impl Call {
    /// The gateway hears nothing of a party that somebody should hear, or hears
    /// it again.
    pub(crate) fn silence(&mut self, step: &mut Step, leg: LegId, on: bool) -> bool {
        if on == self.silences.all.contains_key(&leg) || on && !self.has(&leg) {
            return false;
        }
        if on {
            self.silences.all.insert(leg, None);
        } else {
            self.silence_over(step, &leg);
        }
        self.follow_silences(step);
        true
    }

    /// After every change of who is there: what was noted while a party rang is
    /// told once it is in, and who left is silent no more.
    pub(crate) fn follow_silences(&mut self, step: &mut Step) {
        let gone: Vec<_> = self.silences.all.keys().filter(|leg| !self.has(leg)).cloned().collect();
        gone.iter().for_each(|leg| self.silence_over(step, leg));
        let untold = self.silences.all.iter().filter(|(leg, told)| told.is_none() && !self.rings(leg));
        let untold: Vec<_> = untold.map(|(leg, _)| leg.clone()).collect();
        for leg in untold {
            let Some(who) = self.who_is_or_was_on(&leg) else { continue };
            self.silences.all.insert(leg.clone(), Some((who.clone(), step.now)));
            self.tell(step, CallEvent::FellSilent { leg, who });
        }
        self.show_silences(step);
    }

    /// At the end of the call nobody has to be heard.
    pub(crate) fn silences_over(&mut self, step: &mut Step) {
        let all: Vec<_> = self.silences.all.keys().cloned().collect();
        all.iter().for_each(|leg| self.silence_over(step, leg));
    }

    fn silence_over(&mut self, step: &mut Step, leg: &LegId) {
        if let Some(Some((who, since))) = self.silences.all.remove(leg) {
            let silent = step.now.since(since);
            self.tell(step, CallEvent::SilenceEnded { leg: leg.clone(), who, silent });
        }
    }

    /// Every agent's line shows the same.
    fn show_silences(&mut self, step: &mut Step) {
        let told = self.silences.all.iter().filter_map(|(leg, told)| Some((leg, told.as_ref()?)));
        let unheard: Vec<_> =
            told.map(|(leg, (who, _))| Unheard { leg: leg.clone(), target: who.clone() }).collect();
        let lines = self.lines_of_agents();
        if (&unheard, &lines) == (&self.silences.shown.0, &self.silences.shown.1) {
            return;
        }
        for leg in &lines {
            let blank = unheard.is_empty() && !self.silences.shown.1.contains(leg);
            if !blank {
                step.does(Effect::LineUnheard { leg: leg.clone(), unheard: unheard.clone() });
            }
        }
        // Nothing to take back from a line that comes later.
        let lines = if unheard.is_empty() { Vec::new() } else { lines };
        self.silences.shown = (unheard, lines);
    }

    /// Whether the leg is one of the call's now.
    fn has(&self, leg: &LegId) -> bool {
        let talks = match &self.phase {
            Phase::Talking(talking) => talking.leads_or_rings(leg) || talking.find(leg).is_some(),
            _ => false,
        };
        talks || *leg == self.customer
    }

    fn lines_of_agents(&self) -> Vec<LegId> {
        let Phase::Talking(talking) = &self.phase else { return Vec::new() };
        let is_agent = |leg: &LegId| matches!(self.who_is_on(leg), Some(Some(Target::Agent { .. })));
        let lead = (talking.lead.gone.is_none() && talking.lead.rings.is_none()).then_some(&talking.lead.leg);
        let others = talking.others.iter().filter(|other| other.joined()).map(|other| &other.leg);
        lead.into_iter().chain(others).filter(|leg| is_agent(leg)).cloned().collect()
    }
}
