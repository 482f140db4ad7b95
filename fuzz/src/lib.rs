//! What the fuzz targets share.

mod expressions;
pub mod memory;
pub mod operations;
pub mod strict;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Bytes that reading may hold for each byte that is read, and beside.
const EACH: usize = 64;
const BESIDE: usize = 4096;

/// Puts bytes through something that may hold no more memory than is in proportion to them.
///
/// # Panics
///
/// If it does.
pub fn bounded(bytes: &[u8], target: impl FnOnce(&[u8])) {
    let peak = memory::peak(|| target(bytes));
    let most = EACH * bytes.len() + BESIDE;
    assert!(peak <= most, "{} bytes were read with {peak} bytes of memory", bytes.len());
}
