//! A plan's quota, as the meters know it.

use crate::meter::{Period, Quota};
use crate::model::{QuotaPeriod, QuotaSettings};

/// What `checks` lets through has its offset in the period's range, and a limit that is not negative.
pub fn of(settings: QuotaSettings) -> Quota {
    let period = match settings.period {
        None | Some(QuotaPeriod::Day) => Period::DAY,
        Some(QuotaPeriod::Week) => Period::week(settings.offset),
        Some(QuotaPeriod::Month) => Period::month(settings.offset),
    };
    Quota { limit: u32::try_from(settings.limit).unwrap_or(0), period }
}
