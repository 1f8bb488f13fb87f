use std::collections::BTreeMap;

use super::*;

/// Bytes that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    /// Keys of two letters, of up to eight: many are the beginning of another.
    fn key(&mut self) -> Vec<u8> {
        (0..self.below(9)).map(|_| b"ab"[self.below(2)]).collect()
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows(packed: &Packed) -> Vec<(Vec<u8>, Vec<u8>)> {
    packed.range(Bound::Unbounded).map(|(key, value)| (key.into_vec(), value.to_vec())).collect()
}

#[track_caller]
fn check(packed: &Packed, model: &Model) {
    assert_eq!(packed.len(), model.len());
    assert_eq!(rows(packed), model.clone().into_iter().collect::<Vec<_>>());
    assert!(packed.blocks.iter().all(|block| !block.is_empty()));
}

#[test]
fn it_is_what_a_map_is() {
    let mut chance = Chance(1);
    let (mut packed, mut model) = (Packed::default(), Model::new());
    for round in 0..6_000 {
        // It grows, and shrinks again.
        let key = chance.key();
        if chance.below(6_000) > round {
            // Long ones, so that there are several blocks, and some that are longer than a block.
            let value = vec![b'v'; if chance.below(50) == 0 { BLOCK_BYTES_MAX + 1 } else { chance.below(200) }];
            assert_eq!(packed.insert(&key, &value).map(Vec::from), model.insert(key, value));
        } else {
            assert_eq!(packed.remove(&key).map(Vec::from), model.remove(&key));
        }
        let asked = chance.key();
        assert_eq!(packed.get(&asked), model.get(&asked).map(Vec::as_slice));
        if round % 100 == 0 {
            check(&packed, &model);
        }
    }
    check(&packed, &model);
    for key in model.keys() {
        packed.remove(key);
    }
    check(&packed, &Model::new());
}

#[test]
fn a_range_begins_at_a_key_or_behind_it() {
    let mut chance = Chance(2);
    let (mut packed, mut model) = (Packed::default(), Model::new());
    for _ in 0..200 {
        let (key, value) = (chance.key(), vec![b'v'; 100]);
        packed.insert(&key, &value);
        model.insert(key, value);
    }
    assert!(packed.blocks.len() > 2);
    for _ in 0..500 {
        let key = chance.key();
        for from in [Bound::Included(key.clone()), Bound::Excluded(key.clone())] {
            let expected: Vec<_> = model.range((from.clone(), Bound::Unbounded)).map(|(key, _)| key.clone()).collect();
            let found = packed.range(from.as_ref().map(Vec::as_slice)).map(|(key, _)| key.into_vec());
            assert_eq!(found.collect::<Vec<_>>(), expected, "{from:?}");
        }
        let expected: Vec<_> = model.keys().filter(|known| known.starts_with(&key)).cloned().collect();
        assert_eq!(packed.below(&key).map(|(key, _)| key.into_vec()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_copy_stays_as_it_was() {
    let mut packed = Packed::default();
    (0..500_u32).for_each(|number| drop(packed.insert(&number.to_be_bytes(), &[1; 50])));
    let copy = packed.clone();
    let before = rows(&copy);
    (0..500_u32).step_by(3).for_each(|number| drop(packed.remove(&number.to_be_bytes())));
    (0..500_u32).step_by(2).for_each(|number| drop(packed.insert(&number.to_be_bytes(), &[2; 70])));
    assert_eq!(rows(&copy), before);
}

#[test]
fn many_rows_make_the_map_that_they_make_one_by_one() {
    for is_sorted in [true, false] {
        let mut chance = Chance(3);
        let mut pairs: Vec<_> = (0..2_000).map(|_| (chance.key(), vec![b'v'; chance.below(90)])).collect();
        pairs.push((vec![b'a'; 9], vec![b'v'; 3 * BLOCK_BYTES_MAX]));
        if is_sorted {
            pairs.sort();
        }
        let mut builder = Builder::default();
        let mut sorter = Sorter::default();
        let mut model = Model::new();
        for (key, value) in pairs {
            builder.push(&key, &value);
            if model.insert(key.clone(), value).is_none() {
                sorter.push(&key);
            }
        }
        check(&builder.finish(), &model);
        check(&sorter.finish(), &model.into_keys().map(|key| (key, Vec::new())).collect());
    }
}

#[test]
fn rows_in_order_fill_their_blocks() {
    let mut packed = Packed::default();
    let mut builder = Builder::default();
    for number in 0..1_000_u32 {
        packed.insert(&number.to_be_bytes(), &[0; 60]);
        builder.push(&number.to_be_bytes(), &[0; 60]);
    }
    // Three numbers and one byte of the key.
    let blocks = (1_000_usize * 64).div_ceil(BLOCK_BYTES_MAX) + 1;
    assert!(packed.blocks.len() <= blocks && builder.finish().blocks.len() <= blocks, "{} blocks", packed.blocks.len());
}
