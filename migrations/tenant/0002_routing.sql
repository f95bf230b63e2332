-- What was planned and never used: figures are folded in memory (ADR 002).
drop table intervals;
drop table consumed;

-- What the contact is about.
alter table interactions add column category text;
create index interactions_category on interactions (category, started_at_ms desc);

-- crm: whom the ACD offered a call, and why. Told apart from the call itself.
create table offers (
  reservation text primary key,
  call text not null,
  agent text not null,
  queue text not null,
  at_ms bigint not null,
  attempt integer not null,
  decision jsonb not null
);
create index offers_call on offers (call, at_ms);
