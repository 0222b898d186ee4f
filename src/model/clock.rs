//! Time as an argument.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde::Serialize;

/// A moment, in milliseconds since the UNIX epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment that many whole seconds after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch.
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment and a span later (or the last moment that there is).
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This moment and a span earlier (or the first moment that there is).
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// As people read it who need no seconds: `2026-11-22 18:04 UTC`.
    pub fn to_minute(self) -> String {
        let text = self.to_string();
        let read = text.split_once('T').and_then(|(day, time)| Some(format!("{day} {} UTC", time.get(..5)?)));
        read.unwrap_or(text)
    }

    /// The span since an earlier moment; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds.
    pub fn text(self) -> TimestampText {
        // By hand: every record of a request has it, and the general way costs ten times as much.
        let days = self.0 / DAY;
        if days >= YEAR_10000 {
            return TimestampText(*b"9999-12-31T23:59:59.999Z");
        }
        let (year, month, day) = civil(days);
        let of_day = self.0 % DAY;
        let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: usize, value: u64| {
            if let Some(slots) = text.get_mut(place..).and_then(|slots| slots.first_chunk_mut::<2>()) {
                let pair = usize::try_from(value * 2).ok().and_then(|at| PAIRS.get(at..)?.first_chunk::<2>());
                *slots = pair.copied().unwrap_or(*slots);
            }
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, month);
        put(8, day);
        put(11, hour);
        put(14, minute);
        put(17, second);
        // Three digits, of which the one in the middle is in both pairs.
        put(20, of_day % 1000 / 10);
        put(21, of_day % 100);
        TimestampText(text)
    }
}

/// A moment as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampText([u8; 24]);

impl TimestampText {
    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same as bytes, which need no look at whether they are text.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The numbers below a hundred in two digits each.
const PAIRS: &[u8; 200] =
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
    5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// Days from 1970 to the first that has no four digits for its year.
const YEAR_10000: u64 = 2_932_897;

/// The date of a day, counted from 1970, in the Gregorian calendar. Years begin in March here, so that the odd
/// day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    // Since 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year_of_era + later, month, day)
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a moment of RFC 3339, such as 2026-11-22T19:00:00Z")]
pub struct InvalidTimestamp;

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339 with any offset; moments before 1970 are none.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        u64::try_from(moment.as_millisecond()).map(Self).map_err(|_| InvalidTimestamp)
    }
}

/// Where the time comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let span = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_rfc_3339() {
        assert_eq!(Timestamp(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Timestamp(1_700_000_000_123).to_minute(), "2023-11-14 22:13 UTC");
        assert_eq!("2023-11-14T23:13:20.123+01:00".parse(), Ok(Timestamp(1_700_000_000_123)));
        // Every day of 400 years and of the last one, beside another who knows the calendar.
        for day in (0..146_097).chain(YEAR_10000 - 400..YEAR_10000 - 2) {
            let moment = day * DAY + day * 7919 % DAY;
            let expected = jiff::Timestamp::from_millisecond(i64::try_from(moment).unwrap()).unwrap();
            assert_eq!(Timestamp(moment).to_string(), format!("{expected:.3}"));
        }
        assert_eq!(Timestamp(YEAR_10000 * DAY).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTimestamp));
    }
}
