//! The telephony edge as a process of its own.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("telephony", telephony::DEFAULTS, telephony::run).await
}
