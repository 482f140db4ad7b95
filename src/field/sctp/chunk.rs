//! The chunks of SCTP packets (Linux 5.14).
//!
//! A function tells whether a packet has a chunk of that type, the module of the same name has the fields of the first
//! one. A packet that is not SCTP or has no such chunk passes no test of a field.
//!
//! | nft | nftlink |
//! |---|---|
//! | `sctp chunk init exists` | `chunk::init().exists()` |
//! | `sctp chunk data ppid 46` | `chunk::data::ppid().eq(46)` |
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::sctp::chunk;
//!
//! let rule = Rule::new().when(chunk::init::num_inbound_streams().gt(100)).drop();
//! ```

use crate::datum::{Boolean, Datum};
use crate::expr::{Exthdr, ExthdrOp, Reg};
use crate::field::Field;
use crate::userdata::Typeof;

fn of(chunk: u8, number: u32) -> Typeof {
    Typeof::Exthdr { header: chunk.into(), field: number, op: Some(ExthdrOp::SCTP.get()) }
}

fn present(name: &'static str, chunk: u8) -> Field<Boolean> {
    Field::loaded(name, Exthdr::present(ExthdrOp::SCTP, chunk, Reg::R1), of(chunk, 0))
}

/// A field of a chunk: `len` bits, `offset` bits behind its beginning.
fn field<V: Datum>(name: &'static str, chunk: u8, number: u32, offset: u16, len: u8) -> Field<V> {
    Field::exthdr(name, ExthdrOp::SCTP, chunk, of(chunk, number), offset, len)
}

/// `sctp chunk data`: whether the packet has data.
pub fn data() -> Field<Boolean> {
    present("sctp chunk data", 0)
}

/// `sctp chunk init`: whether the packet has what opens an association.
pub fn init() -> Field<Boolean> {
    present("sctp chunk init", 1)
}

/// `sctp chunk init-ack`: whether the packet has the answer to what opens an association.
pub fn init_ack() -> Field<Boolean> {
    present("sctp chunk init-ack", 2)
}

/// `sctp chunk sack`: whether the packet has what acknowledges data.
pub fn sack() -> Field<Boolean> {
    present("sctp chunk sack", 3)
}

/// `sctp chunk heartbeat`: whether the packet has a heartbeat.
pub fn heartbeat() -> Field<Boolean> {
    present("sctp chunk heartbeat", 4)
}

/// `sctp chunk heartbeat-ack`: whether the packet has the answer to a heartbeat.
pub fn heartbeat_ack() -> Field<Boolean> {
    present("sctp chunk heartbeat-ack", 5)
}

/// `sctp chunk abort`: whether the packet has what aborts the association.
pub fn abort() -> Field<Boolean> {
    present("sctp chunk abort", 6)
}

/// `sctp chunk shutdown`: whether the packet has what closes the association.
pub fn shutdown() -> Field<Boolean> {
    present("sctp chunk shutdown", 7)
}

/// `sctp chunk shutdown-ack`: whether the packet has the answer to what closes the association.
pub fn shutdown_ack() -> Field<Boolean> {
    present("sctp chunk shutdown-ack", 8)
}

/// `sctp chunk error`: whether the packet has an error.
pub fn error() -> Field<Boolean> {
    present("sctp chunk error", 9)
}

/// `sctp chunk cookie-echo`: whether the packet has the cookie that comes back.
pub fn cookie_echo() -> Field<Boolean> {
    present("sctp chunk cookie-echo", 10)
}

/// `sctp chunk cookie-ack`: whether the packet has the answer to the cookie.
pub fn cookie_ack() -> Field<Boolean> {
    present("sctp chunk cookie-ack", 11)
}

/// `sctp chunk ecne`: whether the packet has a note of congestion.
pub fn ecne() -> Field<Boolean> {
    present("sctp chunk ecne", 12)
}

/// `sctp chunk cwr`: whether the packet has a note that the sender has slowed down.
pub fn cwr() -> Field<Boolean> {
    present("sctp chunk cwr", 13)
}

/// `sctp chunk shutdown-complete`: whether the packet has what ends the association.
pub fn shutdown_complete() -> Field<Boolean> {
    present("sctp chunk shutdown-complete", 14)
}

