//! Compiles the contracts with protox: no protoc needed.

const SERVICES: [&str; 10] =
    ["events", "media", "ivr", "acd", "line", "crm", "recording", "analytics", "tenancy", "telephony"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = SERVICES.map(|name| format!("{name}/v1/{name}.proto"));
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(&files, ["."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
