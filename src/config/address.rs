//! Socket addresses and networks, as people write them.

use super::kind::{Context, Facts, Fault, Kind};
use super::value::{Node, Value};
use ipnet::IpNet;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address to listen on. `localhost` is 127.0.0.1; other names are refused, because what they resolve to would
/// decide who can reach the gateway.
impl Kind for SocketAddr {
    fn read(node: &Node, context: Context<'_>) -> Result<SocketAddr, Vec<Fault>> {
        let (Value::Text(text) | Value::Written(text)) = &node.value else {
            return Err(Fault::unfit::<SocketAddr>(node, context));
        };
        socket_address(text).map_err(|message| vec![Fault::at(node, message)])
    }

    fn show(&self) -> serde_json::Value {
        json!(self.to_string())
    }

    fn allowed(_: &Facts) -> String {
        "an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    }
}

/// An address, or `off`: what the admin listener takes. Which addresses it may have depends on its credentials, a rule
/// between settings.
impl Kind for Option<SocketAddr> {
    fn read(node: &Node, context: Context<'_>) -> Result<Option<SocketAddr>, Vec<Fault>> {
        if matches!(&node.value, Value::Text(text) | Value::Written(text) if text == "off") {
            return Ok(None);
        }
        SocketAddr::read(node, context).map(Some)
    }

    fn show(&self) -> serde_json::Value {
        self.map_or(json!("off"), |address| address.show())
    }

    fn allowed(_: &Facts) -> String {
        "an address with a port, such as \"127.0.0.1:8081\", or \"off\"".to_owned()
    }
}

/// A network in CIDR notation, or a single address.
impl Kind for IpNet {
    fn read(node: &Node, context: Context<'_>) -> Result<IpNet, Vec<Fault>> {
        let (Value::Text(text) | Value::Written(text)) = &node.value else {
            return Err(Fault::unfit::<IpNet>(node, context));
        };
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match network {
            None => Err(Fault::unfit::<IpNet>(node, context)),
            Some(network) if network.addr() != network.network() => {
                let message = format!(
                    "{text:?} has bits beyond the prefix; write {:?} for the network or {:?} for the one address",
                    network.trunc().to_string(),
                    network.addr().to_string()
                );
                Err(vec![Fault::at(node, message)])
            }
            Some(network) => Ok(network),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.to_string())
    }

    fn allowed(_: &Facts) -> String {
        "a network, such as \"10.0.0.0/8\" or \"fd00::/8\", or an address".to_owned()
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    match (host, port.parse::<u16>()) {
        ("localhost", Ok(port)) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        ("" | "*", Ok(port)) => Err(format!(
            "{text:?} does not say who may connect; write \"127.0.0.1:{port}\" for this machine only, \
             \"0.0.0.0:{port}\" for every IPv4 address, \"[::]:{port}\" for every address"
        )),
        _ if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) || text == "localhost" => {
            Err(format!("{text:?} has no port; write \"{text}:8080\""))
        }
        _ if text.parse::<Ipv6Addr>().is_ok() => Err(match host.parse::<Ipv6Addr>() {
            Ok(host) => format!("{text:?} does not show where the port begins; write \"[{host}]:{port}\""),
            Err(_) => format!("{text:?} has no port; write \"[{text}]:8080\""),
        }),
        _ => Err(format!("{text:?} is not an address; write {}", SocketAddr::allowed(&Facts::plain()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<K: Kind>(text: &str, expected: Result<&str, &str>) {
        let found = K::read(&Node::written(text), Context { facts: &Facts::plain(), base: None });
        let found = found.map(|value| value.show()).map_err(|faults| faults[0].message.clone());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, json!(expected)),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found:?} should contain {expected:?}"),
            (found, expected) => panic!("{text}: {found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn addresses() {
        check::<SocketAddr>("127.0.0.1:8080", Ok("127.0.0.1:8080"));
        check::<SocketAddr>("[::]:443", Ok("[::]:443"));
        check::<SocketAddr>("localhost:0", Ok("127.0.0.1:0"));
        check::<SocketAddr>(":8080", Err("\"0.0.0.0:8080\" for every IPv4 address"));
        check::<SocketAddr>("8080", Err("\"127.0.0.1:8080\" for this machine only"));
        check::<SocketAddr>("*:80", Err("\"[::]:80\" for every address"));
        check::<SocketAddr>("127.0.0.1", Err("has no port; write \"127.0.0.1:8080\""));
        check::<SocketAddr>("::1", Err("has no port; write \"[::1]:8080\""));
        check::<SocketAddr>("localhost", Err("write \"localhost:8080\""));
        check::<SocketAddr>("example", Err("is not an address"));
        check::<SocketAddr>("::1:8080", Err("write \"[::1]:8080\""));
        check::<SocketAddr>("example.com:80", Err("is not an address"));
        check::<SocketAddr>("127.0.0.1:65536", Err("is not an address"));
        check::<SocketAddr>("", Err("is not an address"));
        check::<SocketAddr>("http://127.0.0.1:80/", Err("is not an address"));
    }

    #[test]
    fn the_admin_address_may_be_off() {
        check::<Option<SocketAddr>>("off", Ok("off"));
        check::<Option<SocketAddr>>("[::1]:8081", Ok("[::1]:8081"));
        check::<Option<SocketAddr>>("8081", Err("\"127.0.0.1:8081\" for this machine only"));
    }

    #[test]
    fn networks() {
        check::<IpNet>("10.0.0.0/8", Ok("10.0.0.0/8"));
        check::<IpNet>("192.0.2.1", Ok("192.0.2.1/32"));
        check::<IpNet>("fd00::/8", Ok("fd00::/8"));
        check::<IpNet>("10.0.0.1/8", Err("write \"10.0.0.0/8\" for the network or \"10.0.0.1\""));
        check::<IpNet>("10.0.0.0/33", Err("write a network"));
        check::<IpNet>("everyone", Err("write a network"));
    }
}
