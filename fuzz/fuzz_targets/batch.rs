#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| nftlink_fuzz::bounded_by_batch(bytes));
