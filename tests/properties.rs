//! The properties of `tests/fuzz` without a fuzzer: each holds for its corpus, and for what becomes of it by cutting,
//! repeating and changing bytes, the same ones in every run.

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;

/// For each file of a corpus.
const MUTATIONS: usize = 300;

macro_rules! properties {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name), fuzz::$name::check);
        })*
    };
}

properties! { aws_uri chunked coding event_stream head jsonpath jwt openapi policy route schema sigv4 target template vtl }

fn holds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("every target has a corpus")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for file in files {
        let seed = std::fs::read(&file).expect("a corpus has files only");
        check_one(check, &seed, &file);
        for _ in 0..MUTATIONS {
            check_one(check, &mutated(&seed, &mut random), &file);
        }
    }
}

/// Says which input it was: a failed property only knows what it saw of it.
fn check_one(check: fn(&[u8]), input: &[u8], file: &Path) {
    if std::panic::catch_unwind(|| check(input)).is_err() {
        panic!("from {}: b\"{}\"", file.display(), input.escape_ascii());
    }
}

/// One to four small changes; those that parsers mind are more likely than others.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    const ODD: &[u8] = b"\r\n\t \0:;,/\\%.?#{}[]$&*!|>'\"+-0169afZ_\x7F\x80\xC3\xFF";
    let mut input = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let odd = ODD[random.below(ODD.len())];
        match random.below(5) {
            0 => input.truncate(at),
            1 => input.insert(at, odd),
            2 if at < input.len() => input[at] = odd,
            3 if at < input.len() => drop(input.remove(at)),
            _ => {
                let end = (at + random.below(20)).min(input.len());
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, piece);
            }
        }
    }
    input
}

/// Xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
