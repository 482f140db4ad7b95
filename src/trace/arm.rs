//! Rules that have packets traced, in a table that is gone with the program.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::batch::Batch;
use crate::chain::{Chain, Device, Hook, Hooked, Priority};
use crate::conn::{Conn, ConnOptions};
use crate::error::Error;
use crate::expr::Limit;
use crate::field::{Match, meta};
use crate::rule::{Rule, RuleBuilder};
use crate::table::{Table, TableRef};
use crate::wire::Family;

/// How many names are tried, where others have taken some.
const NAMES: u32 = 64;

/// Says which packets are to be traced.
///
/// They are selected where they first appear: in families ip, ip6, inet and bridge at prerouting and output, in family
/// arp at input and output, in family netdev at the ingress of its devices; and there before all other chains or, where
/// a match asks for the packet's connection, right behind conntrack, unless a [priority](Self::priority) says
/// otherwise. Without a match all packets are traced.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::expr::Limit;
/// use nftlink::field::{ip, tcp};
/// use nftlink::trace::Arm;
///
/// // Both ways of the connections of a machine to port 80, a hundred packets a second at most.
/// let machine = Ipv4Addr::new(192, 0, 2, 1);
/// let arm = Arm::inet()
///     .when(ip::saddr().eq(machine))
///     .when(tcp::dport().eq(80))
///     .or()
///     .when(ip::daddr().eq(machine))
///     .when(tcp::sport().eq(80))
///     .limit(Limit::packets(100, Limit::SECOND));
/// ```
#[derive(Debug, Clone)]
#[must_use = "packets are traced once a tracer arms it"]
pub struct Arm {
    family: Family,
    /// A packet is traced if all matches of one of these match.
    selections: Vec<Vec<Match>>,
    limit: Option<Limit>,
    devices: Vec<Device>,
    priority: Option<Priority>,
}

impl Arm {
    /// Packets of any family.
    pub fn new(family: Family) -> Self {
        Self { family, selections: vec![Vec::new()], limit: None, devices: Vec::new(), priority: None }
    }

    /// Packets of IPv4 and IPv6.
    pub fn inet() -> Self {
        Self::new(Family::INET)
    }

    /// Packets of IPv4.
    pub fn ip() -> Self {
        Self::new(Family::IP)
    }

    /// Packets of IPv6.
    pub fn ip6() -> Self {
        Self::new(Family::IP6)
    }

    /// Packets of ARP.
    pub fn arp() -> Self {
        Self::new(Family::ARP)
    }

    /// Frames that bridges see.
    pub fn bridge() -> Self {
        Self::new(Family::BRIDGE)
    }

    /// Frames that devices receive. Newer kernels (as Linux 6.18) take devices that are not there, and trace nothing.
    pub fn netdev(devices: impl IntoIterator<Item = impl Into<Device>>) -> Self {
        let devices = devices.into_iter().map(Into::into).collect();
        Self { devices, ..Self::new(Family::NETDEV) }
    }

    /// Traces only packets that match, besides what is said already.
    pub fn when(mut self, matching: Match) -> Self {
        // There is one from the beginning.
        if let Some(selection) = self.selections.last_mut() {
            selection.push(matching);
        }
        self
    }

    /// Traces only packets that match all, besides what is said already.
    pub fn when_all(self, matches: impl IntoIterator<Item = Match>) -> Self {
        matches.into_iter().fold(self, Self::when)
    }

    /// Begins to say which other packets are traced, too. It is nothing unless a match follows.
    pub fn or(mut self) -> Self {
        self.selections.push(Vec::new());
        self
    }

    /// Traces only so many packets: those of a busy machine would come faster than a program takes them. The limit
    /// is for each alternative by itself.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Selects packets behind the chains of lower priorities, which are then not in the trace. What matches on
    /// `ct` has to be behind -200: before that no packet belongs to a connection.
    pub fn priority(mut self, priority: impl Into<Priority>) -> Self {
        self.priority = Some(priority.into());
        self
    }

    /// The priority that is asked for, or else the first at which all that is asked of packets is known.
    fn effective_priority(&self) -> Priority {
        /// Right behind the kernel's own look at connections (`NF_IP_PRI_CONNTRACK`).
        const BEHIND_CONNTRACK: i32 = -199;
        let asks_conntrack = self.selections.iter().flatten().any(Match::asks_conntrack);
        // Among the chains of a priority the one that came last is the last.
        self.priority.unwrap_or_else(|| Priority::from(if asks_conntrack { BEHIND_CONNTRACK } else { i32::MIN }))
    }

    fn hooks(&self) -> &'static [Hook] {
        match self.family {
            Family::NETDEV => &[Hook::INGRESS],
            Family::ARP => &[Hook::INPUT, Hook::OUTPUT],
            _ => &[Hook::PREROUTING, Hook::OUTPUT],
        }
    }

    fn rules(&self) -> impl Iterator<Item = RuleBuilder> + '_ {
        // An alternative without a match would be all packets.
        let all = self.selections.iter().all(Vec::is_empty);
        let selections = self.selections.iter().filter(move |selection| all || !selection.is_empty());
        selections.take(if all { 1 } else { usize::MAX }).map(|selection| {
            let rule = Rule::new().when_all(selection.iter().cloned());
            let rule = self.limit.into_iter().fold(rule, RuleBuilder::limit);
            rule.set(meta::nftrace(), 1)
        })
    }

    fn batch(&self, table: &Table) -> Batch {
        let mut batch = Batch::new();
        batch.create(table);
        for hook in self.hooks() {
            let chain: Chain<Hooked> = table.chain(hook.to_string()).filter(*hook, self.effective_priority());
            let chain = chain.devices(self.devices.iter().cloned());
            batch.add(&chain);
            for rule in self.rules() {
                batch.append(&chain, &rule);
            }
        }
        batch
    }
}

