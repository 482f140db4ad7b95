#![no_main]

use libfuzzer_sys::fuzz_target;
use nftlink_fuzz::{operations, strict::Met};

fuzz_target!(|bytes: &[u8]| {
    operations::run(bytes, &mut Met::default());
});
