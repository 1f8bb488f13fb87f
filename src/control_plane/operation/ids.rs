//! Ids of what a call makes, as AWS's are: lower-case letters and digits, ten for an API, six for most that belongs to one.
//!
//! Rows are kept, and listed, in the order of their ids. AWS promises no order; here a list is in the order in which
//! things were made, as an id is drawn from those that sort behind the last of its list.

use super::Call;
use crate::control_plane::store::table::Table;

/// In the order in which they sort.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// The characters that an id is ranked by; what is behind them is random.
const RANKED: usize = 6;
/// 32 to the power of [`RANKED`].
const RANKS: u32 = 1 << 30;
/// A list begins in the first half, ...
const FIRST_RANKS: u32 = RANKS / 2;
/// ... and goes on by steps of at most these: it has room for 8000 rows at least, 16 000 as a rule.
const STEPS: u32 = 1 << 16;

impl Call<'_> {
    pub fn new_id(&self, length: usize) -> String {
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
        let mut bytes = vec![0; length];
        self.random.fill(&mut bytes);
        bytes.iter().map(letter).collect()
    }

    /// An id that no row has yet, for what is in no list of things like it, or is listed by its name.
    pub fn unused_id(&self, length: usize, is_used: impl Fn(&str) -> bool) -> String {
        loop {
            let id = self.new_id(length);
            if !is_used(&id) {
                return id;
            }
        }
    }

    /// The id of the next row below the parts: behind the last one's, or any other where there is no room behind it.
    pub fn next_id<V: Clone>(&self, length: usize, table: &Table<V>, parts: &[&str]) -> String {
        let is_used = |id: &str| table.has(&[parts, &[id]].concat());
        let next = match table.last_name_below(parts) {
            Some(last) => self.later_id(last, length),
            None => Some(self.first_id(length)),
        };
        next.filter(|id| !is_used(id)).unwrap_or_else(|| self.unused_id(length, is_used))
    }

    /// Ids of six characters, each behind the one before and all behind `last`, for as long as there is room.
    pub fn rising_ids(&self, last: Option<&str>) -> impl FnMut() -> String {
        let mut last = last.map(str::to_owned);
        move || {
            let next = last.as_deref().map_or_else(|| Some(self.first_id(RANKED)), |last| self.later_id(last, RANKED));
            match next {
                Some(next) => last.insert(next).clone(),
                None => self.new_id(RANKED),
            }
        }
    }

    /// The id of a list's first row.
    pub fn first_id(&self, length: usize) -> String {
        self.ranked_id(self.random_below(FIRST_RANKS), length)
    }

    /// An id that sorts behind `last`. None where there is no room.
    fn later_id(&self, last: &str, length: usize) -> Option<String> {
        let rank = rank(last) + 1 + self.random_below(STEPS);
        (rank < RANKS).then(|| self.ranked_id(rank, length))
    }

    fn ranked_id(&self, rank: u32, length: usize) -> String {
        debug_assert!(length >= RANKED, "an id has as many characters as it is ranked by");
        let letter = |place: usize| char::from(ALPHABET[(rank >> (5 * place)) as usize % 32]);
        (0..RANKED).rev().map(letter).chain(self.new_id(length - RANKED).chars()).collect()
    }

    /// The bound is a power of two.
    fn random_below(&self, bound: u32) -> u32 {
        let mut random = [0; 4];
        self.random.fill(&mut random);
        u32::from_le_bytes(random) % bound
    }
}

/// The id's first characters as a number. What is not of the alphabet, in an id from elsewhere, counts as the letter
/// behind it.
fn rank(id: &str) -> u32 {
    let letters = id.bytes().chain(std::iter::repeat(ALPHABET[0])).take(RANKED);
    letters.fold(0, |rank, byte| {
        let place = ALPHABET.partition_point(|letter| *letter < byte).min(ALPHABET.len() - 1);
        rank << 5 | u32::try_from(place).expect("an alphabet is short")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{FakeTruststores, SystemRandom};
    use super::*;
    use crate::meter::Meters;

    fn meters() -> Meters {
        Meters::in_memory(1).expect("a page is to be had")
    }

    fn call(meters: &Meters) -> Call<'_> {
        let (path, query) = (Vec::new(), Vec::new());
        let random = &SystemRandom;
        let truststores = &FakeTruststores;
        Call {
            region: "r",
            account_id: "1",
            path,
            query,
            accept: None,
            body: b"",
            now_s: 0,
            random,
            meters,
            truststores,
        }
    }

    #[test]
    fn a_list_is_in_the_order_of_its_rows() {
        let meters = meters();
        let (call, mut table) = (call(&meters), Table::default());
        let made: Vec<String> = (0..8000)
            .map(|row| {
                let id = call.next_id(6, &table, &["r", "a"]);
                table.put(&["r", "a", &id], row);
                id
            })
            .collect();
        let listed: Vec<i32> = table.rows_below(&["r", "a"]).copied().collect();
        assert!(listed.is_sorted() && listed.len() == 8000, "{made:?}");
        assert!(made.iter().all(|id| id.len() == 6 && id.bytes().all(|byte| ALPHABET.contains(&byte))), "{made:?}");
    }

    #[test]
    fn an_id_is_behind_the_last_where_there_is_room() {
        let meters = meters();
        let call = call(&meters);
        for last in ["222222", "abcdef", "abc", "a0l1o!", "zzxzzz", "yzzzzz", "abcdefzzzz"] {
            let later = call.later_id(last, 10).expect("there is room");
            assert!(later.as_str() > last && later.len() == 10, "{last} {later}");
        }
        assert_eq!(call.later_id("zzzzzz", 6), None);
        let mut table = Table::default();
        table.put(&["r", "zzzzzz"], 0);
        assert!(call.next_id(6, &table, &["r"]).as_str() < "zzzzzz");
        let mut ids = call.rising_ids(Some("zz2222"));
        let drawn: Vec<String> = (0..100).map(|_| ids()).collect();
        assert!(drawn[0].as_str() > "zz2222" && drawn.iter().collect::<std::collections::HashSet<_>>().len() == 100);
    }
}
