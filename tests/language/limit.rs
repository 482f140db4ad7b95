//! `limit`, `quota`, `counter` and `ct count`: how much may pass, and how much did.

use nftlink::expr::{Limit, Quota};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let packets = |rate| Limit::packets(rate, Limit::SECOND);
    let bytes = |rate| Limit::bytes(rate, Limit::SECOND);
    vec![
        does("limit rate 5/second burst 20 packets accept", Rule::new().limit(packets(5).burst(20)).accept()),
        does("limit rate over 400/minute", Rule::new().limit(Limit::packets(400, Limit::MINUTE).over())),
        does("limit rate over 3/hour burst 1 packets", {
            Rule::new().limit(Limit::packets(3, Limit::HOUR).burst(1).over())
        }),
        does("limit rate over 20/week drop", Rule::new().limit(Limit::packets(20, Limit::WEEK).over()).drop()),
        does("limit rate 512 bytes/second", Rule::new().limit(bytes(512))),
        does("limit rate 1 kbytes/second burst 1 mbytes", Rule::new().limit(bytes(1024).burst(1 << 20))),
        does("limit rate 1025 bytes/second burst 512 bytes", Rule::new().limit(bytes(1025).burst(512))),
        does("limit rate over 4 mbytes/hour", Rule::new().limit(Limit::bytes(4 << 20, Limit::HOUR).over())),
        does(
            "limit rate over 100 kbytes/day drop",
            Rule::new().limit(Limit::bytes(100 << 10, Limit::DAY).over()).drop(),
        ),
        does("limit rate 29 kbytes/week", Rule::new().limit(Limit::bytes(29 << 10, Limit::WEEK))),
        does("limit rate over 2000 mbytes/second burst 300 kbytes", {
            Rule::new().limit(bytes(2000 << 20).burst(300 << 10).over())
        }),
        does("quota 5000000 mbytes", Rule::new().quota(Quota::new(5_000_000 << 20))),
        does("quota 512 bytes used 100 bytes", Rule::new().quota(Quota::new(512).used(100))),
        does("quota over 2 mbytes used 1 kbytes drop", Rule::new().quota(Quota::new(2 << 20).used(1024).over()).drop()),
        does("quota 3 kbytes", Rule::new().quota(Quota::new(3 << 10))).typed("quota until 3 kbytes"),
        does("counter packets 5 bytes 420", Rule::new().counter_from(5, 420)),
        does("counter packets 5 bytes 420 accept", Rule::new().counter_from(5, 420).accept()),
        does("continue", Rule::new().continue_()),
        does("counter packets 0 bytes 0 continue", Rule::new().counter().continue_()),
    ]
}
