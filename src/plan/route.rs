//! From a path to a method: static segments before `{param}` before `{proxy+}`, decided segment by segment, then the
//! exact method before `ANY`.
//!
//! As API Gateway does, the resource is chosen first: a resource that has methods but not this one does not fall back
//! to a greedier resource. Leading slashes beyond the first and one trailing slash do not matter for the match.
//! The search visits each node of the tree at most once, however the path is made.

use std::borrow::Cow;

use super::MethodIndex;

/// More path parameters than any resource has: deeper paths are refused when compiled.
pub const PATH_PARAMETERS_MAX: usize = 16;

/// Values of path parameters as byte ranges of the path that was matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathParameters {
    ranges: [(u32, u32); PATH_PARAMETERS_MAX],
    count: u8,
}

impl PathParameters {
    /// The value of parameter `index`, in the order of the resource's path template.
    pub fn value<'p>(&self, path: &'p str, index: u8) -> &'p str {
        let (start, end) = self.ranges[index as usize];
        &path[start as usize..end as usize]
    }

    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, start: usize, end: usize) {
        self.ranges[self.count as usize] = (start as u32, end as u32);
        self.count += 1;
    }
}

/// Why a route cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteConflict {
    /// The same path and method are there already.
    Duplicate,
    /// A sibling has a parameter of another name here: AWS allows one variable path part among siblings.
    SiblingParameter { existing: Box<str> },
    /// `{proxy+}` must be the last segment.
    GreedyNotLast,
    /// More than [`PATH_PARAMETERS_MAX`].
    TooManyParameters,
    /// Braces that are not around a whole segment, or an empty name.
    MalformedParameter { segment: Box<str> },
    /// The path does not start with a slash.
    NoLeadingSlash,
}

/// What `ANY` stands for. Another word, or one of these in other letters, is a method that no policy names, and that a
/// backend may well take for one of these. (Guide, `api-gateway-method-settings-method-request`.)
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

#[derive(Debug, Default)]
pub struct RouteTable {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by segment.
    statics: Vec<(Box<str>, u32)>,
    parameter: Option<(Box<str>, u32)>,
    greedy: Option<(Box<str>, u32)>,
    methods: Vec<(Cow<'static, str>, MethodIndex)>,
    any: Option<MethodIndex>,
}

impl Node {
    fn has_methods(&self) -> bool {
        self.any.is_some() || !self.methods.is_empty()
    }

    fn method(&self, http_method: &str) -> Option<MethodIndex> {
        let exact = self.methods.iter().find(|(name, _)| **name == *http_method);
        exact.map(|(_, index)| *index).or_else(|| self.any.filter(|_| METHODS.contains(&http_method)))
    }
}

impl RouteTable {
    /// `http_method` in upper case, or `ANY`.
    ///
    /// # Errors
    /// What stands against the route; the table is then not to be used.
    pub fn insert(&mut self, resource_path: &str, http_method: &str, method: MethodIndex) -> Result<(), RouteConflict> {
        let node = self.node_for(resource_path)?;
        let node = &mut self.nodes[node];
        if http_method == "ANY" {
            if node.any.is_some() {
                return Err(RouteConflict::Duplicate);
            }
            node.any = Some(method);
        } else {
            if node.methods.iter().any(|(name, _)| **name == *http_method) {
                return Err(RouteConflict::Duplicate);
            }
            node.methods.push((method_name(http_method), method));
        }
        Ok(())
    }

    /// Gives back what was kept for routes to come.
    pub fn shrink_to_fit(&mut self) {
        self.nodes.shrink_to_fit();
        for node in &mut self.nodes {
            node.statics.shrink_to_fit();
            node.methods.shrink_to_fit();
        }
    }

