//! The gateway with real sockets: gRPC above, RTP and WebRTC below.

mod bench;
mod browser;
mod calls;
mod leases;
mod phone;
mod quality;
mod recordings;
mod silence;
mod webrtc;
