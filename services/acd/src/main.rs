#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("acd", include_str!("../default.toml"), acd::run).await
}
