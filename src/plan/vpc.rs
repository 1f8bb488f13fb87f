//! Which networks stand for which VPC endpoints: what `aws:SourceVpc` and `aws:SourceVpce` of a request are.
//!
//! AWS knows the endpoint that a request to a private API came through. Here, the client's address says.

use std::net::IpAddr;

use ipnet::IpNet;

/// The endpoint that a request came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcEndpoint {
    /// `vpce-1a2b3c4d`
    pub vpce_id: Box<str>,
    /// `vpc-1a2b3c4d`
    pub vpc_id: Box<str>,
}

/// Networks, and the endpoint of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VpcEndpoints {
    endpoints: Box<[VpcEndpoint]>,
    /// The narrowest first, with positions in `endpoints`.
    networks: Box<[(IpNet, usize)]>,
}

impl VpcEndpoints {
    pub fn new(described: impl IntoIterator<Item = (VpcEndpoint, Vec<IpNet>)>) -> VpcEndpoints {
        let (mut endpoints, mut networks) = (Vec::new(), Vec::new());
        for (endpoint, cidrs) in described {
            networks.extend(cidrs.into_iter().map(|network| (network.trunc(), endpoints.len())));
            endpoints.push(endpoint);
        }
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        VpcEndpoints { endpoints: endpoints.into(), networks: networks.into() }
    }

    /// That of the narrowest network that the address is in; `None` for one that came through none.
    pub fn find(&self, source: IpAddr) -> Option<&VpcEndpoint> {
        let source = source.to_canonical();
        let (_, endpoint) = self.networks.iter().find(|(network, _)| network.contains(&source))?;
        Some(&self.endpoints[*endpoint])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_network_counts() {
        let endpoint = |vpce: &str, vpc: &str| VpcEndpoint { vpce_id: vpce.into(), vpc_id: vpc.into() };
        let networks =
            |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a network")).collect::<Vec<IpNet>>();
        let endpoints = VpcEndpoints::new([
            (endpoint("vpce-1", "vpc-1"), networks(&["10.0.0.0/8", "fd00::/8"])),
            (endpoint("vpce-2", "vpc-2"), networks(&["10.1.2.3/16"])),
        ]);
        let check = |address: &str, expected: Option<&str>| {
            let found = endpoints.find(address.parse().expect("an address")).map(|endpoint| &*endpoint.vpce_id);
            assert_eq!(found, expected, "{address}");
        };
        check("10.2.0.1", Some("vpce-1"));
        check("10.1.255.255", Some("vpce-2"));
        check("::ffff:10.1.0.1", Some("vpce-2"));
        check("fd00::1", Some("vpce-1"));
        check("192.0.2.1", None);
        check("::1", None);
        assert_eq!(VpcEndpoints::default().find(IpAddr::from([10, 0, 0, 1])), None);
    }
}