    fn node_for(&mut self, resource_path: &str) -> Result<usize, RouteConflict> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let rest = resource_path.strip_prefix('/').ok_or(RouteConflict::NoLeadingSlash)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut node = 0;
        if rest.is_empty() {
            return Ok(node);
        }
        let mut parameters = 0;
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            let next = self.nodes.len();
            node = match parse_segment(segment)? {
                Segment::Static(text) => {
                    match self.nodes[node].statics.binary_search_by(|(name, _)| (**name).cmp(text)) {
                        Ok(at) => self.nodes[node].statics[at].1 as usize,
                        Err(at) => {
                            self.nodes[node].statics.insert(at, (text.into(), next as u32));
                            next
                        }
                    }
                }
                Segment::Parameter(name) => {
                    parameters += 1;
                    child(&mut self.nodes[node].parameter, name, next)?
                }
                Segment::Greedy(name) => {
                    parameters += 1;
                    if segments.peek().is_some() {
                        return Err(RouteConflict::GreedyNotLast);
                    }
                    child(&mut self.nodes[node].greedy, name, next)?
                }
            };
            if node == next {
                self.nodes.push(Node::default());
            }
        }
        if parameters > PATH_PARAMETERS_MAX {
            return Err(RouteConflict::TooManyParameters);
        }
        Ok(node)
    }

    /// The method for a path, and the ranges of its parameters in `path`. `path` is what follows the stage: empty, or
    /// starting with a slash.
    pub fn route(&self, http_method: &str, path: &str) -> Option<(MethodIndex, PathParameters)> {
        let bytes = path.as_bytes();
        let start = bytes.iter().position(|byte| *byte != b'/').unwrap_or(bytes.len());
        let mut parameters = PathParameters::default();
        let node = self.walk(0, bytes, start, &mut parameters)?;
        Some((self.nodes[node as usize].method(http_method)?, parameters))
    }

    /// The node with methods that matches from byte `at` on.
    fn walk(&self, node: u32, path: &[u8], at: usize, parameters: &mut PathParameters) -> Option<u32> {
        let here = self.nodes.get(node as usize)?;
        if at >= path.len() {
            return here.has_methods().then_some(node);
        }
        let end = memchr::memchr(b'/', &path[at..]).map_or(path.len(), |slash| at + slash);
        let segment = &path[at..end];
        let next = end + 1;
        let matched = here.statics.binary_search_by(|(name, _)| name.as_bytes().cmp(segment));
        if let Ok(position) = matched
            && let Some(found) = self.walk(here.statics[position].1, path, next, parameters)
        {
            return Some(found);
        }
        if let Some((_, child)) = here.parameter
            && !segment.is_empty()
        {
            let count = parameters.count;
            parameters.push(at, end);
            if let Some(found) = self.walk(child, path, next, parameters) {
                return Some(found);
            }
            parameters.count = count;
        }
        let (_, child) = here.greedy.as_ref()?;
        if !self.nodes[*child as usize].has_methods() {
            return None;
        }
        parameters.push(at, path.len());
        Some(*child)
    }

    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

/// A method's name, in memory of its own only where it is none that API Gateway knows.
pub fn method_name(http_method: &str) -> Cow<'static, str> {
    let known = METHODS.iter().chain(&["ANY"]).find(|known| **known == http_method);
    known.map_or_else(|| http_method.to_owned().into(), |known| (*known).into())
}

fn child(slot: &mut Option<(Box<str>, u32)>, name: &str, next: usize) -> Result<usize, RouteConflict> {
    match slot {
        Some((existing, node)) if **existing == *name => Ok(*node as usize),
        Some((existing, _)) => Err(RouteConflict::SiblingParameter { existing: existing.clone() }),
        None => {
            *slot = Some((name.into(), next as u32));
            Ok(next)
        }
    }
}

