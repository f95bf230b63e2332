use crate::*;

#[tokio::test]
async fn the_portal_answers_every_page_and_every_answer_is_guarded() {
    let world = World::start().await;
    let stranger = world.stranger();
    for page in ["/", "/desk", "/invite/abc", "/settings/trunks"] {
        let answer = stranger.get(page).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/html"), "{page}");
        for name in
            ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"]
        {
            assert!(answer.headers.contains_key(name), "{page} {name}");
        }
    }
    stranger.get("/assets/missing.js").await.problem(404);
    let me = stranger.get("/v1/me").await;
    me.problem(401);
    assert_eq!(me.headers["cache-control"], "no-store");
    assert!(me.headers.contains_key("content-security-policy"));
    assert_eq!(stranger.get("/healthz").await.status, 200);
    let metrics = stranger.get("/metrics").await;
    assert!(
        metrics.body.as_str().is_some_and(|text| text.contains("trunkline_api_desks")),
        "{}",
        metrics.body
    );
}

/// One more API on the same services, at this address; its port.
fn another(world: &World, folder: &std::path::Path, address: &str, settings: &str) -> u16 {
    let settings = format!("objects = {:?}\n{settings}", folder.to_string_lossy());
    let overrides = settings.parse().expect("settings");
    let config: api::Config =
        chassis::config::read("api", include_str!("../../default.toml"), overrides).expect("config");
    let (http, grpc) = (TcpListener::bind(address), TcpListener::bind("127.0.0.1:0"));
    let (http, listener) = (http.expect("a port"), grpc.expect("a port"));
    let port = http.local_addr().expect("an address").port();
    let deps = Deps {
        log: world.log.clone(),
        listener,
        peers: world.peers.clone(),
        credentials: world.credentials.clone(),
        folder: folder.to_owned(),
    };
    tokio::spawn(api::run_on(http, config, deps, world.drain.clone()));
    port
}

/// A browser that knows this certificate alone.
fn trusting(certificate: &str, base: String) -> Browser {
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let http = reqwest::Client::builder().tls_certs_only([root]).build().expect("a client");
    Browser { http, base, csrf: String::new(), me: Value::Null, bearer: None }
}

#[tokio::test]
async fn with_a_certificate_it_is_https_and_the_cookie_is_secure() {
    let world = World::start_with("tls = 'auto'").await;
    let folder = tempfile::tempdir().expect("a folder");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let settings = format!("certificate_file = {certificate:?}\nprivate_key_file = {key:?}");
    let port = another(&world, folder.path(), "127.0.0.1:0", &settings);
    let browser = trusting(&made.cert.pem(), format!("https://127.0.0.1:{port}"));
    let answer = browser.post("/v1/signup", &sign_up("acme")).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.headers[header::SET_COOKIE].to_str().expect("text").ends_with("; Secure"));
}

#[tokio::test]
async fn beyond_loopback_a_certificate_is_made_once_and_kept() {
    let world = World::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("certificate.pem");
    let mut made = None;
    for _start in 0..2 {
        let port = another(&world, folder.path(), "0.0.0.0:0", "");
        let certificate = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(text) if text.trim_end().ends_with("END CERTIFICATE-----") => return text,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let certificate = certificate.await.expect("a certificate");
        let browser = trusting(&certificate, format!("https://localhost:{port}"));
        assert_eq!(browser.get("/healthz").await.status, 200);
        assert_eq!(*made.get_or_insert(certificate.clone()), certificate, "kept over a restart");
    }
}
