//! The cursor: the only place that reads packet bytes.
//!
//! Every call that takes bytes names the field they are, so a byte cannot be read without an owner.
//! Lengths are `usize` before any arithmetic; nested lengths are bounded by [`Cursor::region`].

use super::{Field, Value};

/// What a cursor tells about the bytes it takes.
pub trait Recorder {
    /// Whether anything is kept; lets a dissector skip work that only a reader of the tree would see.
    const ON: bool;
    /// `bits` bits from bit `at` (counted from the buffer's first bit, most significant first) are `field`.
    fn leaf(&mut self, field: &'static Field, at: usize, bits: usize, value: Value);
    /// A value that follows from others and owns no bytes; `at` is the bit it is best shown beside.
    fn derived(&mut self, field: &'static Field, at: usize, value: Value);
    /// A group of leaves begins (an option, a header line, a resource record), `bits` long where known.
    fn open(&mut self, field: &'static Field, at: usize, bits: usize);
    /// The group that was opened last ends before bit `at`.
    fn close(&mut self, at: usize);
}

/// Bytes that could not be read as the protocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The field that could not be read.
    pub field: &'static str,
    /// Offset in the buffer where it begins.
    pub at: usize,
    /// Bytes it needs.
    pub need: usize,
    /// Bytes there were.
    pub have: usize,
    /// What kind of trouble.
    pub problem: Problem,
}

/// Kinds of trouble with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The bytes end before the field does.
    Cut,
    /// The value makes no sense there (a header length below its minimum, a name that points at itself).
    Content,
}

/// A position in a buffer, an end that it never passes, and a recorder that hears of each field.
pub struct Cursor<'a, 'r, R: Recorder> {
    buffer: &'a [u8],
    at: usize,
    end: usize,
    recorder: &'r mut R,
}

macro_rules! number {
    ($name:ident, $type:ty, $size:literal) => {
        /// The next big-endian number of this width.
        ///
        /// # Errors
        /// [`Malformed`] where fewer bytes are left.
        #[inline(always)]
        pub fn $name(&mut self, field: &'static Field) -> Result<$type, Malformed> {
            let value = <$type>::from_be_bytes(*self.array::<$size>(field)?);
            if R::ON {
                self.recorder.leaf(field, (self.at - $size) * 8, $size * 8, Value::Uint(value.into()));
            }
            Ok(value)
        }
    };
}

impl<'a, 'r, R: Recorder> Cursor<'a, 'r, R> {
    /// A cursor over `buffer[start..end]`; positions it reports count from the buffer's first byte.
    pub fn new(buffer: &'a [u8], start: usize, end: usize, recorder: &'r mut R) -> Self {
        let end = end.min(buffer.len());
        Cursor { buffer, at: start.min(end), end, recorder }
    }

    /// Offset of the next byte in the buffer.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes left.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    /// The bytes left, not taken.
    #[inline(always)]
    pub fn peek(&self) -> &'a [u8] {
        &self.buffer[self.at..self.end]
    }

    /// The next byte, not taken.
    #[inline(always)]
    pub fn peek_u8(&self) -> Option<u8> {
        self.peek().first().copied()
    }

    /// The next big-endian 16-bit number, not taken.
    #[inline(always)]
    pub fn peek_u16(&self) -> Option<u16> {
        self.peek().first_chunk::<2>().map(|b| u16::from_be_bytes(*b))
    }

    /// The whole buffer, for protocols whose bytes point back into themselves (DNS names).
    pub fn buffer(&self) -> &'a [u8] {
        self.buffer
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self, field: &'static Field) -> Result<&'a [u8; N], Malformed> {
        match self.buffer[self.at..self.end].first_chunk::<N>() {
            Some(head) => {
                self.at += N;
                Ok(head)
            }
            None => Err(self.short(field, N)),
        }
    }

    #[cold]
    fn short(&self, field: &'static Field, need: usize) -> Malformed {
        Malformed { field: field.name, at: self.at, need, have: self.left(), problem: Problem::Cut }
    }

    /// An error at the next byte: what was read does not make sense.
    #[cold]
    pub fn nonsense(&self, field: &'static Field) -> Malformed {
        Malformed { field: field.name, at: self.at, need: 0, have: self.left(), problem: Problem::Content }
    }

    number!(u8, u8, 1);
    number!(u16, u16, 2);
    number!(u32, u32, 4);
    number!(u64, u64, 8);

