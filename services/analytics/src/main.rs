#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("analytics", analytics::DEFAULTS, analytics::run).await
}
