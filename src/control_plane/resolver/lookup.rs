//! One look-up of a host name: `/etc/hosts`, the reserved names of loopback, then the name servers of `resolv.conf`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::time::{Duration, Instant};

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};

/// `/etc/hosts` has no TTLs. It is read again as often as this, within the settings' bounds.
const HOSTS_TTL: Duration = Duration::from_secs(10);

/// What became of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At least one address, IPv4 and IPv6 together, in the order of the name server's answer.
    Found { addresses: Vec<IpAddr>, ttl: Duration },
    /// There is no such name, or it has no addresses: somebody who knows said so.
    None { reason: String },
    /// Nobody who knows was reached in time.
    Failed { reason: String },
}

/// Who is asked. A trait, so that the resolver's rules are tested without name servers.
pub trait Lookup: Send + Sync {
    fn addresses<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// The system's configuration: `/etc/resolv.conf`, as it was at start, and `/etc/hosts`, as it is.
pub struct SystemLookup {
    resolver: TokioResolver,
    timeout: Duration,
}

impl SystemLookup {
    /// `timeout` is for a whole look-up, with all its tries.
    ///
    /// # Errors
    /// `/etc/resolv.conf` makes no sense. Without the file, a name server is expected on loopback, as `resolv.conf(5)`
    /// has it.
    pub fn new(timeout: Duration) -> Result<SystemLookup, String> {
        let builder = if std::path::Path::new("/etc/resolv.conf").exists() {
            TokioResolver::builder_tokio().map_err(|error| format!("/etc/resolv.conf: {error}"))?
        } else {
            let loopback = hickory_resolver::config::NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![loopback]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        SystemLookup::build(builder, timeout)
    }

    fn build(
        mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>,
        timeout: Duration,
    ) -> Result<SystemLookup, String> {
        set_options(builder.options_mut(), timeout);
        let resolver = builder.build().map_err(|error| format!("the name resolver cannot start: {error}"))?;
        Ok(SystemLookup { resolver, timeout })
    }

    async fn ask(&self, host: &str) -> Answer {
        let asked = tokio::time::timeout(self.timeout, self.resolver.lookup_ip(host)).await;
        match asked {
            Err(_) => Answer::Failed { reason: format!("no name server answered in {} ms", self.timeout.as_millis()) },
            Ok(Err(error)) => failure(&error),
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.iter().collect();
                if addresses.is_empty() {
                    return Answer::None { reason: "the name has no addresses".to_owned() };
                }
                Answer::Found { addresses, ttl: found.valid_until().saturating_duration_since(Instant::now()) }
            }
        }
    }
}

impl Lookup for SystemLookup {
    fn addresses<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            match fixed_addresses(host) {
                Some(addresses) => Answer::Found { addresses, ttl: HOSTS_TTL },
                None => self.ask(host).await,
            }
        })
    }
}

fn set_options(options: &mut ResolverOpts, timeout: Duration) {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // The hosts file is read here, afresh each time. A refresh before the end of a TTL must not find the old answer.
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    options.try_tcp_on_error = true;
    // Half the time for a try, so that one lost packet leaves time for another.
    options.timeout = options.timeout.min(timeout / 2);
}

