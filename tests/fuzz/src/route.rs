//! The route table against a plain list: of all resources that match, the one that is most exact from left to right.
//!
//! An input has lines: `GET /pets/{petId}` adds a route, `? GET /pets/7` is a request.

use tollgate::plan::MethodIndex;
use tollgate::plan::route::{PATH_PARAMETERS_MAX, RouteTable};

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut table = RouteTable::default();
    let mut routes = Vec::new();
    for line in text.lines().take(200) {
        if let Some((method, path)) = line.strip_prefix("? ").and_then(|request| request.split_once(' ')) {
            if path.starts_with('/') || path.is_empty() {
                check_request(&table, &routes, method, path);
            }
        } else if let Some((method, template)) = line.split_once(' ') {
            // A table that refused a route is not to be used any more.
            let Ok(()) = table.insert(template, method, MethodIndex(routes.len() as u32)) else { return };
            routes.push((method, template));
        }
    }
}

fn check_request(table: &RouteTable, routes: &[(&str, &str)], method: &str, path: &str) {
    let found = table.route(method, path).map(|(index, parameters)| {
        let values = (0..parameters.len()).map(|at| parameters.value(path, at as u8)).collect::<Vec<_>>();
        (index.0 as usize, values)
    });
    let best = routes.iter().filter_map(|(_, template)| Some((matched(template, path)?, *template)));
    let best = best.max_by(|(one, _), (other, _)| one.exactness.cmp(&other.exactness));
    let expected = best.and_then(|(matched, chosen)| {
        let with = |wanted: &str| {
            routes.iter().position(|(method, template)| same_resource(template, chosen) && *method == wanted)
        };
        // The route for all methods is for those that there are, and a request's method is none that is called ANY.
        let exact = with(method).filter(|_| method != "ANY");
        let index = exact.or_else(|| with("ANY").filter(|_| METHODS.contains(&method)))?;
        Some((index, matched.values))
    });
    assert_eq!(found, expected, "{method} {path} among {routes:?}");
}

struct Match<'p> {
    /// By segment: 2 for the text itself, 1 for a parameter, 0 for a greedy one.
    exactness: Vec<u8>,
    values: Vec<&'p str>,
}

fn matched<'p>(template: &str, path: &'p str) -> Option<Match<'p>> {
    let mut found = Match { exactness: Vec::new(), values: Vec::new() };
    let mut rest = path.trim_start_matches('/');
    for segment in segments(template) {
        if rest.is_empty() {
            return None;
        }
        if segment.starts_with('{') && segment.ends_with("+}") {
            found.exactness.push(0);
            found.values.push(rest);
            assert!(found.values.len() <= PATH_PARAMETERS_MAX);
            return Some(found);
        }
        let (value, after) = rest.split_once('/').unwrap_or((rest, ""));
        if segment.starts_with('{') {
            if value.is_empty() {
                return None;
            }
            found.exactness.push(1);
            found.values.push(value);
        } else if value == segment {
            found.exactness.push(2);
        } else {
            return None;
        }
        rest = after;
    }
    rest.is_empty().then_some(found)
}

fn segments(template: &str) -> impl Iterator<Item = &str> {
    let template = template.strip_prefix('/').unwrap_or(template);
    let template = template.strip_suffix('/').unwrap_or(template);
    template.split('/').filter(move |_| !template.is_empty())
}

fn same_resource(one: &str, other: &str) -> bool {
    segments(one).eq(segments(other))
}
