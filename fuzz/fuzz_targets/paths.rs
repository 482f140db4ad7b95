#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| nftlink_fuzz::bounded(bytes, nftlink_fuzz::paths::run));
