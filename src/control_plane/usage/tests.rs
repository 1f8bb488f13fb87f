use super::*;
use crate::meter::Quota;
use crate::model::{QuotaPeriod, QuotaSettings, UsagePlan};

/// 2023-11-14, a Tuesday, 22:13:20.
const NOW_S: i64 = 1_700_000_000;
const DAY_S: i64 = 86_400;

fn today(now_s: i64) -> Today {
    Today::of(Day::of(now_s))
}

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn put_plan(store: &mut Store, limit: i32, period: QuotaPeriod) {
    let quota = Some(QuotaSettings { limit, offset: 0, period: Some(period) });
    store.usage_plans.put(&["r", "p"], UsagePlan { quota, ..UsagePlan::default() });
}

struct Desk {
    store: Store,
    usage: Usage,
}

impl Desk {
    /// With the keys `1` and `2` in a plan of 10 requests a day.
    fn new() -> Desk {
        let mut store = Store::default();
        put_plan(&mut store, 10, QuotaPeriod::Day);
        let usage = Usage::new(Arc::new(Meters::in_memory(16).expect("a page is to be had")), 31);
        let mut desk = Desk { store, usage };
        desk.attach("1");
        desk.attach("2");
        desk
    }

    fn attach(&mut self, key: &str) {
        self.store.usage_plan_keys.put(&["r", "p", key], UsagePlanKey::default());
        self.usage.meters.allocate(MembershipIdentity::new("r", "p", key).0).expect("there is room");
    }

    /// A call, and its write.
    fn change(&mut self, change: impl FnOnce(&mut Store)) {
        let mark = self.store.mark();
        change(&mut self.store);
        self.usage.follow(&self.store, mark);
        self.store.settle();
        self.usage.settle(&self.store, &today(NOW_S));
    }

    fn meter(&self, key: &str) -> &Meter {
        self.usage.meter(&super::super::store::table::key(&["r", "p", key])).expect("it is there")
    }

    /// How many of many requests pass.
    fn passed(&self, key: &str, quota: Option<Quota>, now_s: i64) -> usize {
        (0..2_000).filter(|_| self.meter(key).count(quota, &today(now_s)).is_ok()).count()
    }

    fn roll_over(&mut self, now_s: i64) -> usize {
        let mut moved = 0;
        while self.usage.is_due(now_s) {
            let finished = self.usage.roll_over(&mut self.store, now_s);
            self.usage.moved(&finished);
            moved += finished.len();
        }
        moved
    }

    fn rows(&self) -> Vec<(String, u64)> {
        let rows = self.store.usage.below(&["r", "p"]);
        rows.map(|(key, row)| (format!("{} {}", part(key, 2), own_name(key)), **row)).collect()
    }
}

fn quota(limit: i32, period: QuotaPeriod) -> Option<Quota> {
    Some(quota::of(QuotaSettings { limit, offset: 0, period: Some(period) }))
}

#[test]
fn what_is_granted_holds_for_its_period_and_its_key() {
    let mut desk = Desk::new();
    let daily = quota(10, QuotaPeriod::Day);
    assert_eq!(desk.passed("1", daily, NOW_S), 10);
    let granted = |days: &[(&str, i64)]| UsagePlanKey {
        extensions: days.iter().map(|(day, granted)| ((*day).to_owned(), *granted)).collect(),
        ..UsagePlanKey::default()
    };
    desk.change(|store| {
        store.usage_plan_keys.put(&["r", "p", "1"], granted(&[("2023-11-13", 100), ("2023-11-14", 3)]));
    });
    assert_eq!([desk.passed("1", daily, NOW_S), desk.passed("2", daily, NOW_S)], [3, 10]);
    assert_eq!(desk.passed("1", daily, NOW_S + DAY_S), 10);
    // Undone before it was written.
    let mark = desk.store.mark();
    desk.store.usage_plan_keys.put(&["r", "p", "2"], granted(&[("2023-11-14", 5)]));
    desk.usage.follow(&desk.store, mark);
    desk.store.undo_to(mark);
    desk.usage.go_back();
    desk.usage.settle(&desk.store, &today(NOW_S));
    assert_eq!(desk.passed("2", daily, NOW_S), 0);
}

