//! A packet is 3 bytes of length (little-endian), a sequence number, and the payload. A command has
//! sequence number 0 and begins with its code; 3 is a query, whose text follows. TLS must be off.

const QUERY: u8 = 3;
const SERVER_MORE_RESULTS_EXISTS: u8 = 8;

/// Header and payload; `None` while the header is not whole.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..4)?;
    Some(4 + u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize)
}

/// The text of a query; `None` for any other packet.
pub(super) fn query(packet: &[u8]) -> Option<&[u8]> {
    match packet.get(3..)? {
        [0, QUERY, text @ ..] => Some(text),
        _ => None,
    }
}

/// True when the status of an OK says that the text goes on.
pub(super) fn more_follow(ok: &[u8]) -> bool {
    let mut at = 1;
    for _ in ["affected rows", "last insert id"] {
        at += match ok[at] {
            0xfc => 3,
            0xfd => 4,
            0xfe => 9,
            _ => 1,
        };
    }
    ok[at] & SERVER_MORE_RESULTS_EXISTS != 0
}
