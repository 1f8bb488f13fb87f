//! How many requests were made with a key under a plan: the one place that asks. Shards count in the meters; a day that
//! is over goes into the store's table `usage`.

use std::collections::HashMap;

use crate::control_plane::clients::memberships::MembershipIdentity;
use crate::control_plane::operation::Call;
use crate::control_plane::store::Store;
use crate::control_plane::store::table::own_name;
use crate::meter::Day;
use crate::model::{ApiKeyId, UsagePlanId};

/// By day, from one to another; days without requests are not there.
pub fn by_day(
    store: &Store,
    call: &Call<'_>,
    plan: &UsagePlanId,
    key: &ApiKeyId,
    from: Day,
    to: Day,
) -> HashMap<Day, u64> {
    // The row of the day before is where the range begins, whether it is there or not.
    let before = Day(from.0 - 1).to_string();
    let rows = store.usage.range(&[call.region, plan.as_str(), key.as_str()], "", Some(&before));
    let days = rows.filter_map(|(row, requests)| Some((Day::parse(own_name(row))?, **requests)));
    let mut days: HashMap<Day, u64> = days.take_while(|(day, _)| *day <= to).collect();
    if let Some(index) = call.meters.find(MembershipIdentity::new(call.region, plan.as_str(), key.as_str()).0) {
        let meter = call.meters.record(index);
        for day in (from.0..=to.0).map(Day) {
            let counted = meter.requests(day).filter(|counted| days.get(&day).is_none_or(|stored| stored < counted));
            counted.and_then(|counted| days.insert(day, counted));
        }
    }
    days
}
