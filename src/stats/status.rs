//! From a status code to its slot in a method's row of counters.
//!
//! A row for every code there could be would cost 4 KiB a method and shard. The codes that gateways and their
//! upstreams answer with every day have a slot each, the others share the slot of their class.

/// How many slots a row has: 27 codes and 5 classes, four cache lines of 8-byte counters.
pub const SLOTS: usize = 32;

const CODES: [u16; 27] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 429,
    500, 502, 503, 504,
];

/// The label `code` of each slot.
pub const LABELS: [&str; SLOTS] = [
    "200", "201", "202", "204", "206", "301", "302", "303", "304", "307", "400", "401", "403", "404", "405", "408",
    "409", "410", "412", "413", "415", "422", "429", "500", "502", "503", "504", "1xx", "2xx", "3xx", "4xx", "5xx",
];

const CLASSES_AT: usize = CODES.len();

const SLOT_OF: [u8; 600] = {
    let mut table = [0; 600];
    let mut status = 0;
    while status < table.len() {
        let class = if status < 100 { 5 } else { status / 100 };
        table[status] = (CLASSES_AT + class - 1) as u8;
        status += 1;
    }
    let mut slot = 0;
    while slot < CODES.len() {
        table[CODES[slot] as usize] = slot as u8;
        slot += 1;
    }
    table
};

/// The slot of a status. What is no HTTP status (below 100, above 599) counts as `5xx`: somebody's fault it was.
pub fn slot(status: u16) -> usize {
    SLOT_OF.get(status as usize).map_or(SLOTS - 1, |slot| *slot as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, label: &str) {
        assert_eq!(LABELS[slot(status)], label, "{status}");
    }

    #[test]
    fn common_codes_have_their_own_slot_and_others_their_class() {
        for code in CODES {
            check(code, &code.to_string());
        }
        check(101, "1xx");
        check(299, "2xx");
        check(308, "3xx");
        check(418, "4xx");
        check(499, "4xx");
        check(599, "5xx");
        check(0, "5xx");
        check(99, "5xx");
        check(600, "5xx");
        check(u16::MAX, "5xx");
    }
}
