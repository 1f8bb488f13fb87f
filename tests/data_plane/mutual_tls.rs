//! Clients that show certificates: to listeners, and to custom domain names. (Guide, `rest-api-mutual-tls`.)

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use serde_json::{Value, json};

use super::tls::with_certificate;
use crate::harness::gateway::{Start, read_log_lines};
use crate::harness::tls::{ClientAuthority, Identity, client_config_of, try_connect};
use crate::harness::{Api, Client, Driver, Gateway, Message, mock, wait_until};

on_both_drivers! {
    clients_have_to_show_a_good_certificate,
    clients_may_show_a_certificate,
    revoked_clients_are_refused,
    a_reload_exchanges_whom_to_trust,
    a_resumed_session_does_not_outlive_its_truststore,
    only_some_addresses_ask,
    context_tells_of_the_certificate,
    a_domain_name_asks_for_its_own_certificates,
    a_domain_name_is_served_to_its_own_clients_alone,
    a_domain_names_truststore_is_exchanged,
    a_domain_name_without_its_truststore_is_closed,
    hellos_that_come_in_pieces_or_are_none,
}

/// What the mapping template says of a client.
const SUBJECT: &str = "<$!context.identity.clientCert.subjectDN>";

fn api() -> Api {
    Api::new().route("GET /who", mock(200, SUBJECT))
}

/// Whom the gateway shows itself as.
fn server() -> Identity {
    Identity::new(&["gw.test", "api.test", "other.test", "open.test", "unknown.test", "*.wild.test"])
}

fn start(driver: Driver) -> Start {
    with_certificate(Gateway::with(&api()).driver(driver), "server", &server())
}

fn write(start: &Start, name: &str, text: &str) {
    let file = start.folder.path().join(name);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is ours");
    std::fs::write(file, text).expect("the folder is ours");
}

fn trusting(driver: Driver, authority: &ClientAuthority) -> Start {
    let start = start(driver);
    write(&start, "trust.pem", &authority.pem());
    start.set("tls.client_truststore_file", "trust.pem")
}

fn config(identity: Option<&Identity>) -> Arc<ClientConfig> {
    client_config_of(&[&TLS13], identity)
}

/// A GET of `/who` with a host over a new connection that asks for a name.
fn ask(gateway: &Gateway, config: &Arc<ClientConfig>, name: &str, host: &str) -> std::io::Result<Message> {
    ask_at(gateway.address(), config, name, host)
}

fn ask_at(address: SocketAddr, config: &Arc<ClientConfig>, name: &str, host: &str) -> std::io::Result<Message> {
    try_connect(address, name, config)?.client.try_get(host, "/who")
}

/// What `/who` answers; `refused` where TLS refuses the client.
fn who(gateway: &Gateway, config: &Arc<ClientConfig>) -> String {
    ask(gateway, config, "gw.test", "gw.test").map_or("refused".to_owned(), |answer| answer.text().to_owned())
}

fn refusals(gateway: &Gateway, reason: &str) -> f64 {
    gateway.metric(&format!("client_certificates_refused_total{{reason=\"{reason}\"}}"))
}

