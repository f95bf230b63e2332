-- Who asked to be called back, or left a message, is a task like who was missed.
alter table missed_calls add column what text not null default 'lost'
  check (what in ('lost', 'asked', 'message'));
-- The message that the caller left.
alter table missed_calls add column recording text;
-- The call that keeps the caller's place in a queue's line: until it ends, or
-- for so long, the task is not for people.
alter table callbacks add column line_call text;
alter table callbacks add column line_until_ms bigint not null default 0;
create index callbacks_line on callbacks (line_call) where line_call is not null;
-- A callback was promised on this call.
alter table interactions add column asked boolean not null default false;
