#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("tenancy", tenancy::DEFAULTS, tenancy::run).await
}