    /// The next little-endian 16-bit number (radiotap, some BSD headers).
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left.
    pub fn u16_le(&mut self, field: &'static Field) -> Result<u16, Malformed> {
        let value = u16::from_le_bytes(*self.array::<2>(field)?);
        if R::ON {
            self.recorder.leaf(field, (self.at - 2) * 8, 16, Value::Uint(value.into()));
        }
        Ok(value)
    }

    /// The next little-endian 32-bit number.
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left.
    pub fn u32_le(&mut self, field: &'static Field) -> Result<u32, Malformed> {
        let value = u32::from_le_bytes(*self.array::<4>(field)?);
        if R::ON {
            self.recorder.leaf(field, (self.at - 4) * 8, 32, Value::Uint(value.into()));
        }
        Ok(value)
    }

    /// `bytes` bytes taken at once and told as several bit fields, most significant first. The widths must
    /// add up to the whole. A width of one is a flag, others are numbers. Returns the whole.
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left; the fields that end at a whole byte before the cut are told.
    #[inline(always)]
    pub fn bits(&mut self, bytes: usize, parts: &[(&'static Field, usize)]) -> Result<u64, Malformed> {
        self.bits_told(bytes, parts, |_, value| value)
    }

    /// Like [`Cursor::bits`], where a number stands for another one (a length counted in words, told in bytes):
    /// `told` gets the part's index and its number and says what is shown.
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left; the fields that end at a whole byte before the cut are told.
    #[inline(always)]
    pub fn bits_told(
        &mut self,
        bytes: usize,
        parts: &[(&'static Field, usize)],
        told: impl Fn(usize, u64) -> u64,
    ) -> Result<u64, Malformed> {
        debug_assert_eq!(parts.iter().map(|p| p.1).sum::<usize>(), bytes * 8);
        let Some(taken) = self.peek().get(..bytes) else {
            return Err(self.short_bits(bytes, parts, told));
        };
        let whole = taken.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        self.tell_bits(whole, bytes * 8, parts, told);
        self.at += bytes;
        Ok(whole)
    }

    /// Tells `parts`, which fill the low `width` bits of `whole`, as leaves from the next byte on.
    #[inline(always)]
    fn tell_bits(
        &mut self,
        whole: u64,
        width: usize,
        parts: &[(&'static Field, usize)],
        told: impl Fn(usize, u64) -> u64,
    ) {
        if R::ON {
            let mut done = 0;
            for (index, (field, bits)) in parts.iter().enumerate() {
                let value = told(index, whole >> (width - done - bits) & (u64::MAX >> (64 - bits)));
                let value = if *bits == 1 { Value::Flag(value == 1) } else { Value::Uint(value) };
                self.recorder.leaf(field, self.at * 8 + done, *bits, value);
                done += bits;
            }
        }
    }

    /// The bit fields do not fit any more: those that end at a whole byte before the cut are still told.
    #[cold]
    fn short_bits(
        &mut self,
        bytes: usize,
        parts: &[(&'static Field, usize)],
        told: impl Fn(usize, u64) -> u64,
    ) -> Malformed {
        let (mut complete, mut whole_bytes, mut width) = (0, 0, 0);
        for (index, (_, bits)) in parts.iter().enumerate() {
            width += bits;
            if width > self.left() * 8 {
                break;
            }
            if width % 8 == 0 {
                (complete, whole_bytes) = (index + 1, width / 8);
            }
        }
        if complete > 0 {
            let whole = self.peek()[..whole_bytes].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            self.tell_bits(whole, whole_bytes * 8, &parts[..complete], told);
            self.at += whole_bytes;
        }
        self.short(parts[complete].0, bytes - whole_bytes)
    }

    /// The next hardware address.
    ///
    /// # Errors
    /// [`Malformed`] where fewer than 6 bytes are left.
    #[inline(always)]
    pub fn mac(&mut self, field: &'static Field) -> Result<[u8; 6], Malformed> {
        let value = *self.array::<6>(field)?;
        if R::ON {
            self.recorder.leaf(field, (self.at - 6) * 8, 48, Value::Mac(value));
        }
        Ok(value)
    }

    /// The next IPv4 address.
    ///
    /// # Errors
    /// [`Malformed`] where fewer than 4 bytes are left.
    #[inline(always)]
    pub fn ipv4(&mut self, field: &'static Field) -> Result<[u8; 4], Malformed> {
        let value = *self.array::<4>(field)?;
        if R::ON {
            self.recorder.leaf(field, (self.at - 4) * 8, 32, Value::Ipv4(value));
        }
        Ok(value)
    }

    /// The next IPv6 address.
    ///
    /// # Errors
    /// [`Malformed`] where fewer than 16 bytes are left.
    #[inline(always)]
    pub fn ipv6(&mut self, field: &'static Field) -> Result<[u8; 16], Malformed> {
        let value = *self.array::<16>(field)?;
        if R::ON {
            self.recorder.leaf(field, (self.at - 16) * 8, 128, Value::Ipv6(value));
        }
        Ok(value)
    }

    /// `length` bytes as they are. Zero bytes are taken without a leaf: nothing to own.
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left.
    #[inline(always)]
    pub fn bytes(&mut self, field: &'static Field, length: usize) -> Result<&'a [u8], Malformed> {
        if self.left() < length {
            return Err(self.short(field, length));
        }
        let bytes = &self.buffer[self.at..self.at + length];
        if R::ON && length > 0 {
            self.recorder.leaf(field, self.at * 8, length * 8, Value::Bytes);
        }
        self.at += length;
        Ok(bytes)
    }

    /// `length` bytes as text.
    ///
    /// # Errors
    /// [`Malformed`] where fewer bytes are left.
    pub fn text(&mut self, field: &'static Field, length: usize) -> Result<&'a [u8], Malformed> {
        if self.left() < length {
            return Err(self.short(field, length));
        }
        let bytes = &self.buffer[self.at..self.at + length];
        self.told(field, length, || Value::Text(String::from_utf8_lossy(bytes).into_owned()));
        Ok(bytes)
    }

    /// `length` bytes (which must be left) whose value the caller knows how to tell.
    pub fn told(&mut self, field: &'static Field, length: usize, value: impl FnOnce() -> Value) {
        debug_assert!(length <= self.left());
        if R::ON && length > 0 {
            self.recorder.leaf(field, self.at * 8, length * 8, value());
        }
        self.at += length;
    }

    /// All that is left, whatever it is.
    pub fn rest(&mut self, field: &'static Field) -> &'a [u8] {
        let left = self.left();
        self.bytes(field, left).unwrap_or(&[])
    }

    /// A value that follows from others; the closure runs only where someone reads it.
    #[inline(always)]
    pub fn derived(&mut self, field: &'static Field, value: impl FnOnce() -> Value) {
        if R::ON {
            self.recorder.derived(field, self.at * 8, value());
        }
    }

    /// A group of leaves: whatever `inside` reads stands under `field`.
    ///
    /// # Errors
    /// Those of `inside`; the group is closed in any case.
    pub fn group<T>(
        &mut self,
        field: &'static Field,
        inside: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.recorder.open(field, self.at * 8, 0);
        let result = inside(self);
        self.recorder.close(self.at * 8);
        result
    }

    /// The next `length` bytes as a region of their own that `inside` cannot leave. What it does not read
    /// becomes a leaf `leftover`; trouble inside is returned as a value, because what follows the region
    /// is readable all the same.
    ///
    /// # Errors
    /// [`Malformed`] where fewer than `length` bytes are left; nothing has been read then.
    pub fn region<T>(
        &mut self,
        length: usize,
        leftover: &'static Field,
        inside: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Result<T, Malformed>, Malformed> {
        if self.left() < length {
            return Err(self.short(leftover, length));
        }
        let outer = std::mem::replace(&mut self.end, self.at + length);
        let result = inside(self);
        self.rest(leftover);
        self.end = outer;
        Ok(result)
    }

    /// Like [`Cursor::region`], for regions that a cut packet may hold only the beginning of: then `inside`
    /// still reads what there is, up to the cut, and the error says how much is missing.
    ///
    /// # Errors
    /// [`Malformed`] where fewer than `length` bytes are left; the region's beginning has been read then.
    pub fn region_as_captured<T>(
        &mut self,
        length: usize,
        leftover: &'static Field,
        inside: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Result<T, Malformed>, Malformed> {
        if self.left() < length {
            let cut = self.short(leftover, length);
            return Err(inside(self).err().unwrap_or(cut));
        }
        self.region(length, leftover, inside)
    }
}
