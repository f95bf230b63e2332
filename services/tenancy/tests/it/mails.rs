//! Mails through a real SMTP conversation on a socket.

use crate::*;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener as SmtpListener, TcpStream},
    sync::mpsc,
};

/// A mail server that keeps what it is given (RFC 5321, as far as one mail needs).
pub struct MailServer {
    pub url: String,
    mails: mpsc::Receiver<Mail>,
}

#[derive(Debug)]
pub struct Mail {
    from: String,
    pub to: String,
    /// Headers and body, dots unstuffed.
    pub text: String,
}

impl MailServer {
    pub async fn start() -> MailServer {
        let listener = SmtpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let (kept, mails) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(converse(socket, kept.clone()));
            }
        });
        MailServer { url, mails }
    }

    pub async fn next(&mut self) -> Mail {
        let next = tokio::time::timeout(Duration::from_secs(20), self.mails.recv()).await;
        next.expect("a mail in time").expect("the server runs")
    }
}

async fn converse(socket: TcpStream, kept: mpsc::Sender<Mail>) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut from, mut to) = (String::new(), String::new());
    write.write_all(b"220 mail.example ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.example\r\n250 8BITMIME\r\n",
            "MAIL" => {
                from = between(&line);
                "250 ok\r\n"
            }
            "RCPT" => {
                to = between(&line);
                "250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                let _ = kept.send(Mail { from: from.clone(), to: to.clone(), text }).await;
                "250 kept\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "RSET" | "NOOP" => "250 ok\r\n",
            _ => "502 unknown\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn between(line: &str) -> String {
    let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    address.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

impl Mail {
    fn headers(&self) -> &str {
        self.text.split_once("\n\n").expect("a header and a body").0
    }

    /// The last part of the link; the body may be quoted-printable (RFC 2045, 6.7).
    pub fn token(&self, page: &str) -> String {
        let body = self.text.replace("=\n", "").replace("=3D", "=");
        let (_, rest) = body.split_once(&format!("https://portal.example/{page}/")).expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}

async fn world(server: &MailServer) -> anyhow::Result<World> {
    let settings = format!(
        "smtp_url = {:?}\nmail_from = 'Trunkline <desk@portal.example>'\npublic_url = 'https://portal.example/'",
        server.url
    );
    World::start_with(testing::database().await, tempfile::tempdir()?, &settings).await
}

#[tokio::test]
async fn mails_reach_a_mail_server_and_their_links_work() -> anyhow::Result<()> {
    let mut server = MailServer::start().await;
    let world = world(&server).await?;
    let session = world.sign_up("acme").await?;
    let owner = session.identity.clone().expect("an identity");
    let mut accounts = world.accounts.clone();

    let verify = server.next().await;
    assert_eq!((verify.from.as_str(), verify.to.as_str()), ("desk@portal.example", "ana@acme.example"));
    assert!(verify.headers().contains("Subject: Confirm your address"), "{}", verify.text);
    accounts.verify_email(wire::Token { token: verify.token("verify") }).await?;

    accounts.request_reset(wire::RequestResetRequest { email: owner.email.clone() }).await?;
    let reset = server.next().await;
    assert_eq!(reset.to, owner.email);
    let password = "another long password";
    accounts.reset(wire::ResetRequest { token: reset.token("reset"), password: password.into() }).await?;
    let (email, password) = (owner.email.clone(), password.to_owned());
    accounts.log_in(wire::LogInRequest { email, password, ..Default::default() }).await?;

    let invite = wire::InviteRequest {
        tenant: owner.tenant.clone(),
        actor: owner.user.clone(),
        email: "ben@acme.example".into(),
        name: "Ben".into(),
        role: "agent".into(),
    };
    let link = accounts.invite(invite).await?.into_inner().token;
    let invitation = server.next().await;
    assert_eq!((invitation.to.as_str(), invitation.token("invite")), ("ben@acme.example", link));
    Ok(())
}

#[tokio::test]
async fn a_mail_server_that_is_away_keeps_nobody_waiting() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let away = format!("smtp_url = 'smtp://{}'", listener.local_addr()?);
    drop(listener);
    let world = World::start_with(testing::database().await, tempfile::tempdir()?, &away).await?;
    let session = tokio::time::timeout(Duration::from_secs(15), world.sign_up("acme")).await??;
    assert!(!session.token.is_empty());
    Ok(())
}
