//! How many requests were made with a key under a plan: the one place that asks. Whoever counts requests writes them
//! into the store's table `usage`.

use std::collections::HashMap;

use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::meter::Day;
use crate::model::{ApiKeyId, UsagePlanId};

/// By day, from one to another; days without requests are not there.
pub fn by_day(
    store: &Store,
    region: &str,
    plan: &UsagePlanId,
    key: &ApiKeyId,
    from: Day,
    to: Day,
) -> HashMap<Day, u64> {
    // The row of the day before is where the range begins, whether it is there or not.
    let before = Day(from.0 - 1).to_string();
    let rows = store.usage.range(&[region, plan.as_str(), key.as_str()], "", Some(&before));
    let days = rows.filter_map(|(row, requests)| Some((Day::parse(own_name(row))?, **requests)));
    days.take_while(|(day, _)| *day <= to).collect()
}
