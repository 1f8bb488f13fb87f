//! Names and passwords of the settings, for authorizers of the type `basic`. The passwords themselves are not here: only a
//! digest of each, with a key of this process, which is also what is compared, in a time that says nothing.

use std::fmt;

use ahash::AHashMap;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;

pub struct Passwords {
    key: hmac::Key,
    by_name: AHashMap<Box<str>, hmac::Tag>,
    /// What a stranger's is compared with.
    nobodys: hmac::Tag,
}

impl Passwords {
    /// Of pairs of a name and its password.
    ///
    /// # Errors
    /// A name comes twice, or the system has no randomness.
    pub fn new(users: impl IntoIterator<Item = (String, String)>) -> Result<Passwords, String> {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| "the system gives no random numbers".to_owned())?;
        let mut by_name = AHashMap::new();
        for (name, password) in users {
            let tag = hmac::sign(&key, password.as_bytes());
            if by_name.insert(name.as_str().into(), tag).is_some() {
                return Err(format!("{name:?} is given twice"));
            }
        }
        let nobodys = hmac::sign(&key, b"");
        Ok(Passwords { key, by_name, nobodys })
    }

    /// Whether it is this user's password.
    pub fn opens(&self, name: &str, password: &[u8]) -> bool {
        let known = self.by_name.get(name);
        let shown = hmac::sign(&self.key, password);
        let expected = known.unwrap_or(&self.nobodys);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(shown.as_ref(), expected.as_ref()).is_ok();
        same && known.is_some()
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("users", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, password: &str) -> (String, String) {
        (name.to_owned(), password.to_owned())
    }

    #[test]
    fn passwords_open_for_their_users_only() {
        let passwords =
            Passwords::new([user("ann", "secret-of-ann"), user("ben", "secret-of-ben")]).expect("two users");
        #[track_caller]
        fn check(passwords: &Passwords, name: &str, password: &str, expected: bool) {
            assert_eq!(passwords.opens(name, password.as_bytes()), expected, "{name} {password}");
        }
        check(&passwords, "ann", "secret-of-ann", true);
        check(&passwords, "ben", "secret-of-ben", true);
        check(&passwords, "ann", "secret-of-ben", false);
        check(&passwords, "ann", "", false);
        check(&passwords, "eve", "", false);
        check(&passwords, "eve", "secret-of-ann", false);
        check(&passwords, "Ann", "secret-of-ann", false);
        assert!(!format!("{passwords:?}").contains("ann"));
        assert_eq!(Passwords::new([user("a", "1"), user("a", "2")]).err().as_deref(), Some("\"a\" is given twice"));
    }
}
