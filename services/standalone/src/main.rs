//! `trunkline`: the one binary that users meet.

mod commands;
mod simulate;

use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// The open-source contact centre.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts all services in this process.
    Up(Up),
    /// Starts the way of a call alone, open to everybody, for load drivers.
    BenchProfile(BenchProfile),
    /// Places a real call by the built-in caller and tells how it went.
    TestCall(TestCall),
    /// Computes a report anew from the log and compares it with the one kept.
    Recount(Recount),
    /// Lives through a planned day in virtual time and tells what to expect.
    Simulate(Simulate),
    /// Works on call flows in files.
    #[command(subcommand)]
    Flow(FlowCommand),
}

#[derive(Subcommand)]
enum FlowCommand {
    /// Finds what is wrong with a flow, each problem with its place.
    Check {
        /// A flow as JSON, as the portal shows it.
        file: PathBuf,
    },
}

#[derive(Args)]
struct Up {
    /// Everything that must survive a restart.
    #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
    data: PathBuf,
    /// Where the portal listens; https when beyond loopback.
    #[arg(long, env = "TRUNKLINE_HTTP", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where SIP is received, UDP and TCP.
    #[arg(long, env = "TRUNKLINE_SIP", default_value = "127.0.0.1:5060")]
    sip: SocketAddr,
    /// The address that carriers and browsers reach this machine by.
    #[arg(long, env = "PUBLIC_ADDRESS", default_value = "")]
    public_address: String,
    /// A PostgreSQL of one's own instead of a private one in the data folder.
    #[arg(long, env = "DATABASE_URL")]
    database_url: Option<String>,
    /// A Kafka of one's own behind the journal.
    #[arg(long, env = "KAFKA_BROKERS")]
    kafka_brokers: Option<String>,
    #[arg(long, env = "KAFKA_REPLICATION", default_value_t = 1)]
    kafka_replication: i32,
    /// A TOML file with a table per service; each service's default.toml explains its keys.
    #[arg(long, env = "TRUNKLINE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct BenchProfile {
    /// Where SIP and RTP are received.
    #[arg(long, default_value = "127.0.0.1:5060")]
    listen: SocketAddr,
    #[arg(long, default_value_t = 10)]
    agents: u32,
    /// Where agents are; {n} is an agent's number.
    #[arg(long, default_value = "sip:a{n}@127.0.0.1:7000")]
    agent_contact: String,
    /// Where journal and recordings go; a folder that ends with the process by default.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct Remote {
    /// The platform's address.
    #[arg(long, env = "TRUNKLINE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key, made on the portal's page "API keys".
    #[arg(long, env = "TRUNKLINE_API_KEY", hide_env_values = true)]
    api_key: String,
    /// Accept a certificate that nobody vouches for.
    #[arg(long)]
    insecure: bool,
    /// Print what the API said, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct TestCall {
    #[command(flatten)]
    remote: Remote,
    /// The number to call; by default the first one of the company.
    #[arg(long)]
    number: Option<String>,
    /// Keys to press once connected.
    #[arg(long, default_value = "1")]
    keys: String,
    /// Hangs up after so many seconds, if nobody did before.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
}

#[derive(Args)]
struct Recount {
    #[command(flatten)]
    remote: Remote,
    /// Beginning, such as 2026-01-31T00:00:00Z; or milliseconds since 1970.
    #[arg(long)]
    from: String,
    /// End, not included.
    #[arg(long)]
    to: String,
    /// queue, agent or did; by default all three.
    #[arg(long)]
    by: Option<String>,
}

#[derive(Args)]
struct Simulate {
    /// The plan, TOML or JSON: docs/simulate.md explains it.
    file: PathBuf,
    /// How many days are drawn.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    chassis::telemetry::start();
    let done = match Cli::parse().command {
        Command::Up(up) => commands::up(up).await,
        Command::BenchProfile(profile) => commands::bench_profile(profile).await,
        Command::TestCall(call) => commands::test_call(call).await,
        Command::Recount(recount) => commands::recount(recount).await,
        Command::Simulate(wanted) => simulate::run(&wanted),
        Command::Flow(FlowCommand::Check { file }) => commands::check_flow(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trunkline: {error:#}");
            ExitCode::FAILURE
        }
    }
}
