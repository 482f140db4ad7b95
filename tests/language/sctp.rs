//! `sctp`: its header and chunks.

use nftlink::field::sctp;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        ordered("sctp sport", sctp::sport(), two!(22, 1024)),
        ordered("sctp dport", sctp::dport(), two!(80, 8080)),
        ordered("sctp vtag", sctp::vtag(), two!(1, 70000)),
        ordered("sctp checksum", sctp::checksum(), two!(1, 4294967295)),
        set(),
        chunks(),
        fields_of_chunks(),
        ordered("sctp chunk data tsn", sctp::chunk::data::tsn(), two!(5, 70000)),
    ])
}

fn set() -> Vec<Pair> {
    vec![
        does("sctp sport set 7", Rule::new().set(sctp::sport(), 7)),
        does("sctp dport set 9", Rule::new().set(sctp::dport(), 9)),
        does("sctp vtag set 1", Rule::new().set(sctp::vtag(), 1)),
        does("sctp checksum set 1", Rule::new().set(sctp::checksum(), 1)),
    ]
}

fn chunks() -> Vec<Pair> {
    vec![
        is("sctp chunk data missing", sctp::chunk::data().missing()),
        is("sctp chunk init exists", sctp::chunk::init().exists()),
        is("sctp chunk init-ack exists", sctp::chunk::init_ack().exists()),
        is("sctp chunk sack exists", sctp::chunk::sack().exists()),
        is("sctp chunk heartbeat missing", sctp::chunk::heartbeat().missing()),
        is("sctp chunk heartbeat-ack exists", sctp::chunk::heartbeat_ack().exists()),
        is("sctp chunk abort exists", sctp::chunk::abort().exists()),
        is("sctp chunk shutdown exists", sctp::chunk::shutdown().exists()),
        is("sctp chunk shutdown-ack missing", sctp::chunk::shutdown_ack().missing()),
        is("sctp chunk error exists", sctp::chunk::error().exists()),
        is("sctp chunk cookie-echo exists", sctp::chunk::cookie_echo().exists()),
        is("sctp chunk cookie-ack exists", sctp::chunk::cookie_ack().exists()),
        is("sctp chunk ecne missing", sctp::chunk::ecne().missing()),
        is("sctp chunk cwr exists", sctp::chunk::cwr().exists()),
        is("sctp chunk shutdown-complete exists", sctp::chunk::shutdown_complete().exists()),
        is("sctp chunk asconf-ack exists", sctp::chunk::asconf_ack().exists()),
        is("sctp chunk forward-tsn missing", sctp::chunk::forward_tsn().missing()),
        is("sctp chunk asconf exists", sctp::chunk::asconf().exists()),
    ]
}

