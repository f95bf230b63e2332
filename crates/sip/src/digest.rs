//! Digest access authentication, both ends (RFC 7616, RFC 8760, RFC 3261 §22).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use sipx_sip::auth;

use crate::Tokens;
use crate::token::hex;

/// The hash functions we challenge with and accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// What most phones and carriers still speak.
    Md5,
    /// RFC 8760.
    Sha256,
    /// RFC 8760, written SHA-512-256.
    Sha512,
}

impl Algorithm {
    /// As written in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
            Self::Sha512 => hex(&Sha512_256::digest(text.as_bytes())),
        }
    }
}

/// What a verifier keeps instead of a password: H(user:realm:password) for each
/// algorithm.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    md5: String,
    sha256: String,
    sha512: String,
}

impl Secret {
    /// From a password, for a user in a realm.
    pub fn new(username: &str, realm: &str, password: &str) -> Self {
        let a1 = format!("{username}:{realm}:{password}");
        let [md5, sha256, sha512] =
            [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512].map(|algorithm| algorithm.hash(&a1));
        Self { md5, sha256, sha512 }
    }

    fn ha1(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => &self.sha512,
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The content of an Authorization or Proxy-Authorization header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who claims to ask.
    pub username: String,
    /// The realm they answer for.
    pub realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    cnonce: String,
    count: u32,
}

impl Authorization {
    /// Reads a header value. `None` for another scheme, an algorithm we do not
    /// offer, a missing part, or a response without `qop=auth` (RFC 2069).
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let fields: HashMap<String, String> = fields(rest).into_iter().collect();
        let field = |name: &str| fields.get(name).cloned();
        let algorithm = match field("algorithm").map(|a| a.to_ascii_uppercase()).as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("SHA-256") => Algorithm::Sha256,
            Some("SHA-512-256") => Algorithm::Sha512,
            Some(_) => return None,
        };
        if !field("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        Some(Self {
            username: field("username")?,
            realm: field("realm")?,
            nonce: field("nonce")?,
            uri: field("uri")?,
            response: field("response")?.to_ascii_lowercase(),
            algorithm,
            cnonce: field("cnonce")?,
            count: u32::from_str_radix(&field("nc")?, 16).ok()?,
        })
    }

    /// By which it was answered.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn expected(&self, method: &str, secret: &Secret) -> String {
        let a2 = self.algorithm.hash(&format!("{method}:{}", self.uri));
        let (ha1, count) = (secret.ha1(self.algorithm), self.count);
        let text = format!("{ha1}:{}:{count:08x}:{}:auth:{a2}", self.nonce, self.cnonce);
        self.algorithm.hash(&text)
    }
}

/// What the credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They prove knowledge of the password, freshly.
    Granted,
    /// The password is right but the nonce is old, foreign or used: challenge
    /// again with `stale=true`, no user needs to be asked.
    Stale,
    /// The password is wrong.
    Denied,
}

/// Issues nonces and checks answers. A nonce carries its time and a keyed hash,
/// so nothing is stored for strangers; only nonces that were used successfully
/// are remembered, to refuse a replayed count.
#[derive(Debug)]
pub struct Challenger {
    realm: String,
    key: [u8; 32],
    tokens: Tokens,
    lifetime: Duration,
    used: HashMap<String, Window>,
    order: VecDeque<String>,
}

/// The nonce counts seen: the highest and the 64 below it.
#[derive(Debug, Default)]
struct Window {
    highest: u32,
    below: u64,
}

/// Most nonces remembered as used; the oldest gives way.
const USED_MAX: usize = 65_536;

