//! As whom functions run.

use std::os::unix::fs::MetadataExt;

/// Which users functions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The gateway's own.
    Same,
    /// One for all functions: its id and its group's.
    Shared(u32, u32),
    /// For each process one of its own, whose id is the first and the number of its place; the group has the same.
    OwnFrom(u32),
}

impl User {
    /// By the setting: `auto`, or a user's name. Only root can have other users than itself.
    ///
    /// # Errors
    /// There is no such user, or we cannot become it.
    pub fn parse(text: &str, first: u32) -> Result<User, String> {
        let own = own_id();
        match (text, own) {
            ("auto", 0) => Ok(User::OwnFrom(first)),
            ("auto", _) => Ok(User::Same),
            (name, own) => match find(name, &std::fs::read_to_string("/etc/passwd").unwrap_or_default()) {
                None => Err(format!("there is no user {name:?}")),
                Some((id, _)) if id == own => Ok(User::Same),
                Some((id, group)) if own == 0 => Ok(User::Shared(id, group)),
                Some(_) => Err(format!("only root can start functions as {name}; start as root, or write \"auto\"")),
            },
        }
    }

    /// The user and the group of the process in a place; `None` for the gateway's own.
    ///
    /// # Errors
    /// There is no such user.
    pub fn of_place(self, place: usize) -> Result<Option<(u32, u32)>, String> {
        match self {
            User::Same => Ok(None),
            User::Shared(id, group) => Ok(Some((id, group))),
            User::OwnFrom(first) => {
                let id = u32::try_from(place).ok().and_then(|place| first.checked_add(place));
                id.map(|id| Some((id, id))).ok_or_else(|| "there are no user ids left".to_owned())
            }
        }
    }
}

/// The user that this process runs as.
pub fn own_id() -> u32 {
    // Where there is no /proc nothing works; and as somebody else nothing is allowed.
    std::fs::metadata("/proc/self").map_or(u32::MAX, |process| process.uid())
}

/// The ids of a user and its group in a file as `passwd(5)` has it.
fn find(name: &str, passwd: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\nodd\n";
        assert_eq!(find("nobody", passwd), Some((65_534, 65_533)));
        assert_eq!(find("odd", passwd), None);
        assert_eq!(find("no", passwd), None);
        assert_eq!(User::OwnFrom(61_184).of_place(2), Ok(Some((61_186, 61_186))));
        assert!(User::OwnFrom(u32::MAX).of_place(1).is_err());
        assert!(User::parse("there is none", 0).is_err());
    }
}
