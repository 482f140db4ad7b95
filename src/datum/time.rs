//! When a packet came: date, hour, day of the week.
//!
//! The kernel knows UTC and no time zone. nft's language means the time zone of the machine that
//! nft runs on, and its listings show it; it converts with the offset of the moment.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::number::{Unsigned, datum, from_integer};
use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::newtype::open_number;

const SECONDS_OF_A_DAY: u32 = 24 * 60 * 60;

/// A point in time: nanoseconds since 1970 in UTC, 8 bytes in the host's order (nft's `time` of
/// `meta time`).
///
/// Displays in UTC, where nft shows the local time.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use nftlink::datum::Date;
/// let date = Date::new(UNIX_EPOCH + Duration::from_secs(1_706_933_106));
/// assert_eq!(date.to_string(), "2024-02-03 04:05:06");
/// ```
#[doc(alias = "time")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    nanos: u64,
}

impl Date {
    /// Takes the time. One before 1970 becomes 1970, one after 2554 the last that there is:
    /// packets have none of these, so no comparison changes.
    pub fn new(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { nanos: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Returns the time.
    pub fn get(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.nanos)
    }
}

impl From<SystemTime> for Date {
    fn from(time: SystemTime) -> Self {
        Self::new(time)
    }
}

impl Datum for Date {
    const TYPE: DataType = DataType::DATE;
    const LEN: usize = 8;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Unsigned::to_data(self.nanos, Self::ORDER))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        <u64 as Unsigned>::from_data(bytes, Self::ORDER).map(|nanos| Self { nanos })
    }
}

impl Ordered for Date {}

impl fmt::Display for Date {
    /// Writes date and time in UTC: `2024-02-03 04:05:06`, and what is less than a second if it
    /// is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.nanos / 1_000_000_000, self.nanos % 1_000_000_000);
        let (day, second) = (seconds / u64::from(SECONDS_OF_A_DAY), seconds % u64::from(SECONDS_OF_A_DAY));
        let (year, month, day) = civil(day);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        if nanos > 0 { write!(f, ".{nanos:09}") } else { Ok(()) }
    }
}

/// Year, month and day of the month of a day that is counted from 1970 on, by Howard Hinnant's
/// `civil_from_days`: years begin in March, so that the leap day is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From 1 March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// A time of the day in UTC: seconds since midnight, 4 bytes in the host's order (`hour`).
///
/// The kernel compares the time of the day in UTC. nft converts what its language says from the
/// local time zone, as it is when the rule is made, so its `"17:00"` is another hour than this
/// one wherever the time zone is not UTC. A batch refuses 24:00 and later.
///
/// ```
/// use nftlink::datum::Hour;
/// assert_eq!(Hour::new(17, 0).to_string(), "17:00");
/// assert_eq!(Hour::with_seconds(17, 0, 1).to_string(), "17:00:01");
/// ```
#[doc(alias = "hour")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour {
    /// Of the day; also what is too much.
    seconds: u32,
}

impl Hour {
    /// Takes an hour and a minute. Minutes beyond 59 carry over into the hours.
    pub const fn new(hour: u32, minute: u32) -> Self {
        Self::with_seconds(hour, minute, 0)
    }

    /// Takes an hour, a minute and a second. Minutes and seconds beyond 59 carry over.
    pub const fn with_seconds(hour: u32, minute: u32, second: u32) -> Self {
        let seconds = hour.saturating_mul(3600).saturating_add(minute.saturating_mul(60)).saturating_add(second);
        Self { seconds }
    }

    /// Returns the seconds since midnight.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl Datum for Hour {
    const TYPE: DataType = DataType::HOUR;
    const LEN: usize = 4;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        if self.seconds >= SECONDS_OF_A_DAY {
            let value = self.to_string().into();
            return Err(BuildErrorKind::BadValue {
                what: "time of the day",
                value,
                reason: "the day ends at 23:59:59",
            });
        }
        Ok(Unsigned::to_data(self.seconds, Self::ORDER))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        let seconds = match Unsigned::from_data(bytes, Self::ORDER)? {
            // An interval without an end.
            u32::MAX => SECONDS_OF_A_DAY - 1,
            seconds => seconds,
        };
        Some(Self { seconds })
    }
}

impl Ordered for Hour {
    const WRAPS: bool = true;
}

impl fmt::Display for Hour {
    /// Writes what nft writes: `17:00`, or with seconds if there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        write!(f, "{hour:02}:{minute:02}")?;
        if second > 0 { write!(f, ":{second:02}") } else { Ok(()) }
    }
}

open_number! {
    /// A day of the week in UTC, 1 byte (`day`).
    ///
    /// nft does not convert it: also its `"Sunday"` begins at midnight UTC.
    #[doc(alias = "day")]
    pub struct Day(u8) {
        /// Sunday.
        SUNDAY = 0, "Sunday";
        /// Monday.
        MONDAY = 1, "Monday";
        /// Tuesday.
        TUESDAY = 2, "Tuesday";
        /// Wednesday.
        WEDNESDAY = 3, "Wednesday";
        /// Thursday.
        THURSDAY = 4, "Thursday";
        /// Friday.
        FRIDAY = 5, "Friday";
        /// Saturday.
        SATURDAY = 6, "Saturday";
    }
}

from_integer! { Day(u8); }
datum! { Day(u8): DAY, Host, Ordered; }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::Interval;

    #[test]
    fn dates_are_shown_in_utc() {
        let shown = |nanos| Date { nanos }.to_string();
        assert_eq!(shown(0), "1970-01-01 00:00:00");
        assert_eq!(shown(951_782_400_000_000_000), "2000-02-29 00:00:00");
        assert_eq!(shown(951_868_799_999_999_999), "2000-02-29 23:59:59.999999999");
        assert_eq!(shown(951_868_800_000_000_000), "2000-03-01 00:00:00");
        assert_eq!(shown(1_706_933_106_000_000_000), "2024-02-03 04:05:06");
        assert_eq!(shown(4_107_542_400_000_000_000), "2100-03-01 00:00:00");
        assert_eq!(shown(u64::MAX), "2554-07-21 23:34:33.709551615");
    }

    #[test]
    fn times_that_no_packet_has_become_the_nearest_that_one_may_have() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(Date::new(epoch - Duration::from_secs(1)).get(), epoch);
        assert_eq!(Date::new(epoch + Duration::from_secs(1 << 40)).nanos, u64::MAX);
        assert_eq!(Date::new(epoch + Duration::from_nanos(7)).to_data().unwrap().as_bytes(), 7u64.to_ne_bytes());
    }

    #[test]
    fn the_day_ends_before_midnight() {
        assert_eq!(Hour::new(1, 1).to_data().unwrap().as_bytes(), 3660u32.to_ne_bytes());
        assert!(Hour::with_seconds(23, 59, 59).to_data().is_ok());
        assert!(Hour::new(24, 0).to_data().is_err());
        assert!(Hour::new(u32::MAX, 0).to_data().is_err());
        assert_eq!(Hour::new(0, 75), Hour::new(1, 15));
        assert_eq!(Interval::at_least(Hour::new(22, 0)).end(), &Hour::with_seconds(23, 59, 59));
    }

    #[test]
    fn hours_show_seconds_only_if_there_are_any() {
        assert_eq!(Hour::new(0, 0).to_string(), "00:00");
        assert_eq!(Hour::with_seconds(17, 0, 1).to_string(), "17:00:01");
        assert_eq!(Hour::from_data(&86_400u32.to_ne_bytes()).unwrap().to_string(), "24:00");
    }
}
