//! Where chains meet packets.

use std::fmt;

use crate::wire::Family;

/// A place in the network stack where packets meet chains.
///
/// The kernel's number for it depends on the family: [`number`](Self::number) tells.
///
/// ```
/// use nftlink::{Family, Hook};
/// assert_eq!(Hook::INPUT.number(Family::INET), Some(1));
/// assert_eq!(Hook::INPUT.number(Family::ARP), Some(0));
/// assert_eq!(Hook::FORWARD.number(Family::NETDEV), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hook(u64);

impl Hook {
    /// Packets that came in, before routing.
    pub const PREROUTING: Self = Self(0);
    /// Packets for this machine.
    pub const INPUT: Self = Self(1);
    /// Packets that this machine passes on.
    pub const FORWARD: Self = Self(2);
    /// Packets that this machine sends.
    pub const OUTPUT: Self = Self(3);
    /// Packets that go out, after routing.
    pub const POSTROUTING: Self = Self(4);
    /// Frames as a device receives them (family netdev; inet from Linux 5.10 on). A chain there
    /// needs a [device](crate::Chain::device).
    pub const INGRESS: Self = Self(5);
    /// Frames as a device sends them (family netdev, Linux 5.16). A chain there needs a
    /// [device](crate::Chain::device).
    pub const EGRESS: Self = Self(6);

    /// Marks a number that has no name in its family.
    const UNNAMED: u64 = 1 << 32;

    /// The hooks of a family, in the order of their numbers.
    fn of(family: Family) -> &'static [Self] {
        const INET: &[Hook] =
            &[Hook::PREROUTING, Hook::INPUT, Hook::FORWARD, Hook::OUTPUT, Hook::POSTROUTING, Hook::INGRESS];
        match family {
            Family::INET => INET,
            Family::IP | Family::IP6 | Family::BRIDGE => &INET[..5],
            Family::ARP => &[Self::INPUT, Self::OUTPUT],
            Family::NETDEV => &[Self::INGRESS, Self::EGRESS],
            _ => &[],
        }
    }

    /// Returns the hook that has a number in a family; a number without a name is kept.
    pub fn from_number(family: Family, number: u32) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::of(family).get(at).copied())
            .unwrap_or(Self(u64::from(number) | Self::UNNAMED))
    }

    /// Returns the hook's number in a family, or `None` if the family does not have it.
    pub fn number(self, family: Family) -> Option<u32> {
        if self.0 & Self::UNNAMED != 0 {
            return u32::try_from(self.0 & !Self::UNNAMED).ok();
        }
        Self::of(family).iter().position(|&hook| hook == self).map(|at| at as u32)
    }

    /// Whether a chain there belongs to devices; unknown of a hook without a name.
    pub(super) fn has_devices(self) -> Option<bool> {
        (self.0 & Self::UNNAMED == 0).then_some(matches!(self, Self::INGRESS | Self::EGRESS))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::PREROUTING => "prerouting",
            Self::INPUT => "input",
            Self::FORWARD => "forward",
            Self::OUTPUT => "output",
            Self::POSTROUTING => "postrouting",
            Self::INGRESS => "ingress",
            Self::EGRESS => "egress",
            Self(number) => return write!(f, "{}", number & !Self::UNNAMED),
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_have_the_numbers_of_their_family() {
        for (family, count) in [
            (Family::INET, 6),
            (Family::IP, 5),
            (Family::IP6, 5),
            (Family::BRIDGE, 5),
            (Family::ARP, 2),
            (Family::NETDEV, 2),
        ] {
            for number in (0..8).chain([1 << 31, u32::MAX]) {
                let hook = Hook::from_number(family, number);
                assert_eq!(hook.number(family), Some(number), "{family} {number}");
                assert_eq!(hook.to_string().parse::<u32>().is_err(), number < count, "{family} {number}");
            }
        }
    }
}
