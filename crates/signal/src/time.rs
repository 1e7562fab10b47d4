//! Reads the time of a record, to the precision that its source gives.
//!
//! A format lists the fields that may hold the time, best first. A text with a
//! zone is taken as it is; one without (`2024-05-01 08:15:02.117`) is read in
//! the format's `zone`, UTC unless it says otherwise. Numbers are seconds,
//! milli-, micro- or nanoseconds since 1970, told apart by their size.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// How a format's records tell their time.
#[derive(Clone, Debug)]
pub(crate) struct TimeReader {
    fields: Vec<String>,
    /// `strptime` layouts, tried before the usual ones.
    layouts: Vec<String>,
    zone: Offset,
}

impl TimeReader {
    pub(crate) fn new(
        fields: &[String],
        layouts: &[String],
        zone: Option<&str>,
    ) -> Result<Self, String> {
        Ok(Self {
            fields: fields.to_vec(),
            layouts: layouts.to_vec(),
            zone: zone.map_or(Ok(Offset::UTC), parse_zone)?,
        })
    }

    /// Returns the first time that one of the fields holds.
    pub(crate) fn read<'a>(
        &self,
        field: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    ) -> Option<Timestamp> {
        self.fields.iter().find_map(|path| field(path).and_then(|text| self.parse(text.trim())))
    }

    fn parse(&self, text: &str) -> Option<Timestamp> {
        self.layouts
            .iter()
            .find_map(|layout| self.parse_layout(layout, text))
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| {
                text.parse::<DateTime>().ok().and_then(|civil| self.zone.to_timestamp(civil).ok())
            })
            .or_else(|| from_number(text))
            .or_else(|| self.with_odd_zone(text))
    }

    fn parse_layout(&self, layout: &str, text: &str) -> Option<Timestamp> {
        let parsed = jiff::fmt::strtime::parse(layout, text).ok()?;
        parsed.to_timestamp().ok().or_else(|| {
            parsed.to_datetime().ok().and_then(|civil| self.zone.to_timestamp(civil).ok())
        })
    }

    /// `2022-04-12 00:16:05.526 UTC` and the like.
    fn with_odd_zone(&self, text: &str) -> Option<Timestamp> {
        let (civil, zone) = text.rsplit_once(' ')?;
        let civil: DateTime = civil.parse().ok()?;
        let zone = named_zone(zone).or_else(|| parse_zone(zone).ok())?;
        zone.to_timestamp(civil).ok()
    }
}

/// The abbreviations that PostgreSQL and others print. Where one stands for
/// several zones, the European one counts, else the North American.
fn named_zone(name: &str) -> Option<Offset> {
    let hours = match name {
        "UTC" | "GMT" | "Z" | "WET" => 0,
        "BST" | "WEST" | "CET" => 1,
        "CEST" | "EET" => 2,
        "EEST" => 3,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return None,
    };
    Offset::from_hours(hours).ok()
}

fn parse_zone(text: &str) -> Result<Offset, String> {
    if matches!(text, "UTC" | "Z" | "GMT") {
        return Ok(Offset::UTC);
    }
    jiff::fmt::strtime::parse("%:z", text)
        .or_else(|_| jiff::fmt::strtime::parse("%z", text))
        .ok()
        .and_then(|parsed| parsed.offset())
        .ok_or_else(|| format!("`{text}` is no zone; write `UTC` or `+01:00`"))
}

/// Seconds since 1970, or thousandths, millionths, billionths of them.
fn from_number(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    if number.unsigned_abs() < 100_000_000_000 {
        return Timestamp::new(number, nanoseconds(fraction)?).ok();
    }
    if number.unsigned_abs() < 100_000_000_000_000 {
        return Timestamp::from_millisecond(number).ok();
    }
    if number.unsigned_abs() < 100_000_000_000_000_000 {
        return Timestamp::from_microsecond(number).ok();
    }
    Timestamp::from_nanosecond(i128::from(number)).ok()
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(layouts: &[&str], zone: &str, text: &str, expect: &str) {
        let layouts: Vec<String> = layouts.iter().map(|layout| (*layout).to_owned()).collect();
        let reader = TimeReader::new(&["t".to_owned()], &layouts, Some(zone)).unwrap();
        let time = reader.read(&|_| Some(Cow::Borrowed(text)));
        let time = time.map_or_else(|| "none".to_owned(), |time| time.to_string());
        assert_eq!(time, expect, "{text}");
    }

    #[test]
    fn times_keep_zone_and_precision() {
        let plain = |text, expect| check(&[], "UTC", text, expect);
        plain("2024-05-01T08:15:02.117Z", "2024-05-01T08:15:02.117Z");
        plain("2024-05-01T10:15:02+02:00", "2024-05-01T08:15:02Z");
        plain("2024-05-01 08:15:02.1176543", "2024-05-01T08:15:02.1176543Z");
        plain("2024-05-01 08:15:02.117 UTC", "2024-05-01T08:15:02.117Z");
        plain("2024-05-01 09:15:02.117 BST", "2024-05-01T08:15:02.117Z");
        plain("2024-05-01 08:15:02 +0100", "2024-05-01T07:15:02Z");
        plain("1714551302", "2024-05-01T08:15:02Z");
        plain("1714551302.25", "2024-05-01T08:15:02.25Z");
        plain("1714551302117", "2024-05-01T08:15:02.117Z");
        plain("1714551302117001", "2024-05-01T08:15:02.117001Z");
        plain("yesterday", "none");
        plain("", "none");
    }

    #[test]
    fn layouts_and_zones_of_the_format_count() {
        check(
            &["%d/%b/%Y:%H:%M:%S %z"],
            "UTC",
            "01/May/2024:08:15:02 +0000",
            "2024-05-01T08:15:02Z",
        );
        check(
            &["%m/%d/%Y, %I:%M:%S%.f %p"],
            "UTC",
            "5/1/2024, 8:15:02.117 PM",
            "2024-05-01T20:15:02.117Z",
        );
        check(&[], "-04:00", "2024-05-01 08:15:02", "2024-05-01T12:15:02Z");
        assert!(TimeReader::new(&[], &[], Some("Mars")).is_err());
    }
}
