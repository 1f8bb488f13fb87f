//! API keys as packed rows, and what finds them by their value and their customer.
//!
//! By name they are looked for one after the other: an index took 16 MB of a million keys, to save people a tenth of a
//! second.

use std::sync::LazyLock;

use super::packed::text::{put_number, put_signed, put_text, take_bytes, take_number, take_signed, take_text};
use super::packed_table::{PackedRow, PackedTable};
use super::table::{key, own_name, part, prefix};
use crate::model::{ApiKey, ApiKeyId, OrderedMap};

/// `{region}\0{digest of the value}{id}`: the digest as four bytes, so that few keys are looked at in vain, and the id as
/// [`put_id`] has it.
const VALUES: usize = 0;
const DIGEST_BYTES: usize = 4;
/// `{region}\0{customer}\0{id}`.
const CUSTOMERS: usize = 1;

/// What a packed key has: its first byte.
const IS_ENABLED: u8 = 1;
const HAS_NAME: u8 = 1 << 1;
const HAS_CUSTOMER: u8 = 1 << 2;
const HAS_DESCRIPTION: u8 = 1 << 3;
const HAS_STAGES: u8 = 1 << 4;
/// The value has letters and digits only: see [`put_alphanumeric`].
const IS_ALPHANUMERIC: u8 = 1 << 5;

impl PackedRow for ApiKey {
    const INDICES: usize = 2;

    fn pack(&self, bytes: &mut Vec<u8>) {
        // A field more in the model has to be named here.
        let ApiKey { id: _, value, name, customer_id, description, enabled, .. } = self;
        let ApiKey { created_date, last_updated_date, stage_keys, tags, .. } = self;
        let is_alphanumeric = value.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let flags = [
            (IS_ENABLED, *enabled),
            (HAS_NAME, name.is_some()),
            (HAS_CUSTOMER, customer_id.is_some()),
            (HAS_DESCRIPTION, description.is_some()),
            (HAS_STAGES, !stage_keys.is_empty()),
            (IS_ALPHANUMERIC, is_alphanumeric),
        ];
        bytes.push(flags.iter().filter(|(_, is_set)| *is_set).fold(0, |flags, (flag, _)| flags | flag));
        if is_alphanumeric {
            put_alphanumeric(bytes, value)
        } else {
            put_text(bytes, value)
        }
        put_signed(bytes, *created_date);
        put_signed(bytes, last_updated_date.wrapping_sub(*created_date));
        [name, customer_id, description].into_iter().flatten().for_each(|text| put_text(bytes, text));
        if !stage_keys.is_empty() {
            put_number(bytes, stage_keys.len() as u64);
            stage_keys.iter().for_each(|stage| put_text(bytes, stage));
        }
        // They go to the end.
        for (name, value) in tags {
            put_text(bytes, name);
            put_text(bytes, value);
        }
    }

    fn unpack(key: &str, bytes: &[u8]) -> ApiKey {
        let (flags, value, mut bytes) = head(bytes);
        let bytes = &mut bytes;
        let created_date = take_signed(bytes);
        let last_updated_date = created_date.wrapping_add(take_signed(bytes));
        let mut text = |flag: u8| (flags & flag != 0).then(|| take_text(bytes));
        let (name, customer_id, description) = (text(HAS_NAME), text(HAS_CUSTOMER), text(HAS_DESCRIPTION));
        let stages = if flags & HAS_STAGES == 0 { 0 } else { take_number(bytes) };
        let stage_keys = (0..stages.min(bytes.len() as u64)).map(|_| take_text(bytes)).collect();
        let mut tags = OrderedMap::new();
        while !bytes.is_empty() {
            tags.insert(take_text(bytes), take_text(bytes));
        }
        ApiKey {
            id: ApiKeyId(own_name(key).to_owned()),
            value,
            name,
            customer_id,
            description,
            enabled: flags & IS_ENABLED != 0,
            created_date,
            last_updated_date,
            stage_keys,
            tags,
        }
    }

    fn index(&self, row: &str, enter: &mut dyn FnMut(usize, &[u8])) {
        let (region, id) = (part(row, 0), own_name(row));
        let mut entry = start_of_values(region, &self.value);
        put_id(&mut entry, id);
        enter(VALUES, &entry);
        if let Some(customer) = &self.customer_id {
            enter(CUSTOMERS, key(&[region, customer, id]).as_bytes());
        }
    }
}

impl PackedTable<ApiKey> {
    /// The key with the value.
    pub fn with_value(&self, region: &str, value: &str) -> Option<ApiKey> {
        let start = start_of_values(region, value);
        let ids = self.entries_below(VALUES, &start).map(|entry| id_of(&entry[start.len()..]));
        let rows = ids.filter_map(|id| self.row(&[region, &id]));
        rows.into_iter().find(|row| row.value == value)
    }

