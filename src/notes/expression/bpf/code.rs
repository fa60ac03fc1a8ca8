//! Blocks of instructions, and how they become a program.
//!
//! A block computes something, then jumps to one of two blocks that were made before it, so no jump leads back. Equal blocks are one.
//! Conditional jumps reach 255 instructions; where a block lies further off, a jump that reaches anywhere is put between.

use std::collections::HashMap;

use super::headers::{At, Load};
use super::meaning::Ask;
use super::{Instruction, MOST};

/// Instruction codes (include/uapi/linux/bpf_common.h): class, size or operation, mode or source.
pub(super) const LENGTH: u16 = 0x80; // ld #len
const DIRECT: u16 = 0x20; // ld word, so many bytes from the beginning; the sizes below are added
const INDIRECT: u16 = 0x40; // the same, X bytes further on
const HALF: u16 = 0x08;
const BYTE: u16 = 0x10;
/// ldh, from the beginning.
pub(super) const HALF_WORD: u16 = DIRECT | HALF;
pub(super) const SUBTRACT: u16 = 0x14;
const AND: u16 = 0x54;
const RIGHT: u16 = 0x74;
pub(super) const HEADER_LENGTH: u16 = 0xb1; // ldx 4*([k]&0xf)
const JUMP: u16 = 0x05;
pub(super) const EQUAL: u16 = 0x15;
pub(super) const GREATER: u16 = 0x25;
pub(super) const AT_LEAST: u16 = 0x35;
pub(super) const AT_LEAST_X: u16 = 0x3d;
pub(super) const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Offsets from here on are the kernel's own account of a packet (`SKF_AD_OFF`).
const KERNEL: u32 = 0xffff_f000;

/// A block, by its number; those it leads to have lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Label(usize);

impl Label {
    /// The frame does not pass.
    pub const REFUSE: Label = Label(0);
    /// The frame passes.
    pub const ACCEPT: Label = Label(1);
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Block {
    /// Code and operand.
    steps: Vec<(u16, u32)>,
    /// The comparison at the end.
    test: (u16, u32),
    yes: Label,
    no: Label,
}

/// Blocks in the making.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// The first is number 2.
    blocks: Vec<Block>,
    known: HashMap<Block, Label>,
}

impl Code {
    /// A block: steps, a comparison, and where to go on.
    pub fn block(&mut self, steps: &[(u16, u32)], test: (u16, u32), yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let block = Block { steps: steps.to_vec(), test, yes, no };
        if let Some(known) = self.known.get(&block) {
            return *known;
        }
        let label = Label(self.blocks.len() + 2);
        self.blocks.push(block.clone());
        self.known.insert(block, label);
        label
    }

    /// A comparison of one value.
    pub fn value(&mut self, load: Load, test: (u16, u32), yes: Label, no: Label) -> Label {
        let (mode, at) = match load.at {
            At::Start(k) => (DIRECT, k),
            At::BehindIpv4(k) => (INDIRECT, k),
            At::Kernel(k) => (DIRECT, KERNEL.wrapping_add(k)),
        };
        let size = match (load.at, load.width) {
            // What the kernel says comes as a word.
            (At::Kernel(_), _) | (_, 4) => 0,
            (_, 2) => HALF,
            _ => BYTE,
        };
        let mut steps = vec![(mode | size, at)];
        if load.mask != Load::whole(load.at, load.width).mask {
            steps.push((AND, load.mask));
            match load.mask.trailing_zeros() {
                0 | 32 => {}
                shift => steps.push((RIGHT, shift)),
            }
        }
        self.block(&steps, test, yes, no)
    }

    /// A question.
    pub fn ask(&mut self, ask: &Ask, yes: Label, no: Label) -> Label {
        match ask {
            Ask::Always(true) => yes,
            Ask::Always(false) => no,
            Ask::Within(load, low, high) if low == high => self.value(*load, (EQUAL, *low), yes, no),
            Ask::Within(load, low, high) => {
                let below =
                    if *high < load.most() { self.value(*load, (GREATER, *high), no, yes) } else { yes };
                if *low > 0 { self.value(*load, (AT_LEAST, *low), below, no) } else { below }
            }
            Ask::Not(ask) => self.ask(ask, no, yes),
            Ask::All(asks) => asks.iter().rev().fold(yes, |next, ask| self.ask(ask, next, no)),
            Ask::Any(asks) => asks.iter().rev().fold(no, |next, ask| self.ask(ask, yes, next)),
        }
    }

    /// The program that begins with a block. `None` where it is longer than the kernel takes.
    pub fn program(&self, first: Label) -> Option<Vec<Instruction>> {
        let mut is_needed = vec![false; self.blocks.len() + 2];
        is_needed[first.0] = true;
        for at in (2..=first.0).rev() {
            if is_needed[at] {
                let block = &self.blocks[at - 2];
                is_needed[block.yes.0] = true;
                is_needed[block.no.0] = true;
            }
        }
        // Written from its end: what a block leads to is there already, and how far it is, is known.
        let mut back = Backwards { code: Vec::new(), starts: vec![0; is_needed.len()] };
        for at in (0..=first.0).filter(|at| is_needed[*at]) {
            match at.checked_sub(2) {
                None => back.push((RETURN, if at == Label::ACCEPT.0 { u32::MAX } else { 0 }), 0, 0),
                Some(index) => back.block(&self.blocks[index]),
            }
            back.starts[at] = back.code.len();
            if back.code.len() > MOST {
                return None;
            }
        }
        back.code.reverse();
        Some(back.code)
    }
}

/// A program from its end; places count from there, too.
struct Backwards {
    code: Vec<Instruction>,
    /// How many instructions there are from the beginning of a block to the end of the program.
    starts: Vec<usize>,
}

impl Backwards {
    fn push(&mut self, (code, k): (u16, u32), jt: u8, jf: u8) {
        self.code.push(Instruction { code, jt, jf, k });
    }

    fn block(&mut self, block: &Block) {
        let mut targets = [block.yes, block.no].map(|label| self.starts[label.0]);
        for target in &mut targets {
            // The other may need a jump in between, too.
            if self.code.len() + 1 - *target > usize::from(u8::MAX) {
                let far = (self.code.len() - *target) as u32;
                self.push((JUMP, far), 0, 0);
                *target = self.code.len();
            }
        }
        let [yes, no] = targets.map(|target| (self.code.len() - target) as u8);
        self.push(block.test, yes, no);
        for step in block.steps.iter().rev() {
            self.push(*step, 0, 0);
        }
    }
}
