//! `dccp`: its header.

use nftlink::datum::DccpPktType;
use nftlink::field::dccp;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        ordered("dccp sport", dccp::sport(), two!(22, 1024)),
        ordered("dccp dport", dccp::dport(), two!(80, 8080)),
        ordered_as(
            "dccp type",
            dccp::dccp_type(),
            [("response", DccpPktType::RESPONSE), ("reset", DccpPktType::RESET)],
            ["1", "7"],
        ),
        types(),
        set(),
    ])
}

fn types() -> Vec<Pair> {
    let all = [
        DccpPktType::REQUEST,
        DccpPktType::RESPONSE,
        DccpPktType::DATA,
        DccpPktType::ACK,
        DccpPktType::DATAACK,
        DccpPktType::CLOSEREQ,
        DccpPktType::CLOSE,
        DccpPktType::RESET,
        DccpPktType::SYNC,
        DccpPktType::SYNCACK,
    ];
    let words = "request, response, data, ack, dataack, closereq, close, reset, sync, syncack";
    vec![is(format!("dccp type {{ {words} }}"), dccp::dccp_type().one_of(all))]
}

fn set() -> Vec<Pair> {
    vec![
        does("dccp sport set 7", Rule::new().set(dccp::sport(), 7)),
        does("dccp dport set 9", Rule::new().set(dccp::dport(), 9)),
        does("dccp type set close", Rule::new().set(dccp::dccp_type(), DccpPktType::CLOSE)),
    ]
}
