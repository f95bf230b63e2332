//! line.v1: an edge rings an agent's browser. One stream is one leg.

use super::{
    desks::{Desks, LEG_WAITING_MAX},
    message::{Seat, ToClient, Unheard},
};
use proto::line::v1::{self as wire, FromLine, Refused, Ringing, ToLine, from_line, line_server, to_line};
use std::sync::Arc;
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
            tokio::spawn(follow(self.desks.clone(), ring, told));
        } else {
            let outcome = "device_offline".to_owned();
            let _ = to_edge.try_send(said(from_line::What::Refused(Refused { outcome })));
        }
        Ok(Response::new(ReceiverStream::new(from_line)))
    }
}

/// Until the edge ends the leg, or its stream breaks.
async fn follow(desks: Arc<Desks>, ring: wire::Ring, mut told: Streaming<ToLine>) {
    let leg = ring.leg;
    let mut cause = "lost".to_owned();
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
            Some(to_line::What::Ended(ended)) => {
                cause = ended.cause;
                break;
            }
            Some(to_line::What::Ring(_)) | None => continue,
        };
        desks.leg_moved(&ring.agent, &leg, message);
    }
    desks.leg_moved(&ring.agent, &leg, ToClient::Ended { leg: leg.clone(), cause });
}

fn seat(seat: wire::seats::Seat) -> Seat {
    Seat { leg: seat.leg, kind: seat.kind, name: seat.name, state: seat.state }
}
