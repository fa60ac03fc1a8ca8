//! Names of registered ports.
//!
//! RFC 6335 (what the registry is); the names are IANA's, in `ports.tsv` beside this file, chosen: the ports
//! that captures show. A name says what a port is registered for, not what is spoken there.
//! Leaves out: dynamic ports (49152 and up, RFC 6335 section 6), which belong to nobody.

use std::sync::OnceLock;

/// One row: port, name, whether registered for TCP, for UDP.
type Row = (u16, &'static str, bool, bool);

/// The service that a port is registered for, over TCP or UDP.
pub fn service(port: u16, tcp: bool) -> Option<&'static str> {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    let table = TABLE.get_or_init(|| rows().collect());
    let first = table.partition_point(|row| row.0 < port);
    table[first..]
        .iter()
        .take_while(|row| row.0 == port)
        .find(|row| if tcp { row.2 } else { row.3 })
        .map(|row| row.1)
}

/// The table's rows, in order of ports. A row that cannot be read is none; a test sees to it that all can.
fn rows() -> impl Iterator<Item = Row> {
    include_str!("ports.tsv").lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let (port, name, over) = (cells.next()?.parse().ok()?, cells.next()?, cells.next()?);
        Some((port, name, over.contains('t'), over.contains('u')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_is_in_order() {
        let lines = include_str!("ports.tsv").lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(rows().count(), lines);
        assert!(rows().all(|row| row.2 || row.3));
        assert!(rows().is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn names() {
        assert_eq!(service(80, true), Some("http"));
        assert_eq!(service(53, false), Some("domain"));
        assert_eq!((service(514, true), service(514, false)), (Some("shell"), Some("syslog")));
        assert_eq!(service(22, false), None);
        assert_eq!(service(60000, true), None);
    }
}
