// The JSON of /v1, as its OpenAPI describes it. Times are milliseconds since 1970.

export const BUILT_IN = ["owner", "admin", "supervisor", "agent", "auditor", "developer"] as const;
export type BuiltInRole = (typeof BUILT_IN)[number];
export const isBuiltIn = (role: string): role is BuiltInRole => (BUILT_IN as readonly string[]).includes(role);

export type Permission =
  | "desk"
  | "directory:read"
  | "config:read"
  | "config:write"
  | "calls:read"
  | "calls:own"
  | "contacts:read"
  | "contacts:write"
  | "recordings:read"
  | "reports:read"
  | "live:read"
  | "users:read"
  | "users:write"
  | "api-keys"
  | "webhooks"
  | "test-calls"
  | "audit:read"
  | "supervise";

export type Me = {
  tenant: string;
  company: string;
  user: string;
  agent: string | null;
  name: string;
  email: string | null;
  email_verified: boolean;
  /** Built in, or the id of a role of the company's own. */
  role: string | null;
  language: string | null;
  time_zone: string | null;
  permissions: Permission[];
  csrf: string | null;
  scope: Scope | null;
  totp: boolean;
};

/** Whom one sees: all, or the department with all below it. */
export type Scope = "company" | "department";

export type List<T> = { items: T[]; next_cursor?: string | null };

/** What the server adds to a configuration document. */
export type Stored = { id: string; version: number };

export type SkillLevel = { name: string; level: number };

export type Trunk = Stored & {
  name: string;
  enabled: boolean;
  auth: { type: "ip"; addresses: string[] } | { type: "digest"; username: string; password?: string };
  outbound?: Outbound | null;
  calls_per_second?: number | null;
  numbers?: Numbering | null;
  caller?: "asserted" | "from";
  emergency?: boolean;
};
/** A carrier's server that takes our calls. */
export type Gateway = {
  address: string;
  transport: "udp" | "tcp" | "tls" | "auto";
  priority: number;
  weight: number;
};
export type Outbound = {
  gateways: Gateway[];
  credentials?: { username: string; password?: string } | null;
  caller_id?: string | null;
  number_format: "e164" | "digits" | "national";
  prefixes: string[];
  calls_max: number;
  register: boolean;
  presentation?: "asserted" | "from" | "hidden";
  registered?: boolean;
};
export type Numbering = { country: string; national_prefix: string; international_prefix: string };
export type DidNumber = Stored & { number: string; label: string; flow: string; auto_connect: boolean };
export type Queue = Stored & {
  name: string;
  skills: SkillLevel[];
  ring_timeout_ms: number;
  wrap_up_ms: number;
  service_level_ms: number;
  short_abandon_ms: number;
  waiting_max: number;
  strategy: Strategy;
  levels: Levels;
  wrap_up: WrapUp;
  weight: number;
  starvation_guard_ms: number;
  pause_after_missed: number;
  wait_max_ms: number;
  emergency: boolean;
  manual: boolean;
  script: string;
  agents: QueueSeat[];
  only_listed: boolean;
  penalty_max: number | null;
  relax: Relaxed[];
  no_agents_after_ms: number | null;
  callback_key: string | null;
  callback_attempts: number;
  callback_every_ms: number;
};
/** An agent's own terms with a queue. */
export type QueueSeat = { agent: string; penalty: number; weight: number };
/** Who else is asked when a caller waits so long. */
export type Relaxed = { after_ms: number; levels_down: number; penalty_max: number | null };
/** Who of several free agents gets the caller. */
export const STRATEGIES = [
  "longest_idle",
  "round_robin",
  "least_calls",
  "least_talk",
  "linear",
  "sequential",
  "random",
  "ring_all",
] as const;
export type Strategy = (typeof STRATEGIES)[number];
/** What a level beyond the lowest that suffices is good for. */
export const LEVELS = ["enough", "highest_first", "lowest_first"] as const;
export type Levels = (typeof LEVELS)[number];
/** How wrap-up ends. */
export const WRAP_UPS = ["timed", "until_done", "fixed", "none"] as const;
export type WrapUp = (typeof WRAP_UPS)[number];
export type Agent = Stored & {
  name: string;
  user: string;
  skills: SkillLevel[];
  phone?: { username: string; password?: string } | null;
  department?: string | null;
};
export type Department = Named & { parent?: string | null };
export type Role = Named & { permissions: string[] };
export type Permissions = { permissions: Permission[]; roles: { name: BuiltInRole; permissions: Permission[] }[] };
export type Company = Stored & {
  name: string;
  time_zone: string;
  language: string;
  country_code: string | null;
  flow_networks?: string[];
  listening_notice: boolean;
  calls_max?: number | null;
};
export type Named = Stored & { name: string };
export type Prompt = Stored & { name: string; hash: string; duration_ms: number };

