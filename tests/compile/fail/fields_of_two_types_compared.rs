//! A port is no address.

use nftlink::field::{ip, tcp};

fn main() {
    tcp::sport().eq_field(ip::saddr());
}
