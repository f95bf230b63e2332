#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("ivr", include_str!("../default.toml"), ivr::run).await
}
