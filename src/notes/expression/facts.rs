//! What an expression is evaluated against: named values, from wherever they come.
//!
//! Leaves out: packets (see `packet`), flows and events, which implement [`Facts`] where they live.

/// One value of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand<'f> {
    /// A flag.
    Bool(bool),
    /// An integer; any unsigned or signed 64-bit number fits.
    Int(i128),
    /// A measured number that is neither whole nor a time (a ratio, a rate).
    Float(f64),
    /// A time or a duration, in nanoseconds; an expression writes it in seconds.
    Time(i128),
    /// Text.
    Text(&'f str),
    /// A 48-bit hardware address.
    Mac([u8; 6]),
    /// An IPv4 address.
    V4([u8; 4]),
    /// An IPv6 address.
    V6([u8; 16]),
    /// Raw bytes.
    Bytes(&'f [u8]),
}

/// Named values. Names are Wireshark's where it has one; aliases are resolved before anything is asked.
pub trait Facts {
    /// Hand each value of `name` to `each`, in wire order; none where it is absent or not known here.
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>));

    /// Whether a field, group or protocol of that name occurs, with a value or without.
    fn has(&self, name: &str) -> bool {
        let mut any = false;
        self.values(name, &mut |_| any = true);
        any
    }

    /// The values of `name` in the `layer`-th layer of its protocol, from 1 (`ip.src#2`: the inner packet's).
    /// Facts that do not come in layers have none.
    fn layer_values(&self, _name: &str, _layer: u16, _each: &mut dyn FnMut(Operand<'_>)) {}
}

/// Several sources of facts as one: the first that has a name answers for it.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a [&'a dyn Facts]);

impl Facts for Chain<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        for facts in self.0 {
            let mut any = false;
            facts.values(name, &mut |value| {
                any = true;
                each(value);
            });
            if any {
                return;
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|facts| facts.has(name))
    }

    fn layer_values(&self, name: &str, layer: u16, each: &mut dyn FnMut(Operand<'_>)) {
        for facts in self.0 {
            let mut any = false;
            facts.layer_values(name, layer, &mut |value| {
                any = true;
                each(value);
            });
            if any {
                return;
            }
        }
    }
}

/// What sort of value a name has, for telling mistakes before any packet is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A protocol: present or not; its bytes can be searched and sliced.
    Protocol,
    /// A flag.
    Flag,
    /// A number.
    Number,
    /// A time or a duration, in seconds.
    Time,
    /// Text.
    Text,
    /// A 48-bit hardware address.
    Mac,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Raw bytes.
    Bytes,
    /// Known to exist, of no fixed kind: compared with anything.
    Any,
}

impl Kind {
    /// Its id in docs/words/expression.toml.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Protocol => "expression.kind.protocol",
            Kind::Flag => "expression.kind.flag",
            Kind::Number => "expression.kind.number",
            Kind::Time => "expression.kind.time",
            Kind::Text => "expression.kind.text",
            Kind::Mac => "expression.kind.mac",
            Kind::Ipv4 => "expression.kind.ipv4",
            Kind::Ipv6 => "expression.kind.ipv6",
            Kind::Bytes => "expression.kind.bytes",
            Kind::Any => "expression.kind.any",
        }
    }
}
