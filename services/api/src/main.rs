#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("api", api::DEFAULTS, api::run).await
}
