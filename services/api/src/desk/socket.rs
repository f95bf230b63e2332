//! The browser's WebSocket.

use super::{
    desks::{Desks, TAB_WAITING_MAX},
    message::{FromClient, Target, ToClient},
};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Problem, Result, holds_nul},
    rest,
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use futures::StreamExt;
use http::{HeaderMap, header};
use proto::{
    line::v1::{
        Accepted, Command, Empty, HangUp, Key, Refused, Sdp, SetHold, SetMute, command, from_line::What,
    },
    telephony::v1::PlaceRequest,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time};

/// An SDP of a browser is some kilobytes.
const MESSAGE_MAX: usize = 256 * 1024;
const REASON_MAX: usize = 100;
const NOTE_MAX: usize = 10_000;
const PING_EVERY: Duration = Duration::from_secs(3);
/// Two pings that nobody answers.
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// RFC 6455: going away (the server restarts), policy, try again later.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TRY_LATER: u16 = 1013;

/// The agent's desk: JSON messages over a WebSocket. It is closed with 1008
/// when the session or the right to it ends; one that a token opened after five
/// minutes, to be opened again with a new one.
#[utoipa::path(get, path = "/v1/desk", operation_id = "openDesk", tag = "desk",
    responses((status = 101, description = "A WebSocket")))]
pub async fn socket(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    caller.may(Permission::Desk)?;
    if caller.identity.agent.is_empty() {
        return Err(Problem::forbidden("a desk belongs to a person"));
    }
    if caller.session.is_some() && !same_origin(&headers) {
        return Err(Problem::forbidden("the desk opens from its own site only"));
    }
    let upgrade = upgrade.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    Ok(upgrade.max_message_size(MESSAGE_MAX).on_upgrade(move |socket| serve(app, caller, socket)))
}

/// A cookie travels with sockets that foreign pages open; their Origin tells them apart.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (Some(_), None) => false,
    }
}

async fn serve(app: Arc<App>, caller: Caller, mut socket: WebSocket) {
    let (to, mut told) = mpsc::channel(TAB_WAITING_MAX);
    let who = &caller.identity;
    let hello = ToClient::Hello {
        agent: who.agent.clone(),
        name: who.name.clone(),
        tenant: who.tenant.clone(),
        company: who.tenant_name.clone(),
        role: who.role.clone(),
    };
    let _ = to.try_send(hello);
    let Some(tab) = app.desks.open(&who.tenant, &who.agent, to.clone()) else {
        return close(&mut socket, TRY_LATER, "too many desks are open").await;
    };
    let door = Door { app: &app, caller: &caller, desks: &app.desks, agent: &who.agent, tab };
    // Only the desks hold the other end: when they let go, this tab was too slow.
    let own = to.downgrade();
    drop(to);
    let (code, why) = door.talk(&mut socket, &mut told, own).await;
    app.desks.close(&who.agent, tab);
    close(&mut socket, code, why).await;
}

async fn close(socket: &mut WebSocket, code: u16, why: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: why.into() }))).await;
}

struct Door<'a> {
    app: &'a Arc<App>,
    caller: &'a Caller,
    desks: &'a Arc<Desks>,
    agent: &'a str,
    tab: u64,
}

