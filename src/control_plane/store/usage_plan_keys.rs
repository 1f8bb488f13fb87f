//! The keys of usage plans as packed rows, and what finds the plans of a key.

use super::packed::text::{put_signed, put_text, take_signed, take_text};
use super::packed_table::{PackedRow, PackedTable};
use super::table::{key, own_name, part, prefix};
use crate::model::{ApiKeyId, OrderedMap, UsagePlanKey};

/// `{region}\0{key}\0{plan}`.
const PLANS: usize = 0;

/// The one type that AWS has: it takes no room.
const API_KEY: &str = "API_KEY";

impl PackedRow for UsagePlanKey {
    const INDICES: usize = 1;

    /// Nothing, for one of the usual type to which nothing was granted.
    fn pack(&self, bytes: &mut Vec<u8>) {
        let UsagePlanKey { id: _, key_type, extensions } = self;
        if key_type != API_KEY || !extensions.is_empty() {
            put_text(bytes, key_type);
        }
        for (day, requests) in extensions {
            put_text(bytes, day);
            put_signed(bytes, *requests);
        }
    }

    fn unpack(key: &str, bytes: &[u8]) -> UsagePlanKey {
        let mut bytes = bytes;
        let key_type = if bytes.is_empty() { API_KEY.to_owned() } else { take_text(&mut bytes) };
        let mut extensions = OrderedMap::new();
        while !bytes.is_empty() {
            extensions.insert(take_text(&mut bytes), take_signed(&mut bytes));
        }
        UsagePlanKey { id: ApiKeyId(own_name(key).to_owned()), key_type, extensions }
    }

    fn index(&self, row: &str, enter: &mut dyn FnMut(usize, &[u8])) {
        enter(PLANS, key(&[part(row, 0), own_name(row), part(row, 1)]).as_bytes());
    }
}

impl PackedTable<UsagePlanKey> {
    /// The ids of the plans that a key is in, in order; from behind one on.
    pub fn plans_of<'t>(
        &'t self,
        region: &str,
        key: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = Box<str>> + use<'t> {
        let parts = [region, key];
        let length = prefix(&parts).len();
        self.entries(PLANS, &parts, after).map(move |entry| entry[length..].into())
    }

    /// Every membership by region, key and plan, in this order, as a key of the store has its parts: the order of regions
    /// and keys is that of [`PackedTable::each_secret`].
    pub fn memberships(&self) -> impl Iterator<Item = Box<str>> {
        self.entries(PLANS, &[], None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key_type: &str, extensions: &[(&str, i64)]) -> UsagePlanKey {
        let extensions = extensions.iter().map(|(day, requests)| ((*day).to_owned(), *requests)).collect();
        UsagePlanKey { id: ApiKeyId("k".into()), key_type: key_type.into(), extensions }
    }

    #[track_caller]
    fn check(row: &UsagePlanKey, length: usize) {
        let mut bytes = Vec::new();
        row.pack(&mut bytes);
        assert_eq!((&UsagePlanKey::unpack("r\0p\0k", &bytes), bytes.len()), (row, length));
    }

    #[test]
    fn a_row_is_unpacked_as_it_was() {
        check(&row(API_KEY, &[]), 0);
        check(&row("", &[]), 1);
        check(&row("OTHER", &[]), 6);
        check(&row(API_KEY, &[("2026-11-25", -7), ("2026-11-26", 1 << 40)]), 8 + 12 + 17);
    }

    #[test]
    fn plans_are_found_by_key() {
        let mut table = PackedTable::default();
        for (plan, key) in [("p", "k"), ("o", "k"), ("p", "l"), ("q", "k")] {
            table.put(&["r", plan, key], row(API_KEY, &[]));
        }
        let plans = |key: &str, after: Option<&str>| table.plans_of("r", key, after).collect::<Vec<_>>().join(" ");
        assert_eq!(
            (plans("k", None), plans("k", Some("o")), plans("m", None)),
            ("o p q".into(), "p q".into(), "".into())
        );
        let all: Vec<String> = table.memberships().map(|membership| membership.replace('\0', "/")).collect();
        assert_eq!(all, ["r/k/o", "r/k/p", "r/k/q", "r/l/p"]);
    }
}
