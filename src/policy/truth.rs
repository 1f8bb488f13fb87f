//! Yes, no, and not known: Kleene's logic. A policy must not be passed over for what nobody can decide.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    pub fn and(self, other: impl FnOnce() -> Truth) -> Truth {
        match self {
            Truth::No => Truth::No,
            Truth::Yes => other(),
            Truth::Unknown if other() == Truth::No => Truth::No,
            Truth::Unknown => Truth::Unknown,
        }
    }

    #[must_use]
    pub fn negated_if(self, negated: bool) -> Truth {
        match (self, negated) {
            (Truth::Yes, true) => Truth::No,
            (Truth::No, true) => Truth::Yes,
            (truth, _) => truth,
        }
    }

    pub fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
        let mut whole = Truth::Yes;
        for truth in truths {
            match truth {
                Truth::No => return Truth::No,
                Truth::Unknown => whole = Truth::Unknown,
                Truth::Yes => {}
            }
        }
        whole
    }

    pub fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
        Truth::all(truths.into_iter().map(|truth| truth.negated_if(true))).negated_if(true)
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Truth {
        if known { Truth::Yes } else { Truth::No }
    }
}
