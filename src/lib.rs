//! nftlink
pub mod error;
pub mod expr;
mod wire;
pub use error::{Errno, Error, Op};
pub use wire::{Family, Name};
