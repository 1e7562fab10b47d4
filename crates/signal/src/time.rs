//! Reads the time of a record, to the precision that its source gives.
//!
//! A format lists the fields that may hold the time, best first. A text with a
//! zone is taken as it is; one without (`2024-05-01 08:15:02.117`) is read in
//! the format's `zone`, UTC unless it says otherwise. Numbers are seconds,
//! milli-, micro- or nanoseconds since 1970, told apart by their size. A time
//! without a year gets the last year in which it is not in the future.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::template::Template;

/// How a format's records tell their time.
#[derive(Clone, Debug)]
pub(crate) struct TimeReader {
    fields: Vec<From>,
    /// `strptime` layouts, tried before the usual ones.
    layouts: Vec<String>,
    zone: Offset,
    /// No record is later than this; it gives the year to times without one.
    pub(crate) latest: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum From {
    Path(String),
    Template(Template),
}

/// Syslog's old times, which leave the year out.
const WITHOUT_YEAR: &str = "%b %d %H:%M:%S%.f";
/// The year of times that have none, where nothing gives one.
const NO_YEAR: i16 = 2000;

impl TimeReader {
    pub(crate) fn new(
        fields: &[String],
        layouts: &[String],
        zone: Option<&str>,
    ) -> Result<Self, String> {
        let from = |text: &String| {
            if text.contains('{') {
                Template::parse(text).map(From::Template)
            } else {
                Ok(From::Path(text.clone()))
            }
        };
        Ok(Self {
            fields: fields.iter().map(from).collect::<Result<_, _>>()?,
            layouts: layouts.to_vec(),
            zone: zone.map_or(Ok(Offset::UTC), parse_zone)?,
            latest: None,
        })
    }

    /// Returns the first time that one of the fields holds.
    pub(crate) fn read<'a>(
        &self,
        field: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    ) -> Option<Timestamp> {
        self.fields.iter().find_map(|from| match from {
            From::Path(path) => field(path).and_then(|text| self.parse(text.trim())),
            From::Template(template) => self.parse(template.render(field)?.trim()),
        })
    }

    fn parse(&self, text: &str) -> Option<Timestamp> {
        self.layouts
            .iter()
            .find_map(|layout| self.parse_layout(layout, text))
            .or_else(|| self.layout_with_zone(text))
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| {
                text.parse::<DateTime>().ok().and_then(|civil| self.zone.to_timestamp(civil).ok())
            })
            .or_else(|| from_number(text))
            .or_else(|| self.with_odd_zone(text))
            .or_else(|| self.without_year(WITHOUT_YEAR, text))
    }

    fn parse_layout(&self, layout: &str, text: &str) -> Option<Timestamp> {
        if !["%Y", "%y", "%s", "%F", "%D"].iter().any(|year| layout.contains(year)) {
            return self.without_year(layout, text);
        }
        let parsed = jiff::fmt::strtime::parse(layout, text).ok()?;
        parsed.to_timestamp().ok().or_else(|| {
            parsed.to_datetime().ok().and_then(|civil| self.zone.to_timestamp(civil).ok())
        })
    }

    /// A time without a year lies in the last year in which it is not later than a
    /// day after `latest`: the day allows for zones.
    fn without_year(&self, layout: &str, text: &str) -> Option<Timestamp> {
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.len() > 64 {
            return None;
        }
        let layout = format!("%Y {layout}");
        let in_year = |year: i16| {
            let parsed = jiff::fmt::strtime::parse(&layout, format!("{year} {text}")).ok()?;
            self.zone.to_timestamp(parsed.to_datetime().ok()?).ok()
        };
        let Some(latest) = self.latest else {
            return in_year(NO_YEAR);
        };
        let end = latest.checked_add(SignedDuration::from_hours(24)).unwrap_or(latest);
        let year = Offset::UTC.to_datetime(end).year();
        (0..=8).filter_map(|back| in_year(year - back)).find(|time| *time <= end)
    }

    /// A layout, with a named zone behind it.
    fn layout_with_zone(&self, text: &str) -> Option<Timestamp> {
        let (text, zone) = text.rsplit_once(' ').filter(|_| !self.layouts.is_empty())?;
        let zone = named_zone(zone)?;
        let in_zone = |layout: &String| {
            let parsed = jiff::fmt::strtime::parse(layout, text).ok()?;
            zone.to_timestamp(parsed.to_datetime().ok()?).ok()
        };
        self.layouts.iter().find_map(in_zone)
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
        "CEST" | "EET" | "SAST" | "CAT" => 2,
        "EEST" | "MSK" | "EAT" => 3,
        "PKT" => 5,
        "WIB" => 7,
        "AWST" | "SGT" | "HKT" | "PHT" => 8,
        "JST" | "KST" => 9,
        "AEST" => 10,
        "AEDT" => 11,
        "NZST" => 12,
        "NZDT" => 13,
        "BRT" | "ART" => -3,
        "AKDT" => -8,
        "AKST" => -9,
        "HST" => -10,
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

    #[track_caller]
    fn check_year(latest: &str, layouts: &[&str], text: &str, expect: &str) {
        let layouts: Vec<String> = layouts.iter().map(|layout| (*layout).to_owned()).collect();
        let mut reader = TimeReader::new(&["t".to_owned()], &layouts, None).unwrap();
        reader.latest = latest.parse().ok();
        let time = reader.read(&|_| Some(Cow::Borrowed(text)));
        let time = time.map_or_else(|| "none".to_owned(), |time| time.to_string());
        assert_eq!(time, expect, "{text} before {latest}");
    }

    #[test]
    fn times_without_a_year_are_not_in_the_future() {
        let latest = "2024-01-02T08:00:00Z";
        check_year(latest, &[], "Jan  2 07:59:59", "2024-01-02T07:59:59Z");
        check_year(latest, &[], "Jan  3 07:59:59", "2024-01-03T07:59:59Z");
        check_year(latest, &[], "Jan  4 08:00:00.25", "2023-01-04T08:00:00.25Z");
        check_year(latest, &[], "Dec 31 23:59:59", "2023-12-31T23:59:59Z");
        check_year(latest, &[], "Feb 29 12:00:00", "2020-02-29T12:00:00Z");
        check_year("2023-12-31T20:00:00Z", &[], "Jan  1 00:30:00", "2024-01-01T00:30:00Z");
        check_year("", &[], "Feb 29 12:00:00", "2000-02-29T12:00:00Z");
        check_year(latest, &["%d.%m. %H:%M"], "31.12. 08:15", "2023-12-31T08:15:00Z");
        check_year(latest, &[], "Foo 31 08:15:00", "none");
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
        check(&["%b %d %Y %H:%M:%S"], "UTC", "May 01 2024 08:15:02 CEST", "2024-05-01T06:15:02Z");
        check(&[], "-04:00", "2024-05-01 08:15:02", "2024-05-01T12:15:02Z");
        assert!(TimeReader::new(&[], &[], Some("Mars")).is_err());
    }
}
