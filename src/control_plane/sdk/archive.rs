//! A zip file of some texts: each deflated, no directories of their own, no extensions. (PKWARE's APPNOTE.TXT, 4.3.)

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::moment::Moment;

/// That names are UTF-8 (4.4.4, bit 11).
const FLAGS: u16 = 1 << 11;
/// The version of the format that deflating needs: 2.0.
const VERSION: u16 = 20;
const DEFLATED: u16 = 8;

pub struct Archive {
    /// The files, one after the other.
    bytes: Vec<u8>,
    /// What stands behind them all: a record for each.
    directory: Vec<u8>,
    files: u16,
    made: Moment,
}

impl Archive {
    pub fn new(made: Moment) -> Archive {
        Archive { bytes: Vec::new(), directory: Vec::new(), files: 0, made }
    }

    pub fn add(&mut self, name: &str, content: &[u8]) {
        let mut checksum = Crc::new();
        checksum.update(content);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let deflated = encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes every write");
        let offset = size(self.bytes.len());
        let described = self.described(checksum.sum(), size(deflated.len()), size(content.len()), name);
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&described);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(deflated);
        self.directory.extend(b"PK\x01\x02");
        // Made by: the same version, on no system in particular.
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&described);
        // No comment, on the first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.files += 1;
    }

    /// What a file's own header and its record have in common.
    fn described(&self, checksum: u32, deflated: u32, content: u32, name: &str) -> Vec<u8> {
        let Moment { year, month, day, hour, minute, second } = self.made;
        let time = (hour << 11) | (minute << 5) | (second / 2);
        let date = ((year - 1980) << 9) | (month << 5) | day;
        let mut bytes = Vec::with_capacity(26);
        for number in [VERSION, FLAGS, DEFLATED, time, date] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [checksum, deflated, content] {
            bytes.extend(number.to_le_bytes());
        }
        let name_length = u16::try_from(name.len()).expect("names are our own, and short");
        bytes.extend(name_length.to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }

    pub fn finish(mut self) -> Vec<u8> {
        let (offset, length) = (size(self.bytes.len()), size(self.directory.len()));
        self.bytes.append(&mut self.directory);
        self.bytes.extend(b"PK\x05\x06");
        self.bytes.extend([0; 4]);
        self.bytes.extend(self.files.to_le_bytes());
        self.bytes.extend(self.files.to_le_bytes());
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).expect("a client's source is far below 4 GiB: definitions are")
}
