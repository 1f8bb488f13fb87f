//! What must hold between settings, each of which is allowed by itself.

use super::table::{Config, Management, Vpc};
use std::collections::HashSet;
use std::net::SocketAddr;

/// A rule that does not hold.
pub struct Broken {
    /// The two settings that the rule is about; the same one twice if it is about one.
    pub keys: [&'static str; 2],
    /// Reads well whichever of the two it is put to.
    pub message: String,
}

/// Every rule that does not hold.
pub fn broken(config: &Config) -> Vec<Broken> {
    let mut broken = duplicate_addresses(config);
    broken.extend(open_to_others(config));
    broken.extend(duplicate_credentials(config));
    broken.extend(duplicate_networks(&config.vpc));
    broken.extend(functions_open_to_others(config));
    broken.extend(duplicate_functions(config));
    let mut rule = |holds: bool, keys, message: &str| {
        if !holds {
            broken.push(Broken { keys, message: message.to_owned() });
        }
    };
    let Config { tls, upstream, jwt, .. } = config;
    rule(
        !config.listen.is_empty() || !tls.listen.is_empty() || !tls.client_auth_listen.is_empty(),
        ["listen", "tls.listen"],
        "listen and tls.listen are both empty; write at least one address",
    );
    rule(
        tls.listen.is_empty() || !tls.certificates.is_empty(),
        ["tls.listen", "tls.certificates"],
        "the addresses of tls.listen need a certificate; write one to tls.certificates",
    );
    rule(
        tls.client_truststore_file.is_none() || !tls.certificates.is_empty(),
        ["tls.client_truststore_file", "tls.certificates"],
        "clients show certificates over TLS only, which needs one of the gateway's own; write it to tls.certificates",
    );
    rule(
        tls.client_crl_file.is_none() || tls.client_truststore_file.is_some(),
        ["tls.client_crl_file", "tls.client_truststore_file"],
        "tls.client_crl_file revokes what tls.client_truststore_file lets in, which is not set",
    );
    rule(
        tls.client_auth_listen.is_empty() || tls.client_truststore_file.is_some(),
        ["tls.client_auth_listen", "tls.client_truststore_file"],
        "the addresses of tls.client_auth_listen need certificate authorities to trust; write them to \
         tls.client_truststore_file",
    );
    rule(
        upstream.dns_ttl_min_ms <= upstream.dns_ttl_max_ms,
        ["upstream.dns_ttl_min_ms", "upstream.dns_ttl_max_ms"],
        "upstream.dns_ttl_min_ms is above upstream.dns_ttl_max_ms",
    );
    rule(
        jwt.refresh_min_ms <= jwt.refresh_max_ms,
        ["jwt.refresh_min_ms", "jwt.refresh_max_ms"],
        "jwt.refresh_min_ms is above jwt.refresh_max_ms",
    );
    rule(
        upstream.idle_connections_max <= upstream.connections_max,
        ["upstream.idle_connections_max", "upstream.connections_max"],
        "upstream.idle_connections_max is above upstream.connections_max",
    );
    rule(
        !config.root || config.files.len() <= 1,
        ["root", "files"],
        "\"/\" has room for one API and there are several files; leave out root to serve them by host name and path",
    );
    broken
}

/// Of two endpoints with the same network, which is meant nobody can tell.
fn duplicate_networks(vpc: &Vpc) -> Option<Broken> {
    let mut seen = HashSet::new();
    let mut networks = vpc.endpoints.iter().flat_map(|endpoint| &endpoint.cidrs);
    let network = networks.find(|network| !seen.insert(*network))?;
    let message = format!("vpc.endpoints has the network {network} twice; write it to one endpoint");
    Some(Broken { keys: ["vpc.endpoints"; 2], message })
}

/// Port 0 may be repeated: the system chooses a different one each time.
fn duplicate_addresses(config: &Config) -> Vec<Broken> {
    let mut seen: Vec<(&'static str, SocketAddr)> = Vec::new();
    let mut broken = Vec::new();
    let listen = config.listen.iter().map(|address| ("listen", *address));
    let tls = config.tls.listen.iter().map(|address| ("tls.listen", *address));
    let asking = config.tls.client_auth_listen.iter().map(|address| ("tls.client_auth_listen", *address));
    let admin = config.admin.iter().map(|address| ("admin", *address));
    let has_functions = config.functions.enabled || !config.functions.list.is_empty();
    let functions = has_functions.then_some(("functions.listen", config.functions.listen));
    let all = listen.chain(tls).chain(asking).chain(admin).chain(functions);
    for (key, address) in all.filter(|(_, address)| address.port() != 0) {
        let Some((other, _)) = seen.iter().find(|(_, other)| *other == address) else {
            seen.push((key, address));
            continue;
        };
        let message = match *other == key {
            true => format!("{address} is given twice"),
            false => format!("{address} is in {other} and in {key}; choose another port for one of them"),
        };
        broken.push(Broken { keys: [key, other], message });
    }
    broken
}

/// An admin listener that others can reach has to know whom it serves.
fn open_to_others(config: &Config) -> Option<Broken> {
    let address = config.admin.filter(|address| !address.ip().to_canonical().is_loopback())?;
    let Management { access_keys, tokens, .. } = &config.management;
    if !access_keys.is_empty() || !tokens.is_empty() {
        return None;
    }
    let message = format!(
        "{address} can be reached from outside, and without credentials the admin listener asks nobody for them; set \
         management.access_keys or management.tokens, or write a loopback address, such as \"127.0.0.1:{}\", or \"off\"",
        address.port()
    );
    Some(Broken { keys: ["admin", "management.access_keys"], message })
}

/// The same for the function host: functions are code, and who makes one runs it.
fn functions_open_to_others(config: &Config) -> Option<Broken> {
    let address = config.functions.listen;
    let Management { access_keys, tokens, .. } = &config.management;
    if address.ip().to_canonical().is_loopback() || !access_keys.is_empty() || !tokens.is_empty() {
        return None;
    }
    let message = format!(
        "{address} can be reached from outside, and without credentials the function host asks nobody for them; set \
         management.access_keys or management.tokens, or write a loopback address, such as \"127.0.0.1:{}\"",
        address.port()
    );
    Some(Broken { keys: ["functions.listen", "management.access_keys"], message })
}

fn duplicate_functions(config: &Config) -> Vec<Broken> {
    let mut seen = HashSet::new();
    let names = config.functions.list.iter().map(|function| function.definition.name.as_str());
    let twice = names.filter(|name| !seen.insert(*name));
    let broken = |name| Broken {
        keys: ["functions.list", "functions.list"],
        message: format!("the function {name:?} is given twice"),
    };
    twice.map(broken).collect()
}

fn duplicate_credentials(config: &Config) -> Vec<Broken> {
    let Management { access_keys, tokens, .. } = &config.management;
    let ids = access_keys.iter().map(|key| ("management.access_keys", key.id.as_str()));
    let names = tokens.iter().map(|token| ("management.tokens", token.name.as_str()));
    let users = config.iam.users.iter().map(|user| ("iam.users", user.access_key_id.as_str()));
    let basic = config.basic_auth.users.iter().map(|user| ("basic_auth.users", user.name.as_str()));
    let mut seen = HashSet::new();
    let twice = ids.chain(names).chain(users).chain(basic).filter(|credential| !seen.insert(*credential));
    twice.map(|(key, name)| Broken { keys: [key, key], message: format!("{name:?} is given twice") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AccessKey, CertificateFiles, IamUser, KeyScope, SecretSource};

    #[track_caller]
    fn check(change: impl FnOnce(&mut Config), expected: &[(&str, &str)]) {
        let mut config = Config::default();
        change(&mut config);
        let broken = broken(&config);
        let found: Vec<_> = broken.iter().map(|broken| (broken.keys[0], broken.message.as_str())).collect();
        assert_eq!(found, expected);
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("tests write addresses")
    }

    #[test]
    fn functions_are_given_once_and_not_open_to_others() {
        use crate::function::definition::{Configured, Definition};
        use crate::function::runtime::Runtime;
        let runtime = Runtime::Provided("provided".to_owned());
        let function = Configured { definition: Definition::new("pets", runtime), code: "pets".into() };
        check(
            |config| config.functions.list = vec![function.clone(); 2],
            &[("functions.list", "the function \"pets\" is given twice")],
        );
        check(
            |config| config.functions.listen = address("0.0.0.0:9002"),
            &[(
                "functions.listen",
                "0.0.0.0:9002 can be reached from outside, and without credentials the function host asks nobody for them; \
                 set management.access_keys or management.tokens, or write a loopback address, such as \"127.0.0.1:9002\"",
            )],
        );
        check(
            |config| (config.functions.enabled, config.functions.listen) = (true, address("127.0.0.1:8080")),
            &[(
                "functions.listen",
                "127.0.0.1:8080 is in listen and in functions.listen; choose another port for one of them",
            )],
        );
        check(|config| config.functions.listen = address("127.0.0.1:8080"), &[]);
    }

    #[test]
    fn addresses_are_given_once() {
        check(|_| {}, &[]);
        check(|config| config.listen = vec![address("[::]:1"); 2], &[("listen", "[::]:1 is given twice")]);
        check(|config| config.listen = vec![address("127.0.0.1:0"); 2], &[]);
        check(
            |config| config.admin = Some(address("127.0.0.1:8080")),
            &[("admin", "127.0.0.1:8080 is in listen and in admin; choose another port for one of them")],
        );
        check(
            |config| config.listen = Vec::new(),
            &[("listen", "listen and tls.listen are both empty; write at least one address")],
        );
    }

    #[test]
    fn an_admin_listener_for_others_has_credentials() {
        let message = |address: &str, port: u16| {
            format!(
                "{address} can be reached from outside, and without credentials the admin listener asks nobody for them; \
                 set management.access_keys or management.tokens, or write a loopback address, such as \
                 \"127.0.0.1:{port}\", or \"off\""
            )
        };
        check(|config| config.admin = Some(address("127.9.9.9:1")), &[]);
        check(|config| config.admin = Some(address("[::ffff:127.0.0.1]:1")), &[]);
        check(|config| config.admin = Some(address("10.0.0.1:81")), &[("admin", &message("10.0.0.1:81", 81))]);
        check(|config| config.admin = Some(address("[::]:81")), &[("admin", &message("[::]:81", 81))]);
        check(
            |config| {
                config.admin = Some(address("0.0.0.0:81"));
                config.management.access_keys = vec![key("a")];
            },
            &[],
        );
        check(
            |config| config.management.access_keys = vec![key("a"), key("b"), key("a")],
            &[("management.access_keys", "\"a\" is given twice")],
        );
        check(
            |config| {
                config.management.access_keys = vec![key("a")];
                config.iam.users = vec![user("a"), user("b"), user("b")];
            },
            &[("iam.users", "\"b\" is given twice")],
        );
    }

    fn user(access_key_id: &str) -> IamUser {
        IamUser {
            name: "ann".to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret: SecretSource::File("f".into()),
            session_token: None,
            arn: None,
            user_id: None,
            policies: Vec::new(),
        }
    }

    fn key(id: &str) -> AccessKey {
        AccessKey { id: id.to_owned(), secret: SecretSource::File("f".into()), scope: KeyScope::Full }
    }

    #[test]
    fn tls_needs_a_certificate() {
        let certificate = CertificateFiles { certificate: "c".into(), key: "k".into() };
        let message = "the addresses of tls.listen need a certificate; write one to tls.certificates";
        check(|config| config.tls.listen = vec![address("[::]:443")], &[("tls.listen", message)]);
        check(
            |config| {
                config.listen = Vec::new();
                config.tls.listen = vec![address("[::]:443")];
                config.tls.certificates = vec![certificate];
            },
            &[],
        );
    }

    #[test]
    fn client_certificates_need_tls_and_a_truststore() {
        let certificate = CertificateFiles { certificate: "c".into(), key: "k".into() };
        let needs_tls = "clients show certificates over TLS only, which needs one of the gateway's own; write it to tls.certificates";
        let truststore = |config: &mut Config| config.tls.client_truststore_file = Some("t".into());
        check(truststore, &[("tls.client_truststore_file", needs_tls)]);
        let revokes = "tls.client_crl_file revokes what tls.client_truststore_file lets in, which is not set";
        check(|config| config.tls.client_crl_file = Some("r".into()), &[("tls.client_crl_file", revokes)]);
        let needs_authorities = "the addresses of tls.client_auth_listen need certificate authorities to trust; write them \
                                 to tls.client_truststore_file";
        check(
            |config| config.tls.client_auth_listen = vec![address("[::]:443")],
            &[("tls.client_auth_listen", needs_authorities)],
        );
        check(
            |config| {
                config.tls.certificates = vec![certificate];
                config.tls.client_auth_listen = vec![address("[::]:443")];
                truststore(config);
            },
            &[],
        );
    }

    #[test]
    fn bounds_agree() {
        check(
            |config| config.upstream.dns_ttl_max_ms = 1,
            &[("upstream.dns_ttl_min_ms", "upstream.dns_ttl_min_ms is above upstream.dns_ttl_max_ms")],
        );
        check(
            |config| config.upstream.connections_max = 1,
            &[("upstream.idle_connections_max", "upstream.idle_connections_max is above upstream.connections_max")],
        );
        check(
            |config| config.jwt.refresh_max_ms = 1_000,
            &[("jwt.refresh_min_ms", "jwt.refresh_min_ms is above jwt.refresh_max_ms")],
        );
    }

    #[test]
    fn the_root_has_room_for_one() {
        check(
            |config| {
                config.root = true;
                config.files = vec!["a".into(), "b".into()];
            },
            &[(
                "root",
                "\"/\" has room for one API and there are several files; leave out root to serve them by host name and \
                 path",
            )],
        );
    }
}
