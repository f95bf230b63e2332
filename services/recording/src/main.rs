//! The recording service as a process of its own.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("recording", recording::DEFAULTS, recording::run).await
}
