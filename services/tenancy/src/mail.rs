//! Mails with links. Sent beside the request that asked for them: a slow mail
//! server keeps nobody waiting and tells nobody which addresses exist.

use anyhow::Context;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use std::time::Duration;
use tokio::sync::mpsc;
use types::config::{Alert, Measure};

/// Mails that may wait; more are dropped with a warning.
const WAITING_MAX: usize = 1_000;
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    Verify,
    Reset,
    Invite,
    /// A receiver of events was switched off.
    WebhookOff,
    /// A threshold is crossed.
    Alert,
}

#[derive(Debug)]
struct Mail {
    letter: Letter,
    to: String,
    language: String,
    link: String,
    /// What cannot be said beforehand.
    about: String,
}

/// Takes mails and sends them in the order given.
#[derive(Clone)]
pub struct Post {
    waiting: mpsc::Sender<Mail>,
    public_url: String,
}

impl Post {
    /// `smtp_url` empty: the links are written to the log instead.
    pub fn open(smtp_url: &str, from: &str, public_url: &str) -> anyhow::Result<Post> {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        let from: Mailbox = from.parse().context("mail_from is not a mailbox")?;
        let transport = match smtp_url {
            "" => None,
            url => Some(AsyncSmtpTransport::<Tokio1Executor>::from_url(url).context("smtp_url")?.build()),
        };
        tokio::spawn(deliver(queue, transport, from));
        Ok(Post { waiting, public_url: public_url.trim_end_matches('/').to_owned() })
    }

    /// `token`: the last part of the link.
    pub fn send(&self, letter: Letter, to: &str, language: &str, token: &str) {
        let page = match letter {
            Letter::Verify => "verify",
            Letter::Reset => "reset",
            Letter::Invite => "invite",
            Letter::WebhookOff => "webhooks",
            Letter::Alert => "live",
        };
        let link = format!("{}/{page}/{token}", self.public_url);
        let (to, language) = (to.to_owned(), language.to_owned());
        self.enqueue(Mail { letter, to, language, link, about: String::new() });
    }

    /// `queue`: its name.
    pub fn alert(&self, to: &str, language: &str, queue: &str, alert: &Alert) {
        let about = format!("{}: {queue}. {}", alert.name, measured(alert, language));
        let (to, language, letter) = (to.to_owned(), language.to_owned(), Letter::Alert);
        let link = format!("{}/live", self.public_url);
        self.enqueue(Mail { letter, to, language, link, about });
    }

    fn enqueue(&self, mail: Mail) {
        let to = mail.to.clone();
        if self.waiting.try_send(mail).is_err() {
            tracing::warn!(to, "too many mails are waiting, one was dropped");
        }
    }
}

async fn deliver(
    mut queue: mpsc::Receiver<Mail>,
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
) {
    while let Some(mail) = queue.recv().await {
        match &transport {
            Some(transport) => send(transport, &from, mail).await,
            None => tracing::info!(to = mail.to, link = mail.link, "no mail server: {:?}", mail.letter),
        }
    }
}

