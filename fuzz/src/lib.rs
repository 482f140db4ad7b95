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
pub fn bounded<T>(bytes: &[u8], target: impl FnOnce(&[u8]) -> T) {
    let peak = memory::peak(|| {
        target(bytes);
    });
    let most = EACH * bytes.len() + BESIDE;
    assert!(peak <= most, "{} bytes were read with {peak} bytes of memory", bytes.len());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    #[should_panic = "10 bytes were read with"]
    fn more_memory_than_is_in_proportion_is_told() {
        super::bounded(&[0; 10], |_| vec![0_u8; super::BESIDE + 11 * super::EACH]);
    }

    /// All of nf_tables that there are in dumps, as the seeds are, and a trace: what begins there is read.
    #[test]
    fn seeds_have_every_kind_of_message_and_are_read() {
        let (mut kinds, mut read, mut traces) = (BTreeSet::new(), 0, 0);
        for file in fs::read_dir("seeds").unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            (read, traces) = (read + nftlink::fuzzing::messages(&bytes), traces + nftlink::fuzzing::events(&bytes));
            let mut rest = &bytes[..];
            while let [a, b, c, d, kind, 10, ..] = *rest {
                kinds.insert(kind);
                rest = rest.get(u32::from_ne_bytes([a, b, c, d]) as usize..).unwrap_or_default();
            }
        }
        println!("{read} messages and {traces} traces are read");
        assert!([0, 3, 6, 9, 12, 18, 22].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert!(read > 500 && traces > 10, "{read} messages, {traces} traces");
    }
}
