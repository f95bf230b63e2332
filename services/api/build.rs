//! The portal is embedded as Vite leaves it in `web/dist`. Where it was not
//! built, a page says so: the backend builds without Node.

use std::{fs, path::Path};

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<title>Trunkline</title><h1>The portal is not built</h1>\
<p>Run <code>npm ci &amp;&amp; npm run build</code> in <code>services/api/web</code> and build again. \
The API answers under <a href=\"/v1/openapi.json\">/v1</a>.</p></html>";

fn main() -> std::io::Result<()> {
    let dist = Path::new("web/dist");
    if !dist.join("index.html").exists() {
        fs::create_dir_all(dist)?;
        fs::write(dist.join("index.html"), PAGE)?;
    }
    println!("cargo:rerun-if-changed=web/dist");
    Ok(())
}
