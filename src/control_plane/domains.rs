//! Custom domain names as plans know them: of the store's rows, what is served.

use super::operations::base_path_mappings::NONE;
use super::store::Store;
use super::store::table::part;
use crate::model::{BasePathMapping, DomainName};
use crate::plan::select::domain::{DomainAddress, MappingAddress, MutualTls};

/// Every custom domain name, of every region. One whose conditions nobody checks yet (the policy of a private one, routing
/// rules alone) has no mappings: it is known, and refuses every request.
pub fn addresses(store: &Store) -> Vec<DomainAddress> {
    let rows = store.domain_names.below(&[]);
    rows.map(|(key, domain)| {
        let of_domain = [part(key, 0), part(key, 1)];
        let mappings = store.base_path_mappings.rows_below(&of_domain).map(address);
        let mappings = if is_served(domain) { mappings.collect() } else { Vec::new() };
        let mutual_tls = domain.mutual_tls_authentication.as_ref().map(|asked| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            MutualTls::new(&domain.domain_name, &text(&asked.truststore_uri), &text(&asked.truststore_version))
        });
        DomainAddress { host: domain.domain_name.as_str().into(), mappings, mutual_tls }
    })
    .collect()
}

fn is_served(domain: &DomainName) -> bool {
    let only_rules = domain.routing_mode.as_deref() == Some("ROUTING_RULE_ONLY");
    domain.domain_name_id.is_none() && !only_rules
}

fn address(mapping: &BasePathMapping) -> MappingAddress {
    MappingAddress {
        base_path: if mapping.base_path == NONE { "".into() } else { mapping.base_path.as_str().into() },
        api_id: mapping.rest_api_id.as_str().into(),
        stage: mapping.stage.as_deref().map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MutualTlsAuthentication, RestApiId};

    #[test]
    fn what_nobody_can_check_is_known_and_leads_nowhere() {
        let mut store = Store::default();
        let mut put = |name: &str, domain: DomainName| {
            let domain = DomainName { domain_name: name.into(), ..domain };
            store.domain_names.put(&["r", name], domain);
            for (base_path, stage) in [(NONE, None), ("v1", Some("prod".to_owned()))] {
                let mapping =
                    BasePathMapping { base_path: base_path.into(), rest_api_id: RestApiId("a".into()), stage };
                store.base_path_mappings.put(&["r", name, base_path], mapping);
            }
        };
        let mode = |mode: &str| DomainName { routing_mode: Some(mode.into()), ..DomainName::default() };
        let mutual_tls_authentication = Some(MutualTlsAuthentication {
            truststore_uri: Some("s3://a/b".to_owned()),
            truststore_version: Some("7".to_owned()),
            truststore_warnings: Vec::new(),
        });
        put("a", mode("ROUTING_RULE_THEN_BASE_PATH_MAPPING"));
        put("b", mode("ROUTING_RULE_ONLY"));
        put("c", DomainName { mutual_tls_authentication, ..DomainName::default() });
        put("d", DomainName { domain_name_id: Some("1".into()), ..DomainName::default() });
        let addresses = addresses(&store);
        let shown: Vec<(&str, usize)> =
            addresses.iter().map(|address| (&*address.host, address.mappings.len())).collect();
        assert_eq!(shown, [("a", 2), ("b", 0), ("c", 2), ("d", 0)]);
        let mutual: Vec<_> = addresses.iter().map(|address| address.mutual_tls.clone()).collect();
        assert_eq!(mutual, [None, None, Some(MutualTls::new("c", "s3://a/b", "7")), None]);
        let mapping = |base_path: &str, stage: Option<&str>| MappingAddress {
            base_path: base_path.into(),
            api_id: "a".into(),
            stage: stage.map(Into::into),
        };
        assert_eq!(addresses[0].mappings, [mapping("", None), mapping("v1", Some("prod"))]);
    }
}
