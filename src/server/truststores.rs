//! The truststores of custom domain names with mutual TLS: files below one folder, under the names that AWS has them by.

use std::path::{Component, Path, PathBuf};

use crate::control_plane::operation::Truststores;
use crate::net::tls::server::{DomainTls, MutualTls};
use crate::net::tls::truststore::Truststore;
use crate::plan::Plan;

/// `tls.truststore_dir`.
#[derive(Clone)]
pub struct TruststoreFolder(Option<PathBuf>);

impl TruststoreFolder {
    /// # Errors
    /// It is no folder.
    pub fn open(folder: Option<&Path>) -> Result<TruststoreFolder, String> {
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(format!("tls.truststore_dir: {} is not a folder", folder.display()));
        }
        Ok(TruststoreFolder(folder.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()))))
    }

    /// The file of `s3://bucket/key`, `file:///path` or a path: one below the folder.
    fn file(&self, uri: &str) -> Result<PathBuf, String> {
        let folder = self.0.as_ref().ok_or("The folder of truststores is not set: tls.truststore_dir")?;
        let path = uri.strip_prefix("s3://").or_else(|| uri.strip_prefix("file://")).unwrap_or(uri);
        let relative = match Path::new(path).strip_prefix(folder) {
            Ok(relative) => relative,
            Err(_) if path.starts_with('/') => return Err(format!("It is not below {}", folder.display())),
            Err(_) => Path::new(path),
        };
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_))) && !path.contains('\0');
        let names_file = inside && relative.components().next().is_some();
        names_file.then(|| folder.join(relative)).ok_or_else(|| format!("It is not below {}", folder.display()))
    }

    /// The custom domain names of a plan, as TLS wants to know them.
    pub fn domains(&self, plan: &Plan) -> Vec<DomainTls> {
        let domains = plan.selector.domains().map(|(host, mutual_tls)| {
            let mutual = mutual_tls.map(|asked| {
                let uri = &asked.truststore_uri;
                let truststore = self.file(uri).map_err(|reason| format!("{host}: {uri}: {reason}"));
                MutualTls { mark: asked.mark.clone(), truststore }
            });
            DomainTls { host: host.into(), mutual }
        });
        domains.collect()
    }
}

impl Truststores for TruststoreFolder {
    fn check(&self, truststore_uri: &str) -> Result<Vec<String>, String> {
        Truststore::load(&self.file(truststore_uri)?, None).map(|truststore| truststore.warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_below_the_folder() {
        #[track_caller]
        fn check(uri: &str, expected: Result<&str, &str>) {
            let found = TruststoreFolder(Some("/etc/trust".into())).file(uri);
            assert_eq!(found, expected.map(PathBuf::from).map_err(str::to_owned), "{uri}");
        }
        let outside = Err("It is not below /etc/trust");
        check("s3://bucket/a/b.pem", Ok("/etc/trust/bucket/a/b.pem"));
        check("file:///etc/trust/a.pem", Ok("/etc/trust/a.pem"));
        check("/etc/trust/a.pem", Ok("/etc/trust/a.pem"));
        check("a.pem", Ok("/etc/trust/a.pem"));
        check("s3://bucket/../../../etc/passwd", outside);
        check("s3://../a", outside);
        check("s3:///etc/passwd", outside);
        check("file:///etc/passwd", outside);
        check("/etc/trust/../passwd", outside);
        check("/etc/trusty/a.pem", outside);
        check("../a", outside);
        check("a\0", outside);
        check("/etc/trust", outside);
        check("", outside);
        let unset = Err("The folder of truststores is not set: tls.truststore_dir".to_owned());
        assert_eq!(TruststoreFolder(None).file("s3://a/b"), unset);
    }
}
