use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What one may do. The names are also the scopes of API keys; `*` is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
pub enum Permission {
    /// Take calls at the desk.
    Desk,
    /// Names that a desk shows: queues, skills, dispositions, colleagues.
    Directory,
    ConfigRead,
    ConfigWrite,
    /// Calls of all agents; without it one's own.
    CallsRead,
    CallsOwn,
    ContactsRead,
    ContactsWrite,
    RecordingsRead,
    ReportsRead,
    LiveRead,
    UsersRead,
    UsersWrite,
    ApiKeys,
    /// Say where events are told, and read them there.
    Webhooks,
    TestCalls,
    AuditRead,
    /// Act on calls and agents of others: listen, force a state, move.
    Supervise,
}

use Permission::*;

const ALL: [Permission; 18] = [
    Desk,
    Directory,
    ConfigRead,
    ConfigWrite,
    CallsRead,
    CallsOwn,
    ContactsRead,
    ContactsWrite,
    RecordingsRead,
    ReportsRead,
    LiveRead,
    UsersRead,
    UsersWrite,
    ApiKeys,
    Webhooks,
    TestCalls,
    AuditRead,
    Supervise,
];

impl Permission {
    pub fn name(self) -> &'static str {
        match self {
            Desk => "desk",
            Directory => "directory:read",
            ConfigRead => "config:read",
            ConfigWrite => "config:write",
            CallsRead => "calls:read",
            CallsOwn => "calls:own",
            ContactsRead => "contacts:read",
            ContactsWrite => "contacts:write",
            RecordingsRead => "recordings:read",
            ReportsRead => "reports:read",
            LiveRead => "live:read",
            UsersRead => "users:read",
            UsersWrite => "users:write",
            ApiKeys => "api-keys",
            Webhooks => "webhooks",
            TestCalls => "test-calls",
            AuditRead => "audit:read",
            Supervise => "supervise",
        }
    }

    pub fn all() -> impl Iterator<Item = Permission> {
        ALL.into_iter()
    }

    pub fn parse(name: &str) -> Option<Permission> {
        ALL.into_iter().find(|permission| permission.name() == name)
    }
}

const READS: [Permission; 8] =
    [Directory, ConfigRead, CallsRead, ContactsRead, RecordingsRead, ReportsRead, LiveRead, UsersRead];

pub fn of_role(role: &str) -> BTreeSet<Permission> {
    let reads = READS.into_iter();
    match role {
        "owner" | "admin" => ALL.into(),
        "supervisor" => reads.chain([Desk, CallsOwn, ContactsWrite, TestCalls, Supervise]).collect(),
        "agent" => [Desk, Directory, CallsOwn, ContactsRead, ContactsWrite].into(),
        "auditor" => reads.chain([AuditRead]).collect(),
        "developer" => [Directory, ConfigRead, ConfigWrite, ApiKeys, Webhooks, TestCalls].into(),
        _ => BTreeSet::new(),
    }
}

/// Unknown scopes give nothing: they may come from a newer version.
pub fn of_scopes(scopes: &[String]) -> BTreeSet<Permission> {
    if scopes.iter().any(|scope| scope == "*") {
        return ALL.into();
    }
    let mut permissions: BTreeSet<_> = scopes.iter().filter_map(|scope| Permission::parse(scope)).collect();
    if permissions.contains(&ConfigRead) {
        permissions.insert(Directory);
    }
    permissions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        assert!(ALL.iter().all(|p| Permission::parse(p.name()) == Some(*p)));
    }

    #[test]
    fn an_agent_reads_no_configuration_and_an_auditor_changes_nothing() {
        assert!(!of_role("agent").contains(&ConfigRead));
        let auditor = of_role("auditor");
        assert!([ConfigWrite, ContactsWrite, UsersWrite, ApiKeys, Desk].iter().all(|p| !auditor.contains(p)));
        assert!(of_role("thief").is_empty());
    }
}
