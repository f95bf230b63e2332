//! A private PostgreSQL cluster in a data folder, for installations without a
//! database of their own. It listens on a free loopback port (remembered),
//! asks for a password that only this folder holds, runs as an unprivileged
//! user when we are root, and stops with us. One process per folder.

mod binaries;
mod leftover;
pub(crate) mod shared;
mod user;

use crate::{
    Error, Result,
    admin::{self, with_database},
};
use binaries::Binaries;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    ffi::OsString,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};
use user::User;

const SUPERUSER: &str = "trunkline_admin";
/// Attempts at a port that another program takes between our look and the server's start.
const PORT_ATTEMPTS: u32 = 5;
/// Recovery after a crash replays the log before it answers.
const START_MAX: Duration = Duration::from_secs(120);
/// Longer, and the next start takes down what is left.
const STOP_MAX: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_millis(50);
const CONNECTIONS_MAX: u32 = 200;

/// Whether what is committed survives a power cut. Tests do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Full,
    None,
}

/// A running cluster; stops (fast: transactions under way are rolled back) when dropped.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    port: u16,
    password: String,
    secrets: PathBuf,
    _lock: File,
}

#[derive(Debug)]
struct Server {
    child: Child,
    binaries: Binaries,
    user: User,
    data: PathBuf,
}

/// Everything that is known before the server starts.
struct Place {
    folder: PathBuf,
    data: PathBuf,
    log: PathBuf,
    user: User,
    binaries: Binaries,
    durability: Durability,
}

impl Cluster {
    /// Starts the cluster in `folder`, making it where there is none.
    pub async fn start(folder: &Path, durability: Durability) -> Result<Cluster> {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        let lock = lock(folder)?;
        let place = prepare(folder, durability)?;
        let password = admin::secret(&folder.join("admin_password"))?;
        if !place.data.join("PG_VERSION").exists() {
            initdb(&place, &password)?;
        }
        leftover::stop(&place.user, &place.binaries, &place.data)?;
        let (child, port) = serve(&place, &password).await?;
        Ok(Cluster {
            server: Server { child, binaries: place.binaries, user: place.user, data: place.data },
            port,
            password,
            secrets: folder.to_owned(),
            _lock: lock,
        })
    }

    /// The superuser's URL; for [`crate::admin`] and tests only.
    pub fn admin_url(&self, database: &str) -> String {
        admin_url(self.port, &self.password, database)
    }

    /// Makes the database and the services' login role where missing; returns
    /// the URL to [`crate::TenantDb::connect`] with.
    pub async fn database(&self, name: &str) -> Result<String> {
        let main = self.admin_url("postgres");
        create_database(&main, name).await?;
        let password = admin::secret(&self.secrets.join("app_password"))?;
        admin::prepare(&with_database(&main, name), &password).await
    }

    /// Stops the server and waits until it is down.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || drop(self))
            .await
            .map_err(|e| Error::Embedded(format!("stop PostgreSQL: {e}")))
    }

    /// The server's process, for tests of what happens without a clean end.
    pub fn pid(&self) -> u32 {
        self.server.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Err(error) = leftover::pg_ctl_stop(&self.user, &self.binaries, &self.data, "--no-wait") {
            tracing::warn!(%error, "could not stop PostgreSQL");
        }
        for _ in 0..STOP_MAX.as_millis() / PATIENCE.as_millis() {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PATIENCE);
        }
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let what = format!("{what} {}", path.display());
    move |source| Error::Io { what, source }
}

fn admin_url(port: u16, password: &str, database: &str) -> String {
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// Held as long as the cluster runs: a second instance on the same folder is told so.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(io("open", &path))?;
    file.try_lock().map_err(|_| {
        Error::Embedded(format!("the data folder {} is in use by another process", folder.display()))
    })?;
    Ok(file)
}

fn prepare(folder: &Path, durability: Durability) -> Result<Place> {
    let user = User::choose()?;
    let wanted = folder.canonicalize().map_err(io("find", folder))?;
    let home = user.reachable(wanted);
    let data = home.join("data");
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok();
    let binaries = binaries::find(made_by.and_then(|v| v.trim().parse().ok()))?;
    fs::create_dir_all(&home).map_err(io("create", &home))?;
    let log = home.join("postgres.log");
    File::create(&log).map_err(io("open", &log))?;
    user.give(&log)?;
    Ok(Place { folder: folder.to_owned(), data, log, user, binaries, durability })
}

/// Into a folder of another name first: a cluster is whole or not there.
fn initdb(place: &Place, password: &str) -> Result<()> {
    let new = place.data.with_file_name("data.new");
    let result = ["C.UTF-8", "C"]
        .iter()
        .map(|locale| initdb_in(place, &new, locale, password))
        .reduce(Result::or)
        .expect("there are locales to try");
    result?;
    fs::rename(&new, &place.data).map_err(io("rename", &new))
}

