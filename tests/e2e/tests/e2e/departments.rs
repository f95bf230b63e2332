//! Who sees whom: company, department, group; and newcomers by the file.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, PASSWORD, live_agent, live_call, text},
    picks_up,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::Protocol;

const TO_SALES: &str = "+40211000001";
const TO_SUPPORT: &str = "+40211000002";

impl Company {
    async fn me(&self) -> Value {
        self.get("/v1/me").await
    }

    pub async fn department(&self, name: &str, parent: Option<&str>) -> String {
        let body = json!({ "name": name, "parent": parent });
        text(&self.send(Method::POST, "/v1/departments", Some(body)).await["id"])
    }

    pub async fn place(&self, agent: &str, department: &str) {
        let path = format!("/v1/agents/{agent}/department");
        self.send(Method::PUT, &path, Some(json!({ "department": department }))).await;
    }

    /// A supervisor who sees the department.
    pub async fn head(&self, name: &str, department: &str) -> Company {
        let head = self.colleague(name, "supervisor").await;
        let me = head.me().await;
        self.place(&text(&me["agent"]), department).await;
        let path = format!("/v1/users/{}", text(&me["user"]));
        self.send(Method::PATCH, &path, Some(json!({ "scope": "department" }))).await;
        head
    }

    /// A queue for a skill of its own, and a number that leads there.
    pub async fn queue_for(&self, skill: &str) -> String {
        self.send(Method::POST, "/v1/skills", Some(json!({ "name": skill }))).await;
        let queue = json!({ "name": skill, "skills": [{ "name": skill, "level": 1 }], "wrap_up_ms": 0 });
        let queue = self.send(Method::POST, "/v1/queues", Some(queue)).await;
        let nodes = json!({
            "wait": { "type": "queue", "label": skill, "queue": queue["id"], "announce_every_ms": 0, "overflow": "bye" },
            "bye": { "type": "hangup" },
        });
        self.number(nodes, "wait", true).await
    }