/// `sctp chunk asconf-ack`: whether the packet has the answer to a change of addresses.
pub fn asconf_ack() -> Field<Boolean> {
    present("sctp chunk asconf-ack", 128)
}

/// `sctp chunk forward-tsn`: whether the packet has a note that data are given up.
pub fn forward_tsn() -> Field<Boolean> {
    present("sctp chunk forward-tsn", 192)
}

/// `sctp chunk asconf`: whether the packet has a change of addresses.
pub fn asconf() -> Field<Boolean> {
    present("sctp chunk asconf", 193)
}

/// The fields of `sctp chunk data`.
pub mod data {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk data type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk data type", 0, 0, 0, 8)
    }

    /// `sctp chunk data flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk data flags", 0, 1, 8, 8)
    }

    /// `sctp chunk data length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk data length", 0, 2, 16, 16)
    }

    /// `sctp chunk data tsn`: the number of the piece of data.
    pub fn tsn() -> Field<Integer32> {
        field("sctp chunk data tsn", 0, 3, 32, 32)
    }

    /// `sctp chunk data stream`: the number of the stream.
    pub fn stream() -> Field<Integer16> {
        field("sctp chunk data stream", 0, 4, 64, 16)
    }

    /// `sctp chunk data ssn`: the number of the message in its stream.
    pub fn ssn() -> Field<Integer16> {
        field("sctp chunk data ssn", 0, 5, 80, 16)
    }

    /// `sctp chunk data ppid`: the protocol of the data.
    pub fn ppid() -> Field<Integer32> {
        field("sctp chunk data ppid", 0, 6, 96, 32)
    }
}

/// The fields of `sctp chunk init`.
pub mod init {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk init type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk init type", 1, 0, 0, 8)
    }

    /// `sctp chunk init flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk init flags", 1, 1, 8, 8)
    }

    /// `sctp chunk init length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk init length", 1, 2, 16, 16)
    }

    /// `sctp chunk init init-tag`: tells packets of the association from others.
    pub fn init_tag() -> Field<Integer32> {
        field("sctp chunk init init-tag", 1, 3, 32, 32)
    }

    /// `sctp chunk init a-rwnd`: how many bytes the sender takes.
    pub fn a_rwnd() -> Field<Integer32> {
        field("sctp chunk init a-rwnd", 1, 4, 64, 32)
    }

    /// `sctp chunk init num-outbound-streams`: how many streams the sender wants to send.
    pub fn num_outbound_streams() -> Field<Integer16> {
        field("sctp chunk init num-outbound-streams", 1, 5, 96, 16)
    }

    /// `sctp chunk init num-inbound-streams`: how many streams the sender takes.
    pub fn num_inbound_streams() -> Field<Integer16> {
        field("sctp chunk init num-inbound-streams", 1, 6, 112, 16)
    }

    /// `sctp chunk init initial-tsn`: the number of the first piece of data.
    pub fn initial_tsn() -> Field<Integer32> {
        field("sctp chunk init initial-tsn", 1, 7, 128, 32)
    }
}

/// The fields of `sctp chunk init-ack`.
pub mod init_ack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk init-ack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk init-ack type", 2, 0, 0, 8)
    }

    /// `sctp chunk init-ack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk init-ack flags", 2, 1, 8, 8)
    }

    /// `sctp chunk init-ack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk init-ack length", 2, 2, 16, 16)
    }

    /// `sctp chunk init-ack init-tag`: tells packets of the association from others.
    pub fn init_tag() -> Field<Integer32> {
        field("sctp chunk init-ack init-tag", 2, 3, 32, 32)
    }

    /// `sctp chunk init-ack a-rwnd`: how many bytes the sender takes.
    pub fn a_rwnd() -> Field<Integer32> {
        field("sctp chunk init-ack a-rwnd", 2, 4, 64, 32)
    }

    /// `sctp chunk init-ack num-outbound-streams`: how many streams the sender wants to send.
    pub fn num_outbound_streams() -> Field<Integer16> {
        field("sctp chunk init-ack num-outbound-streams", 2, 5, 96, 16)
    }

    /// `sctp chunk init-ack num-inbound-streams`: how many streams the sender takes.
    pub fn num_inbound_streams() -> Field<Integer16> {
        field("sctp chunk init-ack num-inbound-streams", 2, 6, 112, 16)
    }

    /// `sctp chunk init-ack initial-tsn`: the number of the first piece of data.
    pub fn initial_tsn() -> Field<Integer32> {
        field("sctp chunk init-ack initial-tsn", 2, 7, 128, 32)
    }
}