async fn send(transport: &AsyncSmtpTransport<Tokio1Executor>, from: &Mailbox, mail: Mail) {
    let message = match compose(from, &mail) {
        Ok(message) => message,
        Err(error) => return tracing::warn!(%error, "a mail could not be composed"),
    };
    for attempt in 1..=ATTEMPTS {
        match transport.send(message.clone()).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, attempt, "a mail could not be sent"),
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

fn compose(from: &Mailbox, mail: &Mail) -> anyhow::Result<Message> {
    let (subject, text) = words(mail.letter, &mail.language);
    Ok(Message::builder()
        .from(from.clone())
        .to(mail.to.parse()?)
        .subject(match mail.about.split_once(". ") {
            Some((about, _)) => format!("{subject}: {about}"),
            None => subject.to_owned(),
        })
        .header(ContentType::TEXT_PLAIN)
        .body(match mail.about.as_str() {
            "" => format!("{text}\n\n{}\n", mail.link),
            about => format!("{about}\n\n{text}\n\n{}\n", mail.link),
        })?)
}

fn measured(alert: &Alert, language: &str) -> String {
    let (name, value, at) = match (alert.measure, language) {
        (Measure::Waiting, "ru") => ("Ждут", alert.value, alert.at),
        (Measure::Waiting, "ro") => ("Așteaptă", alert.value, alert.at),
        (Measure::Waiting, _) => ("Waiting", alert.value, alert.at),
        (Measure::LongestWait, "ru") => ("Ждёт дольше всех, с", alert.value / 1_000, alert.at / 1_000),
        (Measure::LongestWait, "ro") => ("Cea mai lungă așteptare, s", alert.value / 1_000, alert.at / 1_000),
        (Measure::LongestWait, _) => ("Longest wait, s", alert.value / 1_000, alert.at / 1_000),
        (Measure::ServiceLevel, "ru") => ("Уровень обслуживания, %", alert.value, alert.at),
        (Measure::ServiceLevel, "ro") => ("Nivel de servire, %", alert.value, alert.at),
        (Measure::ServiceLevel, _) => ("Service level, %", alert.value, alert.at),
        (Measure::FreeAgents, "ru") => ("Свободны", alert.value, alert.at),
        (Measure::FreeAgents, "ro") => ("Liberi", alert.value, alert.at),
        (Measure::FreeAgents, _) => ("Free agents", alert.value, alert.at),
    };
    let limit = match language {
        "ru" => "порог",
        "ro" => "prag",
        _ => "threshold",
    };
    format!("{name}: {value} ({limit} {at})")
}

fn words(letter: Letter, language: &str) -> (&'static str, &'static str) {
    match (letter, language) {
        (Letter::Verify, "ru") => ("Подтвердите адрес", "Чтобы подтвердить адрес, откройте ссылку:"),
        (Letter::Verify, "ro") => ("Confirmați adresa", "Pentru a confirma adresa, deschideți linkul:"),
        (Letter::Verify, _) => ("Confirm your address", "To confirm your e-mail address, open this link:"),
        (Letter::Reset, "ru") => {
            ("Новый пароль", "Чтобы задать новый пароль, откройте ссылку в течение часа:")
        }
        (Letter::Reset, "ro") => {
            ("Parolă nouă", "Pentru o parolă nouă, deschideți linkul în decurs de o oră:")
        }
        (Letter::Reset, _) => ("New password", "To choose a new password, open this link within an hour:"),
        (Letter::Invite, "ru") => {
            ("Приглашение в Trunkline", "Вас пригласили в команду. Чтобы войти, откройте ссылку:")
        }
        (Letter::Invite, "ro") => {
            ("Invitație în Trunkline", "Ați fost invitat în echipă. Pentru a intra, deschideți linkul:")
        }
        (Letter::Invite, _) => {
            ("Invitation to Trunkline", "You were invited to a team. To join, open this link:")
        }
        (Letter::Alert, "ru") => ("Порог пройден", "Что происходит сейчас:"),
        (Letter::Alert, "ro") => ("Prag depășit", "Ce se întâmplă acum:"),
        (Letter::Alert, _) => ("Threshold crossed", "What goes on now:"),
        (Letter::WebhookOff, "ru") => {
            ("Вебхук отключён", "Получатель долго не принимал события, вебхук отключён. Подробности:")
        }
        (Letter::WebhookOff, "ro") => (
            "Webhook oprit",
            "Destinatarul nu a mai acceptat evenimente, iar webhook-ul a fost oprit. Detalii:",
        ),
        (Letter::WebhookOff, _) => (
            "A webhook was switched off",
            "Its receiver took no events any more. What happened is shown here:",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_carries_its_link_in_the_readers_language() {
        let mail = |language: &str| Mail {
            letter: Letter::Reset,
            to: "ana@example.com".into(),
            language: language.into(),
            link: "https://t.example/reset/x".into(),
            about: String::new(),
        };
        let from: Mailbox = "Trunkline <no-reply@localhost>".parse().unwrap();
        let text =
            |language| String::from_utf8(compose(&from, &mail(language)).unwrap().formatted()).unwrap();
        assert!(text("en").contains("https://t.example/reset/x"));
        assert!(text("en").contains("Subject: New password"));
        assert_ne!(text("ro"), text("en"));
    }
}