impl Challenger {
    /// A challenger for a realm whose nonces live for `lifetime`.
    pub fn new(realm: impl Into<String>, lifetime: Duration, mut tokens: Tokens) -> Self {
        let key = tokens.block();
        let (used, order) = (HashMap::new(), VecDeque::new());
        Self { realm: realm.into(), key, tokens, lifetime, used, order }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values for WWW-Authenticate (or Proxy-Authenticate), the stronger first
    /// (RFC 8760 §2.3).
    pub fn challenges(&mut self, now: Duration, stale: bool) -> [String; 3] {
        let nonce = self.nonce(now);
        let all = [Algorithm::Sha512, Algorithm::Sha256, Algorithm::Md5];
        all.map(|algorithm| self.written(&nonce, algorithm, stale))
    }

    /// One challenge, by this algorithm.
    pub fn challenge(&mut self, now: Duration, algorithm: Algorithm, stale: bool) -> String {
        let nonce = self.nonce(now);
        self.written(&nonce, algorithm, stale)
    }

    fn written(&self, nonce: &str, algorithm: Algorithm, stale: bool) -> String {
        let (realm, algorithm) = (&self.realm, algorithm.as_str());
        let stale = if stale { ", stale=true" } else { "" };
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}")
    }

    /// Checks the answer to a challenge.
    pub fn check(
        &mut self,
        now: Duration,
        method: &str,
        authorization: &Authorization,
        secret: &Secret,
    ) -> Verdict {
        let expected = authorization.expected(method, secret);
        if authorization.realm != self.realm || !same(&expected, &authorization.response) {
            return Verdict::Denied;
        }
        if !self.is_fresh(now, &authorization.nonce) || !self.first_use(authorization) {
            return Verdict::Stale;
        }
        Verdict::Granted
    }

    fn nonce(&mut self, now: Duration) -> String {
        let stamp = format!("{:012x}{}", now.as_millis() as u64, self.tokens.short());
        format!("{stamp}{}", self.seal(&stamp))
    }

    fn seal(&self, stamp: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(stamp.as_bytes());
        hash.update(self.key);
        hex(&hash.finalize()[..16])
    }

    fn is_fresh(&self, now: Duration, nonce: &str) -> bool {
        let Some((stamp, seal)) = nonce.split_at_checked(28) else { return false };
        let Ok(issued) = u64::from_str_radix(&stamp[..12.min(stamp.len())], 16) else {
            return false;
        };
        let age = now.saturating_sub(Duration::from_millis(issued));
        same(&self.seal(stamp), seal) && age <= self.lifetime
    }

    fn first_use(&mut self, authorization: &Authorization) -> bool {
        if let Some(window) = self.used.get_mut(&authorization.nonce) {
            return window.admit(authorization.count);
        }
        if self.order.len() >= USED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.used.remove(&oldest);
        }
        let mut window = Window::default();
        let admitted = window.admit(authorization.count);
        self.order.push_back(authorization.nonce.clone());
        self.used.insert(authorization.nonce.clone(), window);
        admitted
    }
}

impl Window {
    /// Whether this count was not seen yet; marks it as seen.
    fn admit(&mut self, count: u32) -> bool {
        if count > self.highest {
            let shift = count - self.highest;
            self.below = if shift > 64 { 0 } else { shifted(self.below, shift) };
            self.highest = count;
            return true;
        }
        let distance = self.highest - count;
        if distance == 0 || distance > 64 {
            return false;
        }
        let bit = 1u64 << (distance - 1);
        let fresh = self.below & bit == 0;
        self.below |= bit;
        fresh
    }
}

/// Moves the window up by `shift` (1 to 64); the old highest becomes a seen bit.
fn shifted(below: u64, shift: u32) -> u64 {
    let moved = if shift >= 64 { 0 } else { below << shift };
    moved | 1 << (shift - 1)
}

/// Comparison whose time does not tell where the difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// `name=value` and `name="value"` pairs, names in lower case.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, remaining) = value(after.trim_start());
        out.push((name.trim().to_ascii_lowercase(), value));
        rest = remaining.trim_start_matches([' ', '\t', ',']);
    }
    out
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &quoted[at + 1..]),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
    }
    (out, "")
}

