//! Every service as a process of its own, a real Kafka between them.

use crate::{AGENT, CALLER, SOON, company::Company, fleet::Fleet, picks_up};
use softphone::Protocol;

const FROM: &str = "+40213334444";

#[tokio::test(flavor = "multi_thread")]
async fn services_as_processes_of_their_own_complete_a_call_over_kafka() {
    let Some(fleet) = Fleet::start().await else { return };
    let company = Company::sign_up_at(fleet.running).await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let agent = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
    company.history(FROM, |row| row["outcome"] == "answered").await;
    company.figures("queue", |figures| figures["handled"] == 1).await;
}