/// What needs no name server. A hosts entry for one family answers for the name: glibc asks no server then either.
fn fixed_addresses(host: &str) -> Option<Vec<IpAddr>> {
    let listed = Hosts::from_system().ok().map(|hosts| in_hosts(&hosts, host)).unwrap_or_default();
    if !listed.is_empty() {
        return Some(listed);
    }
    // RFC 6761, section 6.3: names under `localhost` are loopback and are not asked for.
    let name = host.strip_suffix('.').unwrap_or(host);
    let loopback = name == "localhost" || name.ends_with(".localhost");
    loopback.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

fn in_hosts(hosts: &Hosts, host: &str) -> Vec<IpAddr> {
    let Ok(name) = Name::from_utf8(host) else {
        return Vec::new();
    };
    let of_type = |record_type| hosts.lookup_static_host(&Query::query(name.clone(), record_type));
    let lookups = [of_type(RecordType::A), of_type(RecordType::AAAA)];
    let addresses = lookups.iter().flatten().flat_map(|lookup| lookup.answers());
    addresses.filter_map(|record| record.data.ip_addr()).collect()
}

fn failure(error: &NetError) -> Answer {
    if error.is_nx_domain() {
        return Answer::None { reason: "there is no such name".to_owned() };
    }
    if error.is_no_records_found() {
        return Answer::None { reason: "the name has no addresses".to_owned() };
    }
    Answer::Failed { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
    use std::net::UdpSocket;

    #[track_caller]
    fn check(host: &str, loopback: bool) {
        let addresses = fixed_addresses(host).unwrap_or_default();
        assert_eq!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback), loopback, "{host}");
    }

    #[test]
    fn names_of_loopback_need_no_server() {
        check("localhost", true);
        check("localhost.", true);
        check("pets.localhost", true);
        check("localhost.example", false);
        check("notlocalhost", false);
        check("bad name..example", false);
    }

    /// A name server that answers by the first label: `both` has an A and an AAAA record, `four` an A record, `empty`
    /// none, `broken` is a failure of the server, `silent` gets no answer, and all others do not exist.
    fn name_server() -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = socket.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut packet) {
                if let Some(answer) = answer(&packet[..length]) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        port
    }

    /// RFC 1035, section 4.1; the question is copied as it came.
    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        const NO_ERROR: u8 = 0;
        const SERVER_FAILURE: u8 = 2;
        const NAME_ERROR: u8 = 3;
        let first_label = query.get(13..13 + usize::from(*query.get(12)?))?.to_ascii_lowercase();
        let name_end = 12 + query[12..].iter().position(|byte| *byte == 0)? + 1;
        let question = query.get(12..name_end + 4)?;
        let wants_ipv6 = question[question.len() - 3] == 28;
        let (code, record): (u8, Option<&[u8]>) = match (&*first_label, wants_ipv6) {
            (b"both" | b"four", false) => (NO_ERROR, Some(&[192, 0, 2, 1])),
            (b"both", true) => (NO_ERROR, Some(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
            (b"four", true) | (b"empty", _) => (NO_ERROR, None),
            (b"broken", _) => (SERVER_FAILURE, None),
            (b"silent", _) => return None,
            _ => (NAME_ERROR, None),
        };
        let mut answer = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, record.is_some().into(), 0, 0, 0, 0];
        answer.extend(question);
        if let Some(data) = record {
            // A pointer to the question's name, the type, class IN, a TTL of 300 s.
            answer.extend([0xc0, 12, 0, question[question.len() - 3], 0, 1, 0, 0, 1, 44, 0, data.len() as u8]);
            answer.extend(data);
        }
        Some(answer)
    }

    async fn ask(host: &str) -> Answer {
        let mut udp = ConnectionConfig::udp();
        udp.port = name_server();
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![udp]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let lookup = SystemLookup::build(builder, Duration::from_millis(600)).expect("the configuration is complete");
        lookup.addresses(host).await
    }

    #[test]
    fn name_servers_are_understood() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("the machine has resources for a runtime").block_on(async {
            for (host, count) in [("both.example", 2), ("four.example", 1)] {
                let Answer::Found { addresses, ttl } = ask(host).await else { panic!("{host} has addresses") };
                assert_eq!(addresses.len(), count, "{host}");
                assert!(ttl > Duration::from_secs(200) && ttl <= Duration::from_secs(300), "{host} {ttl:?}");
            }
            for host in ["empty.example", "missing.example"] {
                assert!(matches!(ask(host).await, Answer::None { .. }), "{host}");
            }
            for host in ["broken.example", "silent.example", "bad name..example"] {
                let answer = ask(host).await;
                assert!(matches!(answer, Answer::Failed { .. }), "{host} {answer:?}");
            }
        });
    }
}
