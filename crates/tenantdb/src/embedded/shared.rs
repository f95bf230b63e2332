//! The cluster that all test processes of a machine share. The first starts
//! it; each holds a shared lock while it lives; a shell beside the server
//! stops it when nobody has held the lock for a minute. It is made anew at
//! every start: tests leave nothing that is worth keeping.

use super::{Durability, Place, admin_url, answers, choose_port, initdb, io, postgres, prepare};
use crate::{Result, admin};
use sqlx::{Connection, PgConnection};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::OnceLock,
};

/// Held until this process ends.
static IN_USE: OnceLock<File> = OnceLock::new();

/// The first argument is the file that users lock, the rest the server's command.
const KEEPER: &str = r#"
users=$1; shift
"$@" &
server=$!
trap 'kill -INT $server' INT TERM
idle=0
while kill -0 $server 2>/dev/null; do
  sleep 5
  exec 9<"$users"
  if flock --nonblock --exclusive 9; then
    idle=$((idle + 5))
    if [ $idle -ge 60 ]; then kill -INT $server; wait $server; exit 0; fi
  else
    idle=0
  fi
  exec 9<&-
done
"#;

/// The superuser's URL of the shared cluster, which is started if it does not run.
pub(crate) async fn shared_admin_url() -> Result<String> {
    let folder = folder()?;
    hold(&folder)?;
    let start = lock_file(&folder, "start")?;
    start.lock().map_err(io("lock", &folder))?;
    match running(&folder).await {
        Some(url) => Ok(url),
        None => start_anew(&folder).await,
    }
}

fn folder() -> Result<PathBuf> {
    let uid = fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(0);
    let folder = std::env::temp_dir().join(format!("trunkline-test-postgres-{uid}"));
    fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    Ok(folder)
}

/// Readable for the server's account, which locks it too.
fn lock_file(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(io("open", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(io("open", &path))?;
    Ok(file)
}

/// Waits while the keeper is stopping the server.
fn hold(folder: &Path) -> Result<()> {
    let file = lock_file(folder, "users")?;
    file.lock_shared().map_err(io("lock", folder))?;
    let _ = IN_USE.set(file);
    Ok(())
}

async fn running(folder: &Path) -> Option<String> {
    let port = fs::read_to_string(folder.join("port")).ok()?;
    let password = fs::read_to_string(folder.join("admin_password")).ok()?;
    let url = admin_url(port.trim().parse().ok()?, password.trim(), "postgres");
    PgConnection::connect(&url).await.ok()?.close().await.ok()?;
    Some(url)
}

async fn start_anew(folder: &Path) -> Result<String> {
    let place = prepare(folder, Durability::None)?;
    if place.data.exists() {
        fs::remove_dir_all(&place.data).map_err(io("remove", &place.data))?;
    }
    let password = admin::secret(&folder.join("admin_password"))?;
    initdb(&place, &password)?;
    let port = choose_port(folder)?;
    let mut keeper = keep(&place, &folder.join("users"), port)?;
    answers(&mut keeper, port, &password).await?;
    Ok(admin_url(port, &password, "postgres"))
}

fn keep(place: &Place, users: &Path, port: u16) -> Result<Child> {
    let log = File::create(&place.log).map_err(io("open", &place.log))?;
    let errors = log.try_clone().map_err(io("open", &place.log))?;
    place
        .user
        .command("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(users)
        .args(postgres(place, port))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(io("start PostgreSQL in", &place.data))
}
