use std::net::Ipv4Addr;

use nftlink::datum::{CtState, CtStatus, Port};
use nftlink::expr::Verdict;
use nftlink::field::{ct, ip, meta, tcp};
use nftlink::{Batch, Chain, Conn, Error, Hook, Map, Policy, Priority, Rule, Table};

/// The host's side: containers on a bridge, and the address under which the world knows them.
pub struct Network<'a> {
    /// Its name, as `br0`.
    pub bridge: &'a str,
    /// What the names of the bridge's ports begin with.
    pub ports: &'a str,
    pub subnet: (Ipv4Addr, u8),
    pub host: Ipv4Addr,
}

pub struct Container<'a> {
    pub name: &'a str,
    pub address: Ipv4Addr,
    /// Ports of the host, and the ports of the container that they lead to.
    pub published: &'a [(u16, u16)],
}

fn table() -> Table {
    Table::ip("containers")
}

/// Where a port of the host leads.
fn published() -> Map<Port, (Ipv4Addr, Port)> {
    Map::new(table(), "published")
}

/// The chain that decides what a container gets.
fn containers() -> Map<Ipv4Addr, Verdict> {
    Map::new(table(), "containers")
}

/// Sets up what all containers share. Those that run stay as they are: call it whenever the daemon starts.
pub fn set_up(conn: &mut Conn, network: &Network) -> Result<(), Error> {
    let prerouting = table().chain("prerouting").nat(Hook::PREROUTING, Priority::DSTNAT);
    let output = table().chain("output").nat(Hook::OUTPUT, Priority::DSTNAT);
    let postrouting = table().chain("postrouting").nat(Hook::POSTROUTING, Priority::SRCNAT);
    let forward = table().chain("forward").filter(Hook::FORWARD, Priority::FILTER).policy(Policy::ACCEPT);
    let mut batch = Batch::new();
    batch.add(&table()).add(&published()).add(&containers());
    for chain in [&prerouting, &output, &postrouting, &forward] {
        batch.add(chain).flush(chain);
    }

    // What comes for a published port goes to the container: from outside, and from the host itself.
    let (outside, to_host) = (meta::iifname().ne(network.bridge), ip::daddr().eq(network.host));
    let container = tcp::dport().map(&published());
    batch.append(&prerouting, Rule::new().when(outside).when(to_host.clone()).dnat(container.clone()));
    batch.append(&output, Rule::new().when(to_host).dnat(container));

    // What leaves the bridge has the address of the way out.
    let (subnet, len) = network.subnet;
    let leaves = Rule::new().when(ip::saddr().in_prefix(subnet, len)).when(meta::oifname().ne(network.bridge));
    batch.append(&postrouting, leaves.masquerade());

    // Into the bridge come answers, and what was translated, if the container's chain accepts it. Without the test
    // for that, a neighbour of the host could send to the container's own address.
    let known = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
    batch.append(&forward, Rule::new().when(known).accept());
    batch.append(&forward, Rule::new().when(ct::status().has(CtStatus::DNAT)).vmap(ip::daddr(), &containers()));
    batch.append(&forward, Rule::new().when(meta::oifname().eq(network.bridge)).drop());

    // From container to container a frame goes through the bridge alone, where no table of family ip sees it.
    let frames = Table::bridge("containers").chain("forward").filter(Hook::FORWARD, Priority::FILTER);
    let (from, to) = (meta::iifname().starts_with(network.ports), meta::oifname().starts_with(network.ports));
    batch.add(&Table::bridge("containers")).add(&frames).flush(&frames);
    batch.append(&frames, Rule::new().when(from).when(to).drop());
    conn.commit(&batch)
}

impl Container<'_> {
    /// The container's own chain. Its name cannot be one of those above.
    fn chain(&self) -> Chain {
        table().chain(format!("container-{}", self.name))
    }

    fn leads(&self) -> impl Iterator<Item = (u16, (Ipv4Addr, u16))> {
        self.published.iter().map(|&(port, inside)| (port, (self.address, inside)))
    }

    /// Adds the container to what `batch` does: any number come and go in one step. A name, an address or a port
    /// that another one has makes the commit fail.
    pub fn start(&self, batch: &mut Batch) {
        batch.create(&self.chain());
        if !self.published.is_empty() {
            let open = tcp::dport().one_of(self.published.iter().map(|&(_, inside)| inside));
            batch.append(self.chain(), Rule::new().when(open).counter().accept());
        }
        batch.create_elements(&containers(), [(self.address, Verdict::jump(&self.chain()))]);
        batch.create_elements(&published(), self.leads());
    }

    /// Takes the container away, its elements first: a chain to which something refers stays.
    pub fn stop(&self, batch: &mut Batch) {
        batch.delete_elements(&published(), self.leads());
        batch.delete_elements(&containers(), [(self.address, Verdict::jump(&self.chain()))]);
        batch.delete(&self.chain());
    }
}
