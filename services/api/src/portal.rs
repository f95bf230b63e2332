//! The portal, embedded.

use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use http::{Method, Uri, header};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// A file of the portal, or its page for every other path: the page routes by itself.
pub async fn serve(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Problem::not_found("there is no such resource").into_response();
    }
    let path = uri.path().trim_start_matches('/');
    match Files::get(path).map(|file| (path, file)) {
        Some((path, file)) => respond(path, file),
        // A missing script must not come as a page.
        None if path.starts_with("assets/") => Problem::not_found("there is no such file").into_response(),
        None => match Files::get("index.html") {
            Some(page) => respond("index.html", page),
            None => Problem::not_found("the portal is not built").into_response(),
        },
    }
}

fn respond(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    // Vite puts a hash into the names below assets/.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers =
        [(header::CONTENT_TYPE, kind.as_ref().to_owned()), (header::CACHE_CONTROL, cache.to_owned())];
    (headers, file.data).into_response()
}
