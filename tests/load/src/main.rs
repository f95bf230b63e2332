//! `load`: calls a server (see `trunkline bench-profile`) at a fixed rate,
//! answers for its agents, sends marked RTP both ways, and tells what came of it.
//!
//! Its SIP is its own and knows nothing of the server's. One thread, four
//! sockets; callers and agents are told apart by socket, calls by their marks.
#![expect(clippy::print_stdout, reason = "the report is the standard output")]

mod agents;
mod callers;
mod message;
mod report;
mod rtp;
mod server;

use clap::Parser;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// What to call, how often and for how long.
#[derive(Debug, Clone, Parser)]
#[command(about)]
pub struct Plan {
    /// The server's SIP address.
    #[arg(long)]
    server: SocketAddr,
    /// The user part to call: plain, cc, ccnorec, ccq, wait or waitq.
    #[arg(long, default_value = "ccq")]
    number: String,
    /// New calls a second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Calls in all.
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// How long a caller stays after the answer.
    #[arg(long, default_value_t = 1_000)]
    hold_ms: u64,
    /// Send 50 packets a second each way while talking.
    #[arg(long)]
    rtp: bool,
    /// Agents answer; without it callers hang up after their time in the queue.
    #[arg(long, default_value = "127.0.0.1:7000")]
    agents: SocketAddr,
    /// Where callers are.
    #[arg(long, default_value = "127.0.0.1")]
    callers: IpAddr,
    /// The server's process: its CPU time and memory are reported.
    #[arg(long)]
    pid: Option<u32>,
}

impl Plan {
    fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }

    /// When the call with this number is to be placed.
    fn due(&self, call: u32) -> Duration {
        Duration::from_secs_f64(f64::from(call) / self.rate)
    }
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::parse();
    println!("{:#}", callers::run(&plan)?);
    Ok(())
}
