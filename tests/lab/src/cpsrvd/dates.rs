//! Points in time, written the three ways in which cpsrvd writes them.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in UTC, broken into its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    unix: u64,
    year: u64,
    month: usize,
    day: u64,
}

impl Date {
    pub(super) fn now() -> Self {
        Self::at(unix_now())
    }

    /// The date of a count of seconds since 1970.
    pub(super) fn at(unix: u64) -> Self {
        let (mut year, mut day) = (1970, unix / 86_400);
        while day >= days_in_year(year) {
            day -= days_in_year(year);
            year += 1;
        }
        let mut month = 0;
        while day >= days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        Self { unix, year, month, day: day + 1 }
    }

    /// `Thu, 01 Jan 1970 00:00:01 GMT`, for the `Date` header.
    pub(super) fn http(self) -> String {
        let Self { year, day, .. } = self;
        let weekday = usize::try_from(self.unix / 86_400 % 7).ok().and_then(|n| DAYS.get(n)).unwrap_or(&"Thu");
        let month = MONTHS.get(self.month).unwrap_or(&"Jan");
        format!("{weekday}, {day:02} {month} {year} {} GMT", self.clock())
    }

    /// `01/31/1970:00:00:01 -0000`, for the access log.
    pub(super) fn access_log(self) -> String {
        format!("{:02}/{:02}/{}:{} -0000", self.month + 1, self.day, self.year, self.clock())
    }

    /// `1970-01-31 00:00:01 +0000`, for the session and error logs.
    pub(super) fn session_log(self) -> String {
        format!("{}-{:02}-{:02} {} +0000", self.year, self.month + 1, self.day, self.clock())
    }

    fn clock(self) -> String {
        let seconds = self.unix % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// Seconds since 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_written_three_ways() {
        let date = Date::at(1_709_210_096);
        assert_eq!(date.http(), "Thu, 29 Feb 2024 12:34:56 GMT");
        assert_eq!(date.access_log(), "02/29/2024:12:34:56 -0000");
        assert_eq!(date.session_log(), "2024-02-29 12:34:56 +0000");
    }
}
