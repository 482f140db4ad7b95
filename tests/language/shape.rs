//! What remains of a rule without its constants: the kinds of its expressions, and what they read and write.
//!
//! Names, keys, bases, offsets, lengths, registers, operators, flags and verdicts stay; data, names and numbers of
//! sets, chains and objects go, and so do the numbers of statements. Of the rule's own sets their kinds stay.

use std::fmt::Write as _;

use super::sent::{Message, NFT_MSG_NEWRULE, NFT_MSG_NEWSET, hex, parts};

// include/uapi/linux/netfilter/nf_tables.h
const RULE_EXPRESSIONS: u16 = 4;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const IMMEDIATE_DATA: u16 = 2;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const SET_KIND: [u16; 5] = [3, 4, 5, 6, 7]; // flags, key type and length, data type and length
const SET_DESC: u16 = 9;
const SET_DESC_CONCAT: u16 = 2;

/// The attributes of an expression that are constants.
fn constants(expr: &[u8]) -> &'static [u16] {
    match expr {
        b"cmp\0" => &[3],
        b"range\0" => &[3, 4],
        b"bitwise\0" => &[4, 5, 7],
        b"lookup\0" => &[1, 4],
        b"objref\0" => &[2, 4, 5],
        // Set, number of the set, timeout; what each element has is an expression.
        b"dynset\0" => &[1, 2, 6],
        b"numgen\0" => &[2, 4],
        b"hash\0" => &[4, 5, 6],
        b"limit\0" => &[1, 2, 3],
        b"quota\0" => &[1, 4],
        b"counter\0" => &[1, 2],
        b"connlimit\0" => &[1],
        b"last\0" => &[1, 2],
        b"log\0" => &[1, 2, 3, 4, 5, 6],
        b"reject\0" => &[2],
        b"queue\0" => &[1, 2],
        b"synproxy\0" => &[1, 2],
        b"flow_offload\0" => &[1],
        _ => &[],
    }
}

/// A line for each expression and own set.
pub(super) fn shape(message: &Message) -> Vec<String> {
    let attributes = parts(&message.attributes);
    let number = |number: u16| number & 0x3fff;
    match message.kind {
        NFT_MSG_NEWRULE => attributes
            .iter()
            .filter(|(attribute, _)| number(*attribute) == RULE_EXPRESSIONS)
            .flat_map(|(_, list)| parts(list))
            .map(|(_, expr)| expression(expr))
            .collect(),
        NFT_MSG_NEWSET => {
            let mut line = "set".to_owned();
            for (attribute, value) in attributes {
                if SET_KIND.contains(&number(attribute)) {
                    write!(line, " {}={}", number(attribute), hex(value)).unwrap();
                } else if number(attribute) == SET_DESC {
                    let fields = parts(value).into_iter().filter(|(inner, _)| number(*inner) == SET_DESC_CONCAT);
                    fields.for_each(|(_, fields)| write!(line, " fields={}", hex(fields)).unwrap());
                }
            }
            vec![line]
        }
        _ => Vec::new(),
    }
}

fn expression(bytes: &[u8]) -> String {
    let (mut name, mut line): (&[u8], String) = (b"", String::new());
    for (number, value) in parts(bytes) {
        match number & 0x3fff {
            EXPR_NAME => {
                name = value;
                line.push_str(String::from_utf8_lossy(value).trim_end_matches('\0'));
            }
            EXPR_DATA => {
                for (number, value) in parts(value) {
                    let number = number & 0x3fff;
                    write!(line, " {number}").unwrap();
                    match name {
                        b"immediate\0" if number == IMMEDIATE_DATA => line.push_str(&verdict(value)),
                        // The expressions of a set's elements: one, or a list of them.
                        b"dynset\0" if number == 7 => write!(line, "=({})", expression(value)).unwrap(),
                        b"dynset\0" if number == 10 => {
                            parts(value).iter().for_each(|(_, expr)| write!(line, "=({})", expression(expr)).unwrap());
                        }
                        // The expression that looks into a tunnel.
                        b"inner\0" if number == 5 => write!(line, "=({})", expression(value)).unwrap(),
                        _ if constants(name).contains(&number) => {}
                        _ => write!(line, "={}", hex(value)).unwrap(),
                    }
                }
            }
            _ => {}
        }
    }
    line
}

/// What an immediate value is, if it is a verdict.
fn verdict(data: &[u8]) -> String {
    let verdicts = parts(data).into_iter().filter(|(number, _)| number & 0x3fff == DATA_VERDICT);
    let codes = verdicts.flat_map(|(_, verdict)| parts(verdict)).filter(|(number, _)| number & 0x3fff == VERDICT_CODE);
    codes.map(|(_, code)| format!("={}", hex(code))).collect()
}
