//! The media gateway as a process of its own.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("media", media::DEFAULTS, media::run).await
}
