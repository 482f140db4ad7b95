//! Hashes: the same number for packets that have something in common.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::{concat, ct, hash, ip};
//!
//! // ct mark set jhash ip saddr . ip daddr mod 4
//! let rule = Rule::new().set(ct::mark(), hash::jhash(concat((ip::saddr(), ip::daddr())), 0..4));
//! ```

use std::ops::Range;

use super::Field;
use super::source::Load;
use crate::datum::HostInteger32;
use crate::expr::{Hash, Reg};
use crate::userdata::Typeof;

/// `jhash ip saddr mod 2 offset 100`: Jenkins' hash of a field or of several, as a number of a range; that is
/// `100..102`. The kernel chooses the seed.
///
/// A batch refuses a range without a number.
pub fn jhash<V, A>(of: Field<V, A>, range: Range<u32>) -> Field<HostInteger32> {
    hashed(of, Hash::jenkins(Reg::R1, 0, modulus(&range), Reg::R1).offset(range.start))
}

/// `jhash ip saddr mod 2 seed 0xdeadbeef`: [`jhash`] with a seed, for the same numbers in every ruleset.
pub fn jhash_with_seed<V, A>(of: Field<V, A>, range: Range<u32>, seed: u32) -> Field<HostInteger32> {
    hashed(of, Hash::jenkins(Reg::R1, 0, modulus(&range), Reg::R1).offset(range.start).seed(seed))
}

/// `symhash mod 2 offset 100`: a hash of the packet's flow that is the same for both directions, as a number of a
/// range; that is `100..102`.
///
/// A batch refuses a range without a number.
pub fn symhash(range: Range<u32>) -> Field<HostInteger32> {
    let hash = Hash::symmetric(modulus(&range), Reg::R1).offset(range.start);
    let of = Typeof::Hash { kind: hash.kind.get(), offset: hash.offset, modulus: hash.modulus, seed: 0, seed_set: 0 };
    Field::loaded("symhash", hash, of)
}

fn hashed<V, A>(of: Field<V, A>, hash: Hash) -> Field<HostInteger32> {
    let mut field = Field::loaded("jhash", hash, None);
    field.source.load = Load::Hash(Box::new((hash, of.source)));
    field
}

fn modulus(range: &Range<u32>) -> u32 {
    range.end.saturating_sub(range.start)
}