/// A challenge answered: the header's name and its value.
pub(crate) fn answer(
    challenges: &[(bool, String)],
    username: &str,
    password: &str,
    (method, uri): (&str, &str),
    cnonce: &str,
) -> Option<(&'static str, String)> {
    let parsed = challenges.iter().filter_map(|(proxy, v)| auth::Challenge::parse(v.as_bytes(), *proxy));
    let challenge = auth::strongest(parsed.collect())?;
    let credentials = auth::Credentials::new(username, password);
    let value = auth::respond(&challenge, &credentials, method, uri, 1, cnonce);
    let header = if challenge.from_proxy { "Proxy-Authorization" } else { "Authorization" };
    Some((header, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn challenger() -> Challenger {
        Challenger::new("trunkline", Duration::from_secs(60), Tokens::new([1; 32]))
    }

    fn answered(challenge: &str, password: &str, method: &str) -> Authorization {
        let challenges = [(false, challenge.to_owned())];
        let on = (method, "sip:trunkline");
        let (_, value) = answer(&challenges, "ana", password, on, "c0ffee").unwrap();
        Authorization::parse(&value).unwrap()
    }

    #[test]
    fn the_right_password_is_granted_with_every_algorithm() {
        let mut server = challenger();
        let secret = Secret::new("ana", "trunkline", "s3cret");
        let one = server.challenge(NOW, Algorithm::Md5, false);
        for challenge in server.challenges(NOW, false).into_iter().chain([one]) {
            let mut fresh = challenger();
            let given = answered(&challenge, "s3cret", "REGISTER");
            assert_eq!(fresh.check(NOW, "REGISTER", &given, &secret), Verdict::Granted);
        }
    }

    #[test]
    fn a_wrong_password_another_method_or_another_realm_is_denied() {
        let mut server = challenger();
        let secret = Secret::new("ana", "trunkline", "s3cret");
        let [challenge, ..] = server.challenges(NOW, false);
        let wrong = answered(&challenge, "guess", "REGISTER");
        assert_eq!(server.check(NOW, "REGISTER", &wrong, &secret), Verdict::Denied);
        let right = answered(&challenge, "s3cret", "REGISTER");
        assert_eq!(server.check(NOW, "INVITE", &right, &secret), Verdict::Denied);
        let elsewhere = Authorization { realm: "other".into(), ..right };
        assert_eq!(server.check(NOW, "REGISTER", &elsewhere, &secret), Verdict::Denied);
    }

    #[test]
    fn a_replayed_an_old_and_a_forged_nonce_are_stale() {
        let mut server = challenger();
        let secret = Secret::new("ana", "trunkline", "s3cret");
        let [challenge, ..] = server.challenges(NOW, false);
        let given = answered(&challenge, "s3cret", "INVITE");
        let late = NOW + Duration::from_secs(61);
        assert_eq!(server.check(late, "INVITE", &given, &secret), Verdict::Stale);
        assert_eq!(server.check(NOW, "INVITE", &given, &secret), Verdict::Granted);
        assert_eq!(server.check(NOW, "INVITE", &given, &secret), Verdict::Stale);

        let mut other = Challenger::new("trunkline", NOW, Tokens::new([2; 32]));
        let [foreign, ..] = other.challenges(NOW, true);
        assert!(foreign.contains("stale=true"));
        let given = answered(&foreign, "s3cret", "INVITE");
        assert_eq!(server.check(NOW, "INVITE", &given, &secret), Verdict::Stale);
    }

    #[test]
    fn rfc_7616_examples_verify() {
        let header = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
            uri=\"/dir/index.html\", algorithm=SHA-256, \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
            cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
            response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
        let given = Authorization::parse(header).unwrap();
        let secret = Secret::new("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(given.expected("GET", &secret), given.response);
    }

    #[test]
    fn other_schemes_and_old_style_answers_are_not_understood() {
        assert_eq!(Authorization::parse("Basic dXNlcg=="), None);
        assert_eq!(Authorization::parse("NoOneKnowsThisScheme opaque-data=here"), None);
        let old = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"";
        assert_eq!(Authorization::parse(old), None);
    }

    proptest! {
        #[test]
        fn a_count_is_admitted_at_most_once(counts in prop::collection::vec(1u32..300, 1..200)) {
            let mut window = Window::default();
            let mut granted = std::collections::HashSet::new();
            for count in counts {
                if window.admit(count) {
                    prop_assert!(granted.insert(count));
                }
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
            let _ = Authorization::parse(&text);
            let _ = Authorization::parse(&format!("Digest {text}"));
        }
    }
}
