-- What is common to all tenants. Owned by the login role; tenant roles reach
-- nothing here but the outbox, where they may only insert, and only for
-- themselves. Instants are milliseconds since 1970, UTC (`_at_ms`).

do $$ begin
  create role trunkline_tenant nologin;
exception when duplicate_object or unique_violation then null;
end $$;

grant usage on schema platform to trunkline_tenant;

create table platform.tenants (
  id text primary key,
  name text not null,
  -- The database that holds the tenant's schema.
  cell text not null default 'main',
  created_at_ms bigint not null
);

create table platform.tenant_schema_version (
  tenant text primary key,
  version bigint not null,
  migrated_at timestamptz not null default now()
);

create table platform.users (
  id text primary key,
  tenant text not null references platform.tenants,
  agent text not null,
  -- Lower case.
  email text not null unique,
  name text not null,
  password_hash text not null,
  role text not null check (role in ('owner', 'admin', 'supervisor', 'agent', 'auditor', 'developer')),
  language text not null,
  email_verified boolean not null default false,
  created_at_ms bigint not null
);
create index users_tenant on platform.users (tenant);

-- Tokens are kept as SHA-256 of what the browser or the mail carries.
create table platform.sessions (
  token_hash bytea primary key,
  user_id text not null references platform.users on delete cascade,
  csrf text not null,
  created_at_ms bigint not null,
  expires_at_ms bigint not null
);
create index sessions_user on platform.sessions (user_id);
create index sessions_expiry on platform.sessions (expires_at_ms);

create table platform.invites (
  id text primary key,
  token_hash bytea not null unique,
  tenant text not null references platform.tenants,
  email text not null,
  name text not null,
  role text not null check (role in ('owner', 'admin', 'supervisor', 'agent', 'auditor', 'developer')),
  invited_by text not null,
  created_at_ms bigint not null,
  expires_at_ms bigint not null,
  accepted_at_ms bigint
);
create index invites_tenant on platform.invites (tenant);

create table platform.email_tokens (
  token_hash bytea primary key,
  user_id text not null references platform.users on delete cascade,
  purpose text not null check (purpose in ('verify', 'reset')),
  expires_at_ms bigint not null
);
create index email_tokens_user on platform.email_tokens (user_id);

create table platform.api_keys (
  id text primary key,
  secret_hash bytea not null unique,
  tenant text not null references platform.tenants,
  name text not null,
  scopes text[] not null,
  created_by text not null,
  created_at_ms bigint not null,
  last_used_at_ms bigint not null default 0
);
create index api_keys_tenant on platform.api_keys (tenant);

-- What must be unique over all tenants, because the edge finds the tenant by it.
create table platform.dids (
  number text primary key,
  tenant text not null references platform.tenants,
  did text not null
);
create index dids_owner on platform.dids (tenant, did);

create table platform.trunk_addresses (
  network cidr not null,
  tenant text not null references platform.tenants,
  trunk text not null,
  exclude using gist (network inet_ops with &&)
);
create index trunk_addresses_owner on platform.trunk_addresses (tenant, trunk);

create table platform.trunk_usernames (
  username text primary key,
  tenant text not null references platform.tenants,
  trunk text not null
);
create index trunk_usernames_owner on platform.trunk_usernames (tenant, trunk);

create table platform.phones (
  username text primary key,
  tenant text not null references platform.tenants,
  agent text not null
);
create index phones_owner on platform.phones (tenant, agent);

-- Private keys are sealed under the master key; the database alone opens nothing.
create table platform.signing_keys (
  kid text primary key,
  sealed_private_key bytea not null,
  public_jwk text not null,
  created_at_ms bigint not null,
  signs_from_ms bigint not null,
  signs_until_ms bigint not null
);

create table platform.outbox (
  id bigint generated always as identity primary key,
  tenant text not null,
  topic text not null,
  key text not null,
  value bytea not null,
  headers jsonb not null default '[]',
  written_at timestamptz not null default now()
);
alter table platform.outbox enable row level security;
create policy own_facts on platform.outbox for insert to trunkline_tenant
  with check (lower(tenant) = current_user);
grant insert on platform.outbox to trunkline_tenant;
