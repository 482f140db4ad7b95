//! In which order chains see packets.

use std::fmt;
use std::ops::{Add, Sub};

use super::Hook;
use crate::wire::Family;

/// The place of a chain among those at the same hook: lower ones see packets first.
///
/// The names are nft's; in the bridge family they stand for other numbers, as they do in nft. It
/// displays in nft's words.
///
/// ```
/// use nftlink::{Family, Hook, Priority};
/// assert_eq!((Priority::FILTER - 5).number(Family::INET), -5);
/// assert_eq!(Priority::FILTER.number(Family::BRIDGE), -200);
/// assert_eq!(Priority::from(42).number(Family::INET), 42);
/// let read = Priority::from_number(Family::INET, Hook::PREROUTING, -95);
/// assert_eq!(read, Priority::DSTNAT + 5);
/// assert_eq!(read.to_string(), "dstnat + 5");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Priority {
    base: PriorityBase,
    offset: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PriorityBase {
    Zero,
    Raw,
    Mangle,
    Dstnat,
    Filter,
    Security,
    Out,
    Srcnat,
}

impl Priority {
    /// Before connection tracking: -300.
    pub const RAW: Self = Self::named(PriorityBase::Raw);
    /// -150.
    pub const MANGLE: Self = Self::named(PriorityBase::Mangle);
    /// Where destinations are translated: -100; bridge -300.
    pub const DSTNAT: Self = Self::named(PriorityBase::Dstnat);
    /// 0; bridge -200.
    pub const FILTER: Self = Self::named(PriorityBase::Filter);
    /// 50.
    pub const SECURITY: Self = Self::named(PriorityBase::Security);
    /// 100, of the bridge family.
    pub const OUT: Self = Self::named(PriorityBase::Out);
    /// Where sources are translated: 100; bridge 300.
    pub const SRCNAT: Self = Self::named(PriorityBase::Srcnat);

    const fn named(base: PriorityBase) -> Self {
        Self { base, offset: 0 }
    }

    /// Names a number as nft does: by the name that stands for it at that hook, or for one at most
    /// ten away, or else by itself.
    pub fn from_number(family: Family, hook: Hook, number: i32) -> Self {
        /// `reach` in nft's `prio2str`.
        const REACH: u32 = 10;
        let near = Self::of(family, hook).find_map(|name| {
            let offset = number.checked_sub(name.number(family))?;
            (offset.unsigned_abs() <= REACH).then_some(name + offset)
        });
        near.unwrap_or(Self::from(number))
    }

    /// The names that nft knows at a hook (`std_prio_family_hook_compat` of its `src/rule.c`).
    fn of(family: Family, hook: Hook) -> impl Iterator<Item = Self> {
        let all: &[Self] = match family {
            Family::IP | Family::IP6 | Family::INET => {
                &[Self::RAW, Self::MANGLE, Self::DSTNAT, Self::FILTER, Self::SECURITY, Self::SRCNAT]
            }
            Family::BRIDGE => &[Self::DSTNAT, Self::FILTER, Self::OUT, Self::SRCNAT],
            Family::ARP | Family::NETDEV => &[Self::FILTER],
            _ => &[],
        };
        all.iter().copied().filter(move |name| match name.base {
            PriorityBase::Dstnat => hook == Hook::PREROUTING,
            PriorityBase::Srcnat => hook == Hook::POSTROUTING,
            PriorityBase::Out => hook == Hook::OUTPUT,
            _ => true,
        })
    }

    /// Returns the kernel's number in a family.
    pub fn number(self, family: Family) -> i32 {
        let bridge = family == Family::BRIDGE;
        let base: i32 = match self.base {
            PriorityBase::Zero => 0,
            PriorityBase::Raw => -300,
            PriorityBase::Mangle => -150,
            PriorityBase::Dstnat => {
                if bridge {
                    -300
                } else {
                    -100
                }
            }
            PriorityBase::Filter => {
                if bridge {
                    -200
                } else {
                    0
                }
            }
            PriorityBase::Security => 50,
            PriorityBase::Out => 100,
            PriorityBase::Srcnat => {
                if bridge {
                    300
                } else {
                    100
                }
            }
        };
        base.saturating_add(self.offset)
    }
}

impl From<i32> for Priority {
    fn from(number: i32) -> Self {
        Self { base: PriorityBase::Zero, offset: number }
    }
}

impl Add<i32> for Priority {
    type Output = Self;

    fn add(self, offset: i32) -> Self {
        Self { offset: self.offset.saturating_add(offset), ..self }
    }
}

impl Sub<i32> for Priority {
    type Output = Self;

    fn sub(self, offset: i32) -> Self {
        Self { offset: self.offset.saturating_sub(offset), ..self }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.base {
            PriorityBase::Zero => return write!(f, "{}", self.offset),
            PriorityBase::Raw => "raw",
            PriorityBase::Mangle => "mangle",
            PriorityBase::Dstnat => "dstnat",
            PriorityBase::Filter => "filter",
            PriorityBase::Security => "security",
            PriorityBase::Out => "out",
            PriorityBase::Srcnat => "srcnat",
        })?;
        match self.offset {
            0 => Ok(()),
            offset => write!(f, " {} {}", if offset < 0 { '-' } else { '+' }, offset.unsigned_abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_do_not_overflow() {
        assert_eq!((Priority::from(i32::MAX) + 1).number(Family::IP), i32::MAX);
        assert_eq!((Priority::RAW - i32::MAX).number(Family::IP), i32::MIN);
        for number in [i32::MIN, i32::MAX] {
            assert_eq!(Priority::from_number(Family::BRIDGE, Hook::OUTPUT, number), Priority::from(number));
        }
    }

    #[test]
    fn a_number_has_the_name_that_stands_for_it_in_its_family_and_at_its_hook() {
        let words = |family, hook, number| Priority::from_number(family, hook, number).to_string();
        assert_eq!(words(Family::INET, Hook::INPUT, 0), "filter");
        assert_eq!(words(Family::INET, Hook::INPUT, -10), "filter - 10");
        assert_eq!(words(Family::INET, Hook::INPUT, 11), "11");
        assert_eq!(words(Family::IP, Hook::PREROUTING, -100), "dstnat");
        assert_eq!(words(Family::IP, Hook::OUTPUT, -100), "-100");
        assert_eq!(words(Family::BRIDGE, Hook::OUTPUT, 101), "out + 1");
        assert_eq!(words(Family::BRIDGE, Hook::INPUT, 0), "0");
        assert_eq!(words(Family::BRIDGE, Hook::INPUT, -200), "filter");
        assert_eq!(words(Family::NETDEV, Hook::INGRESS, -300), "-300");
    }

    #[test]
    fn naming_a_number_does_not_change_it() {
        for family in [Family::INET, Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV] {
            for hook in (0..6).map(|number| Hook::from_number(family, number)) {
                for number in -500..500 {
                    assert_eq!(Priority::from_number(family, hook, number).number(family), number);
                }
            }
        }
    }
}
