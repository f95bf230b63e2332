//! What a newcomer finds, so that the first call can come in at once.

use super::{Draft, check, kinds::new_id};
use crate::Result;
use serde_json::{Value, json};
use types::{AgentId, TenantId, Timestamp, UserId, config::Kind};

/// Who signs up.
pub(crate) struct Newcomer<'a> {
    pub tenant: &'a TenantId,
    pub user: &'a UserId,
    pub agent: &'a AgentId,
    pub company: &'a str,
    pub name: &'a str,
    pub time_zone: &'a str,
    pub language: &'a str,
    pub country_code: Option<&'a str>,
}

/// The documents of a new tenant with their ids, each valid by the same check
/// as what people save. `random` gives 128 bits at each call.
pub(crate) fn seeds(
    who: &Newcomer<'_>,
    now: Timestamp,
    mut random: impl FnMut() -> u128,
) -> Result<Vec<(String, Draft)>> {
    let mut id = |kind| new_id(kind, now, random());
    let (queue, flow) = (id(Kind::Queue), id(Kind::Flow));
    let words = Words::of(who.language);
    let company = json!({
        "name": who.company, "time_zone": who.time_zone, "language": who.language,
        "country_code": who.country_code,
    });
    let mut seeds = vec![
        (who.tenant.to_string(), Kind::Tenant, company),
        (id(Kind::Skill), Kind::Skill, json!({ "name": "general" })),
        (who.agent.to_string(), Kind::Agent, agent_document(who.name, who.user)),
        (queue.clone(), Kind::Queue, support_queue(&words)),
        (flow.clone(), Kind::Flow, welcome(who, &words, &queue)),
    ];
    for name in words.dispositions {
        seeds.push((id(Kind::Disposition), Kind::Disposition, json!({ "name": name })));
    }
    for name in words.categories {
        seeds.push((id(Kind::Category), Kind::Category, json!({ "name": name })));
    }
    let (username, password, digits) = (random(), random(), random() % 100_000_000);
    let caller = json!({ "name": "Test caller", "auth": {
        "type": "digest",
        "username": format!("test-{username:032x}"),
        "password": format!("{password:032x}"),
    }});
    let number = json!({
        "number": format!("+999{digits:08}"), "label": words.number, "flow": flow, "auto_connect": true,
    });
    seeds.push((new_id(Kind::Trunk, now, random()), Kind::Trunk, caller));
    seeds.push((new_id(Kind::Did, now, random()), Kind::Did, number));
    seeds.into_iter().map(|(id, kind, body)| Ok((id, check(kind, &body.to_string())?))).collect()
}

/// A new agent is good at everything general.
pub(crate) fn agent_document(name: &str, user: &UserId) -> Value {
    json!({ "name": name, "user": user, "skills": [{ "name": "general", "level": 5 }] })
}

fn support_queue(words: &Words) -> Value {
    json!({ "name": words.queue, "skills": [{ "name": "general", "level": 1 }] })
}

fn welcome(who: &Newcomer<'_>, words: &Words, queue: &str) -> Value {
    let greeting = words.greeting.replace("{company}", who.company);
    json!({
        "name": words.flow,
        "language": who.language,
        "start": "greeting",
        "nodes": {
            "greeting": {
                "type": "play", "label": words.greeting_label, "say": [{ "text": greeting }], "next": "menu",
            },
            "menu": {
                "type": "menu", "label": words.menu_label, "say": [{ "text": words.menu }],
                "choices": { "1": "support" },
                "no_input": "bye", "no_match": "bye",
            },
            "support": {
                "type": "queue", "label": words.queue, "queue": queue,
                "welcome": [{ "text": words.waiting }], "overflow": "bye",
            },
            "bye": { "type": "hangup" },
        },
    })
}

struct Words {
    queue: &'static str,
    flow: &'static str,
    number: &'static str,
    greeting_label: &'static str,
    greeting: &'static str,
    menu_label: &'static str,
    menu: &'static str,
    waiting: &'static str,
    dispositions: [&'static str; 3],
    categories: [&'static str; 4],
}

impl Words {
    fn of(language: &str) -> Words {
        match language {
            "ru" => Words {
                queue: "Поддержка",
                flow: "Приветствие",
                number: "Тестовый номер",
                greeting_label: "Приветствие",
                greeting: "Здравствуйте! Вы позвонили в компанию {company}.",
                menu_label: "Меню",
                menu: "Чтобы поговорить с сотрудником, нажмите один.",
                waiting: "Вы в очереди. Первый свободный сотрудник ответит вам.",
                dispositions: ["Решено", "Нужно перезвонить", "Ошиблись номером"],
                categories: ["Подключение", "Техподдержка", "Финансы", "Общие вопросы"],
            },
            "ro" => Words {
                queue: "Asistență",
                flow: "Bun venit",
                number: "Număr de test",
                greeting_label: "Salut",
                greeting: "Bună ziua! Ați sunat la {company}.",
                menu_label: "Meniu",
                menu: "Pentru a vorbi cu un coleg, apăsați unu.",
                waiting: "Sunteți în așteptare. Vă răspunde primul coleg liber.",
                dispositions: ["Rezolvat", "De revenit", "Număr greșit"],
                categories: ["Conectare", "Tehnic", "Financiar", "General"],
            },
            _ => Words {
                queue: "Support",
                flow: "Welcome",
                number: "Test number",
                greeting_label: "Greeting",
                greeting: "Hello! Thank you for calling {company}.",
                menu_label: "Menu",
                menu: "To speak with support, press one.",
                waiting: "You are in the queue. The next free agent will take your call.",
                dispositions: ["Resolved", "Follow-up needed", "Wrong number"],
                categories: ["Connection", "Technical", "Finance", "General"],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Need;

    #[test]
    fn seeds_are_valid_in_every_language_and_name_only_each_other() {
        let now = Timestamp::from_millis(0);
        let (tenant, user, agent) = (TenantId::new(now, 1), UserId::new(now, 2), AgentId::new(now, 3));
        for language in ["en", "ru", "ro"] {
            let who = Newcomer {
                tenant: &tenant,
                user: &user,
                agent: &agent,
                company: "Acme",
                name: "Ana",
                time_zone: "Europe/Bucharest",
                language,
                country_code: Some("40"),
            };
            let mut count = 0;
            let seeds = seeds(&who, now, || {
                count += 1;
                count
            })
            .unwrap();
            for need in seeds.iter().flat_map(|(_, draft)| &draft.needs) {
                let met = seeds.iter().any(|(id, draft)| match need {
                    Need::Document { kind, id: wanted, .. } => draft.kind == *kind && id == wanted,
                    Need::Skill { name, .. } => draft.kind == Kind::Skill && draft.body["name"] == **name,
                });
                assert!(met, "{need:?}");
            }
        }
    }
}
