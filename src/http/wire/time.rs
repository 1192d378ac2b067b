//! Times as RFC 3339: strict where they come in, UTC with microseconds where they go out. The civil times of jiff
//! reach as far as the database's do; its timestamps end a day earlier, and its parser takes more forms.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

use crate::domain::Timestamp;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
/// Digits of a fraction that are read.
const FRACTION_DIGITS: usize = 9;

/// The time that a text says, if it is RFC 3339 from 1970 to the end of the year 9999.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    const CIVIL: &str = "0000-00-00T00:00:00";
    let (civil, rest) = text.split_at_checked(CIVIL.len())?;
    let (fraction, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let fraction = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => "0",
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.get(..FRACTION_DIGITS).unwrap_or(digits)
        }
        _ => return None,
    };
    if !has_form(civil, CIVIL) {
        return None;
    }
    let local: DateTime = format!("{civil}.{fraction}").parse().ok()?;
    let since = local.duration_since(EPOCH).checked_sub(east_of_utc(offset)?)?;
    let last = DateTime::MAX.duration_since(EPOCH);
    let within = (SignedDuration::ZERO..=last).contains(&since);
    let micros = since.as_micros();
    if within { i64::try_from(micros).ok().map(Timestamp::from_micros) } else { None }
}

/// How far ahead of UTC a place is with this offset.
fn east_of_utc(offset: &str) -> Option<SignedDuration> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(SignedDuration::ZERO);
    }
    let (sign, time) = offset.split_at_checked(1)?;
    if !has_form(time, "00:00") {
        return None;
    }
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let east = SignedDuration::from_mins(hours * 60 + minutes);
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -east } else { east })
}

/// A digit for each `0`, everything else as it is.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte.eq_ignore_ascii_case(&form),
        })
}

/// Writes a time; of what no calendar has, the last there is.
pub(super) fn write(time: Timestamp) -> impl fmt::Display {
    let since = SignedDuration::from_micros(time.micros());
    let time = EPOCH.checked_add(since).unwrap_or(DateTime::MAX);
    fmt::from_fn(move |to| write!(to, "{time:.6}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000001Z", 1),
            ("2026-11-22T16:00:00.123456Z", 1_795_363_200_123_456),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            let time = Timestamp::from_micros(micros);
            assert_eq!((write(time).to_string(), read(text)), (text.to_owned(), Some(time)));
        }
        for no_time in [i64::MAX, i64::MIN] {
            write(Timestamp::from_micros(no_time)).to_string();
        }
    }

    #[test]
    fn forms_of_rfc_3339_are_read() {
        let nine = read("2026-11-27T09:00:00Z");
        assert!(nine.is_some());
        for same in [
            "2026-11-27t09:00:00z",
            "2026-11-27T09:00:00.0Z",
            "2026-11-27T09:00:00.0000000000009Z",
            "2026-11-27T10:30:00+01:30",
            "2026-11-27T00:00:00-09:00",
            "2026-11-27T09:00:00+00:00",
        ] {
            assert_eq!(read(same), nine, "{same}");
        }
    }

    #[test]
    fn other_forms_are_not() {
        for other in [
            "",
            "2026-11-27",
            "2026-11-27T09Z",
            "2026-11-27T09:00Z",
            "20261127T090000Z",
            "2026-11-27 09:00:00Z",
            "2026-11-27T09:00:00",
            "2026-11-27T09:00:00.Z",
            "2026-11-27T09:00:00,5Z",
            "2026-11-27T09:00:00+02",
            "2026-11-27T09:00:00+0200",
            "2026-11-27T09:00:00+24:00",
            "2026-11-27T09:00:00+00:60",
            "2026-11-27T09:00:00Z[UTC]",
            "2026-11-27T09:00:00+00:00[Europe/London]",
            "+002026-11-27T09:00:00Z",
            "2026-13-27T09:00:00Z",
            "2026-02-30T09:00:00Z",
            "2026-11-27T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-11-27T09:00:0ÄZ",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
