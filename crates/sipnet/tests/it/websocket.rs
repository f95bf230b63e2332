//! A phone in a browser, as far as the transport sees it (RFC 7118).

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use sip::Protocol;
use sipnet::{Arrival, Limits, Transport};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const SOON: Duration = Duration::from_secs(10);
const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\n\r\n";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn transport(limits: Limits) -> Transport {
    let mut transport = Transport::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    transport.listen_ws("127.0.0.1:0".parse().unwrap()).await.unwrap();
    transport
}

/// The next arrival, while the phone does something.
async fn while_it(
    transport: &mut Transport,
    phone: impl Future<Output = Result<Socket, Error>>,
) -> (Arrival, Socket) {
    let both = async { tokio::join!(transport.next(), phone) };
    let (arrival, phone) = tokio::time::timeout(SOON, both).await.expect("something arrives");
    (arrival, phone.expect("a phone"))
}

async fn first_message(transport: &mut Transport) -> (Arrival, Socket) {
    let connecting = connect(transport, "chat, sip");
    while_it(transport, async {
        let mut phone = connecting.await?;
        phone.send(Message::text(OPTIONS)).await?;
        Ok(phone)
    })
    .await
}

/// A phone that connects; it does not hold on to the transport.
fn connect(
    transport: &Transport,
    subprotocol: &'static str,
) -> impl Future<Output = Result<Socket, Error>> + use<> {
    let [address, _] = transport.websocket_addresses();
    async move {
        let mut request = format!("ws://{}/", address.unwrap()).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        Ok(connect_async(request).await?.0)
    }
}

#[tokio::test]
async fn messages_go_both_ways_over_the_connection_that_the_phone_opened() {
    let mut transport = transport(Limits::default()).await;
    let (arrival, mut phone) = first_message(&mut transport).await;
    let Arrival::Message(flow, bytes) = arrival else { panic!("{arrival:?}") };
    assert_eq!((flow.protocol, bytes), (Protocol::Ws, Bytes::from(OPTIONS)));
    assert_eq!(transport.send(flow, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n")), 0);
    let heard = phone.next().await.unwrap().unwrap();
    assert_eq!(heard, Message::text("SIP/2.0 200 OK\r\n\r\n"));
    assert_eq!(transport.send(flow, Bytes::from_static(b"not \xff UTF-8")), 0);
    assert_eq!(phone.next().await.unwrap().unwrap(), Message::binary(&b"not \xff UTF-8"[..]));

    phone.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(phone.next().await.unwrap().unwrap(), Message::text("\r\n"), "it is told that we are here");

    let (arrival, _) = while_it(&mut transport, async {
        phone.close(None).await?;
        Ok(phone)
    })
    .await;
    assert!(matches!(arrival, Arrival::Broken(of) if of == flow), "{arrival:?}");
    transport.send(flow, Bytes::from_static(b"too late"));
    let arrival = tokio::time::timeout(SOON, transport.next()).await.unwrap();
    assert!(matches!(arrival, Arrival::Broken(of) if of == flow), "nobody connects to it: {arrival:?}");
}

#[tokio::test]
async fn who_does_not_speak_sip_is_not_let_in() {
    let mut transport = transport(Limits::default()).await;
    let connecting = connect(&transport, "chat");
    let both = async { tokio::join!(connecting, transport.next()) };
    let (refused, arrival) = tokio::time::timeout(SOON, both).await.unwrap();
    let Err(Error::Http(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 400);
    assert!(matches!(arrival, Arrival::Broken(_)), "{arrival:?}");
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let mut transport = transport(Limits::default()).await;
    let (_, mut phone) = first_message(&mut transport).await;
    let (arrival, _) = while_it(&mut transport, async {
        let _ = phone.send(Message::text("x".repeat(70_000))).await;
        Ok(phone)
    })
    .await;
    assert!(matches!(arrival, Arrival::Broken(_)), "{arrival:?}");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let mut transport = transport(Limits { per_source_max: 1, ..Limits::default() }).await;
    let (_, _first) = first_message(&mut transport).await;
    let second = connect(&transport, "sip");
    let refused = tokio::select! {
        refused = second => refused,
        arrival = transport.next() => panic!("{arrival:?}"),
    };
    assert!(refused.is_err(), "{refused:?}");
}
