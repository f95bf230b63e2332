-- What came of a request with an idempotency key, sealed; kept for a day.
create table platform.idempotency (
  tenant text not null references platform.tenants,
  -- The user or the API key.
  actor text not null,
  key text not null,
  -- SHA-256 of method, path and body: the same key for something else is a mistake.
  fingerprint bytea not null,
  at_ms bigint not null,
  -- Absent while the request runs.
  sealed_answer bytea,
  primary key (tenant, actor, key)
);
create index idempotency_age on platform.idempotency (at_ms);