    /// The keys of a region whose name begins with `start`, each behind its id; from behind an id on.
    pub fn named<'t>(
        &'t self,
        region: &str,
        start: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (Box<str>, ApiKey)> + use<'t> {
        let start = start.to_owned();
        let rows = self.packed_range(&[region], after);
        let named = rows.filter(move |(_, bytes)| name(bytes).is_some_and(|name| name.starts_with(start.as_bytes())));
        named.map(|(key, bytes)| (own_name(&key).into(), ApiKey::unpack(&key, bytes)))
    }

    /// The keys of a region that a customer has, each behind its id; from behind an id on.
    pub fn of_customer<'t>(
        &'t self,
        region: &str,
        customer: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (Box<str>, ApiKey)> + use<'t> {
        let entries = self.entries(CUSTOMERS, &[region, customer], after);
        entries.filter_map(|entry| {
            let id = own_name(&entry);
            Some((id.into(), self.row(&[part(&entry, 0), id])?))
        })
    }

    /// Every key's region, id and value, and whether it is enabled: what the data plane needs of all of them.
    pub fn each_secret(&self, mut take: impl FnMut(&str, &str, &str, bool)) {
        for (key, bytes) in self.packed_range(&[], None) {
            let (flags, value, _) = head(bytes);
            take(part(&key, 0), own_name(&key), &value, flags & IS_ENABLED != 0);
        }
    }
}

/// A packed key's flags and value, and what follows.
fn head(bytes: &[u8]) -> (u8, String, &[u8]) {
    let Some((flags, mut rest)) = bytes.split_first() else { return (0, String::new(), &[]) };
    let is_alphanumeric = flags & IS_ALPHANUMERIC != 0;
    let value = if is_alphanumeric { take_alphanumeric(&mut rest) } else { take_text(&mut rest) };
    (*flags, value, rest)
}

/// A packed key's name, without a look at what stands before and behind it.
fn name(bytes: &[u8]) -> Option<&[u8]> {
    let (flags, mut rest) = bytes.split_first().filter(|(flags, _)| **flags & HAS_NAME != 0)?;
    let length = take_number(&mut rest) as usize;
    let value_bytes = if flags & IS_ALPHANUMERIC != 0 { alphanumeric_bytes(length) } else { length };
    rest = rest.get(value_bytes..)?;
    // Two dates.
    take_signed(&mut rest);
    take_signed(&mut rest);
    Some(take_bytes(&mut rest))
}

/// Where an index has the keys with a value.
fn start_of_values(region: &str, value: &str) -> Vec<u8> {
    /// Other ones in each process: nobody can make values of one digest.
    static DIGEST: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);
    let digest = DIGEST.hash_one(value).to_le_bytes();
    [prefix(&[region]).as_bytes(), &digest[..DIGEST_BYTES]].concat()
}

/// Of the ids that are made here: ten small letters and digits, which are less than 2^52.
const ID_BYTES: usize = 7;
const ID_LETTERS: usize = 10;
const ID_ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// An id of the usual kind as a number of seven bytes, whose first is less than 16, and any other as it is: none begins
/// with a control character.
fn put_id(bytes: &mut Vec<u8>, id: &str) {
    let number = id.bytes().try_fold(0_u64, |number, letter| {
        let digit = ID_ALPHABET.iter().position(|known| *known == letter)?;
        Some(number.wrapping_mul(36) + digit as u64)
    });
    match number.filter(|_| id.len() == ID_LETTERS) {
        Some(number) => bytes.extend_from_slice(&number.to_be_bytes()[8 - ID_BYTES..]),
        None => bytes.extend_from_slice(id.as_bytes()),
    }
}

fn id_of(bytes: &[u8]) -> String {
    let Some(number) = <[u8; ID_BYTES]>::try_from(bytes).ok().filter(|bytes| bytes[0] < b' ') else {
        return String::from_utf8_lossy(bytes).into_owned();
    };
    let mut number = number.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut letters = [b'0'; ID_LETTERS];
    for letter in letters.iter_mut().rev() {
        *letter = ID_ALPHABET[(number % 36) as usize];
        number /= 36;
    }
    letters.into_iter().map(char::from).collect()
}

/// In the order of their six bits.
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters and digits as six bits each, their number before them: of a usual value, ten bytes less.
fn put_alphanumeric(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    for four in text.as_bytes().chunks(4) {
        let bits = four.iter().enumerate().fold(0_u32, |bits, (position, byte)| {
            let index = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                _ => byte.wrapping_sub(b'a').wrapping_add(36),
            };
            bits | u32::from(index & 0x3f) << (6 * position)
        });
        // Of fewer than four, as many bytes as have bits.
        bytes.extend_from_slice(&bits.to_le_bytes()[..four.len().min(3)]);
    }
}

/// How many bytes a text of that length takes, behind its length.
fn alphanumeric_bytes(length: usize) -> usize {
    length / 4 * 3 + (length % 4).min(3)
}

