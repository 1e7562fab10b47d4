//! Money in integer minor units.
//!
//! Every sum that the planner forms must be exact, so money is never a float
//! inside Cordon. On paper (TOML, CSV, JSON) it is a number of whole currency
//! units with at most two decimals.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of the estate's currency, in minor units (pence, cents).
///
/// Estates are refused at load when all their prices and losses together pass
/// [`Money::CEILING`], so sums over one estate cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i64);

/// Why a text or number is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("`{0}` is not an amount of money")]
    NotANumber(String),
    /// More than two decimals.
    #[error("`{0}` has more than two decimals")]
    Decimals(String),
    /// Beyond what an estate may hold.
    #[error("`{0}` is beyond {limit} units", limit = Money::CEILING.0 / 100)]
    TooLarge(String),
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Largest sum of all money in one estate: 2^52 minor units, exact in a float too.
    pub const CEILING: Self = Self(1 << 52);

    /// Makes an amount of whole currency units.
    #[must_use]
    pub const fn units(units: i64) -> Self {
        Self(units.saturating_mul(100))
    }

    /// Reads `1234`, `-5` or `12.34`.
    ///
    /// # Errors
    /// When the text is no number, has more than two decimals, or is too large.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let not = || MoneyError::NotANumber(text.to_owned());
        let (negative, digits) = match text.trim().strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.trim()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(not());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(MoneyError::Decimals(text.to_owned()));
        }
        let too_large = || MoneyError::TooLarge(text.to_owned());
        let units: i64 = whole.parse().map_err(|_| too_large())?;
        let cents: i64 = format!("{fraction:0<2}").parse().map_err(|_| not())?;
        let minor =
            units.checked_mul(100).and_then(|m| m.checked_add(cents)).ok_or_else(too_large)?;
        let money = Self(if negative { -minor } else { minor });
        if minor > Self::CEILING.0 { Err(too_large()) } else { Ok(money) }
    }

    /// Takes a float of whole units that stands for at most two decimals.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn from_f64(units: f64) -> Result<Self, MoneyError> {
        if !units.is_finite() {
            return Err(MoneyError::NotANumber(units.to_string()));
        }
        // The shortest decimal that reads back as this float is what was written.
        Self::parse(&units.to_string())
    }

    /// Multiplies by a whole number, `None` on overflow.
    #[must_use]
    pub fn times(self, count: u64) -> Option<Self> {
        i64::try_from(count).ok().and_then(|count| self.0.checked_mul(count)).map(Self)
    }

    /// Adds, `None` on overflow.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The amount in whole units as a float, for shares and pictures only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "amounts stay below 2^53")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Money {
    /// Prints `4,200` or `4,200.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minor = self.0.unsigned_abs();
        let digits = (minor / 100).to_string();
        let mut text = String::from(if self.0 < 0 { "-" } else { "" });
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if !minor.is_multiple_of(100) {
            text.push_str(&format!(".{:02}", minor % 100));
        }
        f.pad(&text)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}
impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i64(self.0 / 100)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Money;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of currency units with at most two decimals")
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Money, E> {
                Money::parse(&units.to_string()).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Money, E> {
                Money::parse(&units.to_string()).map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, units: f64) -> Result<Money, E> {
                Money::from_f64(units).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_minor_units_and_back() {
        for (text, minor, shown) in [
            ("0", 0, "0"),
            ("1234567", 123_456_700, "1,234,567"),
            ("12.5", 1250, "12.50"),
            ("-0.07", -7, "-0.07"),
            ("3.100", 310, "3.10"),
        ] {
            let money = Money::parse(text).unwrap();
            assert_eq!((money.0, money.to_string().as_str()), (minor, shown), "{text}");
            let json = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money, "{json}");
        }
        for text in ["", "x", "1.234", "1e3", "--1", ".5", "99999999999999999"] {
            assert!(Money::parse(text).is_err(), "{text}");
        }
    }
}