#[test]
fn a_plan_that_changes_its_period_has_the_requests_of_its_days() {
    let mut desk = Desk::new();
    desk.usage.load(&desk.store, &today(NOW_S));
    desk.store.usage.put(&["r", "p", "1", "2023-11-02"], 900);
    assert_eq!(desk.passed("1", quota(10, QuotaPeriod::Day), NOW_S), 10);
    desk.change(|store| put_plan(store, 1_000, QuotaPeriod::Month));
    let monthly = quota(1_000, QuotaPeriod::Month);
    assert_eq!([desk.passed("1", monthly, NOW_S), desk.passed("2", monthly, NOW_S)], [90, 1_000]);
    // What was granted on an earlier day is in the period now.
    desk.change(|store| {
        let extensions = [("2023-11-01".to_owned(), 7)].into_iter().collect();
        store.usage_plan_keys.put(&["r", "p", "1"], UsagePlanKey { extensions, ..UsagePlanKey::default() });
    });
    assert_eq!(desk.passed("1", monthly, NOW_S), 7);
    desk.change(|store| put_plan(store, 10, QuotaPeriod::Day));
    assert_eq!(desk.passed("1", quota(2_000, QuotaPeriod::Day), NOW_S), 2_000 - 107);
}

#[test]
fn days_that_are_over_are_moved_once_and_kept_for_a_while() {
    let mut desk = Desk::new();
    let passed = |desk: &Desk, now_s| (0..5).filter(|_| desk.meter("1").count(None, &today(now_s)).is_ok()).count();
    assert_eq!((desk.roll_over(NOW_S), passed(&desk, NOW_S)), (0, 5));
    let tomorrow_s = NOW_S + DAY_S;
    // A shard's clock is behind, after the first round.
    assert_eq!((desk.roll_over(tomorrow_s), passed(&desk, NOW_S), desk.roll_over(tomorrow_s)), (1, 5, 0));
    assert_eq!(desk.rows(), [("1 2023-11-14".to_owned(), 5)]);
    assert_eq!((desk.roll_over(tomorrow_s + 60), desk.rows()), (1, vec![("1 2023-11-14".to_owned(), 10)]));
    // A backup knew more.
    desk.store.usage.put(&["r", "p", "1", "2023-11-15"], 70);
    assert_eq!(passed(&desk, tomorrow_s), 5);
    assert_eq!(desk.roll_over(tomorrow_s + DAY_S), 1);
    assert_eq!(desk.rows(), [("1 2023-11-14".to_owned(), 10), ("1 2023-11-15".to_owned(), 70)]);
    assert_eq!(desk.roll_over(NOW_S + 31 * DAY_S), 0);
    assert_eq!(desk.rows().len(), 2);
    desk.roll_over(NOW_S + 32 * DAY_S);
    assert_eq!(desk.rows(), [("1 2023-11-15".to_owned(), 70)]);
}

#[test]
fn what_cannot_be_written_is_moved_later() {
    let mut desk = Desk::new();
    desk.meter("1").count(None, &today(NOW_S)).expect("no quota");
    let tomorrow_s = NOW_S + DAY_S;
    assert!(desk.usage.is_due(tomorrow_s));
    let mark = desk.store.mark();
    assert_eq!(desk.usage.roll_over(&mut desk.store, tomorrow_s).len(), 1);
    desk.store.undo_to(mark);
    desk.usage.put_off(tomorrow_s);
    assert!(!desk.usage.is_due(tomorrow_s));
    assert_eq!((desk.roll_over(tomorrow_s + 60), desk.rows()), (1, vec![("1 2023-11-14".to_owned(), 1)]));
}

#[test]
fn a_large_round_has_many_turns() {
    let mut desk = Desk::new();
    desk.usage.meters = Arc::new(Meters::in_memory(10_000).expect("memory"));
    for number in 0..9_000 {
        let key = number.to_string();
        desk.attach(&key);
        desk.meter(&key).count(None, &today(NOW_S)).expect("no quota");
    }
    assert!(desk.usage.is_due(NOW_S + DAY_S));
    let turns = (0..3).map(|_| {
        let finished = desk.usage.roll_over(&mut desk.store, NOW_S + DAY_S);
        desk.usage.moved(&finished);
        finished.len()
    });
    assert_eq!(turns.collect::<Vec<_>>(), [4096, 4096, 808]);
    assert!(!desk.usage.is_due(NOW_S + DAY_S) && desk.rows().len() == 9_000);
}

#[test]
fn memberships_that_the_store_does_not_have_are_forgotten_at_the_start() {
    let mut desk = Desk::new();
    let stranger = desk.usage.meters.allocate(7).expect("there is room");
    desk.meter("1").count(None, &today(NOW_S)).expect("no quota");
    desk.usage.load(&desk.store, &today(NOW_S));
    assert_eq!((desk.usage.meters.find(7), desk.usage.meters.memberships().len()), (None, 2));
    assert_eq!(desk.meter("1").requests(day("2023-11-14")), Some(1));
    for _ in 0..14 {
        desk.attach(&desk.usage.meters.memberships().len().to_string().repeat(3));
    }
    assert_eq!(desk.usage.meters.memberships().len(), 16, "its record is another's");
    assert!(desk.usage.meters.memberships().iter().any(|(index, _)| *index == stranger));
}
