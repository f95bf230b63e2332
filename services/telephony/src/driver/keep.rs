//! What a successor of this process needs of the call is written before anything of
//! the step is done that changed it; and how a successor goes on.

use call::{Effect, Input};
use eventlog::{Live, Record, Topic, codec};
use types::{AgentId, LegId, OfferOutcome};

use super::rebuild::PATIENCE;
use super::{Calling, Driver, PhoneLeg, Reaching, Second, Shared, Signal};
use crate::line::{Device, Line};
use crate::live::{self, CallToKeep, KeptCall, KeptDevice, KeptLine, KeptOwn, KeptReaching, Saying};
use crate::outbound::Dialling;

impl Driver {
    /// Facts and call, together: either both survive a crash or neither.
    pub(super) fn commit(&self, effects: &[Effect]) {
        let fact = |effect: &Effect| match effect {
            Effect::Fact(fact) => {
                Some(Record::new(Topic::Call, &self.tenant, fact.call.as_str(), codec::encode(fact)))
            }
            _ => None,
        };
        let facts: Vec<Record> = effects.iter().filter_map(fact).collect();
        let todo = effects.iter().filter(|effect| effect.is_kept()).collect();
        if let Err(error) = self.shared.log.commit(&facts, self.kept(todo)) {
            metrics::counter!("telephony_facts_lost_total").increment(facts.len() as u64);
            tracing::error!(facts = facts.len(), %error, "a step of the call could not be written");
        }
    }

    /// The driver learnt something that no fact tells.
    pub(super) fn keep(&self) {
        if let Err(error) = self.shared.log.commit(&[], self.kept(Vec::new())) {
            metrics::counter!("telephony_not_kept_total").increment(1);
            tracing::error!(%error, "the call could not be kept");
        }
    }

    fn kept(&self, todo: Vec<&Effect>) -> Vec<Live> {
        let key = live::call_key(self.call.id());
        if self.call.ended() {
            return vec![Live { key, value: None }];
        }
        let reaching = self.reaching.iter().filter_map(|(leg, reaching)| Some((leg, reaching.kept()?)));
        let kept = CallToKeep {
            tenant: &self.tenant,
            call: &self.call,
            caller: self.caller.as_ref().map(PhoneLeg::leg),
            offer: self.offer.as_ref(),
            offered: self.offered,
            local: self.local.as_ref(),
            media: self.media.as_ref().map(|media| media.kept()),
            media_due: self.media_due,
            cursor: &self.cursor,
            asked: self.asked.as_ref(),
            saying: self.saying.as_ref(),
            place: self.place.as_ref().and_then(|place| place.kept()),
            lines: self.lines.iter().map(|(leg, line)| (leg, line.kept())).collect(),
            reaching: reaching.collect(),
            own: self.own.as_ref().map(Calling::kept),
            todo,
        };
        live::encode(&kept).map(|value| Live { key, value: Some(value) }).into_iter().collect()
    }

    /// A call that a predecessor of this process had.
    pub(super) fn restored(
        shared: std::sync::Arc<Shared>,
        kept: KeptCall,
        signals: tokio::sync::mpsc::Sender<Signal>,
    ) -> (Self, Vec<Effect>) {
        let KeptCall { tenant, call, media, place, lines, reaching, own, todo, .. } = kept;
        let phone = |leg| PhoneLeg::new(shared.edge.clone(), leg);
        let mut driver = Driver::new(shared.clone(), tenant, call, signals);
        driver.caller = kept.caller.map(phone);
        (driver.offer, driver.offered, driver.local) = (kept.offer, kept.offered, kept.local);
        (driver.cursor, driver.media_due) = (kept.cursor, kept.media_due);
        (driver.asked, driver.saying) = (kept.asked, kept.saying);
        driver.lost_op = media.as_ref().map_or(0, |media| media.op);
        driver.media = media.as_ref().and_then(|media| shared.gateways.attach(media));
        driver.place = place.as_ref().map(|place| shared.queues.attach(place));
        driver.own = own.map(|own| Calling { username: own.username, leg: phone(own.leg), offer: own.offer });
        for (leg, kept) in reaching {
            let place = shared.queues.attach(&kept.place);
            let KeptReaching { reservation, agent, purpose, told, .. } = kept;
            driver.reaching.insert(leg, Reaching { place, reservation, agent, purpose, told });
        }
        for (leg, kept) in lines {
            if let Some(line) = driver.restore_line(&leg, kept) {
                driver.lines.insert(leg, line);
            }
        }
        (driver, todo)
    }

