//! Datagrams that count themselves, as RTP's do (RFC 3550 section 5.1): which are missing, which come late, at what pace.
//!
//! Names of the conversation: `train.count` of them; `train.pace`, the median time between two; `train.missing` how many numbers never came,
//! `train.gap_packet` the first after a gap; `train.before`, `train.after` the median time between two before that gap and
//! after it; `train.late_packet`, `train.late`, `train.late_after`: one that came after one with a higher number, and that number.
//!
//! Bounded: [`MAX_KNOWN`] conversations, then all are forgotten; [`MAX_TIMES`] times a conversation. Numbers count only where the
//! first [`SURE`] of them are those of one source, close together.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Conversations remembered.
const MAX_KNOWN: usize = 1_024;
/// Arrivals remembered of each.
const MAX_TIMES: usize = 512;
/// From so many on it is believed that they count themselves.
const SURE: usize = 8;
/// The most that a number may be away from the one before.
const NEAR: i32 = 64;

use expression::Kind::{Number, Time};

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("train.count", Number),
    ("train.pace", Time),
    ("train.missing", Number),
    ("train.gap_packet", Number),
    ("train.before", Time),
    ("train.after", Time),
    ("train.late_packet", Number),
    ("train.late", Number),
    ("train.late_after", Number),
];

/// One of them: number, time, packet.
type Car = (u16, i64, u64);

#[derive(Debug)]
struct Train {
    source: u32,
    sport: u16,
    cars: Vec<Car>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Trains {
    trains: HashMap<FlowId, Option<Train>, RandomState>,
}

impl Memory for Trains {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        let (Some(flow), Some((sport, data))) = (outcome.flow, datagram(frame, packet)) else { return };
        if outcome.events.iter().any(|e| e.kind == Kind::CaptureCopy) {
            return;
        }
        if self.trains.len() >= MAX_KNOWN && !self.trains.contains_key(&flow) {
            self.trains.clear();
        }
        let counted = count(data);
        let train = self
            .trains
            .entry(flow)
            .or_insert_with(|| counted.map(|(_, source)| Train { source, sport, cars: Vec::new() }));
        let Some(known) = train.as_mut().filter(|known| known.sport == sport) else { return };
        let Some(number) = counted.filter(|(_, source)| *source == known.source).map(|(number, _)| number)
        else {
            *train = None;
            return;
        };
        let step = known.cars.last().map_or(1, |last| i32::from(number.wrapping_sub(last.0).cast_signed()));
        if step.abs() > NEAR || step == 0 {
            *train = None;
        } else if known.cars.len() < MAX_TIMES {
            known.cars.push((number, frame.time_ns, frame.number));
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.trains.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        if !name.starts_with("train.") {
            return;
        }
        let train = flow.and_then(|flow| self.trains.get(&flow)?.as_ref());
        let Some(train) = train.filter(|train| train.cars.len() >= SURE) else { return };
        let cars = &train.cars;
        let step = |pair: &[Car]| i32::from(pair[1].0.wrapping_sub(pair[0].0).cast_signed());
        let gap = cars.windows(2).position(|pair| step(pair) > 1).map(|at| at + 1);
        let late = cars.windows(2).find(|pair| step(pair) < 0);
        match name {
            "train.count" => each(Operand::Int(cars.len() as i128)),
            "train.pace" => pace(cars).into_iter().for_each(|t| each(Operand::Time(t))),
            "train.missing" => each(Operand::Int(missing(cars))),
            "train.gap_packet" => gap.into_iter().for_each(|at| each(Operand::Int(cars[at].2.into()))),
            "train.before" => {
                gap.and_then(|at| pace(&cars[..at])).into_iter().for_each(|t| each(Operand::Time(t)));
            }
            "train.after" => {
                gap.and_then(|at| pace(&cars[at..])).into_iter().for_each(|t| each(Operand::Time(t)));
            }
            "train.late_packet" => late.into_iter().for_each(|pair| each(Operand::Int(pair[1].2.into()))),
            "train.late" => late.into_iter().for_each(|pair| each(Operand::Int(pair[1].0.into()))),
            "train.late_after" => late.into_iter().for_each(|pair| each(Operand::Int(pair[0].0.into()))),
            _ => {}
        }
    }
}

/// The median time between two in a row.
fn pace(cars: &[Car]) -> Option<i128> {
    let mut times: Vec<i64> = cars.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    times.sort_unstable();
    times.get(times.len() / 2).map(|time| i128::from(*time))
}

/// How many numbers between the lowest and the highest never came.
fn missing(cars: &[Car]) -> i128 {
    let first = cars[0].0;
    let places: HashSet<i16> = cars.iter().map(|car| car.0.wrapping_sub(first).cast_signed()).collect();
    let (Some(low), Some(high)) = (places.iter().min(), places.iter().max()) else { return 0 };
    i128::from(*high) - i128::from(*low) + 1 - places.len() as i128
}

/// Number and source of a datagram that begins like RTP: version 2, no more than a header and a payload.
fn count(data: &[u8]) -> Option<(u16, u32)> {
    let [0x80, _, a, b, _, _, _, _, w, x, y, z, ..] = *data else { return None };
    Some((u16::from_be_bytes([a, b]), u32::from_be_bytes([w, x, y, z])))
}

fn datagram<'a>(frame: &Frame<'a>, packet: &Packet<'_>) -> Option<(u16, &'a [u8])> {
    let layer = packet.transport()?;
    let Header::Udp(udp) = &layer.header else { return None };
    Some((udp.source_port(), frame.bytes.get(layer.header_end..)?))
}
