//! What the caller hears next: `flow::step`, with files for words.

use crate::{
    announcement,
    dips::Dips,
    flows::Flows,
    prompts::{Prompts, Unfit, Words},
    wire::{self, Carried},
};
use chassis::{Error, clock};
use flow::{Flow, Input, Instruction, Say, Stepped};
use proto::ivr::v1::{next_reply, next_request, render_request, *};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use types::{FlowId, QueueId, Skill, TenantId};

/// Silence after a key that ends the input.
const NEXT_KEY_TIMEOUT_MS: i64 = 3_000;
const TEXT_MAX: usize = 2_000;

pub struct Api {
    pub prompts: Arc<Prompts>,
    pub flows: Arc<Flows>,
    pub dips: Dips,
}

#[tonic::async_trait]
impl ivr_server::Ivr for Api {
    async fn next(&self, request: Request<NextRequest>) -> Result<Response<NextReply>, Status> {
        let NextRequest { tenant, cursor, input } = request.into_inner();
        let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("no tenant"))?;
        let input = input.ok_or_else(|| Error::invalid("no input"))?;
        let (id, version, flow, cursor) = self.place(&tenant, &cursor, &input)?;
        let stepped = self
            .step(&tenant, &flow, cursor.as_ref(), &wire::input(&input, self.flows.country(&tenant)))
            .await;
        let Stepped { cursor, place, instruction, category, callback } = stepped.map_err(Error::internal)?;
        let carried = Carried { flow: id.clone(), version, cursor };
        let cursor = serde_json::to_vec(&carried).map_err(Error::internal)?.into();
        let instruction = Some(self.instruction(&tenant, &flow, instruction).await?);
        Ok(Response::new(NextReply {
            cursor,
            node: Some(wire::node(&id, version, place, category, callback)),
            instruction,
        }))
    }

    async fn announce(&self, request: Request<AnnounceRequest>) -> Result<Response<AnnounceReply>, Status> {
        let AnnounceRequest { tenant, position, expected_wait_ms, callback_key, words, number, .. } =
            request.into_inner();
        let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("no tenant"))?;
        let language = self.flows.language(&tenant);
        let say: Vec<Say> = match words.as_str() {
            "" => {
                let key = callback_key.chars().next();
                let texts = announcement::texts(&language, position, expected_wait_ms, key);
                texts.into_iter().map(Say::Text).collect()
            }
            // Somebody's number is not kept for ever.
            "confirm" => vec![Say::Filled(announcement::words(&language, &words, &number))],
            _ => vec![Say::Text(announcement::words(&language, &words, &number))],
        };
        let hashes = self.words(&tenant, &language).files(&say).await;
        Ok(Response::new(AnnounceReply { hashes }))
    }

    async fn render(&self, request: Request<RenderRequest>) -> Result<Response<RenderReply>, Status> {
        let source =
            request.into_inner().source.ok_or_else(|| Error::invalid("neither a file nor a text"))?;
        let (hash, duration_ms) = match source {
            render_request::Source::Wav(wav) => self.prompts.upload(wav.into()).await.map_err(unfit)?,
            render_request::Source::Speech(speech) => {
                let text = speech.text.trim();
                if text.is_empty() || text.len() > TEXT_MAX {
                    return Err(Error::invalid("the text must have 1 to 2000 bytes").into());
                }
                let hash = self.prompts.speak(text, &speech.language).await.map_err(Error::internal)?;
                let duration = self.prompts.duration(&hash).await.map_err(Error::internal)?;
                (hash, duration)
            }
        };
        Ok(Response::new(RenderReply { hash, duration_ms }))
    }
}

impl Api {
    /// The flow that the call is on, and where it stands.
    fn place(
        &self,
        tenant: &TenantId,
        cursor: &[u8],
        input: &next_request::Input,
    ) -> Result<(FlowId, u32, Arc<Flow>, Option<flow::Cursor>), Error> {
        if let next_request::Input::Start(start) = input {
            let id: FlowId = start.flow.parse().map_err(|_| Error::invalid("not a flow"))?;
            let latest = self.flows.latest(tenant, &id);
            let (version, flow) = latest.ok_or_else(|| Error::not_found(format!("no flow {id}")))?;
            return Ok((id, version, flow, None));
        }
        let carried: Carried = serde_json::from_slice(cursor).map_err(|_| Error::invalid("not a cursor"))?;
        let known = self.flows.at(tenant, &carried.flow, carried.version);
        let (version, flow) = known.ok_or_else(|| Error::not_found(format!("no flow {}", carried.flow)))?;
        Ok((carried.flow, version, flow, Some(carried.cursor)))
    }

