//! Named objects as statements, by name and by map: `counter name "web"`, `ct helper set "ftp"`.

use std::time::Duration;

use nftlink::datum::L4Proto;
use nftlink::field::{meta, tcp, udp};
use nftlink::object::{self, Named};

use super::*;

fn web(table: &Table) -> Named<object::Counter> {
    object::Counter::named(table, "web")
}

fn month(table: &Table) -> Named<object::Quota> {
    object::Quota::new(10 << 20).named(table, "month")
}

fn slow(table: &Table) -> Named<object::Limit> {
    object::Limit::packets(10, object::Limit::SECOND).named(table, "slow")
}

fn ftp(table: &Table) -> Named<object::CtHelper> {
    object::CtHelper::new("ftp", L4Proto::TCP).named(table, "ftp")
}

fn patient(table: &Table) -> Named<object::CtTimeout> {
    let policy = object::CtTimeout::new(L4Proto::TCP);
    policy.policy(object::TimeoutState::TCP_ESTABLISHED, Duration::from_secs(100)).named(table, "patient")
}

fn expected(table: &Table) -> Named<object::CtExpect> {
    object::CtExpect::new(L4Proto::TCP, 9876, Duration::from_secs(120), 12).named(table, "expected")
}

fn answers(table: &Table) -> Named<object::Synproxy> {
    object::Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm().named(table, "answers")
}

fn secret(table: &Table) -> Named<object::Secmark> {
    object::Secmark::new("system_u:object_r:ssh_server_packet_t:s0").named(table, "secret")
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    vec![
        does("counter name \"web\" drop", Rule::new().object(web(table)).drop()),
        does("counter name tcp dport map { 80 : \"web\", 443 : \"web\" }", {
            Rule::new().object_map(tcp::dport(), [(80, &web(table)), (443, &web(table))])
        }),
        does("quota name \"month\" drop", Rule::new().object(month(table)).drop()),
        does("quota name meta mark map { 0x00000001 : \"month\" } drop", {
            Rule::new().object_map(meta::mark(), [(1, &month(table))]).drop()
        }),
        does("limit name \"slow\" accept", Rule::new().object(slow(table)).accept()),
        does("limit name udp dport map { 53 : \"slow\" } accept", {
            Rule::new().object_map(udp::dport(), [(53, &slow(table))]).accept()
        }),
        does("ct helper set \"ftp\"", Rule::new().object(ftp(table))),
        does("tcp dport 21 ct helper set \"ftp\"", Rule::new().when(tcp::dport().eq(21)).object(ftp(table))),
        does("ct helper set tcp dport map { 21 : \"ftp\", 2121 : \"ftp\" }", {
            Rule::new().object_map(tcp::dport(), [(21, &ftp(table)), (2121, &ftp(table))])
        }),
        does("synproxy name \"answers\"", Rule::new().object(answers(table))),
        does("synproxy name tcp dport map { 80 : \"answers\" }", {
            Rule::new().object_map(tcp::dport(), [(80, &answers(table))])
        }),
        does("ct timeout set \"patient\"", Rule::new().object(patient(table))),
        does("ct timeout set tcp dport map { 22 : \"patient\" }", {
            Rule::new().object_map(tcp::dport(), [(22, &patient(table))])
        }),
        does("ct expectation set \"expected\"", Rule::new().object(expected(table))),
        does("ct expectation set tcp dport map { 22 : \"expected\" }", {
            Rule::new().object_map(tcp::dport(), [(22, &expected(table))])
        }),
        does("meta secmark set \"secret\"", Rule::new().object(secret(table))),
        does("meta secmark set tcp dport map { 22 : \"secret\" }", {
            Rule::new().object_map(tcp::dport(), [(22, &secret(table))])
        }),
    ]
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("counter web", |t, b| _ = b.add(&web(t))),
        declare("quota month { 10 mbytes }", |t, b| _ = b.add(&month(t))),
        declare("limit slow { rate 10/second; }", |t, b| _ = b.add(&slow(t))),
        declare("ct_helper ftp { type \"ftp\" protocol tcp; }", |t, b| _ = b.add(&ftp(t))),
        declare("ct_timeout patient { protocol tcp; policy = { established : 100 }; }", |t, b| _ = b.add(&patient(t))),
        declare("ct_expectation expected { protocol tcp; dport 9876; timeout 2m; size 12; }", |t, b| {
            _ = b.add(&expected(t));
        }),
        declare("synproxy answers { mss 1460; wscale 7; timestamp sack-perm; }", |t, b| _ = b.add(&answers(t))),
        declare("secmark secret { \"system_u:object_r:ssh_server_packet_t:s0\" }", |t, b| _ = b.add(&secret(t))),
    ]
}
