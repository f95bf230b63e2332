//! What changed between two views of what goes on.

use super::{
    alerts::Alert,
    live::{Live, LiveAgent, LiveCall, LiveQueue},
};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

/// What is new or has changed since the event before, each whole, and what is gone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveDelta {
    sequence: u64,
    at_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    calls: Vec<LiveCall>,
    /// Ids of calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    gone_calls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    agents: Vec<LiveAgent>,
    /// Ids of agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    gone_agents: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    queues: Vec<LiveQueue>,
    /// Ids of queues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    gone_queues: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    alerts: Vec<Alert>,
    /// Ids of alerts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    gone_alerts: Vec<String>,
}

impl LiveDelta {
    pub fn between(before: &Live, after: &Live) -> LiveDelta {
        let (calls, gone_calls) = changed(&before.calls, &after.calls, |call| &call.call);
        let (agents, gone_agents) = changed(&before.agents, &after.agents, |agent| &agent.agent);
        let (queues, gone_queues) = changed(&before.queues, &after.queues, |queue| &queue.queue);
        let (alerts, gone_alerts) = changed(&before.alerts, &after.alerts, |alert| &alert.id);
        LiveDelta {
            sequence: after.sequence,
            at_ms: after.at_ms,
            calls,
            gone_calls,
            agents,
            gone_agents,
            queues,
            gone_queues,
            alerts,
            gone_alerts,
        }
    }
}

fn changed<T: Clone + PartialEq>(
    before: &[T],
    after: &[T],
    id: impl Fn(&T) -> &String,
) -> (Vec<T>, Vec<String>) {
    let known: HashMap<&String, &T> = before.iter().map(|one| (id(one), one)).collect();
    let here: HashSet<&String> = after.iter().map(&id).collect();
    let new = after.iter().filter(|one| known.get(id(one)) != Some(one)).cloned().collect();
    let gone = before.iter().map(&id).filter(|id| !here.contains(id)).cloned().collect();
    (new, gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::analytics::v1 as wire;
    use serde_json::json;

    fn view(calls: &[(&str, &str)]) -> Live {
        let call = |(call, stage): &(&str, &str)| wire::LiveCall {
            call: (*call).into(),
            stage: (*stage).into(),
            ..Default::default()
        };
        wire::Live { sequence: 4, at_ms: 9, calls: calls.iter().map(call).collect(), ..Default::default() }
            .into()
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = view(&[("a", "queue"), ("b", "queue"), ("c", "talking")]);
        let after = view(&[("a", "queue"), ("b", "ringing"), ("d", "menu")]);
        let delta = LiveDelta::between(&before, &after);
        let told: Vec<_> = delta.calls.iter().map(|call| call.call.as_str()).collect();
        assert_eq!((told, delta.gone_calls), (vec!["b", "d"], vec!["c".to_owned()]));
        let nothing = serde_json::to_value(LiveDelta::between(&after, &after)).unwrap();
        assert_eq!(nothing, json!({ "sequence": 4, "at_ms": 9 }));
    }
}
