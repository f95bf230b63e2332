// What is counted and watched, in the JSON of /v1.

import type { Contact, Stored } from "./types";

export type Figures = {
  offered: number;
  answered: number;
  abandoned: number;
  short_abandoned: number;
  overflowed: number;
  overflowed_full: number;
  overflowed_no_agents: number;
  overflowed_wait_limit: number;
  overflowed_emergency: number;
  in_progress: number;
  within_service_level: number;
  wait_answered_ms: number;
  wait_abandoned_ms: number;
  longest_wait_ms: number;
  talk_ms: number;
  hold_ms: number;
  wrap_up_ms: number;
  handled: number;
  missed: number;
  declined: number;
  signed_in_ms: number;
  busy_ms: number;
  staffed_ms: number;
  abandoned_greeting: number;
  abandoned_menu: number;
  abandoned_queue: number;
  abandoned_ringing: number;
  service_level: number | null;
  asa_ms: number | null;
  aht_ms: number | null;
  abandonment: number | null;
  occupancy: number | null;
};

export type LiveCall = {
  call: string;
  from: string;
  /** Who has this number. */
  contact: Contact | null;
  did: string;
  did_label: string;
  stage: string;
  stage_since_ms: number;
  offered_at_ms: number;
  node: string | null;
  path: string;
  queue: string | null;
  position: number;
  waiting_since_ms: number;
  agent: string | null;
  attempt: number;
  held: boolean;
};
export type LiveAgent = {
  agent: string;
  state: string;
  since_ms: number;
  reason: string | null;
  call: string | null;
  /** Asks for a supervisor since then. */
  hand_since_ms: number | null;
  /** Serves another queue for a time. */
  loan: { id: string; queue: string; until_ms: number } | null;
};
export type Measure = "waiting" | "longest_wait" | "service_level" | "free_agents";
/** When a queue's figures are for somebody to look at. */
export type Threshold = Stored & {
  name: string;
  queue: string;
  measure: Measure;
  at: number;
  lasts_ms: number;
  emails: string[];
  enabled: boolean;
};
/** A threshold that is crossed. */
export type Alert = {
  id: string;
  name: string;
  queue: string;
  measure: Measure;
  at: number;
  value: number;
  raised_at_ms: number;
  acknowledged: { by: string; name: string; at_ms: number } | null;
};
/** A link to figures of some queues. */
export type Wallboard = { id: string; name: string; queues: string[]; actor: string; at_ms: number };
/** A department, how busy its people were in the last hour, and who of it could help a queue. */
export type Lender = {
  department: string | null;
  name: string | null;
  occupancy: number | null;
  signed_in: number;
  free: number;
  agents: { agent: string; name: string; state: string; suits: boolean; lent_to: string | null }[];
};
export type LiveQueue = {
  queue: string;
  waiting: number;
  longest_waiting_since_ms: number;
  /** Agents who serve it. */
  signed_in: number;
  free: number;
  today: Figures;
};
export type Live = {
  sequence: number;
  at_ms: number;
  calls: LiveCall[];
  agents: LiveAgent[];
  queues: LiveQueue[];
  alerts: Alert[];
};
/** What is new or changed since the event before, each whole, and what is gone. */
export type LiveDelta = {
  sequence: number;
  at_ms: number;
  calls?: LiveCall[];
  gone_calls?: string[];
  agents?: LiveAgent[];
  gone_agents?: string[];
  queues?: LiveQueue[];
  gone_queues?: string[];
  alerts?: Alert[];
  gone_alerts?: string[];
};

/** Callers whose wait was longer than the step before and not longer than this. */
export type WaitStep = { up_to_ms: number | null; answered: number; abandoned: number };
export type ReportRow = { key: string; from_ms: number; figures: Figures; waits: WaitStep[] };
export type Report = {
  rows: ReportRow[];
  total: ReportRow | null;
  positions: { topic: string; partition: number; offset: number }[];
  as_of_ms: number;
};
