-- Who is told of events by HTTP, and whose turn it is. What they are told lies in the tenants' schemas.

create table platform.webhooks (
  id text primary key,
  tenant text not null references platform.tenants,
  name text not null,
  url text not null,
  kinds text[] not null,
  enabled boolean not null,
  -- '' while enabled; asked: a person switched it off; failing, gone: the receiver's doing.
  disabled_because text not null default '' check (disabled_because in ('', 'asked', 'failing', 'gone')),
  sealed_secret bytea not null,
  -- The one before signs too until then.
  sealed_old_secret bytea,
  old_secret_until_ms bigint not null default 0,
  -- Since when the receiver has taken nothing; 0: it takes what it gets.
  failing_since_ms bigint not null default 0,
  created_at_ms bigint not null,
  -- When there is something to send, not before the rest after a failure is over.
  due_at_ms bigint not null,
  rest_until_ms bigint not null default 0,
  -- A process has the turn until then.
  held_until_ms bigint not null default 0,
  -- Counts what was added, so that whoever ends a turn sees that there is more.
  added bigint not null default 0
);
create index webhooks_tenant on platform.webhooks (tenant, id);
create index webhooks_due on platform.webhooks (due_at_ms) where enabled;
