//! Facts of the log as integrators are told them.

use eventlog::{Delivery, Topic, codec};
use serde_json::{Map, Value, json};
use types::{
    Timestamp,
    config::{Alert, Kind},
    fact::{AgentFact, CallFact, ConfigFact, RecordingFact},
};

/// Fields that are spans: integrators see their unit.
const SPANS: [&str; 10] =
    ["wait", "talk", "hold", "duration", "held", "ring", "spent", "idle", "service_level", "short_abandon"];

/// One fact. The id is made of what the fact says, so that a fact that is read
/// twice is one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    /// Events of one key are told in their order.
    pub key: String,
    pub at: Timestamp,
    pub data: Value,
}

/// What a record of the log tells; `None` if it tells integrators nothing.
pub fn read(delivery: &Delivery) -> eventlog::Result<Option<Event>> {
    let value = &delivery.record.value;
    Ok(match delivery.record.topic {
        Topic::Call => Some(of_call(codec::decode(value)?)),
        Topic::Agent => Some(of_agent(codec::decode(value)?)),
        Topic::Recording => Some(of_recording(codec::decode(value)?)),
        Topic::Config => of_config(codec::decode(value)?),
        Topic::CallLive => None,
    })
}

fn of_call(fact: CallFact) -> Event {
    let mut data = told(json!(fact.event));
    data["call"] = json!(fact.call);
    data["seq"] = json!(fact.seq);
    Event {
        id: format!("{}-{}", fact.call, fact.seq),
        kind: fact.event.kind(),
        key: fact.call.into(),
        at: fact.at,
        data,
    }
}

fn of_agent(fact: AgentFact) -> Event {
    let mut data = told(json!(fact.event));
    data["agent"] = json!(fact.agent);
    data["seq"] = json!(fact.seq);
    Event {
        // The count may begin again when the ACD does.
        id: format!("{}-{}-{}", fact.agent, fact.at.millis(), fact.seq),
        kind: fact.event.kind(),
        key: fact.agent.into(),
        at: fact.at,
        data,
    }
}

fn of_recording(fact: RecordingFact) -> Event {
    let mut data = public(json!(fact));
    if let Value::Object(fields) = &mut data {
        fields.remove("at");
    }
    Event {
        id: fact.recording.to_string(),
        kind: RecordingFact::KIND,
        key: fact.call.into(),
        at: fact.at,
        data,
    }
}

/// Of the configuration only alerts are told: the rest holds secrets.
fn of_config(fact: ConfigFact) -> Option<Event> {
    let body = fact.body.filter(|_| fact.kind == Kind::Alert)?;
    let alert: Alert = serde_json::from_str(&body).ok()?;
    let mut data = json!(alert);
    data["alert"] = json!(fact.id);
    let (id, kind) = (format!("{}-{}", fact.id, fact.version), alert.kind());
    Some(Event { id, kind, key: fact.id, at: fact.at, data })
}

/// The type stands in the envelope.
fn told(event: Value) -> Value {
    let mut data = public(event);
    if let Value::Object(fields) = &mut data {
        fields.remove("type");
    }
    data
}

/// Spans get their unit.
fn public(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let named = |(name, value): (String, Value)| match value.is_number() && SPANS.contains(&&*name) {
                true => (format!("{name}_ms"), value),
                false => (name, public(value)),
            };
            let fields: Map<String, Value> = fields.into_iter().map(named).collect();
            Value::Object(fields)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(public).collect()),
        other => other,
    }
}

/// The body that is sent, the same at each attempt.
pub fn body(id: &str, kind: &str, at: Timestamp, cursor: i64, data: &Value) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at.millis()).unwrap_or_default();
    let timestamp = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({ "id": id, "type": kind, "timestamp": timestamp, "cursor": cursor.to_string(), "data": data })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{fact::CallEvent, *};

    #[test]
    fn of_the_configuration_alerts_alone_are_told() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let fact = |kind, body: &str| ConfigFact {
            kind,
            id: "alrt_1".into(),
            version: 2,
            at,
            actor: "system".into(),
            body: Some(body.into()),
        };
        let (threshold, queue) = (ThresholdId::new(at, 1), QueueId::new(at, 2));
        let mut alert = json!({
            "threshold": threshold, "name": "n", "queue": queue, "measure": "waiting", "at": 5, "value": 7,
            "raised_at_ms": 1,
        });
        let kind = |alert: &Value| of_config(fact(Kind::Alert, &alert.to_string())).expect("an event").kind;
        assert_eq!(kind(&alert), "alert.raised");
        alert["acknowledged"] = json!({ "by": "usr_1", "name": "Ana", "at_ms": 2 });
        assert_eq!(kind(&alert), "alert.acknowledged");
        alert["ended_at_ms"] = json!(3);
        let event = of_config(fact(Kind::Alert, &alert.to_string())).expect("an event");
        assert_eq!((event.kind, event.id.as_str()), ("alert.ended", "alrt_1-2"));
        assert_eq!((&event.data["alert"], &event.data["value"]), (&json!("alrt_1"), &json!(7)));
        assert_eq!(of_config(fact(Kind::Trunk, r#"{"password":"secret"}"#)), None);
    }

    #[test]
    fn a_fact_is_told_with_units_and_without_its_tag() {
        let fact = CallFact {
            call: CallId::new(Timestamp::from_millis(1), 2),
            seq: 7,
            at: Timestamp::from_millis(1_700_000_000_123),
            event: CallEvent::Retrieved { by: Party::Agent, held: 1_200 },
        };
        let tag = json!(fact.event)["type"].clone();
        let event = of_call(fact.clone());
        assert_eq!(format!("call.{}", tag.as_str().unwrap()), event.kind);
        assert_eq!(event.kind, "call.retrieved");
        assert_eq!(event.data["held_ms"], 1_200);
        assert_eq!((&event.data["call"], &event.data["seq"]), (&json!(fact.call), &json!(7)));
        let sent: Value =
            serde_json::from_str(&body(&event.id, event.kind, event.at, 12, &event.data)).unwrap();
        assert_eq!(sent["timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(sent["cursor"], "12");
        assert!(!sent["id"].as_str().unwrap().contains('.'));
        assert!(sent["data"].get("type").is_none());
    }
}