impl Door<'_> {
    /// Until either side ends it; how it is to be closed.
    async fn talk(
        &self,
        socket: &mut WebSocket,
        told: &mut mpsc::Receiver<ToClient>,
        own: mpsc::WeakSender<ToClient>,
    ) -> (u16, &'static str) {
        let mut pings = time::interval(PING_EVERY);
        let (silence, over) = (time::sleep(SILENCE_MAX), self.over());
        tokio::pin!(silence, over);
        loop {
            tokio::select! {
                message = told.recv() => {
                    let Some(message) = message else { return (TRY_LATER, "the desk did not keep up") };
                    let Ok(text) = serde_json::to_string(&message) else { continue };
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return (GOING_AWAY, "");
                    }
                }
                frame = socket.next() => {
                    silence.as_mut().reset(time::Instant::now() + SILENCE_MAX);
                    match frame {
                        Some(Ok(Message::Text(text))) => self.take(&text, &own),
                        Some(Ok(Message::Binary(_))) => refuse(&own, "messages are JSON text"),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return (GOING_AWAY, ""),
                    }
                }
                _ = pings.tick() => {
                    if socket.send(Message::Ping(Default::default())).await.is_err() {
                        return (GOING_AWAY, "");
                    }
                }
                why = &mut over => return (POLICY, why),
                () = &mut silence => return (GOING_AWAY, "the connection is silent"),
                () = self.app.drain.begun() => return (GOING_AWAY, "the server restarts"),
            }
        }
    }

    /// Comes back when whoever opened the desk may sit there no more, with the reason.
    async fn over(&self) -> &'static str {
        if self.caller.session.is_none() {
            time::sleep(self.app.by_token_max).await;
            return "the token is old, open the desk with a new one";
        }
        loop {
            time::sleep(self.app.desk_looked_at).await;
            match self.caller.again(self.app).await {
                None => return "the session has ended",
                Some(now) if !now.has(Permission::Desk) => return "this needs the permission desk",
                Some(_) => {}
            }
        }
    }

    fn take(&self, text: &str, own: &mpsc::WeakSender<ToClient>) {
        let done = match serde_json::from_str(text) {
            _ if holds_nul(text.as_bytes()) => Err("a text holds the character U+0000".to_owned()),
            Ok(FromClient::Call { to, callback }) => {
                self.place(to, callback, own.clone());
                Ok(())
            }
            Ok(FromClient::SuperviseCall { call, how }) => {
                self.supervise(call, how, own.clone());
                Ok(())
            }
            Ok(message) => self.act(message).map_err(str::to_owned),
            Err(error) => Err(format!("the message cannot be read: {error}")),
        };
        if let Err(message) = done {
            refuse(own, &message);
        }
    }

    /// What the edge says to it is told when it is there.
    fn place(&self, to: Target, callback: Option<String>, own: mpsc::WeakSender<ToClient>) {
        let agent = self.agent.to_owned();
        self.as_they_are_now(own, async move |app, caller| {
            caller.may(Permission::Desk)?;
            if let Some(task) = &callback {
                rest::claim_for(&app, &caller, task).await?;
            }
            let (tenant, callback) = (caller.tenant().to_owned(), callback.unwrap_or_default());
            app.telephony().place(PlaceRequest { tenant, agent, to: Some(to.into()), callback }).await?;
            Ok(())
        });
    }

    fn supervise(&self, call: String, how: String, own: mpsc::WeakSender<ToClient>) {
        self.as_they_are_now(own, async move |app, caller| rest::supervise(&app, &caller, &call, &how).await);
    }

    /// Does what touches others with the rights that are there by now.
    fn as_they_are_now<F>(
        &self,
        own: mpsc::WeakSender<ToClient>,
        act: impl FnOnce(Arc<App>, Caller) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<()>> + Send,
    {
        let (app, before) = (self.app.clone(), self.caller.clone());
        tokio::spawn(async move {
            let done = match before.again(&app).await {
                Some(caller) => act(app, caller).await,
                None => Err(Problem::unauthorized("the session has ended")),
            };
            if let Err(problem) = done {
                refuse(&own, &problem.detail);
            }
        });
    }

    fn act(&self, message: FromClient) -> std::result::Result<(), &'static str> {
        let say = |leg: String, what| self.desks.say(self.agent, &leg, what);
        match message {
            FromClient::Available => self.desks.wish_available(self.agent),
            FromClient::Aux { reason } if reason.len() > REASON_MAX => {
                Err("the reason is longer than 100 bytes")
            }
            FromClient::Aux { reason } => self.desks.wish_aux(self.agent, reason),
            FromClient::Offline => self.desks.wish_offline(self.agent),
            FromClient::FinishWrapUp { note: Some(note), .. } if note.len() > NOTE_MAX => {
                Err("the note is longer than 10000 bytes")
            }
            FromClient::FinishWrapUp { call, disposition, note } => {
                self.desks.finish_wrap_up(self.agent, call, disposition, note)
            }
            FromClient::Sdp { leg, sdp } => say(leg, What::Sdp(Sdp { sdp })),
            FromClient::Accept { leg } => say(leg, What::Accepted(Accepted {})),
            FromClient::Decline { leg } => say(leg, What::Refused(Refused { outcome: "declined".into() })),
            FromClient::Mute { leg, on } => say(leg, What::SetMute(SetMute { on })),
            FromClient::Hold { leg, on } => say(leg, What::SetHold(SetHold { on })),
            FromClient::Key { leg, key } => match key.as_str() {
                k if k.len() == 1 && "0123456789*#ABCD".contains(k) => say(leg, What::Key(Key { key })),
                _ => Err("the key is none of 0-9, *, #, A-D"),
            },
            FromClient::Transfer { leg, to } => say(leg, wants(command::What::Transfer(to.into()))),
            FromClient::Consult { leg, to } => say(leg, wants(command::What::Consult(to.into()))),
            FromClient::Invite { leg, to } => say(leg, wants(command::What::Invite(to.into()))),
            FromClient::Swap { leg } => say(leg, wants(command::What::Swap(Empty {}))),
            FromClient::Complete { leg } => say(leg, wants(command::What::Complete(Empty {}))),
            FromClient::Cancel { leg } => say(leg, wants(command::What::Cancel(Empty {}))),
            FromClient::Conference { leg } => say(leg, wants(command::What::Conference(Empty {}))),
            FromClient::Remove { leg, party } => say(leg, wants(command::What::Remove(party))),
            FromClient::Call { .. } | FromClient::SuperviseCall { .. } => Err("this is not for a leg"),
            FromClient::HangUp { leg } => say(leg, What::HangUp(HangUp {})),
            FromClient::Hand { on } => {
                self.desks.raise_hand(self.agent, on);
                Ok(())
            }
            FromClient::Phone { owns } => {
                self.desks.phone(self.agent, self.tab, owns);
                Ok(())
            }
        }
    }
}

fn wants(what: command::What) -> What {
    What::Command(Command { what: Some(what) })
}

fn refuse(own: &mpsc::WeakSender<ToClient>, message: &str) {
    if let Some(to) = own.upgrade() {
        let _ = to.try_send(ToClient::Refused { message: message.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_page_is_told_by_its_origin() {
        let headers = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "desk.example:8080".parse().unwrap());
            origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
            headers
        };
        assert!(same_origin(&headers(None)));
        assert!(same_origin(&headers(Some("https://desk.example:8080"))));
        assert!(!same_origin(&headers(Some("https://evil.example"))));
        assert!(!same_origin(&headers(Some("null"))));
    }
}
