//! Configuration: a service's `default.toml`, then a file, then the environment.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Reads a service's configuration. `defaults` is its documented
/// `default.toml`; `overrides` wins over it key by key; last comes the
/// environment: `TRUNKLINE_<SERVICE>_<KEY>` such as `TRUNKLINE_MEDIA_RTP_PORTS`.
///
/// Errors name the key: unknown keys are refused.
pub fn read<T: DeserializeOwned>(service: &str, defaults: &str, overrides: Table) -> anyhow::Result<T> {
    let mut table: Table = defaults.parse()?;
    merge(&mut table, overrides);
    let environment = environment(service, &table, |name| std::env::var(name).ok());
    merge(&mut table, environment);
    Value::Table(table).try_into().map_err(|error| anyhow::anyhow!("configuration of {service}: {error}"))
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// A variable has the type of the default that it replaces.
fn environment(service: &str, table: &Table, variable: impl Fn(&str) -> Option<String>) -> Table {
    let mut found = Table::new();
    for (key, default) in table {
        let name = format!("TRUNKLINE_{service}_{key}").to_uppercase();
        let Some(text) = variable(&name) else { continue };
        let value = match default {
            Value::String(_) => Value::String(text),
            _ => format!("v = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut t| t.remove("v"))
                .unwrap_or(Value::String(text)),
        };
        found.insert(key.clone(), value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        ports: u16,
        name: String,
    }

    const DEFAULTS: &str = "ports = 10\nname = 'a'";

    #[test]
    fn a_file_wins_over_the_defaults() {
        let config: Config = read("test", DEFAULTS, toml::toml! { name = "b" }).unwrap();
        assert_eq!(config, Config { ports: 10, name: "b".into() });
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = read::<Config>("test", DEFAULTS, toml::toml! { nane = "b" }).unwrap_err();
        assert!(error.to_string().contains("nane"), "{error}");
    }

    #[test]
    fn the_environment_keeps_the_type_of_the_default() {
        let given = |name: &str| (name == "TRUNKLINE_TEST_PORTS").then(|| "7".to_owned());
        assert_eq!(environment("test", &DEFAULTS.parse().unwrap(), given)["ports"], Value::Integer(7));
    }
}
