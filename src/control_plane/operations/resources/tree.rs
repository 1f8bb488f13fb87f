//! Where a resource may stand, and moving and felling subtrees.

use super::at;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::Call;
use crate::control_plane::store::Store;
use crate::model::{Resource, ResourceId};

/// The path of a resource below its parent, after a check that it may stand there.
///
/// # Errors
/// `NotFoundException`: there is no such parent. `BadRequestException`: it cannot have such a child.
/// `ConflictException`: it has one of that name.
pub fn checked_path(store: &Store, call: &Call<'_>, resource: &Resource) -> Result<String, Exception> {
    let part = resource.path_part.as_deref().unwrap_or_default();
    let parent = at(store, call, resource.parent_id.as_ref().map_or("", ResourceId::as_str))?;
    let has_children = || children(store, call, &resource.id).next().is_some();
    let greedy = match parent.path_part.as_deref() {
        Some(greedy) if is_greedy(greedy) => Some(greedy),
        _ if is_greedy(part) && has_children() => Some(part),
        _ => None,
    };
    if let Some(greedy) = greedy {
        let message = format!("Cannot create a child of a resource with a greedy path variable: {greedy}");
        return Err(Exception::bad_request(message));
    }
    let siblings = || {
        let others = children(store, call, &parent.id).filter(|sibling| sibling.id != resource.id);
        others.filter_map(|sibling| sibling.path_part.as_deref())
    };
    if siblings().any(|sibling| sibling == part) {
        let message = format!("Another resource with the same parent already has this name: {part}");
        return Err(Exception::conflict(message));
    }
    if let Some(sibling) = siblings().find(|sibling| is_variable(part) && is_variable(sibling)) {
        return Err(Exception::bad_request(format!(
            "A sibling ({sibling}) of this resource already has a variable path part -- only one is allowed"
        )));
    }
    Ok(joined(&parent.path, part))
}

fn joined(parent: &str, part: &str) -> String {
    format!("{}/{part}", parent.trim_end_matches('/'))
}

fn is_variable(part: &str) -> bool {
    part.starts_with('{')
}

fn is_greedy(part: &str) -> bool {
    part.ends_with("+}")
}

fn children<'s>(
    store: &'s Store,
    call: &Call<'_>,
    parent: &ResourceId,
) -> impl Iterator<Item = &'s Resource> + use<'s> {
    let rows: Vec<&Resource> = store.resources.rows_below(&[call.region, call.parameter("restapi_id")]).collect();
    let parent = parent.clone();
    rows.into_iter().filter(move |resource| resource.parent_id.as_ref() == Some(&parent))
}

/// Checks that a resource does not become its own ancestor.
///
/// # Errors
/// `BadRequestException`: it would. `NotFoundException`: there is no such parent.
pub fn check_no_cycle(store: &Store, call: &Call<'_>, resource: &Resource) -> Result<(), Exception> {
    let mut above = resource.parent_id.as_ref();
    while let Some(id) = above {
        if *id == resource.id {
            return Err(Exception::bad_request("Resources cannot be cyclical."));
        }
        above = at(store, call, id.as_str())?.parent_id.as_ref();
    }
    Ok(())
}

/// Keeps a resource whose path has changed, and gives all that is below it the paths that follow.
pub fn transplant(store: &mut Store, call: &Call<'_>, resource: &Resource) {
    let api_id = call.parameter("restapi_id");
    let mut changed = vec![resource.clone()];
    while let Some(resource) = changed.pop() {
        changed.extend(children(store, call, &resource.id).cloned().map(|mut child| {
            child.path = joined(&resource.path, child.path_part.as_deref().unwrap_or_default());
            child
        }));
        let id = resource.id.0.clone();
        store.resources.put(&[call.region, api_id, &id], resource);
    }
}

/// Removes a resource with all that is below it.
pub fn fell(store: &mut Store, call: &Call<'_>, resource: &Resource) {
    let mut gone = vec![resource.id.clone()];
    while let Some(id) = gone.pop() {
        gone.extend(children(store, call, &id).map(|child| child.id.clone()));
        store.resources.remove(&[call.region, call.parameter("restapi_id"), id.as_str()]);
    }
}
