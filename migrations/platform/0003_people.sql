-- Roles of one's own, scopes, sessions that people can see and end, second factors.

alter table platform.users drop constraint users_role_check;
alter table platform.users add constraint users_role_check
  check (role in ('owner', 'admin', 'supervisor', 'agent', 'auditor', 'developer') or role like 'rol\_%');
-- Whose calls and people one sees: the company's, or one's department's with all below it.
alter table platform.users add column scope text not null default 'company'
  check (scope in ('company', 'department'));
alter table platform.users add column sealed_totp bytea;
-- Nobody has proved yet that their device has the secret.
alter table platform.users add column sealed_totp_offered bytea;
-- The time step of the last code (RFC 6238): none counts twice.
alter table platform.users add column totp_step bigint not null default 0;

create table platform.recovery_codes (
  user_id text not null references platform.users on delete cascade,
  code_hash bytea not null,
  primary key (user_id, code_hash)
);

alter table platform.invites drop constraint invites_role_check;
alter table platform.invites add constraint invites_role_check
  check (role in ('owner', 'admin', 'supervisor', 'agent', 'auditor', 'developer') or role like 'rol\_%');

-- Sessions from before have no id to be ended by.
delete from platform.sessions;
alter table platform.sessions add column id text not null unique;
alter table platform.sessions add column device text not null default '';
alter table platform.sessions add column address text not null default '';
alter table platform.sessions add column seen_at_ms bigint not null default 0;
