//! Private integrations: `connectionType: VPC_LINK`. The settings say where each link leads; the integration's URI still
//! says path and `Host`. (Guide, `set-up-private-integration`.)

use super::Context;
use crate::model::{ConnectionType, IntegrationType};
use crate::plan::compile::{expression, uri};
use crate::plan::integration::Origin;

impl Context<'_, '_, '_> {
    pub(super) fn refuse_odd_connection(&mut self) {
        let integration = self.integration;
        let linked = integration.connection_type == Some(ConnectionType::VpcLink);
        if linked && integration.connection_id.is_none() {
            let message = "a private integration without `connectionId` has nowhere to go";
            self.refuse("connectionType", message, "write `connectionId`: the id of a VPC link");
        }
        if !linked && integration.connection_id.is_some() {
            let help = "write `connectionType: VPC_LINK`, or take `connectionId` away";
            self.refuse("connectionId", "a `connectionId` is for private integrations only", help);
        }
        if !linked && integration.integration_target.is_some() {
            let help = "write `connectionType: VPC_LINK` and `connectionId`, or take `integrationTarget` away";
            self.refuse("integrationTarget", "an `integrationTarget` is for private integrations only", help);
        }
        if linked && !matches!(integration.integration_type, IntegrationType::Http | IntegrationType::HttpProxy) {
            let message = "VPC links are for integrations of the types `http` and `http_proxy`";
            self.refuse("connectionType", message, "take `connectionType` and `connectionId` away");
        }
        if linked && integration.upstream.is_some() {
            let message = "a VPC link and `x-tollgate-upstream` both say where the backend is";
            self.refuse("x-tollgate-upstream", message, "take one of them away");
        }
    }

    /// What the integration asks in place of its URI's own host, if it goes by a VPC link.
    pub(super) fn by_vpc_link(&mut self, origin: Origin) -> Option<Origin> {
        let integration = self.integration;
        let (Some(ConnectionType::VpcLink), Some(named)) = (integration.connection_type, &integration.connection_id)
        else {
            return Some(origin);
        };
        let link = self.with_variables("connectionId", named.as_str())?;
        let target = match &integration.integration_target {
            Some(target) => Some(self.with_variables("integrationTarget", target)?),
            None => None,
        };
        let Some(url) = self.compilation.compiler.vpc_link(&link, target.as_deref()) else {
            let message = format!("nobody says where the VPC link `{link}` leads");
            let help = format!(
                "give it an address in the settings, by its id, its name or the ARN of its target: `vpc_links`, such as \
                 `{{ {link} = \"http://10.0.0.5:8080\" }}`"
            );
            self.refuse_or_deny("connectionId", message, &help);
            return None;
        };
        match uri::parse(&url) {
            Ok(found) => Some(Origin { tls: found.tls, host: found.host, port: found.port, ..origin }),
            Err(refused) => {
                self.refuse_expression(self.pointer.child("connectionId"), refused);
                None
            }
        }
    }

    pub(super) fn with_variables(&mut self, member: &str, text: &str) -> Option<String> {
        let found = expression::with_stage_variables(text, self.variables);
        found.map_err(|refused| self.refuse_expression(self.pointer.child(member), refused)).ok()
    }
}