/// The fields of `sctp chunk sack`.
pub mod sack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk sack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk sack type", 3, 0, 0, 8)
    }

    /// `sctp chunk sack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk sack flags", 3, 1, 8, 8)
    }

    /// `sctp chunk sack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk sack length", 3, 2, 16, 16)
    }

    /// `sctp chunk sack cum-tsn-ack`: the number up to which all data came.
    pub fn cum_tsn_ack() -> Field<Integer32> {
        field("sctp chunk sack cum-tsn-ack", 3, 3, 32, 32)
    }

    /// `sctp chunk sack a-rwnd`: how many bytes the sender takes.
    pub fn a_rwnd() -> Field<Integer32> {
        field("sctp chunk sack a-rwnd", 3, 4, 64, 32)
    }

    /// `sctp chunk sack num-gap-ack-blocks`: how many blocks came behind a gap.
    pub fn num_gap_ack_blocks() -> Field<Integer16> {
        field("sctp chunk sack num-gap-ack-blocks", 3, 5, 96, 16)
    }

    /// `sctp chunk sack num-dup-tsns`: how many pieces of data came twice.
    pub fn num_dup_tsns() -> Field<Integer16> {
        field("sctp chunk sack num-dup-tsns", 3, 6, 112, 16)
    }
}

/// The fields of `sctp chunk heartbeat`.
pub mod heartbeat {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk heartbeat type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk heartbeat type", 4, 0, 0, 8)
    }

    /// `sctp chunk heartbeat flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk heartbeat flags", 4, 1, 8, 8)
    }

    /// `sctp chunk heartbeat length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk heartbeat length", 4, 2, 16, 16)
    }
}

/// The fields of `sctp chunk heartbeat-ack`.
pub mod heartbeat_ack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk heartbeat-ack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk heartbeat-ack type", 5, 0, 0, 8)
    }

    /// `sctp chunk heartbeat-ack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk heartbeat-ack flags", 5, 1, 8, 8)
    }

    /// `sctp chunk heartbeat-ack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk heartbeat-ack length", 5, 2, 16, 16)
    }
}

/// The fields of `sctp chunk abort`.
pub mod abort {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk abort type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk abort type", 6, 0, 0, 8)
    }

    /// `sctp chunk abort flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk abort flags", 6, 1, 8, 8)
    }

    /// `sctp chunk abort length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk abort length", 6, 2, 16, 16)
    }
}

/// The fields of `sctp chunk shutdown`.
pub mod shutdown {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk shutdown type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk shutdown type", 7, 0, 0, 8)
    }

    /// `sctp chunk shutdown flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk shutdown flags", 7, 1, 8, 8)
    }

    /// `sctp chunk shutdown length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk shutdown length", 7, 2, 16, 16)
    }

    /// `sctp chunk shutdown cum-tsn-ack`: the number up to which all data came.
    pub fn cum_tsn_ack() -> Field<Integer32> {
        field("sctp chunk shutdown cum-tsn-ack", 7, 3, 32, 32)
    }
}

/// The fields of `sctp chunk shutdown-ack`.
pub mod shutdown_ack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk shutdown-ack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk shutdown-ack type", 8, 0, 0, 8)
    }

    /// `sctp chunk shutdown-ack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk shutdown-ack flags", 8, 1, 8, 8)
    }

    /// `sctp chunk shutdown-ack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk shutdown-ack length", 8, 2, 16, 16)
    }
}

/// The fields of `sctp chunk error`.
pub mod error {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk error type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk error type", 9, 0, 0, 8)
    }

    /// `sctp chunk error flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk error flags", 9, 1, 8, 8)
    }

    /// `sctp chunk error length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk error length", 9, 2, 16, 16)
    }
}

/// The fields of `sctp chunk cookie-echo`.
pub mod cookie_echo {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk cookie-echo type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk cookie-echo type", 10, 0, 0, 8)
    }

    /// `sctp chunk cookie-echo flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk cookie-echo flags", 10, 1, 8, 8)
    }

    /// `sctp chunk cookie-echo length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk cookie-echo length", 10, 2, 16, 16)
    }
}

