//! One registration of ours with a carrier (RFC 3261 §10.2), as answers and time
//! shape it; it sends nothing by itself.

use std::time::Duration;

use sip::{Contact, Response, Uri};

use super::Pace;

/// Longest that a registrar may ask us for, seconds: a day.
const EXPIRES_MAX: u32 = 86_400;
/// How long an answer may take: the life of a transaction (RFC 3261, timer F).
const PATIENCE: Duration = Duration::from_secs(32);

/// What a REGISTER says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    pub call_id: String,
    pub cseq: u32,
    /// Seconds; 0 ends the registration.
    pub expires: u32,
}

/// The state at one registrar.
#[derive(Debug)]
pub struct Registration {
    /// One for all requests (RFC 3261 §10.2): a registrar orders them by it.
    call_id: String,
    cseq: u32,
    /// What we ask for, seconds; a registrar may want more (423).
    expires: u32,
    raised: bool,
    due: Duration,
    again: Duration,
    /// The registrar knows us until then.
    until: Option<Duration>,
}

impl Registration {
    pub fn new(call_id: String, pace: &Pace) -> Self {
        let expires = pace.expires;
        let (due, again) = (Duration::ZERO, pace.again);
        Self { call_id, cseq: 0, expires, raised: false, due, again, until: None }
    }

    /// Whether the registrar knows us now.
    pub fn holds(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// The configuration changed: what was refused may be right now.
    pub fn changed(&mut self, now: Duration, pace: &Pace) {
        (self.due, self.again) = (now, pace.again);
    }

    /// The request that is due, if one is.
    pub fn ask(&mut self, now: Duration) -> Option<Asking> {
        (self.due <= now).then(|| {
            self.due = now + PATIENCE.max(self.again);
            self.request(self.expires)
        })
    }

    /// The request that ends it.
    pub fn leave(&mut self) -> Asking {
        self.until = None;
        self.request(0)
    }

    /// The number leaves room for answers to challenges.
    fn request(&mut self, expires: u32) -> Asking {
        self.cseq += 10;
        Asking { call_id: self.call_id.clone(), cseq: self.cseq, expires }
    }

    /// The registrar's answer, or its silence; `contact` is ours.
    pub fn answered(
        &mut self,
        now: Duration,
        code: u16,
        response: Option<&Response>,
        contact: &Uri,
        pace: &Pace,
    ) {
        match (code, response) {
            (200..300, Some(response)) => self.granted(now, granted(response, contact), pace),
            (423, Some(response)) if !self.raised => self.too_brief(now, response, pace),
            // Refused credentials and names stay refused until somebody mends
            // them, and asking often locks the account.
            (401 | 403 | 404 | 407, _) => self.due = now + pace.again_max,
            (_, response) => self.later(now, response, pace),
        }
    }

    fn granted(&mut self, now: Duration, seconds: Option<u32>, pace: &Pace) {
        let seconds = seconds.unwrap_or(self.expires);
        self.until = Some(now + Duration::from_secs(seconds.into()));
        // Well before it ends.
        self.due = now + (Duration::from_secs(seconds.into()) / 2).max(Duration::from_millis(500));
        (self.again, self.raised) = (pace.again, false);
    }

    /// 423: once more with what it wants (RFC 3261 §10.2.8).
    fn too_brief(&mut self, now: Duration, response: &Response, pace: &Pace) {
        match response.header("Min-Expires").and_then(|value| value.trim().parse::<u32>().ok()) {
            Some(least) => {
                self.expires = self.expires.max(least.min(EXPIRES_MAX));
                (self.raised, self.due) = (true, now);
            }
            None => self.later(now, None, pace),
        }
    }

    fn later(&mut self, now: Duration, response: Option<&Response>, pace: &Pace) {
        let wanted = response.and_then(retry_after).unwrap_or_default();
        self.due = now + self.again.max(wanted.min(pace.again_max));
        self.again = (self.again * 2).min(pace.again_max);
        self.raised = false;
    }
}

/// The seconds granted to our contact. A registrar lists everybody's (§10.3);
/// one that rewrote ours is taken at the shortest it lists.
fn granted(response: &Response, ours: &Uri) -> Option<u32> {
    let contacts: Vec<(Uri, u32)> = response
        .contacts()
        .into_iter()
        .filter_map(|contact| match contact {
            Contact::Address { uri, expires: Some(seconds), .. } => Some((uri, seconds)),
            _ => None,
        })
        .collect();
    let same = |uri: &Uri| (&uri.user, &uri.host, uri.port) == (&ours.user, &ours.host, ours.port);
    let found = contacts.iter().find(|(uri, _)| same(uri)).map(|(_, seconds)| *seconds);
    let header = || response.header("Expires").and_then(|value| value.trim().parse().ok());
    found.or_else(|| contacts.iter().map(|(_, seconds)| *seconds).min()).or_else(header)
}

/// Seconds before we may ask again (RFC 3261 §20.33).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header("Retry-After")?;
    let digits = value.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::{Message, Tokens, read};

