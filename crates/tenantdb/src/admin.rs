//! What needs a superuser, once: the login role of the services and the database.

use crate::{Error, Result};
use rand::{TryRngCore, rngs::OsRng};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// The services' login role: NOINHERIT, so that it reaches a tenant only by
/// SET ROLE; CREATEROLE, so that sign-up can create a tenant's role.
pub const LOGIN: &str = "trunkline_app";

/// The URL that services connect with, from the one that was configured: as
/// it is when that role is an ordinary one; when it is a superuser, the login
/// role is made (its password is kept in `folder`) and its URL returned.
pub async fn login_url(url: &str, folder: &Path) -> Result<String> {
    let mut conn = PgConnection::connect(url).await?;
    let superuser: bool = sqlx::query_scalar("select rolsuper from pg_roles where rolname = session_user")
        .fetch_one(&mut conn)
        .await?;
    conn.close().await?;
    if !superuser {
        return Ok(url.to_owned());
    }
    let password = secret(&folder.join("app_password"))?;
    prepare(url, &password).await
}

/// Creates the login role and lets it work in the URL's database. Repeatable.
pub(crate) async fn prepare(url: &str, password: &str) -> Result<String> {
    let options: PgConnectOptions = url.parse()?;
    let mut conn = PgConnection::connect_with(&options).await?;
    create_login(&mut conn, password).await?;
    let database: String =
        sqlx::query_scalar("select quote_ident(current_database())").fetch_one(&mut conn).await?;
    let grant = format!("grant create, connect, temporary on database {database} to {LOGIN}");
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut conn).await?;
    conn.close().await?;
    Ok(with_login(url, LOGIN, password))
}

/// Serialised: two that alter one role at a time fail with "tuple concurrently updated".
pub(crate) async fn create_login(conn: &mut PgConnection, password: &str) -> Result<()> {
    assert!(password.bytes().all(|b| b.is_ascii_alphanumeric()), "the password is quoted plainly");
    let batch = format!(
        "select pg_advisory_xact_lock(hashtextextended('trunkline login', 0));
         do $$ begin
           if not exists (select from pg_roles where rolname = '{LOGIN}') then
             create role {LOGIN};
           end if;
         end $$;
         alter role {LOGIN} login noinherit createrole nosuperuser password '{password}'"
    );
    // A batch of several statements is one transaction.
    sqlx::raw_sql(AssertSqlSafe(batch)).execute(conn).await?;
    Ok(())
}

/// The same server and database under another role.
pub(crate) fn with_login(url: &str, role: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    format!("{scheme}://{role}:{password}@{host}{tail}")
}

/// The same server and role on another database.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (main, query) = rest.split_once('?').map_or((rest, None), |(m, q)| (m, Some(q)));
    let authority = main.split_once('/').map_or(main, |(a, _)| a);
    let query = query.map_or(String::new(), |q| format!("?{q}"));
    format!("{scheme}://{authority}/{database}{query}")
}

/// Reads the secret in `path`, or makes one of 192 bits there that only we can read.
pub(crate) fn secret(path: &Path) -> Result<String> {
    let failed = |source| Error::Io { what: format!("secret {}", path.display()), source };
    if let Ok(text) = std::fs::read_to_string(path)
        && !text.trim().is_empty()
    {
        return Ok(text.trim().to_owned());
    }
    let secret = random_hex();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(secret.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(secret)
}

pub(crate) fn random_hex() -> String {
    let mut bytes = [0; 24];
    OsRng.try_fill_bytes(&mut bytes).expect("the system has randomness");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_replaces_user_and_password_and_nothing_else() {
        let url = "postgres://root:p%40ss@db.example:5433/main?sslmode=require";
        assert_eq!(with_login(url, "app", "x"), "postgres://app:x@db.example:5433/main?sslmode=require");
        assert_eq!(with_login("postgresql://localhost", "app", "x"), "postgresql://app:x@localhost");
    }

    #[test]
    fn the_database_is_replaced_and_the_options_stay() {
        assert_eq!(
            with_database("postgres://a:b@h:1/old?sslmode=disable", "new"),
            "postgres://a:b@h:1/new?sslmode=disable"
        );
        assert_eq!(with_database("postgres://h", "new"), "postgres://h/new");
    }
}
