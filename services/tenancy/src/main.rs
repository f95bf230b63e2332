#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("tenancy", include_str!("../default.toml"), tenancy::run).await
}
