//! `load`: calls a server (see `trunkline bench-profile`) at a fixed rate,
//! answers for its agents, sends marked RTP both ways, and tells what came of it.
//!
//! Its SIP is its own and knows nothing of the server's. One thread, some sockets
//! with large buffers; callers and agents are told apart by socket, calls by their
//! marks. What the kernel dropped on the driver's sockets and what it dropped on
//! all others is told apart, and so is the driver's own CPU: a driver that is too
//! slow shows.
#![expect(clippy::print_stdout, reason = "the report is the standard output")]

mod agents;
mod callers;
mod message;
mod report;
mod rtp;
mod server;
mod socket;

use clap::Parser;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
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
    /// The first caller's number; the others count on. Two drivers need their own.
    #[arg(long, default_value_t = 0)]
    first: u32,
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
    /// A call that is answered within this time and ends as it should is good.
    #[arg(long, default_value_t = 1_000)]
    good_ms: u64,
    /// Writes the numbers of the calls that were answered there, one a line.
    #[arg(long)]
    answered: Option<PathBuf>,
}

impl Plan {
    fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }

    fn good(&self) -> Duration {
        Duration::from_millis(self.good_ms)
    }

    /// When the call with this number is to be placed.
    fn due(&self, call: u32) -> Duration {
        Duration::from_secs_f64(f64::from(call) / self.rate)
    }
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::parse();
    let (report, answered) = callers::run(&plan)?;
    if let Some(path) = &plan.answered {
        let lines: String = answered.iter().map(|number| format!("+999{number:07}\n")).collect();
        std::fs::write(path, lines)?;
    }
    println!("{report:#}");
    Ok(())
}
