//! A batch as `nft --debug=mnl` prints it: each message, attribute and byte.

use std::fmt::{self, Write as _};

use super::Batch;
use crate::error::Op;
use crate::wire::message::{HEADER_LEN, NLM_F_ACK, NLM_F_ECHO, NLM_F_REQUEST, NLMSG_HDRLEN, Words, words};
use crate::wire::{NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK, align, order};

const NLA_F_NET_BYTEORDER: u16 = 0x4000;
const NLM_F_MULTI: u16 = 2;

const RULER: &str = "----------------\t------------------";

/// What [`Batch::dump`] returns.
pub(super) struct Dump<'a>(pub(super) &'a Batch);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for op in (0..self.0.ops.len()).map(|at| Op(at as u32)) {
            writeln!(f, "# {op}: {}", self.0.describe(op))?;
            let mut rest = self.0.bytes_of(op);
            while let Some((words, len)) = words(rest) {
                let (message, behind) = rest.split_at(len);
                show(&words, message, f)?;
                rest = behind;
            }
        }
        Ok(())
    }
}

fn show(words: &Words, message: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let flag = |bit, letter| if words.flags & bit == 0 { '-' } else { letter };
    let [r, m, a, e] =
        [(NLM_F_REQUEST, 'R'), (NLM_F_MULTI, 'M'), (NLM_F_ACK, 'A'), (NLM_F_ECHO, 'E')].map(|(bit, it)| flag(bit, it));
    writeln!(f, "{RULER}\n|  {:010}  |\t| message length |", words.len)?;
    writeln!(f, "| {:05} | {r}{m}{a}{e} |\t|  type | flags  |", words.kind)?;
    writeln!(
        f,
        "|  {:010}  |\t| sequence number|\n|  {:010}  |\t|     port ID    |\n{RULER}",
        words.sequence, words.port
    )?;
    let extra = message.get(NLMSG_HDRLEN..HEADER_LEN).unwrap_or_default();
    writeln!(f, "|{}  |\t|  extra header  |", hex(extra))?;
    // Nests are entered, not skipped: so the attributes are one list, however deep they are.
    let mut rest = message.get(HEADER_LEN..).unwrap_or_default();
    while let Some((&[a, b, c, d], behind)) = rest.split_first_chunk::<NLA_HDRLEN>() {
        let (len, kind) = (order::from_host_u16([a, b]), order::from_host_u16([c, d]));
        let (is_nest, is_net) = (kind & NLA_F_NESTED != 0, kind & NLA_F_NET_BYTEORDER != 0);
        let (nest, net) = (if is_nest { 'N' } else { '-' }, if is_net { 'B' } else { '-' });
        writeln!(f, "|{len:05}|{nest}{net}|{:05}|\t|len |flags| type|", kind & NLA_TYPE_MASK)?;
        let data = if is_nest { 0 } else { align(usize::from(len).saturating_sub(NLA_HDRLEN)).min(behind.len()) };
        let (data, behind) = behind.split_at(data);
        for word in data.chunks(4) {
            let text: String = word.iter().flat_map(|&byte| [' ', printable(byte)]).collect();
            writeln!(f, "|{}  |\t|      data      |\t{text}", hex(word))?;
        }
        rest = behind;
    }
    writeln!(f, "{RULER}")
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    bytes.iter().for_each(|byte| _ = write!(text, " {byte:02x}"));
    text
}

fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { byte.into() } else { ' ' }
}
