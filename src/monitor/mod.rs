//! What the kernel tells of changes to the ruleset.

#![expect(dead_code, reason = "under way")]

pub(crate) mod socket;
