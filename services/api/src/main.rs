#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("api", include_str!("../default.toml"), api::run).await
}
