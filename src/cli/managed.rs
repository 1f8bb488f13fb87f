//! The API and the stage that a command is about, as a running gateway has them.

use super::admin::{Admin, AdminArgs, Ask, encoded};
use crate::config::Environment;
use crate::control_plane::status::{ApiStatus, StageStatus, Status};
use crate::sign::Timestamp;

/// A gateway, and one API of it.
pub struct Managed {
    pub admin: Admin,
    pub listening: Vec<String>,
    pub api: ApiStatus,
}

impl Managed {
    /// # Errors
    /// Nobody answers, or there is no such API.
    pub fn find(args: &AdminArgs, environment: &Environment, wanted: &str) -> Result<Managed, String> {
        let admin = Admin::new(args, environment)?;
        let Status { listening, apis } = status(&admin, Some(wanted))?;
        let api = one(&admin, apis, wanted)?.ok_or_else(|| missing(&admin, wanted))?;
        Ok(Managed { admin, listening, api })
    }

    /// The stage of that name; without one, the only stage.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn stage(&self, wanted: Option<&str>) -> Result<&StageStatus, String> {
        let (name, stages) = (&self.api.name, &self.api.stages);
        let has = match stages.as_slice() {
            [] => "it has no stage yet: tollgate deploy makes one".to_owned(),
            stages => format!("it has {}", listed(stages.iter().map(|stage| stage.name.as_str()))),
        };
        match (wanted, stages.as_slice()) {
            (Some(wanted), stages) => {
                let found = stages.iter().find(|stage| stage.name == wanted);
                found.ok_or_else(|| format!("--stage: the API `{name}` has no stage `{wanted}`; {has}"))
            }
            (None, [only]) => Ok(only),
            (None, _) => Err(format!("--stage says which stage of the API `{name}` is meant; {has}")),
        }
    }

    /// `/restapis/{id}` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/restapis/{}{rest}", encoded(&self.api.id))
    }

    /// `pets (a1b2c3d4e5)`.
    pub fn title(&self) -> String {
        title(&self.api)
    }

    /// Where a stage is to be called.
    pub fn url(&self, stage: &StageStatus) -> Option<String> {
        let listening = self.listening.first()?;
        let by_domain = |domain: &String| {
            let scheme = listening.split("://").next().unwrap_or_default();
            format!("{scheme}://{domain}/")
        };
        let by_path = stage.paths.first().map(|path| format!("{listening}{path}"));
        by_path.or_else(|| stage.domains.first().map(by_domain))
    }
}

/// What the gateway tells of an API, or of all.
///
/// # Errors
/// Nobody answers.
pub fn status(admin: &Admin, api: Option<&str>) -> Result<Status, String> {
    let query = api.map(|api| format!("?api={}", encoded(api))).unwrap_or_default();
    let told = admin.json(Ask { method: "GET", target: format!("/status{query}"), ..Ask::default() })?;
    serde_json::from_value(told).map_err(|error| format!("the gateway's status is not understood: {error}"))
}

/// The API that is meant: an id is more than a name, and a name has to be one API's.
///
/// # Errors
/// There are several, or there is one in another region only.
pub fn one(admin: &Admin, found: Vec<ApiStatus>, wanted: &str) -> Result<Option<ApiStatus>, String> {
    let (mut here, elsewhere): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|api| !admin.names_region() || api.region == admin.region);
    if let Some(at) = here.iter().position(|api| api.id == wanted) {
        return Ok(Some(here.swap_remove(at)));
    }
    match (here.as_slice(), elsewhere.first()) {
        ([], Some(other)) => Err(format!(
            "--api: there is no `{wanted}` in the region {}, but one in {other}: add --region {other}",
            admin.region,
            other = other.region
        )),
        ([], None) => Ok(None),
        ([_], _) => Ok(here.pop()),
        (several, _) => {
            let ids = listed(several.iter().map(|api| api.id.as_str()));
            Err(format!("--api: {} APIs are called `{wanted}`: name one by its id, {ids}", several.len()))
        }
    }
}

fn missing(admin: &Admin, wanted: &str) -> String {
    let others = status(admin, None).map(|status| status.apis).unwrap_or_default();
    let has = match others.as_slice() {
        [] => "there is none yet: tollgate deploy --create makes one".to_owned(),
        others => format!("there is {}", listed(others.iter().map(|api| api.name.as_str()))),
    };
    format!("--api: no API has the name or the id `{wanted}`; {has}")
}

pub fn title(api: &ApiStatus) -> String {
    format!("{} ({})", api.name, api.id)
}

/// `a`, `b` and 3 more.
pub fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    enumerated(&names.map(|name| format!("`{name}`")).collect::<Vec<_>>())
}

/// The same of what is more than a name each.
pub fn enumerated(items: &[String]) -> String {
    /// More help nobody.
    const TOLD_MAX: usize = 10;
    let told = items.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
    if items.len() > TOLD_MAX { format!("{told} and {} more", items.len() - TOLD_MAX) } else { told }
}

/// `1 change`, `3 changes`.
pub fn counted(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// `2025-11-25 22:13:03`, UTC.
pub fn time(seconds: i64) -> String {
    // Times before 1970 are none of a deployment's.
    let text = Timestamp::from_seconds(seconds.max(0).cast_unsigned()).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)], [part(9, 11), part(11, 13), part(13, 15)]);
    format!("{} {}", date.join("-"), clock.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(time(1_440_938_160), "2015-08-30 12:36:00");
    }

    #[test]
    fn an_api_is_found_where_it_is_meant() {
        let admin = Admin::new(&AdminArgs::default(), &Vec::new()).expect("nothing is in its way");
        let api = |id: &str, name: &str, region: &str| ApiStatus {
            id: id.into(),
            name: name.into(),
            region: region.into(),
            from_file: false,
            stages: Vec::new(),
        };
        let check = |apis: Vec<ApiStatus>, expected: &str| {
            let found = match one(&admin, apis, "a") {
                Ok(found) => found.map_or_else(|| "none".to_owned(), |api| api.id),
                Err(reason) => reason,
            };
            assert!(found.contains(expected), "{found}");
        };
        check(Vec::new(), "none");
        check(vec![api("x", "a", "us-east-1")], "x");
        check(vec![api("x", "a", "us-east-1"), api("a", "b", "us-east-1")], "a");
        check(vec![api("x", "a", "eu-west-1")], "--region eu-west-1");
        check(vec![api("x", "a", "eu-west-1"), api("y", "a", "us-east-1")], "y");
        check(
            vec![api("x", "a", "us-east-1"), api("y", "a", "us-east-1")],
            "2 APIs are called `a`: name one by its id, `x`, `y`",
        );
    }
}
