//! An IPv4 field is not compared with an IPv6 address.

fn main() {
    let _ = nftlink::field::ip::saddr().eq(std::net::Ipv6Addr::LOCALHOST);
}
