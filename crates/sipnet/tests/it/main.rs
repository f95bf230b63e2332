//! Transports over real sockets.

mod websocket;