enum Segment<'s> {
    Static(&'s str),
    Parameter(&'s str),
    Greedy(&'s str),
}

fn parse_segment(segment: &str) -> Result<Segment<'_>, RouteConflict> {
    let malformed = || RouteConflict::MalformedParameter { segment: segment.into() };
    let Some(inner) = segment.strip_prefix('{') else {
        return if segment.contains(['{', '}']) { Err(malformed()) } else { Ok(Segment::Static(segment)) };
    };
    let inner = inner.strip_suffix('}').ok_or_else(malformed)?;
    let (name, greedy) = inner.strip_suffix('+').map_or((inner, false), |name| (name, true));
    if name.is_empty() || name.contains(['{', '}', '+']) {
        return Err(malformed());
    }
    Ok(if greedy { Segment::Greedy(name) } else { Segment::Parameter(name) })
}

/// The names of the parameters in a path template, in order.
pub fn parameter_names(resource_path: &str) -> impl Iterator<Item = &str> {
    resource_path.split('/').filter_map(|segment| match parse_segment(segment) {
        Ok(Segment::Parameter(name) | Segment::Greedy(name)) => Some(name),
        Ok(Segment::Static(_)) | Err(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[&str]) -> RouteTable {
        let mut table = RouteTable::default();
        for (position, route) in routes.iter().enumerate() {
            let (method, path) = route.split_once(' ').expect("a route is METHOD PATH");
            table.insert(path, method, MethodIndex(position as u32)).expect(route);
        }
        table
    }

    #[track_caller]
    fn check(routes: &[&str], request: &str, expected: &str) {
        let (method, path) = request.split_once(' ').expect("a request is METHOD PATH");
        let shown = match table(routes).route(method, path) {
            None => "none".to_owned(),
            Some((index, parameters)) => (0..parameters.len())
                .fold(routes[index.0 as usize].to_owned(), |shown, at| {
                    format!("{shown} [{}]", parameters.value(path, at as u8))
                }),
        };
        assert_eq!(shown, expected, "{request}");
    }

    #[test]
    fn static_before_parameter_before_greedy() {
        let routes =
            ["GET /", "GET /pets", "GET /pets/{id}", "GET /pets/mine", "ANY /{proxy+}", "GET /pets/{id}/toys/{toy}"];
        check(&routes, "GET /", "GET /");
        check(&routes, "GET ", "GET /");
        check(&routes, "GET /pets", "GET /pets");
        check(&routes, "GET /pets/", "GET /pets");
        check(&routes, "GET //pets", "GET /pets");
        check(&routes, "GET /pets/mine", "GET /pets/mine");
        check(&routes, "GET /pets/7", "GET /pets/{id} [7]");
        check(&routes, "GET /pets/7/toys/3", "GET /pets/{id}/toys/{toy} [7] [3]");
        check(&routes, "GET /pets/7/toys", "ANY /{proxy+} [pets/7/toys]");
        check(&routes, "GET /pets/mine/toys/3", "GET /pets/{id}/toys/{toy} [mine] [3]");
        check(&routes, "GET /pets//x", "ANY /{proxy+} [pets//x]");
        check(&routes, "GET /Pets", "ANY /{proxy+} [Pets]");
        check(&routes, "GET /a/b/", "ANY /{proxy+} [a/b/]");
    }

    #[test]
    fn the_resource_is_chosen_before_the_method() {
        let routes = ["GET /pets", "ANY /{proxy+}", "ANY /mixed", "POST /mixed"];
        check(&routes, "POST /pets", "none");
        check(&routes, "POST /other", "ANY /{proxy+} [other]");
        check(&routes, "POST /mixed", "POST /mixed");
        check(&routes, "PUT /mixed", "ANY /mixed");
        check(&routes, "GET /", "none");
    }

    #[test]
    fn resources_without_methods_do_not_match() {
        check(&["GET /a/b", "ANY /{proxy+}"], "GET /a", "ANY /{proxy+} [a]");
        check(&["GET /a/b"], "GET /a", "none");
        check(&[], "GET /", "none");
    }

    #[track_caller]
    fn check_conflict(routes: &[&str], path: &str, expected: RouteConflict) {
        assert_eq!(table(routes).insert(path, "GET", MethodIndex(9)), Err(expected), "{path}");
    }

    #[test]
    fn conflicts_are_told() {
        check_conflict(&["GET /a"], "/a", RouteConflict::Duplicate);
        check_conflict(&["GET /a"], "/a/", RouteConflict::Duplicate);
        check_conflict(&["GET /a/{id}"], "/a/{name}/x", RouteConflict::SiblingParameter { existing: "id".into() });
        check_conflict(&[], "/{proxy+}/x", RouteConflict::GreedyNotLast);
        check_conflict(&[], "/a{id}", RouteConflict::MalformedParameter { segment: "a{id}".into() });
        check_conflict(&[], "/{}", RouteConflict::MalformedParameter { segment: "{}".into() });
        check_conflict(&[], "a", RouteConflict::NoLeadingSlash);
        check_conflict(&[], &"/{x}".repeat(17), RouteConflict::TooManyParameters);
    }

    #[test]
    fn parameter_names_come_in_order() {
        assert_eq!(parameter_names("/a/{b}/c/{d+}").collect::<Vec<_>>(), ["b", "d"]);
    }
}