    const PACE: Pace = Pace {
        every: Duration::from_secs(30),
        timeout: Duration::from_secs(4),
        again: Duration::from_secs(2),
        again_max: Duration::from_secs(300),
        expires: 300,
    };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn response(code: u16, lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 {code} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
             To: <sip:a@x>;tag=2\r\nCall-ID: c\r\nCSeq: 10 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let from = "192.0.2.9:5060".parse().unwrap();
        match read(text.into(), from, &mut Tokens::new([1; 32])) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn ours() -> Uri {
        Uri::parse("sip:trunkline@192.0.2.1:5060").unwrap()
    }

    fn fresh() -> Registration {
        let mut registration = Registration::new("one".to_owned(), &PACE);
        assert_eq!(registration.ask(seconds(0)).map(|a| a.expires), Some(300));
        registration
    }

    fn answered(registration: &mut Registration, at: u64, code: u16, lines: &str) {
        registration.answered(seconds(at), code, Some(&response(code, lines)), &ours(), &PACE);
    }

    #[test]
    fn it_is_refreshed_when_half_of_what_our_contact_was_granted_is_over() {
        let mut registration = fresh();
        let lines = "Contact: <sip:other@192.0.2.2:5060>;expires=3000\r\n\
                     Contact: <sip:trunkline@192.0.2.1:5060>;expires=60\r\nExpires: 900\r\n";
        answered(&mut registration, 0, 200, lines);
        assert!(registration.ask(seconds(29)).is_none());
        let again = registration.ask(seconds(30)).unwrap();
        assert_eq!((again.call_id.as_str(), again.cseq), ("one", 20), "the same registration");
        assert!(registration.holds(seconds(59)) && !registration.holds(seconds(60)));
    }

    #[test]
    fn what_an_answer_does_not_say_is_what_we_asked_for() {
        let mut registration = fresh();
        answered(&mut registration, 0, 200, "");
        assert!(registration.holds(seconds(299)) && !registration.holds(seconds(300)));
        let mut registration = fresh();
        answered(&mut registration, 0, 200, "Expires: 40\r\n");
        assert!(registration.holds(seconds(39)) && !registration.holds(seconds(40)));
    }

    #[test]
    fn too_brief_is_asked_again_at_once_and_only_once() {
        let mut registration = fresh();
        answered(&mut registration, 1, 423, "Min-Expires: 1800\r\n");
        assert_eq!(registration.ask(seconds(1)).map(|a| a.expires), Some(1800));
        answered(&mut registration, 1, 423, "Min-Expires: 3600\r\n");
        assert!(registration.ask(seconds(2)).is_none(), "a registrar that raises for ever is waited for");
        assert!(registration.ask(seconds(3)).is_some());
    }

    #[test]
    fn a_refusal_is_left_alone_until_the_configuration_changes() {
        for code in [401, 403, 404, 407] {
            let mut registration = fresh();
            answered(&mut registration, 0, code, "");
            assert!(registration.ask(seconds(299)).is_none(), "{code}");
            registration.changed(seconds(299), &PACE);
            assert!(registration.ask(seconds(299)).is_some(), "{code}");
        }
    }

    #[test]
    fn a_registrar_in_trouble_is_asked_more_and_more_rarely() {
        let (mut registration, mut at, mut waits) = (fresh(), 0, Vec::new());
        for _ in 0..9 {
            registration.answered(seconds(at), 408, None, &ours(), &PACE);
            let wait = (0..).find(|wait| registration.ask(seconds(at + wait)).is_some()).unwrap();
            waits.push(wait);
            at += wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        answered(&mut registration, at, 200, "Expires: 10\r\n");
        assert!(registration.ask(seconds(at + 5)).is_some());
        answered(&mut registration, at + 5, 503, "Retry-After: 60 (soon)\r\n");
        assert!(registration.ask(seconds(at + 64)).is_none());
        assert!(registration.ask(seconds(at + 65)).is_some());
    }
}
