//! Opening hours by time zone, with holidays.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use types::Timestamp;

/// Goes one way or another by the hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub label: String,
    /// IANA name such as `Europe/Bucharest`.
    pub time_zone: String,
    /// When it is open.
    pub weekly: Vec<Period>,
    /// Days on which it is not, whatever the week says.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    pub open: String,
    pub closed: String,
    /// Where holidays lead; absent: as `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holiday: Option<String>,
}

/// The same hours on some days. `to` before `from` reaches into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    pub days: Vec<Day>,
    pub from: Clock,
    /// Not included; `24:00` is the end of the day.
    pub to: Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub date: Date,
    #[serde(default)]
    pub name: String,
}

/// `HH:MM`, as minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(u32);

/// `2026-12-25`, or `12-25` for every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: Option<i32>,
    month: u32,
    day: u32,
}

impl Clock {
    /// After midnight.
    pub fn minutes(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Clock, String> {
        let wrong = || format!("{text:?} is not a time such as 08:30");
        let (hours, minutes) =
            text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or_else(wrong)?;
        let (hours, minutes): (u32, u32) =
            (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
        let whole = 60 * hours + minutes;
        if minutes < 60 && whole <= 24 * 60 { Ok(Clock(whole)) } else { Err(wrong()) }
    }
}

impl From<Clock> for String {
    fn from(Clock(minutes): Clock) -> String {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Date, String> {
        let wrong = || format!("{text:?} is not a date such as 2026-12-25 or, for every year, 12-25");
        let parts: Vec<u32> =
            text.split('-').map(|part| part.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        let (year, month, day) = match parts[..] {
            [year, month, day] if text.len() == 10 => (Some(year as i32), month, day),
            [month, day] if text.len() == 5 => (None, month, day),
            _ => return Err(wrong()),
        };
        // 2000 had a 29th of February.
        NaiveDate::from_ymd_opt(year.unwrap_or(2000), month, day)
            .map(|_| Date { year, month, day })
            .ok_or_else(wrong)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> String {
        date.to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(year) = self.year {
            write!(f, "{year:04}-")?;
        }
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl Date {
    /// This time of this day in a time zone; `None` for a day of every year, a zone
    /// that there is not, and a time that the change of clocks leaves out.
    pub fn at(self, clock: Clock, time_zone: &str) -> Option<Timestamp> {
        let zone: Tz = time_zone.parse().ok()?;
        let midnight = NaiveDate::from_ymd_opt(self.year?, self.month, self.day)?.and_time(NaiveTime::MIN);
        let local = midnight + TimeDelta::minutes(clock.minutes().into());
        let at = zone.from_local_datetime(&local).earliest()?;
        Some(Timestamp::from_millis(at.timestamp_millis()))
    }

    fn is(self, day: NaiveDate) -> bool {
        self.year.is_none_or(|year| year == day.year()) && (self.month, self.day) == (day.month(), day.day())
    }
}

impl Period {
    fn covers(&self, day: NaiveDate, minute: u32) -> bool {
        let on = |day: NaiveDate| self.days.contains(&WEEK[day.weekday().num_days_from_monday() as usize]);
        let (Clock(from), Clock(to)) = (self.from, self.to);
        if from < to {
            return on(day) && (from..to).contains(&minute);
        }
        let yesterday = day.checked_sub_days(Days::new(1)).is_some_and(on);
        (on(day) && minute >= from) || (yesterday && minute < to)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.days.is_empty() || self.from == self.to
    }
}

impl Hours {
    pub(crate) fn zone(&self) -> Option<Tz> {
        self.time_zone.parse().ok()
    }

    /// Where a call goes at this time. Clocks on the wall count: an hour that
    /// is there twice in autumn is open or closed twice.
    pub(crate) fn exit(&self, now: Timestamp) -> &str {
        let utc = chrono::DateTime::from_timestamp_millis(now.millis()).unwrap_or_default();
        let local = self.zone().unwrap_or(Tz::UTC).from_utc_datetime(&utc.naive_utc());
        let (day, minute) = (local.date_naive(), local.hour() * 60 + local.minute());
        if self.holidays.iter().any(|holiday| holiday.date.is(day)) {
            return self.holiday.as_deref().unwrap_or(&self.closed);
        }
        let open = self.weekly.iter().any(|period| period.covers(day, minute));
        if open { &self.open } else { &self.closed }
    }
}