    fn restore_line(&self, leg: &LegId, kept: KeptLine) -> Option<Line> {
        let phone = |leg| PhoneLeg::new(self.shared.edge.clone(), leg);
        let device = match kept.device {
            KeptDevice::Browser { address, ring } => {
                let rung = self.shared.browsers.ring_again(&address, &ring, leg, self.signals.clone());
                rung.inspect_err(|error| tracing::warn!(address, %error, "the line cannot be rung")).ok()?
            }
            KeptDevice::Phone { username, leg, others, in_browser } => {
                let others = others.into_iter().map(phone).collect();
                Device::Phone { username, leg: leg.map(phone), others, in_browser }
            }
            KeptDevice::Trunk { number, leg, trunk, due, code } => {
                // It is there already: no limit keeps it out.
                let taken = trunk.map(|trunk| self.shared.tolls.take_anyway(&trunk));
                Device::Trunk(Box::new(Dialling::again(number, leg.map(phone), taken, due, code)))
            }
        };
        Some(Line {
            accepted: kept.accepted,
            ready: kept.ready,
            local: kept.local,
            held: kept.held,
            remote: kept.remote,
            second: kept.consults.map(|(leg, party)| Second::again(phone(leg), party)),
            ..Line::new(device)
        })
    }

    /// Goes on where the predecessor was: what it may not have done is done, what it
    /// awaited is asked again, whoever left meanwhile is out.
    pub(super) async fn resume(&mut self, todo: Vec<Effect>, legs: Vec<sip::LegId>) {
        tracing::info!(stage = ?self.call.ledger().stage, "call taken up");
        metrics::counter!("telephony_calls_taken_up_total").increment(1);
        self.shared.calls.promises(&self.tenant, &self.call);
        self.let_strangers_go(legs).await;
        if let Some(asked) = self.asked.take() {
            self.ask_ivr(asked);
        }
        match self.saying.take() {
            Some(Saying::Words(words)) => self.ask_words(words),
            Some(Saying::Position { queue, position, wait, callback }) => {
                self.ask_announcement(queue, (position, wait, callback));
            }
            None => {}
        }
        let awaited = self.awaited();
        for effect in todo {
            self.do_again(effect).await;
        }
        if self.media.is_none() {
            // There was none at last, or its gateway is none of ours any more.
            self.media_gone().await;
        }
        self.ask_again(awaited).await;
        self.look_for_legs().await;
        self.settle().await;
        if !self.call.ended() {
            self.keep();
        }
    }

    /// Legs that were begun and whose call had not learnt of them: what they were for is
    /// begun anew.
    async fn let_strangers_go(&mut self, mut legs: Vec<sip::LegId>) {
        let known = |leg: sip::LegId| {
            let caller = self.caller.iter().chain(self.own.iter().map(|own| &own.leg));
            caller.into_iter().any(|phone| phone.leg() == leg)
                || self.phone_party(leg).is_some()
                || self.second_party(leg).is_some()
        };
        legs.retain(|leg| !known(*leg));
        let go = move |edge: &mut crate::edge::Edge, now| {
            for leg in legs {
                let _ = edge.stack.endpoint.hang_up(now, leg, 500, None);
                edge.forget(leg);
            }
        };
        self.shared.edge.send(go).await;
    }