/// Has packets traced as long as it lives.
///
/// Its table belongs to its connection: it is deleted when this is dropped, and where the program ends in any other way
/// the kernel removes it. After a fork the first of the processes that drops it deletes the table; one that exits or
/// executes another program without doing so leaves it to the other. What the table's own rules do is in the traces,
/// too: [`table`](Self::table) tells which to leave out.
#[derive(Debug)]
#[must_use = "packets are traced only as long as it lives"]
pub struct Armed {
    table: TableRef,
    conn: Conn,
}

impl Drop for Armed {
    fn drop(&mut self) {
        // The kernel removes it with the connection. But a program that is being started has a copy of that for a
        // moment.
        let mut batch = Batch::new();
        batch.delete(&Table::new(self.table.family(), self.table.name()));
        let _ = self.conn.commit(&batch);
    }
}

impl Armed {
    /// Where it fails, what may be there all the same goes with the connection.
    pub(super) fn over(mut conn: Conn, arm: &Arm) -> Result<Self, Error> {
        /// Of this process.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut tries = 0;
        loop {
            // A process in another namespace of processes may have the same number.
            let name = format!("nftlink-trace-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let table = Table::new(arm.family, name).owned().comment("traces packets for nftlink");
            match conn.commit(&arm.batch(&table)) {
                Ok(()) => return Ok(Self { table: table.as_ref().clone(), conn }),
                Err(error) if tries < NAMES && error.is_exists() => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the table that was made.
    pub fn table(&self) -> &TableRef {
        &self.table
    }
}

impl ConnOptions {
    /// Has the packets that `arm` selects traced until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// - [`Error::Build`] if a match cannot be expressed, as for a family that does not have the field.
    /// - [`Error::Unsupported`] before Linux 5.12, which has no tables that are gone with their program: there a
    ///   program makes rules with [`meta::nftrace`](crate::field::meta::nftrace) itself.
    /// - Those of [`open`](Self::open) and [`commit`](Conn::commit).
    pub fn arm(self, arm: &Arm) -> Result<Armed, Error> {
        Armed::over(self.open()?, arm)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::datum::CtState;
    use crate::field::{concat, ct, ip, tcp};

    fn shown(arm: &Arm) -> String {
        let table = Table::new(arm.family, "t").owned();
        arm.batch(&table).to_string()
    }

    #[test]
    fn packets_are_selected_where_they_first_appear() {
        for (arm, hooks) in [
            (Arm::inet(), &["prerouting", "output"][..]),
            (Arm::ip(), &["prerouting", "output"]),
            (Arm::ip6(), &["prerouting", "output"]),
            (Arm::bridge(), &["prerouting", "output"]),
            (Arm::arp(), &["input", "output"]),
            (Arm::netdev(["eth0"]), &["ingress"]),
        ] {
            let batch = shown(&arm);
            let chains: Vec<_> = batch.lines().filter(|line| line.starts_with("add chain")).collect();
            assert_eq!(chains.len(), hooks.len(), "{batch}");
            assert!(chains.iter().zip(hooks).all(|(chain, hook)| chain.contains(hook)), "{batch}");
        }
    }

    #[test]
    fn what_asks_for_connections_comes_behind_conntrack() {
        let priority = |arm: &Arm| arm.effective_priority();
        let invalid = || Arm::inet().when(tcp::dport().eq(80)).or().when(ct::state().has_any(CtState::INVALID));
        assert_eq!(priority(&Arm::inet().when(tcp::dport().eq(80))), Priority::from(i32::MIN));
        assert_eq!(priority(&invalid()), Priority::from(-199));
        assert_eq!(priority(&invalid().priority(Priority::RAW)), Priority::RAW);
        let pair = concat((ip::saddr(), ct::mark())).one_of([(Ipv4Addr::LOCALHOST, 1)]);
        assert_eq!(priority(&Arm::inet().when(pair)), Priority::from(-199));
    }

    #[test]
    fn each_alternative_is_a_rule() {
        let rules = |arm: &Arm| shown(arm).lines().filter(|line| line.starts_with("add rule")).count();
        let one = || Arm::inet().when(ip::saddr().eq(Ipv4Addr::LOCALHOST)).when(tcp::dport().eq(80));
        assert_eq!(rules(&Arm::inet()), 2);
        assert_eq!(rules(&one()), 2);
        assert_eq!(rules(&one().or().when(tcp::sport().eq(80))), 4);
        assert_eq!(rules(&one().or()), 2, "what selects nothing does not select everything");
        assert_eq!(rules(&Arm::inet().or().or()), 2);
    }

    #[test]
    fn matches_that_the_family_lacks_are_told() {
        let table = Table::arp("t");
        let batch = Arm::arp().when(tcp::dport().eq(80)).batch(&table);
        assert!(batch.mistake().is_some());
        assert!(Arm::netdev([] as [&str; 0]).batch(&Table::netdev("t")).mistake().is_some());
    }
}
