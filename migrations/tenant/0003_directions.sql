-- Calls that agents place stand in the history like those that come in.
alter table interactions add column direction text not null default 'inbound'
  check (direction in ('inbound', 'outbound', 'internal'));
-- Whom an agent called: a number, or the id of a colleague.
alter table interactions add column callee text not null default '';
-- When the one who was called answered.
alter table interactions add column answered_at_ms bigint;
alter table interactions drop constraint interactions_outcome_check;
alter table interactions add constraint interactions_outcome_check
  check (outcome in ('answered', 'abandoned', 'self_served', 'unanswered'));