fn initdb_in(place: &Place, new: &Path, locale: &str, password: &str) -> Result<()> {
    if new.exists() {
        fs::remove_dir_all(new).map_err(io("remove", new))?;
    }
    fs::create_dir(new).map_err(io("create", new))?;
    place.user.give(new)?;
    let password_file = place.data.with_file_name("password.new");
    fs::write(&password_file, password).map_err(io("write", &password_file))?;
    restrict(&password_file)?;
    place.user.give(&password_file)?;
    let mut initdb = place.user.command(place.binaries.program("initdb"));
    initdb
        .arg("--pgdata")
        .arg(new)
        .arg("--pwfile")
        .arg(&password_file)
        .args(["--username", SUPERUSER, "--auth", "scram-sha-256"])
        .args(["--encoding", "UTF8", "--locale", locale]);
    if place.durability == Durability::None {
        initdb.arg("--no-sync");
    }
    let output = initdb.output().map_err(io("run initdb for", new))?;
    fs::remove_file(&password_file).map_err(io("remove", &password_file))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Embedded(format!("initdb failed: {}", said.trim())))
}

fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io("restrict", path))
}

async fn serve(place: &Place, password: &str) -> Result<(Child, u16)> {
    let mut refused = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = choose_port(&place.folder)?;
        let mut child = spawn(place, port)?;
        match answers(&mut child, port, password).await {
            Ok(()) => return Ok((child, port)),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                refused = format!("{error}\n{}", last_lines(&place.log));
                let taken = refused.contains("could not bind");
                if !taken {
                    break;
                }
                let _ = fs::remove_file(place.folder.join("port"));
            }
        }
    }
    Err(Error::Embedded(format!("PostgreSQL did not start: {}", refused.trim())))
}

/// The port of last time if it is free, else any free one.
fn choose_port(folder: &Path) -> Result<u16> {
    let path = folder.join("port");
    let remembered = fs::read_to_string(&path).ok().and_then(|t| t.trim().parse::<u16>().ok());
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).and_then(|l| l.local_addr());
    let address = match remembered.map(free) {
        Some(Ok(address)) => address,
        _ => free(0).map_err(io("find a port for", folder))?,
    };
    fs::write(&path, address.port().to_string()).map_err(io("write", &path))?;
    Ok(address.port())
}

fn spawn(place: &Place, port: u16) -> Result<Child> {
    let log = File::options().append(true).open(&place.log).map_err(io("open", &place.log))?;
    let errors = log.try_clone().map_err(io("open", &place.log))?;
    let mut command = postgres(place, port).into_iter();
    place
        .user
        .command(command.next().expect("a program"))
        .args(command)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(io("start PostgreSQL in", &place.data))
}

/// The server's command line.
fn postgres(place: &Place, port: u16) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        vec![place.binaries.program("postgres").into(), "-D".into(), place.data.clone().into()];
    for setting in settings(port, place.durability) {
        words.extend(["-c".into(), setting.into()]);
    }
    words
}

fn settings(port: u16, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        format!("max_connections={CONNECTIONS_MAX}"),
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
    ];
    if durability == Durability::None {
        settings
            .extend(["fsync", "synchronous_commit", "full_page_writes"].map(|name| format!("{name}=off")));
        // A test that ends while it connects must not hold up others for a minute.
        settings.push("authentication_timeout=5s".into());
    }
    settings
}

/// Until the server lets us in, ends, or takes too long.
async fn answers(child: &mut Child, port: u16, password: &str) -> Result<()> {
    let url = admin_url(port, password, "postgres");
    let wait = async {
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Error::Embedded(format!("PostgreSQL ended with {status}")));
            }
            match PgConnection::connect(&url).await {
                Ok(conn) => return Ok(conn.close().await?),
                Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("28P01") => {
                    return Err(Error::Embedded(
                        "the password kept in the data folder is not the cluster's".into(),
                    ));
                }
                Err(_) => tokio::time::sleep(PATIENCE).await,
            }
        }
    };
    tokio::time::timeout(START_MAX, wait)
        .await
        .unwrap_or_else(|_| Err(Error::Embedded("PostgreSQL does not answer".into())))
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

async fn create_database(main: &str, name: &str) -> Result<()> {
    let mut conn = PgConnection::connect(main).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut conn)
        .await?;
    if !exists {
        let quoted = name.replace('"', "\"\"");
        sqlx::raw_sql(AssertSqlSafe(format!("create database \"{quoted}\""))).execute(&mut conn).await?;
    }
    Ok(conn.close().await?)
}