    /// Waits until the recording has arrived.
    async fn recorded(&self, recording: &str) {
        for _ in 0..300 {
            let path = format!("/v1/recordings/{recording}");
            if self.tries(Method::GET, &path, None).await.1["complete"] == true {
                return;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the recording never arrived");
    }

    async fn sees(&self, caller: &str) -> bool {
        live_call(&self.live().await, caller).is_some()
    }
}

/// The company's supervisor sees all; a head of a department its people and the
/// group below; a head of the group the group alone; an agent own calls alone:
/// on the monitor, in history, recordings and reports. A head moves own people
/// within what is theirs.
/// Proves A031, A124.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_sees_and_moves_the_people_of_the_department_and_nobody_else() {
    let company = Company::sign_up().await;
    let (sell, help) = (company.queue_for("sell").await, company.queue_for("help").await);
    let sales = company.department("Sales", None).await;
    let north = company.department("North", Some(&sales)).await;
    let south = company.department("South", Some(&sales)).await;
    let support = company.department("Support", None).await;
    let (ana, ben) =
        (company.agent_who_knows("ana", "sell").await, company.agent_who_knows("ben", "help").await);
    company.place(&ana.agent, &north).await;
    company.place(&ben.agent, &support).await;
    let everybody = company.colleague("eva", "supervisor").await;
    let of_sales = company.head("sam", &sales).await;
    let of_north = company.head("nora", &north).await;
    let of_south = company.head("sofia", &south).await;
    let of_support = company.head("sven", &support).await;
    let plain = company.colleague("paul", "agent").await;

    let mut calls = Vec::new();
    for (number, from, agent) in [(&sell, TO_SALES, &ana), (&help, TO_SUPPORT, &ben)] {
        let call = company.call(number, from, Protocol::Udp).await;
        let leg = picks_up(&agent.phone, AGENT).await;
        call.hear(AGENT, SOON).await.unwrap();
        leg.hear(CALLER, SOON).await.unwrap();
        calls.push((call, leg));
    }
    company.until(|live| [TO_SALES, TO_SUPPORT].iter().all(|from| live_call(live, from).is_some())).await;
    for (who, sales_call, support_call) in [
        (&everybody, true, true),
        (&of_sales, true, false),
        (&of_north, true, false),
        (&of_south, false, false),
        (&of_support, false, true),
    ] {
        assert_eq!((who.sees(TO_SALES).await, who.sees(TO_SUPPORT).await), (sales_call, support_call));
    }
    let live = of_sales.live().await;
    assert!(live_agent(&live, &ana.agent).is_some() && live_agent(&live, &ben.agent).is_none(), "{live}");
    assert_eq!(plain.tries(Method::GET, "/v1/live", None).await.0, 403);

    for (call, leg) in calls {
        call.hang_up().await.unwrap();
        leg.wait_ended(SOON).await.unwrap();
    }
    let ended = |row: &Value| row["ended_at_ms"].is_i64();
    let sold = company.history(TO_SALES, ended).await;
    let helped = company.history(TO_SUPPORT, ended).await;
    for row in [&sold, &helped] {
        company.recorded(&text(&row["recording"])).await;
    }
    let call = |row: &Value| format!("/v1/calls/{}", text(&row["id"]));
    let audio = |row: &Value| format!("/v1/recordings/{}", text(&row["recording"]));
    for (who, of_sold, of_helped) in
        [(&everybody, 200, 200), (&of_north, 200, 404), (&of_support, 404, 200), (&plain, 404, 404)]
    {
        assert_eq!(who.tries(Method::GET, &call(&sold), None).await.0, of_sold);
        assert_eq!(who.tries(Method::GET, &call(&helped), None).await.0, of_helped);
        assert_eq!(who.tries(Method::GET, &audio(&sold), None).await.0, of_sold);
        assert_eq!(who.tries(Method::GET, &audio(&helped), None).await.0, of_helped);
    }
    let listed = of_sales.get("/v1/calls").await;
    let froms: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|row| &row["from"]).collect();
    assert_eq!(froms, [TO_SALES]);
    assert_eq!(plain.get("/v1/calls").await["items"], json!([]));
    let report = of_sales.report("agent").await;
    let keys: Vec<&Value> = report["rows"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert!(
        keys.iter().any(|key| **key == ana.agent) && !keys.iter().any(|key| **key == ben.agent),
        "{report}"
    );
    assert!(report["total"].is_null(), "a total would tell of others");

    let people = of_sales.get("/v1/users").await;
    let names: Vec<&str> =
        people["items"].as_array().unwrap().iter().filter_map(|user| user["name"].as_str()).collect();
    assert_eq!(names.len(), 4, "Sam, Nora, Sofia and Ana: {names:?}");
    let moves = async |who: &Company, agent: &str, to: &str| {
        let path = format!("/v1/agents/{agent}/department");
        who.tries(Method::PUT, &path, Some(json!({ "department": to }))).await.0
    };
    assert_eq!(moves(&of_sales, &ben.agent, &sales).await, 403, "not their own");
    assert_eq!(moves(&of_sales, &ana.agent, &support).await, 403, "not to others");
    assert_eq!(moves(&of_sales, &ana.agent, &south).await, 204);
    assert_eq!(moves(&of_north, &ana.agent, &north).await, 403, "gone from the group");
    assert_eq!(moves(&plain, &ana.agent, &north).await, 403);
}

/// Two hundred by CSV; one of them joins by the link and takes a call.
/// Proves A071.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_agents_are_invited_by_a_file_and_a_new_one_takes_a_call() {
    let company = Company::sign_up().await;
    let began = crate::company::now_ms();
    let domain = format!("{:x}.example", crate::company::unique());
    let rows = (0..200).map(|n| format!("agent{n}@{domain},Agent {n},agent\n"));
    let file = format!("email,name,role\n{}", rows.collect::<String>());
    let done = company.post_file("/v1/users/invites/bulk", "text/csv", file).await;
    let invited = done["items"].as_array().unwrap();
    assert_eq!(invited.len(), 200);
    assert!(invited.iter().all(|row| row["errors"] == json!([]) && row["token"].is_string()), "{done}");

    let link = format!("{}/v1/invites/{}/accept", company.at.url, text(&invited[137]["token"]));
    let form = json!({ "name": "Agent 137", "password": PASSWORD });
    let me: Value = reqwest::Client::new().post(link).json(&form).send().await.unwrap().json().await.unwrap();
    let username = format!("agent137-{:x}", crate::company::unique());
    let newcomer = company.with_phone(text(&me["agent"]), &username, "general").await;
    let number = company.queue_number(true).await;
    let call = company.call(&number, TO_SALES, Protocol::Udp).await;
    let leg = picks_up(&newcomer.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    leg.hear(CALLER, SOON).await.unwrap();
    let took = crate::company::now_ms() - began;
    assert!(took < 300_000, "{took} ms from the invitation to the first call");
    call.hang_up().await.unwrap();
}