fn take_alphanumeric(bytes: &mut &[u8]) -> String {
    let length = take_number(bytes) as usize;
    let mut text = String::with_capacity(length.min(bytes.len() * 2));
    while text.len() < length && !bytes.is_empty() {
        let count = (length - text.len()).min(4);
        let (three, rest) = bytes.split_at(count.min(3).min(bytes.len()));
        *bytes = rest;
        let bits = three.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let letter = |position| ALPHANUMERIC.get((bits >> (6 * position) & 0x3f) as usize).copied();
        text.extend((0..count).filter_map(letter).map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Option<String> {
        Some("\u{e9}".repeat(length))
    }

    #[track_caller]
    fn check(row: ApiKey) {
        let mut bytes = Vec::new();
        row.pack(&mut bytes);
        assert_eq!(name(&bytes), row.name.as_ref().map(String::as_bytes));
        let unpacked = ApiKey::unpack("r\0abcdefghij", &bytes);
        assert_eq!(unpacked, ApiKey { id: ApiKeyId("abcdefghij".into()), ..row });
        // Of bytes that were cut off, something is made.
        for bytes in (0..bytes.len()).map(|length| &bytes[..length]) {
            drop((name(bytes), ApiKey::unpack("r\0a", bytes)));
        }
    }

    #[test]
    fn a_key_is_unpacked_as_it_was() {
        check(ApiKey::default());
        let dates = ApiKey { created_date: 1_764_108_780, last_updated_date: 1_764_108_999, ..ApiKey::default() };
        check(ApiKey { enabled: true, ..dates.clone() });
        check(ApiKey { created_date: i64::MIN, last_updated_date: i64::MAX, ..ApiKey::default() });
        for length in [0, 1, 200] {
            check(ApiKey { name: text(length), ..dates.clone() });
            check(ApiKey { customer_id: text(length), ..dates.clone() });
            check(ApiKey { description: text(length), stage_keys: vec!["a/dev".into(); length], ..dates.clone() });
            let tags = (0..length).map(|number| (format!("t{number}"), "v".repeat(number))).collect();
            check(ApiKey { tags, name: text(3), ..dates.clone() });
        }
    }

    #[test]
    fn a_value_is_unpacked_as_it_was() {
        let all = String::from_utf8(ALPHANUMERIC.to_vec()).expect("ASCII");
        for length in 0..all.len() {
            check(ApiKey { value: all[length..].to_owned(), ..ApiKey::default() });
            check(ApiKey { value: format!("{}-\u{e9}", &all[length..]), ..ApiKey::default() });
        }
    }

    #[test]
    fn an_id_is_unpacked_as_it_was() {
        for (id, length) in [
            ("0000000000", ID_BYTES),
            ("zzzzzzzzzz", ID_BYTES),
            ("a1b2c3d4e5", ID_BYTES),
            ("A1b2c3d4e5", 10),
            ("abcdefg", 7),
            ("abcdefghijk", 11),
            ("\u{e9}", 2),
        ] {
            let mut bytes = Vec::new();
            put_id(&mut bytes, id);
            assert_eq!((id_of(&bytes), bytes.len()), (id.to_owned(), length));
        }
    }

    #[test]
    fn a_usual_key_takes_few_bytes() {
        let row = ApiKey { value: "aB3".repeat(14)[..40].into(), created_date: 1_764_108_780, ..ApiKey::default() };
        let mut bytes = Vec::new();
        ApiKey { last_updated_date: row.created_date, ..row }.pack(&mut bytes);
        // Flags, length and value, two dates.
        assert_eq!(bytes.len(), 1 + 1 + 30 + 5 + 1);
    }

    #[test]
    fn keys_are_found_in_their_region_only() {
        let mut table = PackedTable::default();
        let row =
            |value: &str| ApiKey { value: value.into(), name: text(1), customer_id: text(1), ..ApiKey::default() };
        for (region, id, value) in [("r", "a", "one"), ("r", "b", "two"), ("s", "c", "one"), ("r\u{e9}", "d", "one")] {
            table.put(&[region, id], row(value));
        }
        let id = |region: &str, value: &str| table.with_value(region, value).map(|row| row.id.0);
        assert_eq!([id("r", "one"), id("r", "two"), id("s", "one")].map(Option::unwrap_or_default), ["a", "b", "c"]);
        assert_eq!((id("s", "two"), id("", "one")), (None, None));
        let named: Vec<_> =
            table.named("r", "\u{e9}", None).map(|(place, row)| (place.into_string(), row.id.0)).collect();
        assert_eq!(named, [("a".to_owned(), "a".to_owned()), ("b".to_owned(), "b".to_owned())]);
        assert_eq!((table.named("r", "", Some("a")).count(), table.named("r", "o", None).count()), (1, 0));
        assert_eq!(table.of_customer("r", "\u{e9}", Some("a")).map(|(id, _)| id).collect::<Vec<_>>(), ["b".into()]);
        let mut secrets = Vec::new();
        table.each_secret(|region, id, value, enabled| secrets.push(format!("{region} {id} {value} {enabled}")));
        assert_eq!(secrets, ["r a one false", "r b two false", "r\u{e9} d one false", "s c one false"]);
    }
}
