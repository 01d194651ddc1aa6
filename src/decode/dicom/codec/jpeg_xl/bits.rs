//! The bits of a codestream (ISO/IEC 18181-1, clause 9): the lowest of each byte first. None is made up.

use super::{cut, damaged};
use crate::error::Result;

/// Bits from a byte on.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    held: u64,
    count: u32,
}

/// One of four ways to code a number: what it is at least, and bits that are added.
pub(super) type Ways = [(u32, u32); 4];

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, held: 0, count: 0 }
    }

    /// Holds `count` bits, at most 56, or all that there are.
    fn fill(&mut self, count: u32) {
        while self.count < count
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.held |= u64::from(*byte) << self.count;
            self.count += 8;
            self.bytes = rest;
        }
    }

    /// The next bits, at most 32.
    pub(super) fn take(&mut self, count: u32) -> Result<u32> {
        self.fill(count);
        if self.count < count {
            return Err(cut());
        }
        let value = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        Ok(value as u32)
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.take(1)? == 1)
    }

    pub(super) fn number(&mut self, ways: Ways) -> Result<u32> {
        let (least, bits) = ways[self.take(2)? as usize];
        Ok(least.wrapping_add(self.take(bits)?))
    }

    pub(super) fn choice(&mut self) -> Result<u32> {
        self.number([(0, 0), (1, 0), (2, 4), (18, 6)])
    }

    pub(super) fn long(&mut self) -> Result<u64> {
        match self.take(2)? {
            0 => Ok(0),
            1 => Ok(1 + u64::from(self.take(4)?)),
            2 => Ok(17 + u64::from(self.take(8)?)),
            _ => {
                let mut value = u64::from(self.take(12)?);
                let mut shift = 12;
                while self.flag()? {
                    let bits = if shift == 60 { 4 } else { 8 };
                    value |= u64::from(self.take(bits)?) << shift;
                    if shift == 60 {
                        break;
                    }
                    shift += 8;
                }
                Ok(value)
            }
        }
    }

    /// Extensions that are not known, whose bits are left out.
    pub(super) fn extensions(&mut self) -> Result<()> {
        if self.long()? != 0 {
            return Err(damaged("it has extensions that are not known"));
        }
        Ok(())
    }

    /// Goes to the next whole byte, and gives what is left.
    pub(super) fn align(&mut self) -> Result<()> {
        self.take(self.count % 8).map(drop)
    }

    /// The whole bytes behind those that were read, once it is aligned.
    pub(super) fn rest(&self, all: &'a [u8]) -> &'a [u8] {
        let left = self.bytes.len() + (self.count / 8) as usize;
        &all[all.len() - left.min(all.len())..]
    }
}
