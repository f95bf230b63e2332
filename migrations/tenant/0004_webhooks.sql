-- tenancy: events as webhooks tell them, for as long as a replay may reach back.
create table webhook_events (
  cursor bigint generated always as identity primary key,
  id text not null unique,
  kind text not null,
  -- Events of one key are told in their order.
  key text not null,
  at_ms bigint not null,
  data jsonb not null
);
create index webhook_events_at on webhook_events (at_ms);

-- tenancy: an event on its way to one receiver.
create table webhook_deliveries (
  id bigint generated always as identity primary key,
  webhook text not null,
  event bigint not null references webhook_events on delete cascade,
  key text not null,
  -- dropped: too many were waiting.
  state text not null check (state in ('waiting', 'delivered', 'given_up', 'dropped')),
  attempts integer not null default 0,
  next_at_ms bigint not null,
  -- Of the last attempt; status 0: no answer, then `problem` says why.
  tried_at_ms bigint not null default 0,
  took_ms bigint not null default 0,
  status integer not null default 0,
  problem text not null default ''
);
create index webhook_deliveries_waiting on webhook_deliveries (webhook, key, id) where state = 'waiting';
create index webhook_deliveries_of on webhook_deliveries (webhook, id desc);
create index webhook_deliveries_event on webhook_deliveries (event);
