//! `log`, with all that it takes.

use nftlink::expr::{Log, LogFlags, LogLevel};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let at = |level| Rule::new().log(Log::new().level(level));
    let levels = [
        ("emerg", LogLevel::EMERG),
        ("alert", LogLevel::ALERT),
        ("crit", LogLevel::CRIT),
        ("err", LogLevel::ERR),
        ("notice", LogLevel::NOTICE),
        ("info", LogLevel::INFO),
        ("debug", LogLevel::DEBUG),
        ("audit", LogLevel::AUDIT),
    ];
    let flags = [
        ("tcp sequence", LogFlags::TCPSEQ),
        ("tcp options", LogFlags::TCPOPT),
        ("ip options", LogFlags::IPOPT),
        ("ether", LogFlags::MACDECODE),
        ("all", LogFlags::ALL),
        ("tcp sequence,options flags ip options", LogFlags::TCPSEQ | LogFlags::TCPOPT | LogFlags::IPOPT),
        ("skuid flags ether", LogFlags::UID | LogFlags::MACDECODE),
    ];
    let mut pairs = vec![
        // What the kernel takes where nothing is said.
        does("log", at(LogLevel::WARNING)).typed("log level warn"),
        does(
            "log prefix \"in: \" level crit drop",
            Rule::new().log(Log::prefixed("in: ").level(LogLevel::CRIT)).drop(),
        ),
        does("log prefix \"in: \" level info flags ip options", {
            Rule::new().log(Log::prefixed("in: ").level(LogLevel::INFO).flags(LogFlags::IPOPT))
        }),
        does("log group 0", Rule::new().log(Log::group(0))),
        does("log prefix \"in\" group 7", Rule::new().log(Log::group(7).prefix("in"))),
        does("log group 7 snaplen 64", Rule::new().log(Log::group(7).snaplen(64))),
        does("log group 7 queue-threshold 20", Rule::new().log(Log::group(7).queue_threshold(20))),
        does("log group 7 snaplen 64 queue-threshold 20 counter packets 0 bytes 0", {
            Rule::new().log(Log::group(7).snaplen(64).queue_threshold(20)).counter()
        }),
    ];
    pairs.extend(levels.map(|(word, level)| does(format!("log level {word}"), at(level))));
    pairs.extend(
        flags.map(|(words, flags)| does(format!("log flags {words}"), Rule::new().log(Log::new().flags(flags)))),
    );
    pairs
}
