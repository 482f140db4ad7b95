#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| _ = nftlink_fuzz::operations::run(bytes, &mut Default::default()));