export type Say = { text: string } | { prompt: string };
export type FlowNode =
  | { type: "play"; label: string; say: Say[]; next: string }
  | {
      type: "menu";
      label: string;
      say: Say[];
      choices: Record<string, string>;
      attempts?: number;
      timeout_ms?: number;
      invalid_attempts?: number;
      invalid?: Say[];
      silence?: Say[];
      no_input: string;
      no_match: string;
    }
  | {
      type: "digits";
      label: string;
      say: Say[];
      variable: string;
      digits_max: number;
      attempts?: number;
      timeout_ms?: number;
      next: string;
      no_input: string;
    }
  | {
      type: "hours";
      label: string;
      time_zone: string;
      weekly: { days: string[]; from: string; to: string }[];
      holidays?: { date: string; name?: string }[];
      open: string;
      closed: string;
      holiday?: string | null;
    }
  | {
      type: "condition";
      label: string;
      cases: { variable: string; test: string; value?: string; next: string }[];
      otherwise: string;
    }
  | { type: "set"; label: string; values: Record<string, string>; next: string }
  | {
      type: "http";
      label: string;
      method?: "get" | "post";
      url: string;
      headers?: Record<string, string>;
      body?: unknown;
      timeout_ms?: number;
      say?: Say[];
      variables?: Record<string, string>;
      next: string;
      failed: string;
    }
  | { type: "category"; label: string; category: string; next: string }
  | { type: "self_served"; label: string; next: string }
  | {
      type: "queue";
      label: string;
      queue: string;
      skills?: { name: string; level: number }[];
      welcome?: Say[];
      music?: Say[];
      priority?: number;
      announce_every_ms?: number;
      overflow: string;
      overflow_by?: Record<string, string>;
    }
  | { type: "callback"; label: string; number?: string; queue?: string; next: string; invalid: string }
  | { type: "voicemail"; label: string; say: Say[]; max_ms?: number; queue?: string; next: string }
  | { type: "hangup" };
export type FlowBody = { name: string; language: string; start: string; nodes: Record<string, FlowNode> };
export type Flow = Stored & FlowBody;

