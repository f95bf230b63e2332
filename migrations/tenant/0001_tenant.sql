-- The schema of one tenant; runs as the tenant's role with the schema as
-- search_path. Text and CHECK instead of enums; statements name their columns.

-- tenancy: the configuration, every version of every document.
create table config (
  kind text not null,
  id text not null,
  version integer not null check (version > 0),
  body jsonb not null,
  deleted boolean not null default false,
  actor text not null,
  at_ms bigint not null,
  primary key (kind, id, version)
);

-- tenancy: who did what to whom.
create table audit (
  id bigint generated always as identity primary key,
  at_ms bigint not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);
create index audit_at on audit (at_ms);

-- crm
create table contacts (
  id text primary key,
  name text not null,
  organisation text not null default '',
  vip boolean not null default false,
  created_at_ms bigint not null
);
create table contact_numbers (
  number text primary key,
  contact text not null references contacts on delete cascade
);
create index contact_numbers_contact on contact_numbers (contact);
create table interactions (
  id text primary key,
  call text not null unique,
  -- The last fact of the call that is folded in.
  seq bigint not null default -1,
  contact text references contacts,
  caller text not null,
  did text not null,
  did_label text not null,
  path text not null default '',
  queue text,
  agent text,
  disposition text,
  note text,
  recording text,
  started_at_ms bigint not null,
  ended_at_ms bigint,
  wait_ms bigint not null default 0,
  talk_ms bigint not null default 0,
  hold_ms bigint not null default 0,
  outcome text check (outcome in ('answered', 'abandoned', 'self_served')),
  stage text not null
);
create index interactions_started on interactions (started_at_ms desc, id desc);
create index interactions_contact on interactions (contact, started_at_ms desc);
create index interactions_agent on interactions (agent, started_at_ms desc);

-- recording
create table recordings (
  id text primary key,
  call text not null,
  started_at_ms bigint not null,
  duration_ms bigint not null default 0,
  bytes bigint not null default 0,
  sha256 text not null default '',
  -- The recording's own key, sealed; deleting it erases the audio.
  sealed_key bytea,
  peaks_left real[] not null default '{}',
  peaks_right real[] not null default '{}',
  complete boolean not null default false
);
create index recordings_call on recordings (call);
create index recordings_started on recordings (started_at_ms desc, id desc);
create table recording_segments (
  recording text not null references recordings on delete cascade,
  number integer not null check (number >= 0),
  object text not null,
  bytes bigint not null,
  sha256 text not null,
  primary key (recording, number)
);

-- analytics: closed intervals; `figures` are sums as in analytics.v1.
create table intervals (
  subject text not null check (subject in ('queue', 'agent', 'did')),
  key text not null,
  from_ms bigint not null,
  figures jsonb not null,
  primary key (subject, key, from_ms)
);

-- Where each consumer of the log stands, written in the transaction of its effect.
create table consumed (
  consumer text not null,
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (consumer, topic, partition)
);
