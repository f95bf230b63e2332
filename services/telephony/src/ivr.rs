//! Asks the flow what comes next.

use std::time::Duration;

use bytes::Bytes;
use call::{Asked, CallbackTerms, Collect, Entry, Instruction, IvrInput, Message, Next, QueueNode, Words};
use chassis::{Credentials, grpc::Channel};
use proto::ivr::v1::ivr_client::IvrClient;
use proto::ivr::v1::next_reply::{self, Node};
use proto::ivr::v1::next_request::{Input, Keys, NoInput, PromptsEnded, QueueLeft, Start, Waits};
use proto::ivr::v1::{AnnounceRequest, NextReply, NextRequest};
use types::{Millis, QueueId, Skill, Stage, TenantId, Timestamp};

/// A flow that does not answer in this time ends the call.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same while the caller hears music and the flow asks another system,
/// which may take 10 s.
const WAITING_TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts at one question: any replica may answer it.
const ATTEMPTS: u32 = 3;
const AGAIN: Duration = Duration::from_millis(150);

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Ivr {
    client: IvrClient<Channel>,
}

impl Ivr {
    pub fn connect(credentials: &Credentials, address: &str) -> anyhow::Result<Self> {
        Ok(Self { client: IvrClient::new(chassis::grpc::channel(credentials, address)?) })
    }

    /// The next instruction and the cursor to come back with; `None` when the
    /// service did not answer or made no sense.
    pub async fn next(&self, request: NextRequest, entry: &Entry) -> Option<(Bytes, Next)> {
        let asking = async {
            for _ in 0..ATTEMPTS {
                match self.client.clone().next(request.clone()).await {
                    Ok(reply) => return Some(reply.into_inner()),
                    Err(status) => tracing::warn!(call = %entry.call, %status, "flow not available"),
                }
                tokio::time::sleep(AGAIN).await;
            }
            None
        };
        let waits = matches!(request.input, Some(Input::Waits(_)));
        let within = if waits { WAITING_TIMEOUT } else { TIMEOUT };
        let reply = tokio::time::timeout(within, asking).await.ok().flatten()?;
        let cursor = reply.cursor.clone();
        Some((cursor, next(reply, entry)?))
    }

    /// The prompts that tell a waiting caller the place and, where it is known,
    /// the wait; none when in doubt.
    pub async fn announce(
        &self,
        tenant: &TenantId,
        queue: &QueueId,
        position: u32,
        wait: Option<Millis>,
        callback: Option<char>,
    ) -> Vec<String> {
        self.said(AnnounceRequest {
            tenant: tenant.to_string(),
            queue: queue.to_string(),
            position,
            expected_wait_ms: wait.unwrap_or_default(),
            callback_key: callback.map(String::from).unwrap_or_default(),
            ..Default::default()
        })
        .await
    }

    /// The prompts for a caller who wants to be called back; none when in doubt.
    pub async fn words(&self, tenant: &TenantId, words: &Words) -> Vec<String> {
        let (words, number) = match words {
            Words::Confirm(number) => ("confirm", number.to_string()),
            Words::Type => ("type", String::new()),
            Words::Wrong => ("wrong", String::new()),
            Words::Thanks => ("thanks", String::new()),
        };
        let (tenant, words) = (tenant.to_string(), words.to_owned());
        self.said(AnnounceRequest { tenant, words, number, ..Default::default() }).await
    }

    async fn said(&self, request: AnnounceRequest) -> Vec<String> {
        let mut client = self.client.clone();
        match tokio::time::timeout(TIMEOUT, client.announce(request)).await {
            Ok(Ok(reply)) => reply.into_inner().hashes,
            _ => Vec::new(),
        }
    }
}

/// The question for an input of the call.
pub fn question(
    tenant: &TenantId,
    entry: &Entry,
    cursor: Bytes,
    input: IvrInput,
    now: Timestamp,
) -> NextRequest {
    let input = match input {
        IvrInput::Start => Input::Start(Start {
            flow: entry.flow.to_string(),
            from: entry.from.clone(),
            did: entry.did.to_string(),
            now_ms: now.millis(),
        }),
        IvrInput::Played => Input::PromptsEnded(PromptsEnded {}),
        IvrInput::Keys(keys) => Input::Keys(Keys { keys }),
        IvrInput::NoInput => Input::NoInput(NoInput {}),
        IvrInput::Waits => Input::Waits(Waits {}),
        IvrInput::QueueLeft(reason) => Input::QueueLeft(QueueLeft { reason }),
    };
    NextRequest { tenant: tenant.to_string(), cursor, input: Some(input) }
}

fn next(reply: NextReply, entry: &Entry) -> Option<Next> {
    let node = reply.node.unwrap_or_default();
    let instruction = instruction(reply.instruction?)?;
    let category = node.category.parse().ok();
    let queue = node.callback_queue.parse().ok();
    let callback = node.callback.parse().ok().map(|number| Asked { number, queue });
    let stage = types::named(&node.stage).unwrap_or(Stage::Greeting);
    let Node { flow, version, id, label, .. } = node;
    let flow = flow.parse().unwrap_or_else(|_| entry.flow.clone());
    Some(Next { flow, version, node: id, label, stage, category, callback, instruction })
}

fn instruction(instruction: next_reply::Instruction) -> Option<Instruction> {
    Some(match instruction {
        next_reply::Instruction::Play(play) => Instruction::Play(play.hashes),
        next_reply::Instruction::Hangup(_) => Instruction::Hangup,
        next_reply::Instruction::Collect(collect) => Instruction::Collect(Collect {
            prompts: collect.hashes,
            keys_max: collect.max_digits.max(1) as usize,
            terminators: collect.terminators,
            first_timeout: collect.first_timeout_ms,
            next_timeout: collect.next_timeout_ms,
        }),
        next_reply::Instruction::Wait(wait) => Instruction::Wait(wait.hashes),
        next_reply::Instruction::Queue(queue) => Instruction::Queue(QueueNode {
            queue: queue.queue.parse().ok()?,
            needs: queue.needs.into_iter().map(need).collect::<Option<_>>()?,
            priority: queue.priority,
            welcome: queue.welcome,
            music: queue.music,
            announce_every: queue.announce_every_ms,
            service_level: queue.service_level_ms,
            short_abandon: queue.short_abandon_ms,
            callback: queue.callback.and_then(callback),
        }),
        next_reply::Instruction::Record(record) => Instruction::Message(Message {
            prompts: record.hashes,
            max: record.max_ms,
            queue: record.queue.parse().ok(),
        }),
    })
}

fn callback(terms: next_reply::queue::Callback) -> Option<CallbackTerms> {
    let country = Some(terms.country).filter(|country| !country.is_empty());
    let key = terms.key.chars().next()?;
    Some(CallbackTerms { key, attempts: terms.attempts, every: terms.every_ms, country })
}

fn need(need: next_reply::Need) -> Option<Skill> {
    Some(Skill { name: need.skill, level: need.level.try_into().ok()? })
}