fn clients_have_to_show_a_good_certificate(driver: Driver) {
    let (good, other) = (ClientAuthority::new("good"), ClientAuthority::new("other"));
    let gateway = trusting(driver, &good).start();
    let cases = [
        ("missing", None),
        ("unknown_issuer", Some(other.client("a", 1))),
        // The name alone makes no authority.
        ("unfit", Some(ClientAuthority::new("good").client("a", 1))),
        ("expired", Some(good.client_with("a", 1, |params| params.not_after = date_time_ymd(2021, 1, 1)))),
        ("not_valid_yet", Some(good.client_with("a", 1, |params| params.not_before = date_time_ymd(2100, 1, 1)))),
        (
            "wrong_purpose",
            Some(good.client_with("a", 1, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
        ),
        ("unfit", Some(good.client_with("a", 1, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)))),
    ];
    for version in [&TLS12, &TLS13] {
        let client = client_config_of(&[version], Some(&good.client("Ada", 1)));
        assert_eq!(who(&gateway, &client), "<O=Clients,CN=Ada>", "{version:?}");
        for (reason, identity) in &cases {
            let before = refusals(&gateway, reason);
            let client = client_config_of(&[version], identity.as_ref());
            assert_eq!(who(&gateway, &client), "refused", "{version:?} {reason}");
            wait_until(reason, || refusals(&gateway, reason) == before + 1.0);
        }
    }
    assert_eq!(gateway.metric(r#"tls_handshakes_total{result="ok"}"#), 2.0);
    wait_until("a line of the log", || gateway.output().contains("the issuer is not in the truststore"));
    // A second has more refusals than lines.
    let lines = || gateway.output().lines().filter(|line| line.contains("client certificates were refused")).count();
    let before = lines();
    for _ in 0..30 {
        assert_eq!(who(&gateway, &config(None)), "refused");
    }
    wait_until("the refusals", || refusals(&gateway, "missing") == 32.0);
    assert!(lines() - before < 30, "{}", gateway.output());
}

fn clients_may_show_a_certificate(driver: Driver) {
    let (good, other) = (ClientAuthority::new("good"), ClientAuthority::new("other"));
    let gateway = trusting(driver, &good).set("tls.client_auth", "optional").start();
    assert_eq!(who(&gateway, &config(None)), "<>");
    assert_eq!(who(&gateway, &config(Some(&good.client("Ada", 1)))), "<O=Clients,CN=Ada>");
    assert_eq!(who(&gateway, &config(Some(&other.client("Ada", 1)))), "refused");
}

fn revoked_clients_are_refused(driver: Driver) {
    let (one, other) = (ClientAuthority::new("one"), ClientAuthority::new("other"));
    let start = start(driver).set("tls.client_truststore_file", "trust.pem").set("tls.client_crl_file", "revoked.pem");
    write(&start, "trust.pem", &format!("{}{}", one.pem(), other.pem()));
    write(&start, "revoked.pem", &one.revoking(&[7]));
    let gateway = start.start();
    assert_eq!(who(&gateway, &config(Some(&one.client("Ada", 1)))), "<O=Clients,CN=Ada>");
    assert_eq!(who(&gateway, &config(Some(&one.client("Eve", 7)))), "refused");
    wait_until("the refusal", || refusals(&gateway, "revoked") == 1.0);
    // Nobody says of the other's clients whether they are.
    assert_eq!(who(&gateway, &config(Some(&other.client("Ada", 1)))), "refused");
    wait_until("the refusal", || refusals(&gateway, "revocation_unknown") == 1.0);
    gateway.write("revoked.pem", &format!("{}{}", one.revoking(&[7]), other.revoking(&[])));
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(who(&gateway, &config(Some(&other.client("Ada", 1)))), "<O=Clients,CN=Ada>");
}

fn a_reload_exchanges_whom_to_trust(driver: Driver) {
    let (one, other) = (ClientAuthority::new("one"), ClientAuthority::new("other"));
    let gateway = trusting(driver, &one).start();
    let (ada, bob) = (config(Some(&one.client("Ada", 1))), config(Some(&other.client("Bob", 2))));
    let both = |gateway: &Gateway| [who(gateway, &ada), who(gateway, &bob)];
    let refused = "refused".to_owned();
    assert_eq!(both(&gateway), ["<O=Clients,CN=Ada>".to_owned(), refused.clone()]);
    let mut open = try_connect(gateway.address(), "gw.test", &ada).expect("a handshake").client;
    gateway.write("trust.pem", &format!("{}{}", one.pem(), other.pem()));
    gateway.signal(libc::SIGHUP);
    wait_until("the other authority", || who(&gateway, &bob) == "<O=Clients,CN=Bob>");
    assert_eq!(who(&gateway, &ada), "<O=Clients,CN=Ada>");
    gateway.write("trust.pem", &other.pem());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(both(&gateway), [refused.clone(), "<O=Clients,CN=Bob>".to_owned()]);
    assert_eq!(open.get("/who").text(), "<O=Clients,CN=Ada>", "connections that are open go on");
    // What cannot be read changes nothing: not the certificates either that are read with it.
    for (file, text, told) in [
        ("trust.pem", "nothing", "trust.pem: there is no certificate in this file"),
        ("server.pem", "nothing", "server.pem: there is no certificate in this file"),
    ] {
        let before = std::fs::read_to_string(gateway.path(file)).expect("it is there");
        gateway.write(file, text);
        let answer = gateway.reload();
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert!(answer.text().contains("certificates were not reloaded, the old ones stay: "), "{}", answer.text());
        assert!(answer.text().contains(told), "{}", answer.text());
        assert_eq!(both(&gateway), [refused.clone(), "<O=Clients,CN=Bob>".to_owned()]);
        gateway.write(file, &before);
    }
    assert_eq!(gateway.reload().status(), 200);
}

/// A ticket has the client's certificate in it: it must not be worth more than the certificate.
fn a_resumed_session_does_not_outlive_its_truststore(driver: Driver) {
    for version in [&TLS12, &TLS13] {
        let authority = ClientAuthority::new("one");
        let start = trusting(driver, &authority).set("tls.client_crl_file", "revoked.pem").shards(2);
        write(&start, "revoked.pem", &authority.revoking(&[]));
        let gateway = start.start();
        let client = client_config_of(&[version], Some(&authority.client("Ada", 7)));
        let connect = || {
            let mut session = try_connect(gateway.address(), "gw.test", &client)?;
            session.client.try_get("gw.test", "/who").map(|answer| (session.kind, answer.text().to_owned()))
        };
        let ada = "<O=Clients,CN=Ada>".to_owned();
        assert_eq!(connect().expect("it is let in"), (HandshakeKind::Full, ada.clone()), "{version:?}");
        assert_eq!(connect().expect("it is let in"), (HandshakeKind::Resumed, ada.clone()), "{version:?}");
        // What is as it was is trusted as it was.
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(connect().expect("it is let in"), (HandshakeKind::Resumed, ada.clone()), "{version:?}");
        gateway.write("revoked.pem", &authority.revoking(&[8]));
        assert_eq!(gateway.reload().status(), 200);
        assert_eq!(connect().expect("it is let in"), (HandshakeKind::Full, ada.clone()), "{version:?}");
        assert_eq!(connect().expect("it is let in"), (HandshakeKind::Resumed, ada), "{version:?}");
        gateway.write("revoked.pem", &authority.revoking(&[7, 8]));
        assert_eq!(gateway.reload().status(), 200);
        for _ in 0..3 {
            assert!(connect().is_err(), "{version:?}");
        }
        wait_until("the refusals", || refusals(&gateway, "revoked") == 3.0);
    }
}

fn only_some_addresses_ask(driver: Driver) {
    let authority = ClientAuthority::new("one");
    let gateway = trusting(driver, &authority).set("tls.client_auth_listen", "127.0.0.1:0").start();
    let [free, asking] = gateway.listening[..] else { panic!("two listeners, not {:?}", gateway.listening) };
    // Tickets of the one are worth nothing at the other.
    let client = config(None);
    for _ in 0..2 {
        let mut session = try_connect(free, "gw.test", &client).expect("a handshake");
        assert_eq!(session.client.get("/who").text(), "<>");
    }
    let refused =
        try_connect(asking, "gw.test", &client).and_then(|mut session| session.client.try_get("gw.test", "/who"));
    assert!(refused.is_err());
    let known = config(Some(&authority.client("Ada", 1)));
    let mut session = try_connect(asking, "gw.test", &known).expect("a handshake");
    assert_eq!(session.client.get("/who").text(), "<O=Clients,CN=Ada>");
    assert_eq!(try_connect(free, "gw.test", &known).expect("a handshake").client.get("/who").text(), "<>");
}

fn context_tells_of_the_certificate(driver: Driver) {
    let authority = ClientAuthority::new("The Issuer");
    let names = ["subjectDN", "issuerDN", "serialNumber", "validity.notBefore", "validity.notAfter", "clientCertPem"];
    let all: Vec<String> = names.iter().map(|name| format!("$context.identity.clientCert.{name}")).collect();
    let all = all.join("|");
    let api = Api::new().route("GET /who", mock(200, &all)).route("GET /header", {
        let mut integration = mock(200, "");
        integration["responses"]["default"]["responseTemplates"]["application/json"] =
            json!("$input.params('X-Client-Cert')<$!context.identity.clientCert.subjectDN>");
        integration
    });
    let start = with_certificate(Gateway::with(&api).driver(driver), "server", &server());
    write(&start, "trust.pem", &authority.pem());
    let start = start.set("tls.client_truststore_file", "trust.pem").set("tls.client_auth", "optional");
    let gateway = start.set("access_log.format", format!("$context.requestId|$context.status|{all}")).start();
    let ada = authority.client("Ada, the \"first\"", 0x0001_0203_0405_0607);
    let client = config(Some(&ada));
    let expected = "O=Clients,CN=Ada\\, the \\\"first\\\"|CN=The Issuer|283686952306183|Jan  2 00:00:00 2020 GMT|\
                    Aug  5 00:00:00 2120 GMT|";
    let answer = ask(&gateway, &client, "gw.test", "gw.test").expect("it is let in");
    let pem = ada.certificate.replace("\r\n", "\n");
    assert_eq!(answer.text(), format!("{expected}{pem}"));
    let line = &read_log_lines(&gateway.path("access.log"), 1)[0];
    let logged = line.split_once("|200|").expect("the status").1.replace("\\n", "\n");
    let escaped = expected.replace('\\', "\\\\").replace('"', "\\\"");
    assert_eq!(logged, format!("{escaped}{pem}"));
    // Who only says who it is is nobody.
    let mut nobody = try_connect(gateway.address(), "gw.test", &config(None)).expect("a handshake").client;
    let pretends = "GET /header HTTP/1.1\r\nHost: gw.test\r\nX-Client-Cert: CN=Ada\r\nX-Amzn-Mtls-Clientcert-Subject: CN=Ada\r\n\r\n";
    assert_eq!(nobody.exchange(pretends).text(), "CN=Ada<>");
}

/// A gateway with an API of the management API's, and a folder of truststores.
fn managed(driver: Driver, authority: &ClientAuthority) -> (Gateway, String) {
    managed_with(driver, authority, |start| start)
}

fn managed_with(driver: Driver, authority: &ClientAuthority, more: impl FnOnce(Start) -> Start) -> (Gateway, String) {
    let start = more(secure(Gateway::serve().driver(driver)));
    write(&start, "trust/bucket/clients/a.pem", &authority.pem());
    let mut gateway = start.start();
    // The one that speaks TLS first.
    gateway.listening.reverse();
    let mut document: Value = serde_json::from_str(&api().text()).expect("it is JSON");
    document.as_object_mut().expect("an object").remove("x-tollgate-api-id");
    let api = gateway.manage("POST", "/restapis?mode=import", &document);
    let api = api["id"].as_str().expect("an id").to_owned();
    gateway.manage("POST", &format!("/restapis/{api}/deployments"), &json!({ "stageName": "prod" }));
    (gateway, api)
}

/// A folder of truststores, and TLS beside a listener without.
fn secure(start: Start) -> Start {
    let start = start.arg("--empty").set("tls.truststore_dir", "trust").set("tls.listen", "127.0.0.1:0");
    with_certificate(start, "server", &server())
}

/// A regional domain name that leads to the API; with a truststore, mutual TLS.
fn domain(gateway: &Gateway, api: &str, name: &str, truststore: Option<&str>) -> Value {
    let mut body = json!({
        "domainName": name,
        "regionalCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c",
        "endpointConfiguration": { "types": ["REGIONAL"] },
        "securityPolicy": "TLS_1_2",
    });
    if let Some(uri) = truststore {
        body["mutualTlsAuthentication"] = json!({ "truststoreUri": uri, "truststoreVersion": "1" });
    }
    let made = gateway.manage("POST", "/domainnames", &body);
    let mapping = json!({ "restApiId": api, "stage": "prod" });
    gateway.manage("POST", &format!("/domainnames/{name}/basepathmappings"), &mapping);
    made
}

fn exchange_truststore(gateway: &Gateway, text: &str) {
    let file = gateway.path("trust/bucket/clients/a.pem");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is ours");
    std::fs::write(file, text).expect("the folder is ours");
}

const TRUSTSTORE: &str = "s3://bucket/clients/a.pem";
const FORBIDDEN: (u16, &str) = (403, r#"{"message":"Forbidden"}"#);

fn a_domain_name_asks_for_its_own_certificates(driver: Driver) {
    let (good, other) = (ClientAuthority::new("good"), ClientAuthority::new("other"));
    let (gateway, api) = managed(driver, &good);
    let body = json!({
        "domainName": "api.test",
        "regionalCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c",
        "endpointConfiguration": { "types": ["REGIONAL"] },
        "mutualTlsAuthentication": { "truststoreUri": "s3://bucket/clients/b.pem" },
    });
    let refused = gateway.management("POST", "/domainnames", "application/json", &body.to_string());
    assert_eq!((refused.status(), refused.field("x-amzn-errortype")), (400, Some("BadRequestException")));
    assert!(refused.text().contains("clients/b.pem: cannot read the truststore"), "{}", refused.text());
    // A ticket from before there is anything to show.
    let early = config(None);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut session = try_connect(gateway.address(), "api.test", &early).expect("a handshake");
        session.client.try_get("api.test", "/who").expect("an answer");
        assert_eq!(session.kind, kind);
    }
    let made = domain(&gateway, &api, "api.test", Some(TRUSTSTORE));
    assert!(ask(&gateway, &early, "api.test", "api.test").is_err());
    assert_eq!(made["mutualTlsAuthentication"], json!({ "truststoreUri": TRUSTSTORE, "truststoreVersion": "1" }));
    assert_eq!(gateway.manage("GET", "/domainnames/api.test", &Value::Null), made);
    domain(&gateway, &api, "open.test", None);
    for version in [&TLS12, &TLS13] {
        let nobody = client_config_of(&[version], None);
        let ada = client_config_of(&[version], Some(&good.client("Ada", 1)));
        let eve = client_config_of(&[version], Some(&other.client("Eve", 1)));
        for name in ["api.test", "API.test"] {
            let answer = ask(&gateway, &ada, name, name).expect("it is let in");
            assert_eq!((answer.status(), answer.text()), (200, "<O=Clients,CN=Ada>"));
            assert!(ask(&gateway, &nobody, name, name).is_err());
            assert!(ask(&gateway, &eve, name, name).is_err());
        }
        // The one beside it asks nobody, and knows nobody.
        for client in [&nobody, &ada, &eve] {
            let answer = ask(&gateway, client, "open.test", "open.test").expect("it is let in");
            assert_eq!((answer.status(), answer.text()), (200, "<>"));
        }
    }
    wait_until("the refusals", || refusals(&gateway, "missing") == 5.0 && refusals(&gateway, "unknown_issuer") == 4.0);
}

/// Who is let in is decided by the name in the handshake, what is served by `Host`: they have to be of one domain name.
fn a_domain_name_is_served_to_its_own_clients_alone(driver: Driver) {
    let good = ClientAuthority::new("good");
    let (gateway, api) = managed(driver, &good);
    domain(&gateway, &api, "api.test", Some(TRUSTSTORE));
    domain(&gateway, &api, "other.test", Some(TRUSTSTORE));
    domain(&gateway, &api, "*.wild.test", Some(TRUSTSTORE));
    domain(&gateway, &api, "open.wild.test", None);
    domain(&gateway, &api, "open.test", None);
    let (nobody, ada) = (config(None), config(Some(&good.client("Ada", 1))));
    #[track_caller]
    fn check(gateway: &Gateway, client: &Arc<ClientConfig>, name: &str, host: &str, expected: (u16, &str)) {
        let mut client = try_connect(gateway.address(), name, client).expect("a handshake").client;
        let answer = client.try_get(host, "/who").expect("an answer");
        assert_eq!((answer.status(), answer.text()), expected, "{name} {host}");
        if expected == FORBIDDEN {
            // Another handshake may do better.
            client.expect_end();
        }
    }
    let known = (200, "<O=Clients,CN=Ada>");
    for host in ["api.test", "API.TEST", "api.test:443", "api.test.", "a.wild.test"] {
        check(&gateway, &nobody, "open.test", host, FORBIDDEN);
        check(&gateway, &nobody, "unknown.test", host, FORBIDDEN);
        check(&gateway, &nobody, "open.wild.test", host, FORBIDDEN);
    }
    // Another's clients are not this one's, even where both trust the same.
    check(&gateway, &ada, "other.test", "api.test", FORBIDDEN);
    check(&gateway, &ada, "other.test", "other.test", known);
    check(&gateway, &ada, "a.wild.test", "b.wild.test", known);
    check(&gateway, &ada, "a.wild.test", "api.test", FORBIDDEN);
    check(&gateway, &nobody, "open.wild.test", "open.wild.test", (200, "<>"));
    // Whom one domain name trusts is nobody to those that ask nobody, which a listener of theirs may.
    for host in ["open.test", "open.wild.test", "unknown.test"] {
        check(&gateway, &ada, "api.test", host, FORBIDDEN);
    }
    // Without TLS there are no certificates.
    let plain = gateway.listening[1];
    for host in ["api.test", "x.wild.test"] {
        let answer = Client::connect(plain).try_get(host, "/who").expect("an answer");
        assert_eq!((answer.status(), answer.text()), FORBIDDEN, "{host}");
    }
    assert_eq!(Client::connect(plain).try_get("open.test", "/who").expect("an answer").status(), 200);
    // A request line's authority counts, as everywhere.
    let mut client = Client::connect(plain);
    let answer = client.exchange("GET http://api.test/who HTTP/1.1\r\nHost: open.test\r\n\r\n");
    assert_eq!((answer.status(), answer.text()), FORBIDDEN);
    assert!(gateway.metric(r#"unrouted_requests_total{cause="no_client_certificate"}"#) >= 20.0);
    // The API's other doors are its owner's to close.
    let others = [format!("/_aws/execute-api/{api}/prod/who"), "/prod/who".to_owned()];
    let statuses = || {
        others.each_ref().map(|target| Client::connect(plain).try_get("elsewhere", target).expect("an answer").status())
    };
    assert_eq!(statuses(), [200, 200]);
    let disable = json!({ "patchOperations": [
        { "op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true" },
    ] });
    gateway.manage("PATCH", &format!("/restapis/{api}"), &disable);
    gateway.manage("POST", &format!("/restapis/{api}/deployments"), &json!({ "stageName": "prod" }));
    assert_eq!(statuses(), [403, 403]);
    check(&gateway, &ada, "api.test", "api.test", known);
}

fn a_domain_names_truststore_is_exchanged(driver: Driver) {
    let (one, other) = (ClientAuthority::new("one"), ClientAuthority::new("other"));
    let (gateway, api) = managed(driver, &one);
    domain(&gateway, &api, "api.test", Some(TRUSTSTORE));
    let (ada, bob) = (config(Some(&one.client("Ada", 1))), config(Some(&other.client("Bob", 2))));
    let let_in = |client| ask(&gateway, client, "api.test", "api.test").is_ok_and(|answer| answer.status() == 200);
    for _ in 0..2 {
        assert_eq!([let_in(&ada), let_in(&bob)], [true, false]);
    }
    let mut open = try_connect(gateway.address(), "api.test", &ada).expect("a handshake").client;
    assert_eq!(open.try_get("api.test", "/who").expect("an answer").status(), 200);
    // A reload reads the file, and tickets that were given before count no more.
    exchange_truststore(&gateway, &other.pem());
    assert_eq!([let_in(&ada), let_in(&bob)], [true, false], "nobody has said so yet");
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!([let_in(&ada), let_in(&bob)], [false, true]);
    assert_eq!(open.try_get("api.test", "/who").expect("an answer").status(), 200);
    // A broken one changes nothing.
    exchange_truststore(&gateway, "nothing");
    let answer = gateway.reload();
    assert!(answer.status() == 422 && answer.text().contains("a.pem: there is no certificate"), "{}", answer.text());
    assert_eq!([let_in(&ada), let_in(&bob)], [false, true]);
    let version = |version: &str| {
        let path = "/mutualTlsAuthentication/truststoreVersion";
        json!({ "patchOperations": [{ "op": "replace", "path": path, "value": version }] })
    };
    let refused = gateway.management("PATCH", "/domainnames/api.test", "application/json", &version("2").to_string());
    assert_eq!(refused.status(), 400, "{}", refused.text());
    // Another version is another truststore: what was verified by the one before is not by this.
    let both = format!("{}{}{}", one.pem(), other.pem(), one.revoking(&[5]) + &other.revoking(&[2]));
    exchange_truststore(&gateway, &both);
    let patched = gateway.manage("PATCH", "/domainnames/api.test", &version("2"));
    assert_eq!(patched["mutualTlsAuthentication"]["truststoreVersion"], "2");
    assert_eq!([let_in(&ada), let_in(&bob)], [true, false], "Bob's is revoked");
    assert_eq!(open.try_get("api.test", "/who").expect("an answer").status(), 403);
    // Without mutual TLS nobody is asked.
    let none = json!({ "patchOperations": [
        { "op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": "" },
    ] });
    gateway.manage("PATCH", "/domainnames/api.test", &none);
    let answer = ask(&gateway, &config(None), "api.test", "api.test").expect("it is let in");
    assert_eq!((answer.status(), answer.text()), (200, "<>"));
}

/// Where the name has to be read first, what is no handshake ends as it does elsewhere, and what comes in pieces is put together.
fn hellos_that_come_in_pieces_or_are_none(driver: Driver) {
    let good = ClientAuthority::new("good");
    let (gateway, api) = managed(driver, &good);
    domain(&gateway, &api, "api.test", Some(TRUSTSTORE));
    for bytes in ["GET /who HTTP/1.1\r\nHost: a\r\n\r\n", "\0\0\0\0\0\0", "\u{16}\u{3}\u{1}\0\u{5}hello", ""] {
        let mut client = gateway.connect();
        client.send(bytes);
        client.half_close();
        let mut answer = Vec::new();
        let _ = client.socket.read_to_end(&mut answer);
        assert!(answer.len() <= 7 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    wait_until("the failures", || gateway.metric(r#"tls_handshakes_total{result="failed"}"#) == 4.0);
    for version in [&TLS12, &TLS13] {
        let client = client_config_of(&[version], Some(&good.client("Ada", 1)));
        let mut socket = crate::harness::client::connect(gateway.address());
        let name = ServerName::try_from("api.test").expect("a name");
        let mut connection = ClientConnection::new(client, name).expect("a client");
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).expect("a vector takes all");
        for byte in hello {
            socket.write_all(&[byte]).expect("the gateway reads");
        }
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).expect("a handshake");
        }
        let stream = StreamOwned::new(connection, socket.try_clone().expect("a descriptor"));
        let answer = Client::over(Box::new(stream), socket).try_get("api.test", "/who").expect("an answer");
        assert_eq!(answer.text(), "<O=Clients,CN=Ada>");
    }
    assert_eq!(gateway.metric("panics_total"), 0.0);
}

/// A truststore that is gone when the gateway starts opens nothing, and keeps nothing else from being served.
fn a_domain_name_without_its_truststore_is_closed(driver: Driver) {
    let good = ClientAuthority::new("good");
    let data = tempfile::tempdir().expect("a temporary folder");
    let data = data.path().display().to_string();
    {
        let (gateway, api) = managed_with(driver, &good, |start| start.arg("--data").arg(data.clone()));
        domain(&gateway, &api, "api.test", Some(TRUSTSTORE));
        domain(&gateway, &api, "open.test", None);
    }
    let start = secure(Gateway::serve().driver(driver).arg("--data").arg(data));
    write(&start, "trust/other.pem", &good.pem());
    let gateway = start.start();
    let client = config(Some(&good.client("Ada", 1)));
    let asked = |name| ask_at(gateway.listening[1], &client, name, name);
    assert!(asked("api.test").is_err());
    assert_eq!(asked("open.test").expect("it is let in").status(), 200);
    wait_until("the refusal", || refusals(&gateway, "no_truststore") == 1.0);
    let told = gateway.output();
    assert!(told.contains("lets nobody in: ") && told.contains("a.pem: cannot read the truststore"), "{told}");
    // It stands against no reload of the others, and one finds it when it is there.
    assert_eq!(gateway.reload().status(), 200);
    assert!(asked("api.test").is_err());
    exchange_truststore(&gateway, &good.pem());
    assert_eq!(gateway.reload().status(), 200);
    assert_eq!(asked("api.test").expect("it is let in").text(), "<O=Clients,CN=Ada>");
}