/// The fields of `sctp chunk cookie-ack`.
pub mod cookie_ack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk cookie-ack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk cookie-ack type", 11, 0, 0, 8)
    }

    /// `sctp chunk cookie-ack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk cookie-ack flags", 11, 1, 8, 8)
    }

    /// `sctp chunk cookie-ack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk cookie-ack length", 11, 2, 16, 16)
    }
}

/// The fields of `sctp chunk ecne`.
pub mod ecne {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk ecne type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk ecne type", 12, 0, 0, 8)
    }

    /// `sctp chunk ecne flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk ecne flags", 12, 1, 8, 8)
    }

    /// `sctp chunk ecne length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk ecne length", 12, 2, 16, 16)
    }

    /// `sctp chunk ecne lowest-tsn`: the lowest number of data that met congestion.
    pub fn lowest_tsn() -> Field<Integer32> {
        field("sctp chunk ecne lowest-tsn", 12, 3, 32, 32)
    }
}

/// The fields of `sctp chunk cwr`.
pub mod cwr {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk cwr type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk cwr type", 13, 0, 0, 8)
    }

    /// `sctp chunk cwr flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk cwr flags", 13, 1, 8, 8)
    }

    /// `sctp chunk cwr length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk cwr length", 13, 2, 16, 16)
    }

    /// `sctp chunk cwr lowest-tsn`: the number of data that the note of congestion had.
    pub fn lowest_tsn() -> Field<Integer32> {
        field("sctp chunk cwr lowest-tsn", 13, 3, 32, 32)
    }
}

/// The fields of `sctp chunk shutdown-complete`.
pub mod shutdown_complete {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16};

    /// `sctp chunk shutdown-complete type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk shutdown-complete type", 14, 0, 0, 8)
    }

    /// `sctp chunk shutdown-complete flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk shutdown-complete flags", 14, 1, 8, 8)
    }

    /// `sctp chunk shutdown-complete length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk shutdown-complete length", 14, 2, 16, 16)
    }
}

/// The fields of `sctp chunk asconf-ack`.
pub mod asconf_ack {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk asconf-ack type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk asconf-ack type", 128, 0, 0, 8)
    }

    /// `sctp chunk asconf-ack flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk asconf-ack flags", 128, 1, 8, 8)
    }

    /// `sctp chunk asconf-ack length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk asconf-ack length", 128, 2, 16, 16)
    }

    /// `sctp chunk asconf-ack seqno`: the number of the change.
    pub fn seqno() -> Field<Integer32> {
        field("sctp chunk asconf-ack seqno", 128, 3, 32, 32)
    }
}

/// The fields of `sctp chunk forward-tsn`.
pub mod forward_tsn {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk forward-tsn type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk forward-tsn type", 192, 0, 0, 8)
    }

    /// `sctp chunk forward-tsn flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk forward-tsn flags", 192, 1, 8, 8)
    }

    /// `sctp chunk forward-tsn length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk forward-tsn length", 192, 2, 16, 16)
    }

    /// `sctp chunk forward-tsn new-cum-tsn`: the number up to which no more data come.
    pub fn new_cum_tsn() -> Field<Integer32> {
        field("sctp chunk forward-tsn new-cum-tsn", 192, 3, 32, 32)
    }
}

/// The fields of `sctp chunk asconf`.
pub mod asconf {
    use super::{Field, field};
    use crate::datum::{Integer8, Integer16, Integer32};

    /// `sctp chunk asconf type`: the type of the chunk.
    pub fn chunk_type() -> Field<Integer8> {
        field("sctp chunk asconf type", 193, 0, 0, 8)
    }

    /// `sctp chunk asconf flags`: flags of the chunk.
    pub fn flags() -> Field<Integer8> {
        field("sctp chunk asconf flags", 193, 1, 8, 8)
    }

    /// `sctp chunk asconf length`: bytes of the chunk.
    pub fn length() -> Field<Integer16> {
        field("sctp chunk asconf length", 193, 2, 16, 16)
    }

    /// `sctp chunk asconf seqno`: the number of the change.
    pub fn seqno() -> Field<Integer32> {
        field("sctp chunk asconf seqno", 193, 3, 32, 32)
    }
}
