-- crm: when nothing was heard of a party that somebody should have heard.
create table call_silences (
  call text not null,
  leg text not null,
  began_at_ms bigint not null,
  -- Null: it has not ended yet.
  ended_at_ms bigint,
  -- An agent's id or a number; empty: who called.
  who text not null,
  primary key (call, leg, began_at_ms)
);
