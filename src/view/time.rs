//! Times as people read them, in the forms that tcpdump and tshark have taught them.

use jiff::Timestamp;

/// How the time column is written; names are tshark's `-t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// Seconds since the first frame.
    #[default]
    Relative,
    /// Time of day, UTC.
    Time,
    /// Date and time, UTC.
    Date,
    /// Seconds since the frame before.
    Delta,
    /// Seconds since the frame that was shown before.
    DeltaShown,
    /// Seconds since 1970.
    Epoch,
}

/// What the column is counted from, as frames go by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    first: Option<i64>,
    before: Option<i64>,
    shown: Option<i64>,
}

impl Clock {
    /// A frame goes by; returns its time in the format. `shown` says whether it has a line.
    pub fn tell(&mut self, format: TimeFormat, time_ns: i64, shown: bool) -> String {
        let first = *self.first.get_or_insert(time_ns);
        let before = self.before.replace(time_ns).unwrap_or(time_ns);
        let base = match format {
            TimeFormat::Relative => first,
            TimeFormat::Delta => before,
            TimeFormat::DeltaShown => self.shown.unwrap_or(time_ns),
            TimeFormat::Time | TimeFormat::Date | TimeFormat::Epoch => 0,
        };
        if shown {
            self.shown = Some(time_ns);
        }
        match format {
            _ if !shown => String::new(),
            TimeFormat::Time => moment(time_ns, true),
            TimeFormat::Date => moment(time_ns, false),
            TimeFormat::Epoch => seconds(time_ns, 9),
            _ => seconds(time_ns.saturating_sub(base), 6),
        }
    }
}

/// Seconds with so many decimals; the rest is cut off, as tcpdump and tshark do.
pub fn seconds(ns: i64, decimals: usize) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let fraction = format!("{:09}", ns % 1_000_000_000);
    format!("{sign}{}.{}", ns / 1_000_000_000, &fraction[..decimals.clamp(1, 9)])
}

/// A moment in UTC, as `2026-11-21 01:16:03.270952` or its second half, with as many decimals as it needs.
pub fn moment(ns: i64, day_only: bool) -> String {
    let Ok(moment) = Timestamp::from_nanosecond(ns.into()) else { return seconds(ns, 9) };
    let text = moment.to_string();
    // RFC 3339: 2026-11-21T01:16:03.270952Z
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or(("", &text));
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let decimals = if fraction.len() > 6 { 9 } else { 6 };
    let time = format!("{whole}.{fraction:0<decimals$}");
    if day_only { time } else { format!("{date} {time}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(1_795_223_763_270_952_000, false), "2026-11-21 01:16:03.270952");
        assert_eq!(moment(1_795_223_763_270_952_001, true), "01:16:03.270952001");
        assert_eq!(moment(0, false), "1970-01-01 00:00:00.000000");
    }

    #[test]
    fn the_clock_counts_from_what_the_format_says() {
        let tell = |format| {
            let mut clock = Clock::default();
            clock.tell(format, 1_000_000_000, true);
            clock.tell(format, 1_500_000_000, false);
            clock.tell(format, 1_700_000_000, true)
        };
        assert_eq!(tell(TimeFormat::Relative), "0.700000");
        assert_eq!(tell(TimeFormat::Delta), "0.200000");
        assert_eq!(tell(TimeFormat::DeltaShown), "0.700000");
        assert_eq!(tell(TimeFormat::Epoch), "1.700000000");
    }

    #[test]
    fn time_may_run_backwards() {
        assert_eq!(seconds(-1_500_000_000, 6), "-1.500000");
        assert_eq!(seconds(i64::MIN, 6), "-9223372036.854775");
    }
}
