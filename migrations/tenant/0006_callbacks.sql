-- crm: whom to call back, one open task per caller.
create table callbacks (
  id text primary key,
  number text not null,
  state text not null default 'open' check (state in ('open', 'closed')),
  -- Of the last call that did not get through.
  queue text,
  did text not null,
  did_label text not null,
  stage text not null,
  wait_ms bigint not null,
  missed integer not null default 1 check (missed > 0),
  first_at_ms bigint not null,
  last_at_ms bigint not null,
  -- A claim ends by itself, so that no task is stuck with who went home.
  claimed_by text,
  claimed_until_ms bigint not null default 0,
  closed_at_ms bigint,
  closed_how text check (closed_how in ('called_again', 'called_back', 'by_hand')),
  closed_by text,
  disposition text,
  note text,
  check ((state = 'closed') = (closed_how is not null and closed_at_ms is not null))
);
create unique index callbacks_open on callbacks (number) where state = 'open';
create index callbacks_due on callbacks (first_at_ms, id) where state = 'open';
create index callbacks_closed on callbacks (closed_at_ms desc, id desc) where state = 'closed';

-- crm: calls that ended before an agent answered.
create table missed_calls (
  call text primary key,
  caller text not null,
  did text not null,
  did_label text not null,
  queue text,
  stage text not null,
  wait_ms bigint not null,
  at_ms bigint not null,
  -- None: there is no number to call, or the caller got through since.
  callback text references callbacks
);
create index missed_calls_at on missed_calls (at_ms desc, call desc);
create index missed_calls_callback on missed_calls (callback, at_ms desc);

-- crm: attempts to call back.
create table callback_attempts (
  id text primary key,
  callback text not null references callbacks,
  -- None: not by the platform.
  call text unique,
  agent text not null,
  at_ms bigint not null,
  -- None while it rings.
  reached boolean,
  -- None until the agent says what came of it.
  disposition text,
  note text
);
create index callback_attempts_callback on callback_attempts (callback, at_ms desc);
create index callback_attempts_at on callback_attempts (at_ms desc, id desc);
create index callback_attempts_due on callback_attempts (agent) where disposition is null;

-- When somebody with this number last talked with an agent: a call lost before
-- then, and told later, makes no task.
alter table contact_numbers add column reached_at_ms bigint not null default 0;
