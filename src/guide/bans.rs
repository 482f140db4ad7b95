use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::field::{ip, ip6};
use nftlink::object::Counter;
use nftlink::{Batch, Conn, Element, Error, Hook, Interval, Key, Priority, Rule, Set, Table};

/// The bans of this machine, by a connection and a batch that are kept.
pub struct Bans {
    conn: Conn,
    batch: Batch,
    ipv4: Set<Ipv4Addr>,
    ipv6: Set<Ipv6Addr>,
    networks4: Set<Interval<Ipv4Addr>>,
    networks6: Set<Interval<Ipv6Addr>>,
}

/// A network, or any range of addresses.
#[derive(Debug, Clone, Copy)]
pub enum Network {
    V4(Interval<Ipv4Addr>),
    V6(Interval<Ipv6Addr>),
}

/// A ban as the kernel has it.
#[derive(Debug, Clone)]
pub struct Ban {
    /// An address, a network or a range.
    pub who: String,
    /// What is left of its time.
    pub left: Option<Duration>,
    /// Packets dropped since it was imposed or refreshed.
    pub dropped: u64,
}

impl Bans {
    /// Sets up the table. If a daemon that was here before has left bans, they stay.
    pub fn open() -> Result<Self, Error> {
        let table = Table::inet("bans");
        let ipv4 = Set::new(&table, "ipv4").timeouts().counters();
        let ipv6 = Set::new(&table, "ipv6").timeouts().counters();
        let networks4 = Set::new(&table, "networks4").timeouts().counters();
        let networks6 = Set::new(&table, "networks6").timeouts().counters();
        let dropped = Counter::named(&table, "dropped");
        // Before connection tracking: there a dropped packet costs least, and established connections end, too.
        let chain = table.chain("prerouting").filter(Hook::PREROUTING, Priority::RAW);
        let banned = [
            ip::saddr().in_set(&ipv4),
            ip::saddr().in_set(&networks4),
            ip6::saddr().in_set(&ipv6),
            ip6::saddr().in_set(&networks6),
        ];
        let mut batch = Batch::new();
        batch.add(&table).add(&ipv4).add(&ipv6).add(&networks4).add(&networks6);
        batch.add(&dropped).add(&chain).flush(&chain);
        for banned in banned {
            batch.append(&chain, Rule::new().when(banned).object(&dropped).drop());
        }
        let mut conn = Conn::open()?;
        conn.commit(&batch)?;
        Ok(Self { conn, batch, ipv4, ipv6, networks4, networks6 })
    }

    /// Bans addresses, each for its time from now on. Those that are banned already begin anew.
    pub fn ban(&mut self, bans: impl IntoIterator<Item = (IpAddr, Duration)>) -> Result<(), Error> {
        let (ipv4, ipv6) = split(bans);
        self.batch.clear();
        self.batch.refresh_elements(&self.ipv4, ipv4.into_iter().map(|(ip, time)| Element::of(ip).timeout(time)));
        self.batch.refresh_elements(&self.ipv6, ipv6.into_iter().map(|(ip, time)| Element::of(ip).timeout(time)));
        self.conn.commit(&self.batch)
    }

    /// Lifts the bans of addresses.
    pub fn lift(&mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Error> {
        let (ipv4, ipv6) = split(addresses.into_iter().map(|address| (address, ())));
        let (ipv4, ipv6) = (ipv4.iter().map(|(ip, ())| *ip), ipv6.iter().map(|(ip, ())| *ip));
        self.batch.clear();
        // The time of some may be up, and what is not there cannot be deleted: so let it be there.
        self.batch.add_elements(&self.ipv4, ipv4.clone()).delete_elements(&self.ipv4, ipv4);
        self.batch.add_elements(&self.ipv6, ipv6.clone()).delete_elements(&self.ipv6, ipv6);
        self.conn.commit(&self.batch)
    }

    /// Bans a network. Networks may overlap: each address is banned as long as the longest ban that holds it.
    pub fn ban_network(&mut self, network: Network, time: Duration) -> Result<(), Error> {
        match network {
            Network::V4(network) => self.conn.add_merged(&self.networks4, [Element::of(network).timeout(time)]),
            Network::V6(network) => self.conn.add_merged(&self.networks6, [Element::of(network).timeout(time)]),
        }
    }

    /// Lifts the bans of a network, or of a part of one. Addresses in it that have bans of their own keep them.
    pub fn lift_network(&mut self, network: Network) -> Result<(), Error> {
        match network {
            Network::V4(network) => self.conn.delete_merged(&self.networks4, [network]),
            Network::V6(network) => self.conn.delete_merged(&self.networks6, [network]),
        }
    }

    /// Lists all bans.
    pub fn list(&mut self) -> Result<Vec<Ban>, Error> {
        let mut bans = list(&mut self.conn, &self.networks4)?;
        bans.extend(list(&mut self.conn, &self.networks6)?);
        bans.extend(list(&mut self.conn, &self.ipv4)?);
        bans.extend(list(&mut self.conn, &self.ipv6)?);
        Ok(bans)
    }
}

fn list<K: Key + Display>(conn: &mut Conn, set: &Set<K>) -> Result<Vec<Ban>, Error> {
    let elements = conn.elements(set)?;
    let bans = elements.iter().filter_map(|element| {
        let dropped = element.counter().map_or(0, |counter| counter.packets);
        Some(Ban { who: element.key()?.to_string(), left: element.expires(), dropped })
    });
    Ok(bans.collect())
}

type ByFamily<T> = (Vec<(Ipv4Addr, T)>, Vec<(Ipv6Addr, T)>);

fn split<T>(all: impl IntoIterator<Item = (IpAddr, T)>) -> ByFamily<T> {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (address, with) in all {
        match address {
            IpAddr::V4(address) => ipv4.push((address, with)),
            IpAddr::V6(address) => ipv6.push((address, with)),
        }
    }
    (ipv4, ipv6)
}
