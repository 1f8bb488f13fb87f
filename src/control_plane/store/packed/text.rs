//! Numbers and texts as bytes: a number has seven bits in each byte, the lowest first, and the eighth where more follow;
//! a text has its length before it.
//!
//! What is read here was written here. Of bytes that were not, it makes a smaller number or text, and never a panic.

pub fn put_number(bytes: &mut Vec<u8>, number: u64) {
    let mut left = number;
    while left > 0x7f {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

/// Small ones take little room, whether they are below zero or not.
pub fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_number(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

pub fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_bytes(bytes, text.as_bytes());
}

pub fn put_bytes(bytes: &mut Vec<u8>, text: &[u8]) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

/// Takes the number from the front.
pub fn take_number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let [first, rest @ ..] = *bytes {
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        shift += 7;
        if *first < 0x80 || shift > 63 {
            break;
        }
    }
    number
}

pub fn take_signed(bytes: &mut &[u8]) -> i64 {
    let number = take_number(bytes);
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

pub fn take_text(bytes: &mut &[u8]) -> String {
    String::from_utf8_lossy(take_bytes(bytes)).into_owned()
}

/// The bytes of a text.
pub fn take_bytes<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
    let length = usize::try_from(take_number(bytes)).unwrap_or(usize::MAX);
    let (text, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, 1_764_108_780, i64::MIN, i64::MAX];
        let mut bytes = Vec::new();
        numbers.into_iter().for_each(|number| put_number(&mut bytes, number));
        signed.into_iter().for_each(|number| put_signed(&mut bytes, number));
        ["", "\u{e9}\0"].into_iter().for_each(|text| put_text(&mut bytes, text));
        let left = &mut &*bytes;
        assert_eq!(numbers.map(|_| take_number(left)), numbers);
        assert_eq!(signed.map(|_| take_signed(left)), signed);
        assert_eq!([take_text(left), take_text(left)], ["", "\u{e9}\0"]);
        assert!(left.is_empty());
    }

    #[test]
    fn a_small_number_takes_one_byte() {
        for (number, length) in [(0, 1), (-64, 1), (63, 1), (64, 2), (i64::MAX, 10)] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, number);
            assert_eq!(bytes.len(), length, "{number}");
        }
    }

    #[test]
    fn what_was_not_put_is_no_panic() {
        for bytes in
            [&b""[..], &[0x80], &[0xff; 20], &[5, b'a'], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            take_number(&mut { bytes });
            take_signed(&mut { bytes });
            take_text(&mut { bytes });
        }
    }
}
