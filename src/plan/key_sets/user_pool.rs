//! Amazon Cognito's user pools, as `providerARNs` of authorizers name them.

use super::KeySource;

/// `arn:aws:cognito-idp:{region}:{account}:userpool/{id}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPool {
    pub region: Box<str>,
    /// The region, an underscore, and letters and digits.
    pub id: Box<str>,
    /// Of the names of AWS's services there.
    domain: &'static str,
}

impl UserPool {
    /// # Errors
    /// It is no user pool's ARN.
    pub fn of_arn(arn: &str) -> Result<UserPool, &'static str> {
        const NONE: &str = "not a user pool's ARN: arn:aws:cognito-idp:{region}:{account}:userpool/{id}";
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "cognito-idp", region, account, resource] = parts[..] else { return Err(NONE) };
        let domain = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(NONE),
        };
        let id = resource.strip_prefix("userpool/").ok_or(NONE)?;
        let in_region = id.strip_prefix(region).and_then(|rest| rest.strip_prefix('_')).ok_or(NONE)?;
        let is_region = !region.is_empty()
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = (1..=64).contains(&in_region.len()) && in_region.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match is_region && is_account && is_id {
            true => Ok(UserPool { region: region.into(), id: id.into(), domain }),
            false => Err(NONE),
        }
    }

    /// Whose tokens the pool's are: AWS's, or those of whoever stands in for it (`jwt.cognito_endpoint`), who may use
    /// either name. (Developer guide of Cognito, `amazon-cognito-user-pools-using-tokens-verifying-a-jwt`.)
    pub fn issuers(&self, endpoint: Option<&str>) -> Box<[Box<str>]> {
        let aws = self.base(None);
        endpoint.map(|endpoint| self.base(Some(endpoint))).into_iter().chain([aws]).map(Into::into).collect()
    }

    /// # Errors
    /// The endpoint is no address.
    pub fn key_source(&self, endpoint: Option<&str>) -> Result<KeySource, &'static str> {
        KeySource::url(&format!("{}/.well-known/jwks.json", self.base(endpoint)))
    }

    fn base(&self, endpoint: Option<&str>) -> String {
        match endpoint {
            Some(endpoint) => format!("{}/{}", endpoint.trim_end_matches('/'), self.id),
            None => format!("https://cognito-idp.{}.{}/{}", self.region, self.domain, self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_issuer_and_keys() {
        let pool = UserPool::of_arn("arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_aBc9").expect("one");
        let aws = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_aBc9";
        assert_eq!(*pool.issuers(None), [aws.into()]);
        let keys = |endpoint| pool.key_source(endpoint).expect("an address").name();
        assert_eq!(keys(None), format!("{aws}/.well-known/jwks.json"));
        let local = "http://127.0.0.1:9229/";
        assert_eq!(*pool.issuers(Some(local)), ["http://127.0.0.1:9229/us-east-1_aBc9".into(), aws.into()]);
        assert_eq!(keys(Some(local)), "http://127.0.0.1:9229/us-east-1_aBc9/.well-known/jwks.json");
        let china = UserPool::of_arn("arn:aws-cn:cognito-idp:cn-north-1:123456789012:userpool/cn-north-1_1");
        let issuer = "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_1";
        assert_eq!(*china.expect("one").issuers(None), [issuer.into()]);
    }

    #[test]
    fn what_is_no_pool() {
        for arn in [
            "",
            "us-east-1_aBc9",
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/",
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_",
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/eu-west-1_aBc9",
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a/../b",
            "arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_aBc9",
            "arn:aws:cognito-idp:evil.example/:123456789012:userpool/evil.example/_a",
            "arn:aws:cognito-idp::123456789012:userpool/_aBc9",
            "arn:other:cognito-idp:us-east-1:123456789012:userpool/us-east-1_aBc9",
            "arn:aws:s3:us-east-1:123456789012:userpool/us-east-1_aBc9",
            "arn:aws:cognito-idp:us-east-1:123456789012:identitypool/us-east-1_aBc9",
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_aBc9:more",
        ] {
            assert!(UserPool::of_arn(arn).is_err(), "{arn}");
        }
    }
}
