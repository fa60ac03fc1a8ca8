//! Names of registered ports.
//!
//! RFC 6335 (what the registry is); the names are IANA's, chosen: those of services that wait for clients, by which a
//! capture's first packet is read, are in `ports.tsv` beside this file, further names in `tables/ports.tsv`. A name says what
//! a port is registered for, not what is spoken there.
//! Leaves out: dynamic ports (49152 and up, RFC 6335 section 6), which belong to nobody.

use std::sync::OnceLock;

/// One row: port, name, whether registered for TCP, for UDP.
type Row = (u16, &'static str, bool, bool);

/// The well-known service that waits at a port, over TCP or UDP: who has such a port is a server.
pub fn service(port: u16, tcp: bool) -> Option<&'static str> {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    find(TABLE.get_or_init(|| rows(SERVICES).collect()), port, tcp)
}

/// The name that a port is registered under, over TCP or UDP. With so many names either end of a connection may have one
/// by chance, so this says nothing of who serves.
pub fn name(port: u16, tcp: bool) -> Option<&'static str> {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    service(port, tcp).or_else(|| find(TABLE.get_or_init(|| rows(NAMES).collect()), port, tcp))
}

fn find(table: &[Row], port: u16, tcp: bool) -> Option<&'static str> {
    let first = table.partition_point(|row| row.0 < port);
    table[first..]
        .iter()
        .take_while(|row| row.0 == port)
        .find(|row| if tcp { row.2 } else { row.3 })
        .map(|row| row.1)
}

const SERVICES: &str = include_str!("ports.tsv");
const NAMES: &str = include_str!("tables/ports.tsv");

/// A table's rows, in order of ports. A row that cannot be read is none; a test sees to it that all can.
fn rows(table: &'static str) -> impl Iterator<Item = Row> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
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
        for table in [SERVICES, NAMES] {
            let lines = table.lines().filter(|l| !l.starts_with('#')).count();
            assert_eq!(rows(table).count(), lines);
            assert!(rows(table).all(|row| row.2 || row.3));
            assert!(rows(table).is_sorted_by_key(|row| row.0));
        }
    }

    #[test]
    fn names() {
        assert_eq!(service(80, true), Some("http"));
        assert_eq!(service(53, false), Some("domain"));
        assert_eq!((service(514, true), service(514, false)), (Some("shell"), Some("syslog")));
        assert_eq!(service(22, false), None);
        assert_eq!((service(60000, true), name(60000, true)), (None, None));
        assert_eq!((service(18, true), name(18, true)), (None, Some("msp")));
        assert_eq!(name(53, false), Some("domain"));
    }
}