export type Interaction = {
  /** What the contact is about. */
  category?: string | null;
  id: string;
  call: string;
  contact: string | null;
  contact_name: string | null;
  direction: "inbound" | "outbound" | "internal";
  from: string;
  to: string;
  did: string;
  did_label: string;
  path: string;
  queue: string | null;
  agent: string | null;
  disposition: string | null;
  note: string | null;
  recording: string | null;
  started_at_ms: number;
  ended_at_ms: number | null;
  wait_ms: number;
  talk_ms: number;
  hold_ms: number;
  outcome: string | null;
  stage: string;
  /** Of one call alone. */
  legs?: CallLeg[];
  silences?: CallSilence[];
};
/** A time in which nothing came from a party; `who` as in CallLeg. */
export type CallSilence = { who: string | null; began_at_ms: number; ended_at_ms: number | null };
/** How well one side of a leg was heard. */
export type Heard = { lost: number; jitter_ms: number; mos: number };
/** One party of a call; `who` is an agent or a number, or absent: who called. */
export type CallLeg = {
  who: string | null;
  received: number;
  sent: number;
  near: Heard | null;
  far: Heard | null;
  round_trip_ms: number | null;
};
/** How a task to call back was done. */
type ClosedHow = "called_again" | "called_back" | "by_hand";
/** A task to call somebody back. */
export type Callback = {
  id: string;
  number: string;
  contact: string | null;
  contact_name: string | null;
  state: "open" | "claimed" | "closed" | "in_line";
  queue: string | null;
  did: string;
  did_label: string;
  stage: string;
  wait_ms: number;
  missed: number;
  first_at_ms: number;
  last_at_ms: number;
  claimed_by: string | null;
  claimed_until_ms: number | null;
  attempts: number;
  closed_at_ms: number | null;
  closed_how: ClosedHow | null;
  closed_by: string | null;
  disposition: string | null;
  note: string | null;
  /** The caller asked to be called back. */
  asked: boolean;
  /** The caller left a message. */
  message: boolean;
};
/** A call that ended before an agent answered. */
export type MissedCall = {
  call: string;
  from: string;
  contact: string | null;
  contact_name: string | null;
  did: string;
  did_label: string;
  queue: string | null;
  stage: string;
  wait_ms: number;
  at_ms: number;
  callback: string | null;
  callback_state: "open" | "claimed" | "closed" | "in_line" | "none";
  what: "lost" | "asked" | "message";
  closed_how: ClosedHow | null;
  attempts: number;
};
export type Contact = {
  id: string;
  name: string;
  organisation: string | null;
  numbers: string[];
  vip: boolean;
  created_at_ms: number;
};
export type Card = { contact: Contact | null; interactions: Interaction[] };

export type Recording = {
  id: string;
  call: string;
  started_at_ms: number;
  duration_ms: number;
  bytes: number;
  sha256: string;
  complete: boolean;
  peaks_left?: number[];
  peaks_right?: number[];
};

/** Whom one can reach this moment. */
export type Directory = {
  at_ms: number;
  agents: { id: string; name: string; state: string; since_ms: number | null; reason: string | null }[];
  queues: { id: string; name: string; waiting: number; longest_waiting_since_ms: number | null }[];
};

/** Where carriers and phones send SIP, each as host:port. */
export type SipServer = { udp: string; tcp: string; tls?: string; ws?: string; wss?: string };

export type TestCall = {
  id: string;
  number: string;
  state: "calling" | "ringing" | "talking" | "ended";
  cause: string | null;
  status: number | null;
  packets_received: number;
  packets_sent: number;
};

export type User = {
  id: string;
  agent: string;
  name: string;
  email: string;
  role: string;
  email_verified: boolean;
  scope: Scope;
  totp: boolean;
  seen_at_ms: number | null;
};
export type Session = {
  id: string;
  user_agent: string;
  address: string;
  created_at_ms: number;
  seen_at_ms: number;
  current: boolean;
};
export type AuditEntry = {
  id: string;
  at_ms: number;
  actor: string;
  actor_name: string | null;
  action: string;
  subject: string;
  detail: Record<string, unknown>;
};
export type Invite = { id: string; email: string; name: string; role: string; expires_at_ms: number };
export type ApiKey = {
  id: string;
  name: string;
  scopes: string[];
  created_at_ms: number;
  last_used_at_ms: number | null;
};

/** A receiver of events. */
export type Webhook = {
  id: string;
  name: string;
  url: string;
  kinds: string[];
  enabled: boolean;
  disabled_because: "asked" | "failing" | "gone" | null;
  failing_since_ms: number | null;
  created_at_ms: number;
  old_secret_until_ms: number | null;
};
export type WebhookWithSecret = { webhook: Webhook; secret: string };
export const DELIVERY_STATES = ["waiting", "delivered", "given_up", "dropped"] as const;
export type WebhookDelivery = {
  id: string;
  event: string;
  kind: string;
  at_ms: number;
  cursor: string;
  state: (typeof DELIVERY_STATES)[number];
  attempts: number;
  next_at_ms: number | null;
  tried_at_ms: number | null;
  took_ms: number;
  status: number | null;
  problem:
    | "status"
    | "redirect"
    | "timeout"
    | "unreachable"
    | "private_address"
    | "broken_off"
    | "bad_url"
    | "no_secret"
    | null;
};