    /// One step. What the flow wants to ask is asked once the caller hears
    /// something meanwhile.
    async fn step(
        &self,
        tenant: &TenantId,
        flow: &Flow,
        cursor: Option<&flow::Cursor>,
        input: &Input,
    ) -> Result<Stepped, flow::Error> {
        let stepped = flow::step(flow, cursor, input, clock::now())?;
        let Instruction::Fetch { request, .. } = &stepped.instruction else { return Ok(stepped) };
        if *input != Input::Waits {
            return Ok(stepped);
        }
        let answer = self.dips.ask(tenant, &self.flows.networks(tenant), request).await;
        flow::step(flow, Some(&stepped.cursor), &Input::Answer(answer), clock::now())
    }

    async fn instruction(
        &self,
        tenant: &TenantId,
        flow: &Flow,
        instruction: Instruction,
    ) -> Result<next_reply::Instruction, Error> {
        let words = self.words(tenant, &flow.language);
        Ok(match instruction {
            Instruction::Play(say) => {
                next_reply::Instruction::Play(next_reply::Play { hashes: words.files(&say).await })
            }
            Instruction::Collect { say, timeout, keys_max, terminators } => {
                next_reply::Instruction::Collect(next_reply::Collect {
                    hashes: words.files(&say).await,
                    max_digits: keys_max as u32,
                    terminators: terminators.into(),
                    first_timeout_ms: timeout,
                    next_timeout_ms: NEXT_KEY_TIMEOUT_MS,
                })
            }
            Instruction::Fetch { say, .. } => {
                let mut hashes = words.files(&say).await;
                hashes.push(self.prompts.music.clone());
                next_reply::Instruction::Wait(next_reply::Wait { hashes })
            }
            Instruction::Queue(node) => self.queue(&words, node).await,
            Instruction::Record { say, max, queue } => {
                let mut hashes = words.files(&say).await;
                hashes.push(self.prompts.tone.clone());
                let queue = queue.map(Into::into).unwrap_or_default();
                next_reply::Instruction::Record(next_reply::Record { hashes, max_ms: max, queue })
            }
            Instruction::Hangup => next_reply::Instruction::Hangup(next_reply::Hangup {}),
        })
    }

    fn words<'a>(&'a self, tenant: &'a TenantId, language: &'a str) -> Words<'a> {
        Words::new(&self.prompts, &self.flows, tenant, language)
    }

    async fn queue(&self, words: &Words<'_>, node: flow::Queue) -> next_reply::Instruction {
        let settings = self.flows.queue(words.tenant, &node.queue);
        let welcome = words.files(&node.welcome).await;
        let mut music = words.files(&node.music).await;
        if music.is_empty() {
            music.push(self.prompts.music.clone());
        }
        let queue: QueueId = node.queue;
        let need = |skill: Skill| next_reply::Need { skill: skill.name, level: skill.level.into() };
        next_reply::Instruction::Queue(next_reply::Queue {
            queue: queue.to_string(),
            priority: node.priority,
            needs: node.skills.into_iter().map(need).collect(),
            welcome,
            music,
            announce_every_ms: node.announce_every_ms,
            service_level_ms: settings.as_ref().map_or(0, |queue| queue.service_level_ms),
            short_abandon_ms: settings.as_ref().map_or(0, |queue| queue.short_abandon_ms),
            callback: settings.as_ref().and_then(|queue| {
                Some(next_reply::queue::Callback {
                    key: queue.callback_key?.into(),
                    attempts: queue.callback_attempts,
                    every_ms: queue.callback_every_ms,
                    country: self.flows.country(words.tenant).unwrap_or_default(),
                })
            }),
        })
    }
}

fn unfit(error: anyhow::Error) -> Error {
    match error.downcast::<Unfit>() {
        Ok(unfit) => Error::invalid(unfit.to_string()),
        Err(error) => Error::internal(error),
    }
}
