#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chassis::launch("crm", crm::DEFAULTS, crm::run).await
}
