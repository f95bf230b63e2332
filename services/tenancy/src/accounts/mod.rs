//! tenancy.v1 Accounts: who people are and how they prove it.

mod api;
mod emails;
mod invites;
mod people;
mod sessions;
mod sign_up;
mod store;
mod tokens;
mod totp;

use crate::{
    Config, Error, Result,
    error::{Told, told},
    keys::Keys,
    mail::Post,
    seal::MasterKey,
    secret::Passwords,
    throttle::Throttle,
};
use chassis::Fault;
use tenantdb::TenantDb;
use types::Millis;

pub(crate) const ROLES: [&str; 6] = ["owner", "admin", "supervisor", "agent", "auditor", "developer"];
const DAY: Millis = 24 * 3_600 * 1000;

pub struct Accounts {
    db: TenantDb,
    keys: Keys,
    master: MasterKey,
    post: Post,
    passwords: Passwords,
    sign_ins: Throttle,
    resets: Throttle,
    session_lifetime: Millis,
}

impl Accounts {
    pub fn new(
        config: &Config,
        db: TenantDb,
        keys: Keys,
        master: MasterKey,
        post: Post,
    ) -> anyhow::Result<Accounts> {
        Ok(Accounts {
            db,
            keys,
            master,
            post,
            passwords: Passwords::new(config.hashes_at_once)?,
            // Ten wrong passwords at once, then one every half a minute.
            sign_ins: Throttle::new(10, 30_000),
            resets: Throttle::new(3, 20 * 60_000),
            session_lifetime: config.session_days * DAY,
        })
    }
}

fn address_taken() -> Told {
    told("address_taken", "there is an account with this e-mail address already")
}

/// Addresses are compared in lower case.
fn normal_email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// What a form's fields must be; all problems at once.
#[derive(Default)]
struct Form(Vec<Fault>);

impl Form {
    fn problem(&mut self, place: &str, code: &str, message: &str) {
        self.0.push(Fault::new(place, code, message));
    }

    fn length(&mut self, place: &str, value: &str, min: usize, max: usize) {
        if !(min..=max).contains(&value.chars().count()) {
            let fault = Fault::new(place, "length", format!("is not {min} to {max} characters"));
            self.0.push(fault.with("min", min).with("max", max));
        }
    }

    fn text(&mut self, place: &str, value: &str) {
        self.length(place, value.trim(), 1, 100);
    }

    fn email(&mut self, place: &str, value: &str) {
        let parsed = value.parse::<lettre::Address>();
        if value.len() > 254 || parsed.is_err() {
            self.problem(place, "not_an_email", "is not an e-mail address");
        }
    }

    /// NIST SP 800-63B: length counts, composition does not.
    fn password(&mut self, place: &str, value: &str) {
        self.length(place, value, 10, 256);
    }

    fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
