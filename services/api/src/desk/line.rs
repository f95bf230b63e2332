//! line.v1: an edge rings an agent's browser. One stream is one leg; a successor of
//! the edge goes on with it by a stream of its own.

use super::{
    desks::{Desks, LEG_WAITING_MAX},
    message::{Seat, ToClient, Unheard},
};
use proto::line::v1::{self as wire, FromLine, Refused, Ringing, ToLine, from_line, line_server, to_line};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

pub struct Line {
    pub desks: Arc<Desks>,
}

type Said = Result<FromLine, Status>;

fn said(what: from_line::What) -> Said {
    Ok(FromLine { what: Some(what) })
}

#[tonic::async_trait]
impl line_server::Line for Line {
    type RingStream = ReceiverStream<Said>;

    async fn ring(&self, request: Request<Streaming<ToLine>>) -> Result<Response<Self::RingStream>, Status> {
        let mut told = request.into_inner();
        let first = told.message().await?.and_then(|message| message.what);
        let Some(to_line::What::Ring(ring)) = first else {
            return Err(Status::invalid_argument("the first message is not a ring"));
        };
        let (to_edge, from_line) = mpsc::channel(LEG_WAITING_MAX);
        if self.desks.ring(&ring, to_edge.clone()) {
            let _ = to_edge.try_send(said(from_line::What::Ringing(Ringing {})));
            tokio::spawn(follow(self.desks.clone(), ring, told, to_edge.downgrade()));
        } else {
            let outcome = "device_offline".to_owned();
            let _ = to_edge.try_send(said(from_line::What::Refused(Refused { outcome })));
        }
        Ok(Response::new(ReceiverStream::new(from_line)))
    }
}

/// How long a leg waits for an edge that was lost to ring it again.
const LOST_FOR: Duration = Duration::from_secs(15);

/// Until the edge ends the leg. When its stream breaks, the edge or its successor has
/// some time to be there again.
async fn follow(
    desks: Arc<Desks>,
    ring: wire::Ring,
    mut told: Streaming<ToLine>,
    to_edge: mpsc::WeakSender<Said>,
) {
    let leg = ring.leg;
    let mut cause = None;
    while let Ok(Some(message)) = told.message().await {
        let message = match message.what {
            Some(to_line::What::Sdp(sdp)) => ToClient::Sdp { leg: leg.clone(), sdp: sdp.sdp },
            Some(to_line::What::Talking(talking)) => {
                ToClient::Talking { leg: leg.clone(), since_ms: talking.since_ms }
            }
            Some(to_line::What::Held(held)) => ToClient::Held { leg: leg.clone(), on: held.on },
            Some(to_line::What::Muted(muted)) => ToClient::Muted { leg: leg.clone(), on: muted.on },
            Some(to_line::What::Seats(seats)) => {
                let seats = seats.seats.into_iter().map(seat).collect();
                ToClient::Seats { leg: leg.clone(), seats }
            }
            Some(to_line::What::Unheard(unheard)) => {
                let parties = unheard.parties.into_iter();
                let parties = parties.map(|party| Unheard { kind: party.kind, name: party.name }).collect();
                ToClient::Unheard { leg: leg.clone(), parties }
            }
            Some(to_line::What::Refusal(refusal)) => ToClient::Refused { message: refusal.message },
            Some(to_line::What::InviteFailed(failed)) => {
                ToClient::InviteFailed { leg: leg.clone(), name: failed.name, outcome: failed.outcome }
            }
            Some(to_line::What::Renew(_)) => ToClient::Renew { leg: leg.clone() },
            Some(to_line::What::Ended(ended)) => {
                cause = Some(ended.cause);
                break;
            }
            Some(to_line::What::Ring(_)) | None => continue,
        };
        desks.leg_moved(&ring.agent, &leg, message);
    }
    if cause.is_none() {
        tokio::time::sleep(LOST_FOR).await;
        // Who holds it still waits; another edge brought a way of its own.
        let waits = to_edge.upgrade().is_some_and(|way| desks.is_held_by(&ring.agent, &leg, &way));
        if !waits {
            return;
        }
    }
    let cause = cause.unwrap_or_else(|| "lost".to_owned());
    desks.leg_moved(&ring.agent, &leg, ToClient::Ended { leg: leg.clone(), cause });
}

fn seat(seat: wire::seats::Seat) -> Seat {
    Seat { leg: seat.leg, kind: seat.kind, name: seat.name, state: seat.state }
}
