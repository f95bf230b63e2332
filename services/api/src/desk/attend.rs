//! acd.v1 Attend: one stream for all desks of this process, opened again
//! whenever it breaks.

use super::{
    desks::{ASKED_MAX, Desks},
    message::{Caller, Offer, State, ToClient},
};
use crate::rest::{Card, some};
use chassis::Drain;
use chassis::grpc::Channel;
use proto::{
    acd::v1::{DeviceEvent, DeviceRequest, attend_client::AttendClient, device_event as tell},
    crm::v1::{IdentifyRequest, crm_client::CrmClient},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const AGAIN: Duration = Duration::from_millis(500);
/// How long an offer waits for the CRM.
const CONTACT_WAITED: Duration = Duration::from_millis(250);
/// How long the CRM may take to send the contact after it.
const CONTACT_MAX: Duration = Duration::from_secs(10);

pub struct Attendance {
    pub acd: AttendClient<Channel>,
    pub crm: CrmClient<Channel>,
    pub desks: Arc<Desks>,
}

impl Attendance {
    pub async fn run(self, mut asked: mpsc::Receiver<DeviceRequest>, drain: Drain) {
        while !drain.draining() {
            match drain.or(self.attached(&mut asked)).await {
                Some(Err(status)) => tracing::info!(%status, "the acd cannot be reached"),
                Some(Ok(())) => tracing::info!("the acd ended the stream"),
                None => return,
            }
            drain.or(tokio::time::sleep(AGAIN)).await;
        }
    }

    /// Until the stream ends.
    async fn attached(&self, asked: &mut mpsc::Receiver<DeviceRequest>) -> Result<(), tonic::Status> {
        let (out, requests) = mpsc::channel(ASKED_MAX);
        let mut events = self.acd.clone().attach(ReceiverStream::new(requests)).await?.into_inner();
        self.desks.reattach();
        loop {
            tokio::select! {
                event = events.message() => match event? {
                    Some(event) => self.take(event),
                    None => return Ok(()),
                },
                Some(request) = asked.recv() => {
                    if out.send(request).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&self, event: DeviceEvent) {
        let agent = event.session;
        match event.what {
            Some(tell::What::StateChanged(state)) => self.desks.state_changed(&agent, to_state(state)),
            Some(tell::What::Offer(offer)) => self.offer(agent, offer),
            Some(tell::What::OfferEnded(ended)) => {
                self.desks.offer_ended(&agent, &ended.reservation, ended.outcome);
            }
            Some(tell::What::Refused(refused)) => {
                let _ = self.desks.tell(&agent, ToClient::Refused { message: refused.message });
            }
            None => {}
        }
    }

    /// With the caller's card if the CRM is quick, else without and the card after it.
    fn offer(&self, agent: String, offer: tell::Offer) {
        let Some(tenant) = self.desks.offer_arrived(&agent, &offer.reservation, &offer.call) else { return };
        let (desks, crm) = (self.desks.clone(), self.crm.clone());
        tokio::spawn(async move {
            let mut offer = to_offer(offer);
            let identified = identify(crm, tenant, offer.caller.clone());
            tokio::pin!(identified);
            let late = match tokio::time::timeout(CONTACT_WAITED, &mut identified).await {
                Ok(contact) => {
                    offer.contact = contact;
                    false
                }
                Err(_) => true,
            };
            let reservation = offer.reservation.clone();
            desks.show(&agent, offer);
            if late && let Ok(Some(contact)) = tokio::time::timeout(CONTACT_MAX, identified).await {
                let _ = desks.tell(&agent, ToClient::Contact { reservation, contact });
            }
        });
    }
}

async fn identify(mut crm: CrmClient<Channel>, tenant: String, caller: Caller) -> Option<Card> {
    let name = caller.name.unwrap_or_default();
    let request = IdentifyRequest { tenant, number: caller.number, name };
    match crm.identify(request).await {
        Ok(card) => Some(card.into_inner().into()),
        Err(status) => {
            tracing::info!(%status, "the crm did not say who calls");
            None
        }
    }
}

fn to_state(state: tell::StateChanged) -> State {
    State {
        state: state.state,
        since_ms: state.since_ms,
        reason: some(state.reason),
        call: some(state.call),
        queue: some(state.queue),
        until_ms: Some(state.until_ms).filter(|at| *at > 0),
        deferred: some(state.deferred),
        lent_to: some(state.lent_to),
        lent_until_ms: Some(state.lent_until_ms).filter(|at| *at > 0),
    }
}

fn to_offer(offer: tell::Offer) -> Offer {
    let caller = offer.caller.unwrap_or_default();
    Offer {
        reservation: offer.reservation,
        call: offer.call,
        queue: offer.queue,
        queue_name: offer.queue_name,
        caller: Caller {
            number: caller.number,
            name: some(caller.name),
            did: caller.did,
            did_label: caller.did_label,
            path: caller.path,
        },
        waiting_since_ms: offer.waiting_since_ms,
        deadline_ms: offer.deadline_ms,
        attempt: offer.attempt,
        script: offer.script,
        assigned_by: some(offer.assigned_by),
        own: offer.own,
        contact: None,
    }
}
