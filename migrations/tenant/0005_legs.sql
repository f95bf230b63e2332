-- crm: how well the parties of a call were heard.
create table call_legs (
  call text not null,
  leg text not null,
  -- An agent's id or a number; empty: who called.
  who text not null,
  received bigint not null,
  sent bigint not null,
  lost bigint,
  jitter_us bigint,
  -- Hundredths of a mean opinion score.
  mos integer,
  far_lost bigint,
  far_jitter_us bigint,
  far_mos integer,
  round_trip_us bigint,
  primary key (call, leg)
);