    /// Legs whose description the gateway may have given to the predecessor alone.
    fn awaited(&self) -> Vec<LegId> {
        let lines = self.lines.iter().filter(|(_, line)| !line.ready && !line.is_browser());
        let caller = self.media_due.filter(|_| self.media.is_some()).map(|_| self.caller_leg());
        lines.map(|(leg, _)| leg.clone()).chain(caller).collect()
    }

    async fn ask_again(&mut self, awaited: Vec<LegId>) {
        for leg in awaited {
            let webrtc = self.lines.get(&leg).is_some_and(Line::is_webrtc);
            let offer = match leg == self.caller_leg() {
                true => self.remote_of(self.caller.as_ref().map(PhoneLeg::leg)).await,
                false => self.remote_of(self.lines.get(&leg).and_then(Line::sip_leg)).await,
            };
            if let Some(media) = &mut self.media {
                media.remove(&leg).await;
                match offer {
                    Some(offer) => media.add_offered(&leg, &offer).await,
                    None if webrtc => media.add_browser(&leg, &[]).await,
                    None => media.add_rtp(&leg).await,
                };
            }
        }
        let lines = self.lines.values_mut().filter(|line| !line.ready && line.is_browser());
        for line in lines {
            line.renew().await;
        }
    }

    /// The operations of the gateway have the numbers that they had: what was done is
    /// not done twice.
    async fn do_again(&mut self, effect: Effect) {
        let done = match &effect {
            Effect::Ring { leg, .. } => self.lines.contains_key(leg),
            Effect::Invite { leg, .. } => self.lines.contains_key(leg) || self.reaching.contains_key(leg),
            // Looked for with patience: our streams are not open yet.
            Effect::OpenMedia => {
                let within = self.caller.is_some() && self.media.is_none();
                self.media_due = within.then(|| chassis::clock::now() + PATIENCE).or(self.media_due);
                true
            }
            _ => false,
        };
        if !done {
            self.effect(effect).await;
        }
    }

    /// The gateway has the session of a stream that broke, of this process or of its
    /// predecessor: what ended meanwhile is told.
    pub(super) async fn media_held(&mut self, done: u64, plays: &[String]) {
        let begins = |play| self.played.get(&play).is_some_and(|op| *op > done);
        let still = |play| plays.contains(&super::effects::play_name(play));
        let ended: Vec<_> = self.call.plays_once().filter(|play| !still(*play) && !begins(*play)).collect();
        for play in ended {
            self.input(Input::PlayEnded(play)).await;
        }
    }

    /// A leg that was over before the predecessor could tell the call.
    async fn look_for_legs(&mut self) {
        let mut wanted: Vec<sip::LegId> = self.caller.iter().map(PhoneLeg::leg).collect();
        wanted.extend(self.lines.values().filter_map(Line::sip_leg));
        let gone = move |edge: &mut crate::edge::Edge, _| {
            wanted.into_iter().filter(|leg| !edge.legs.contains_key(leg)).collect::<Vec<_>>()
        };
        for leg in self.shared.edge.ask(gone).await.unwrap_or_default() {
            if self.caller.as_ref().is_some_and(|caller| caller.leg() == leg) {
                self.input(Input::CallerHungUp).await;
            } else if let Some(party) = self.phone_party(leg) {
                let accepted = self.lines.get(&party).is_some_and(|line| line.accepted);
                let input = match accepted {
                    true => Input::LineHungUp(party),
                    false => Input::LineRefused { leg: party, outcome: OfferOutcome::DeviceOffline },
                };
                self.input(input).await;
            }
        }
    }
}

impl Calling {
    fn kept(&self) -> KeptOwn {
        KeptOwn { username: self.username.clone(), leg: self.leg.leg(), offer: self.offer.clone() }
    }
}

impl Reaching {
    fn kept(&self) -> Option<KeptReaching> {
        let (reservation, agent): (_, AgentId) = (self.reservation.clone(), self.agent.clone());
        let (purpose, told) = (self.purpose, self.told);
        Some(KeptReaching { place: self.place.kept()?, reservation, agent, purpose, told })
    }
}