fn fields_of_chunks() -> Vec<Pair> {
    all([
        chosen("sctp chunk data type", sctp::chunk::data::chunk_type(), two!(1, 9)),
        chosen("sctp chunk data flags", sctp::chunk::data::flags(), two!(1, 9)),
        chosen("sctp chunk data length", sctp::chunk::data::length(), two!(1, 9)),
        chosen("sctp chunk data tsn", sctp::chunk::data::tsn(), two!(1, 9)),
        chosen("sctp chunk data stream", sctp::chunk::data::stream(), two!(1, 9)),
        chosen("sctp chunk data ssn", sctp::chunk::data::ssn(), two!(1, 9)),
        chosen("sctp chunk data ppid", sctp::chunk::data::ppid(), two!(1, 9)),
        chosen("sctp chunk init type", sctp::chunk::init::chunk_type(), two!(1, 9)),
        chosen("sctp chunk init flags", sctp::chunk::init::flags(), two!(1, 9)),
        chosen("sctp chunk init length", sctp::chunk::init::length(), two!(1, 9)),
        chosen("sctp chunk init init-tag", sctp::chunk::init::init_tag(), two!(1, 9)),
        chosen("sctp chunk init a-rwnd", sctp::chunk::init::a_rwnd(), two!(1, 9)),
        chosen("sctp chunk init num-outbound-streams", sctp::chunk::init::num_outbound_streams(), two!(1, 9)),
        chosen("sctp chunk init num-inbound-streams", sctp::chunk::init::num_inbound_streams(), two!(1, 9)),
        chosen("sctp chunk init initial-tsn", sctp::chunk::init::initial_tsn(), two!(1, 9)),
        chosen("sctp chunk init-ack type", sctp::chunk::init_ack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk init-ack flags", sctp::chunk::init_ack::flags(), two!(1, 9)),
        chosen("sctp chunk init-ack length", sctp::chunk::init_ack::length(), two!(1, 9)),
        chosen("sctp chunk init-ack init-tag", sctp::chunk::init_ack::init_tag(), two!(1, 9)),
        chosen("sctp chunk init-ack a-rwnd", sctp::chunk::init_ack::a_rwnd(), two!(1, 9)),
        chosen("sctp chunk init-ack num-outbound-streams", sctp::chunk::init_ack::num_outbound_streams(), two!(1, 9)),
        chosen("sctp chunk init-ack num-inbound-streams", sctp::chunk::init_ack::num_inbound_streams(), two!(1, 9)),
        chosen("sctp chunk init-ack initial-tsn", sctp::chunk::init_ack::initial_tsn(), two!(1, 9)),
        chosen("sctp chunk sack type", sctp::chunk::sack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk sack flags", sctp::chunk::sack::flags(), two!(1, 9)),
        chosen("sctp chunk sack length", sctp::chunk::sack::length(), two!(1, 9)),
        chosen("sctp chunk sack cum-tsn-ack", sctp::chunk::sack::cum_tsn_ack(), two!(1, 9)),
        chosen("sctp chunk sack a-rwnd", sctp::chunk::sack::a_rwnd(), two!(1, 9)),
        chosen("sctp chunk sack num-gap-ack-blocks", sctp::chunk::sack::num_gap_ack_blocks(), two!(1, 9)),
        chosen("sctp chunk sack num-dup-tsns", sctp::chunk::sack::num_dup_tsns(), two!(1, 9)),
        chosen("sctp chunk heartbeat type", sctp::chunk::heartbeat::chunk_type(), two!(1, 9)),
        chosen("sctp chunk heartbeat flags", sctp::chunk::heartbeat::flags(), two!(1, 9)),
        chosen("sctp chunk heartbeat length", sctp::chunk::heartbeat::length(), two!(1, 9)),
        chosen("sctp chunk heartbeat-ack type", sctp::chunk::heartbeat_ack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk heartbeat-ack flags", sctp::chunk::heartbeat_ack::flags(), two!(1, 9)),
        chosen("sctp chunk heartbeat-ack length", sctp::chunk::heartbeat_ack::length(), two!(1, 9)),
        chosen("sctp chunk abort type", sctp::chunk::abort::chunk_type(), two!(1, 9)),
        chosen("sctp chunk abort flags", sctp::chunk::abort::flags(), two!(1, 9)),
        chosen("sctp chunk abort length", sctp::chunk::abort::length(), two!(1, 9)),
        chosen("sctp chunk shutdown type", sctp::chunk::shutdown::chunk_type(), two!(1, 9)),
        chosen("sctp chunk shutdown flags", sctp::chunk::shutdown::flags(), two!(1, 9)),
        chosen("sctp chunk shutdown length", sctp::chunk::shutdown::length(), two!(1, 9)),
        chosen("sctp chunk shutdown cum-tsn-ack", sctp::chunk::shutdown::cum_tsn_ack(), two!(1, 9)),
        chosen("sctp chunk shutdown-ack type", sctp::chunk::shutdown_ack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk shutdown-ack flags", sctp::chunk::shutdown_ack::flags(), two!(1, 9)),
        chosen("sctp chunk shutdown-ack length", sctp::chunk::shutdown_ack::length(), two!(1, 9)),
        chosen("sctp chunk error type", sctp::chunk::error::chunk_type(), two!(1, 9)),
        chosen("sctp chunk error flags", sctp::chunk::error::flags(), two!(1, 9)),
        chosen("sctp chunk error length", sctp::chunk::error::length(), two!(1, 9)),
        chosen("sctp chunk cookie-echo type", sctp::chunk::cookie_echo::chunk_type(), two!(1, 9)),
        chosen("sctp chunk cookie-echo flags", sctp::chunk::cookie_echo::flags(), two!(1, 9)),
        chosen("sctp chunk cookie-echo length", sctp::chunk::cookie_echo::length(), two!(1, 9)),
        chosen("sctp chunk cookie-ack type", sctp::chunk::cookie_ack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk cookie-ack flags", sctp::chunk::cookie_ack::flags(), two!(1, 9)),
        chosen("sctp chunk cookie-ack length", sctp::chunk::cookie_ack::length(), two!(1, 9)),
        chosen("sctp chunk ecne type", sctp::chunk::ecne::chunk_type(), two!(1, 9)),
        chosen("sctp chunk ecne flags", sctp::chunk::ecne::flags(), two!(1, 9)),
        chosen("sctp chunk ecne length", sctp::chunk::ecne::length(), two!(1, 9)),
        chosen("sctp chunk ecne lowest-tsn", sctp::chunk::ecne::lowest_tsn(), two!(1, 9)),
        chosen("sctp chunk cwr type", sctp::chunk::cwr::chunk_type(), two!(1, 9)),
        chosen("sctp chunk cwr flags", sctp::chunk::cwr::flags(), two!(1, 9)),
        chosen("sctp chunk cwr length", sctp::chunk::cwr::length(), two!(1, 9)),
        chosen("sctp chunk cwr lowest-tsn", sctp::chunk::cwr::lowest_tsn(), two!(1, 9)),
        chosen("sctp chunk shutdown-complete type", sctp::chunk::shutdown_complete::chunk_type(), two!(1, 9)),
        chosen("sctp chunk shutdown-complete flags", sctp::chunk::shutdown_complete::flags(), two!(1, 9)),
        chosen("sctp chunk shutdown-complete length", sctp::chunk::shutdown_complete::length(), two!(1, 9)),
        chosen("sctp chunk asconf-ack type", sctp::chunk::asconf_ack::chunk_type(), two!(1, 9)),
        chosen("sctp chunk asconf-ack flags", sctp::chunk::asconf_ack::flags(), two!(1, 9)),
        chosen("sctp chunk asconf-ack length", sctp::chunk::asconf_ack::length(), two!(1, 9)),
        chosen("sctp chunk asconf-ack seqno", sctp::chunk::asconf_ack::seqno(), two!(1, 9)),
        chosen("sctp chunk forward-tsn type", sctp::chunk::forward_tsn::chunk_type(), two!(1, 9)),
        chosen("sctp chunk forward-tsn flags", sctp::chunk::forward_tsn::flags(), two!(1, 9)),
        chosen("sctp chunk forward-tsn length", sctp::chunk::forward_tsn::length(), two!(1, 9)),
        chosen("sctp chunk forward-tsn new-cum-tsn", sctp::chunk::forward_tsn::new_cum_tsn(), two!(1, 9)),
        chosen("sctp chunk asconf type", sctp::chunk::asconf::chunk_type(), two!(1, 9)),
        chosen("sctp chunk asconf flags", sctp::chunk::asconf::flags(), two!(1, 9)),
        chosen("sctp chunk asconf length", sctp::chunk::asconf::length(), two!(1, 9)),
        chosen("sctp chunk asconf seqno", sctp::chunk::asconf::seqno(), two!(1, 9)),
    ])
}
