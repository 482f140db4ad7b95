//! Whole programs for whole tasks: read one, take it, change it.
//!
//! Each page is a program that compiles as it stands. The crate's tests run it in a network
//! namespace with real packets: what its text says passes does, and what it says does not does
//! not, also while the ruleset changes.
//!
//! | task | page |
//! |---|---|
//! | the rules change while packets flow, and none sees a state between | [`replace_my_table`] |
//! | nothing leaves this machine but through the tunnel | [`vpn_kill_switch`] |
//! | iptables-nft, Docker and firewalld are here, too | [`living_beside_others`] |
//! | a rule of mine in a chain of somebody else's, added if it is missing | [`find_my_rule`] |
//! | addresses and networks are shut out for a time, thousands a second | [`ban_daemon`] |
//! | each event adds or deletes one element, thousands a second, from one thread or from many | [`daemons`] |
//! | there are a hundred thousand of something, or millions: what grows, and what to do instead | [`scale`] |
//! | containers behind a bridge have ports of the host, and a way out | [`container_network`] |
//! | a host answers whom it should, and is polite to the others | [`host_firewall`] |
//!
//! Who knows nft and looks for its words finds them in [`nft_to_nftlink`].

/// Replaces the rules of a table while packets flow.
///
/// Call `replace` at the start, after a crash, and whenever the configuration changes: it does not
/// matter what was there before. In the chain of a hook, and wherever it jumps to, a packet meets all of
/// the old rules or all of the new ones. If the kernel refuses any part of the batch, the table stays as
/// it was, to the last counter.
///
/// - **Keep chains and sets, change what is in them.** Chains keep their policy, sets their elements
///   with timeouts and counters. If a set's elements are to be new, flush it and add them in
///   the same batch, or better add and delete what differs. A packet that is among the old rules when
///   they switch may find the new elements already.
/// - **From one hook to the next the rules may change.** A packet may meet the old rules of
///   `prerouting` and the new ones of `input`. A drop that moves to an earlier hook is added there in one
///   batch and deleted here in another.
/// - **[`reset`](crate::Batch::reset)** (add, delete, add) makes a table anew. All in it starts from
///   nothing: elements, timeouts, counters, handles. `rebuild` carries the bans over.
/// - **Between a chain that comes and one that goes there is a gap.** The kernel attaches the new chain, mostly
///   before the old one, switches the rules, and detaches the old chain. A packet that passes the place of the
///   new chain before the switch, and that of the old one when it is detached, meets no rule of either. It has to be
///   on its way through the hook during all of that: of thousands of resets it happens in one, and more often where
///   there are long chains in between. A drop policy does not help: see below.
/// - **So `rebuild` makes two tables, one after the other.** While the table is made anew, a guard with the same rules
///   stands beside it, and for that time only what old and new rules allow passes. Before each step a
///   [`check`](crate::Conn::check) lets the packets go that are on their way: the kernel waits for them, some
///   milliseconds, to take back what it has tried.
/// - **After a reset, not everything switches in the same instant.** First the rules do, with the
///   elements of plain sets; some microseconds later the rest does: until then a new chain accepts whatever
///   its policy is, and a new set of intervals is empty (so is an unnamed one: `one_of` with ranges).
///   That is why this table's last rule drops, and no policy does.
#[doc = "```no_run"]
#[doc = include_str!("replace.rs")]
#[doc = "```"]
pub mod replace_my_table {}

/// Lets nothing out of the machine, nor in, but through the tunnel.
///
/// Let pass are: the tunnel and `lo`, the VPN server's endpoint, DHCP, what IPv6 needs on its link,
/// and one user. All else is dropped, of IPv4 and IPv6, also what is routed.
///
/// - `close` before the tunnel comes up, and again for each change of server: the new rules replace
///   the old ones in one instant. If it fails, what stood stands.
/// - It stays when the program crashes: that is its purpose. At the next start call `close` again;
///   `is_closed` finds what an earlier run left. `nft list tables` shows it to a person, its comment
///   says whose it is, and `nft delete table inet kill-switch` removes it. A reboot removes it, too:
///   a service that closes it early in the boot has to close that gap.
/// - **While the program runs, anybody with the privilege may change it.** On Linux 6.9 a table that is
///   [`owned`](crate::Table::owned) and [`persistent`](crate::Table::persistent) is the program's alone as long
///   as it keeps the `Conn` that closed it. It stays shut when the program dies, and `close` at the next
///   start adopts it: no packet slips through. Then `open` is for the owner, or for anybody after its end; and a
///   table that was made without these flags has to be opened once before.
/// - **To open with the program's end**, a crash included, the table is `owned` alone (Linux 5.12): the kernel
///   removes it with the `Conn`. Such a switch guards a session, not a machine.
/// - What it drops, no other table can accept. What it accepts, others may still drop.
///
/// It does not see ARP, frames that a bridge forwards, and what programs with `CAP_NET_RAW` send from
/// packet sockets (many DHCP clients do). Anybody may send to the server's endpoint. Multicast listener
/// reports are dropped; where switches need them, accept `icmpv6 type mld2-listener-report`. Names
/// are resolved through the tunnel or not at all. And root may remove the table.
#[doc = "```no_run"]
#[doc = include_str!("kill_switch.rs")]
#[doc = "```"]
pub mod vpn_kill_switch {}

/// Filters on a machine where iptables-nft, Docker and firewalld filter as well.
///
/// All of them have tables side by side in one ruleset. A packet goes through the chains of all, in
/// the order of their priorities.
///
/// - **Have a table of your own**, with your program's name. The tables `filter`, `nat`, `mangle`, `raw`
///   and `security` of families ip and ip6 are those of iptables-nft, Docker's chains among them;
///   `firewalld` and, of newer versions of Docker, `docker-bridges` are taken, too. Write into them
///   only where their owner invites you to, and [as it is done there](find_my_rule).
/// - **Never flush the ruleset.** Add, flush, reset and delete your own table: no verb on it
///   touches another.
/// - **Drop is final, accept is not.** An accept ends only the chain it is in; any later chain may
///   still drop. So a program can close a port for all, and open none that another has closed:
///   that takes the other's own means (`firewall-cmd`, Docker's chain `DOCKER-USER`).
/// - **Leave the policy at accept.** A policy is a verdict on everybody's packets.
/// - **Take priorities between theirs.** iptables-nft is at raw (-300), mangle (-150), dstnat (-100),
///   filter (0), security (50) and srcnat (100), firewalld's filter at filter + 10. Which of two
///   chains of one priority comes first is not promised.
/// - Among chains of kind nat the first one that translates a connection decides.
///
/// What rules of iptables match by extensions of its own reads as [`Expr::XtMatch`](crate::expr::Expr::XtMatch) and
/// [`Expr::XtTarget`](crate::expr::Expr::XtTarget), and is kept to the byte.
#[doc = "```no_run"]
#[doc = include_str!("beside.rs")]
#[doc = "```"]
pub mod living_beside_others {}

/// Finds a rule in a chain of somebody else's, adds it if it is missing, and removes it again.
///
/// Where the table is one's own, [replace it](replace_my_table): nothing has to be found. This page
/// is for programs that have to put a rule into the firewall of a distribution or of an
/// administrator.
///
/// - A rule is found by what it does, not by how it is written: one that nft wrote is the same as
///   one of ours. What was counted, numbers of registers and what the kernel adds do not matter (a
///   counter itself does: it is a part of the rule); a set of a
///   rule's own (`{ 22, 80 }`) is compared by what is in it. [`Rule::normalized`] is the form that is
///   compared.
/// - Nothing is added twice, even if several programs look at the same time: the commit demands the
///   generation at which the rule was missing.
/// - What is removed is what this program tagged. nft keeps the tag and does not show it, and a
///   rule that somebody typed anew has none.
///
/// Whoever owns the chain may flush it at any time: call `ensure` again then.
///
/// [`Rule::normalized`]: crate::Rule::normalized
#[doc = "```no_run"]
#[doc = include_str!("find.rs")]
#[doc = "```"]
pub mod find_my_rule {}

/// Bans addresses and networks, each for a time of its own.
///
/// - What comes in quickly goes out together: a thousand bans in one batch cost little more than
///   one does.
/// - An address that is banned again begins anew, with its new time and a counter at zero.
///   `dropped`, the table's counter, goes on.
/// - **Addresses have a set of their own, apart from networks.** A ban inside a banned network is
///   nothing special then. And an element of a hash, as the kernel makes of single values, is
///   refreshed without a gap, also where the kernel searches intervals in a tree (6.12 does): there
///   an interval that is deleted and added again in one batch may be missed for milliseconds.
/// - Intervals must not overlap in a set: the kernel refuses that (`EEXIST`).
///   [`add_merged`](crate::Conn::add_merged) merges,
///   [`delete_merged`](crate::Conn::delete_merged) cuts out. Both read the whole set.
/// - The bans outlive the daemon. To end them with it, delete the table.
#[doc = "```no_run"]
#[doc = include_str!("bans.rs")]
#[doc = "```"]
pub mod ban_daemon {}

/// Connects containers behind a bridge with the world, and keeps them apart from each other.
///
/// Nothing here needs the handle of a rule. A container is its elements in two maps and a chain of
/// its own, by names that are known; any number of them come and go in one batch, and connections
/// of the others do not notice. If one cannot come, since its port is taken, the batch changes nothing.
///
/// - A published port leads to its container from outside and from the host (hook output). From
///   other containers it does not.
/// - Into the bridge come answers and translated connections, nothing else, also for those who know
///   a route to the containers. Other traffic that the host forwards is left to other tables.
/// - Established connections of a container that is stopped are known to the kernel for a while
///   yet, but lead nowhere. A new container had better not get the address at once.
/// - On the bridge a table of family bridge separates the ports. Without it they would be one
///   cable, unless the module `br_netfilter` has the tables of family ip see bridged packets, too.
/// - IPv6 works the same way, in a table of family ip6 and maps of its addresses.
///
/// The host needs `net.ipv4.ip_forward=1`.
#[doc = "```no_run"]
#[doc = include_str!("containers.rs")]
#[doc = "```"]
pub mod container_network {}

/// Guards a host: it answers what it should, may ask everybody, and forwards nothing.
///
/// - **Call `apply` whenever the configuration changes.** The rules switch in one instant;
///   connections and counters go on. An admin who is none any more keeps the connection that
///   stands: end it, or put a rule for that before the one on `ct state`.
/// - **Refused is not dropped.** A reset or an ICMP error tells a client at once; the kernel limits
///   how many errors it sends. What is broken, or belongs to nothing (`ct state invalid`), gets no
///   answer.
/// - Each ICMP error that matters is `related` to what it is about. IPv6 needs its neighbours and
///   routers beside, which connection tracking leaves alone.
/// - An address by DHCPv6 needs one more rule, `ip6 saddr fe80::/10 udp dport 546 accept`: the
///   answer comes from elsewhere than was asked. Clients of DHCP for IPv4 listen before these
///   chains.
#[doc = "```no_run"]
#[doc = include_str!("host.rs")]
#[doc = "```"]
pub mod host_firewall {}

/// Changes one element per event, from one thread or from many.
///
/// - **Keep the connection and the batch.** `clear`, fill, `commit`: that is two system calls and no allocation, some
///   microseconds in all. To open a connection takes longer than the commit.
/// - **Put what changes into sets and maps, not into rules.** A rule looks the set up and stays. An element of single
///   values costs the same however many there are; a rule costs the kernel a walk over its chain, and each packet a
///   comparison. (An interval costs a walk over its set on newer kernels: [`scale`].)
/// - **Give a large set its [size](crate::Set::size)**, if there is a bound: then the kernel need not let its table
///   grow.
/// - **Events of one thread** are best committed one by one, or what has come together in one batch: one commit of a
///   hundred elements is far cheaper than a hundred. If it is refused, nothing of it is applied, and the error names
///   the operations.
/// - **Events of many threads** go through a [`Writer`](crate::Writer), which does that for them: it commits together
///   what has come meanwhile, tells each its own outcome, and lets none suffer from another. It gains most where nobody
///   waits for an event before the next one is handed over: then an event costs a fraction of a commit. Threads that
///   wait for each of their events are as fast, or faster, with a connection each; with the writer they make fewer
///   commits, in one order, and one connection can own the table.
/// - **Only what is refused is expensive**: the kernel takes milliseconds to undo it. Where elements may be there
///   already, or gone, say it by the verb: `add_elements` and, on Linux 6.3, `destroy_elements` do not mind.
/// - If an error [leaves open](crate::Error::FateUnknown) what became of an event, read the set and commit what
///   differs.
#[doc = "```no_run"]
#[doc = include_str!("daemons.rs")]
#[doc = "```"]
pub mod daemons {}

/// Keeps very many of anything: what the cost grows with, and what to do instead.
///
/// Most of what slows a large ruleset down is in the kernel, whatever program talks to it. The figures are of
/// the processor's time, kernel and library together, measured on Linux 6.18 (`benches/SCALE.md`; `cargo bench
/// --bench scale` makes them anew); the growth is what to look at.
///
/// # What costs what
///
/// | each a commit of its own | grows with | beside 1,000 | 10,000 | 100,000 | 1,000,000 |
/// |---|---|---|---|---|---|
/// | a rule appended, inserted, replaced | rules of the chain | 0.2 ms | 2.4 ms | 40 ms | 0.4–0.9 s |
/// | a rule deleted | rules of the chain | 0.13 ms | 1.8 ms | 38 ms | 0.3 s |
/// | a rule with a verdict, in another chain of the table | rules of the table that packets reach | 0.1 ms | 1.1 ms | 16 ms | 0.16 s |
/// | a rule without one; a deletion; in another chain | – | 14 µs | 20 µs | 35 µs | 36 µs |
/// | a rule in another table (Linux 6.1: as in another chain) | – | 30 µs | 32 µs | 38 µs | 33 µs |
/// | an element, single values | – | 6 µs | 6 µs | 6 µs | 6 µs |
/// | an element with a jump | rules of the table that packets reach | 0.08 ms | 1.7 ms | 16 ms | 0.16 s |
/// | an interval (Linux 6.1: does not grow) | elements of the set | 27 µs | 0.25–0.6 ms | 8 ms | 0.1 s |
/// | concatenated intervals, added | elements of the set, at first | 40 µs | 0.2 ms | 0.4 ms | |
/// | concatenated intervals, deleted | elements of the set, at first | 2.4 ms | 25 ms | 35 ms | |
///
/// | reading | grows with | of 1,000 | 10,000 | 100,000 | 1,000,000 |
/// |---|---|---|---|---|---|
/// | all rules | the square, once they are many | 3.7 ms | 45 ms | 4.5 s | |
/// | the rules of one chain of 100 | rules of the chain | 0.4 ms | 0.4 ms | 0.4 ms | |
/// | all elements, single values | the square, once they are many | 0.3 ms | 3.2 ms | 0.12 s | 15 s |
/// | one element by its key | – | 18 µs | 18 µs | 19 µs | 29 µs |
/// | one rule by its handle | the rules before it | 11 µs | 93 µs | 6.5 ms | 66 ms |
/// | a table, chain, or object by its name; the generation | – | 4 µs | 4 µs | 4 µs | 5 µs |
///
/// # What to do instead
///
/// - **Many changes, one batch.** The kernel walks over a chain once for each commit, not once for each rule: a
///   rule in a batch of many costs 10 to 15 µs, however many there are. What comes in singly and need not be
///   there at once is collected; a [`Writer`](crate::Writer) does that for many threads.
/// - **A set or a map instead of many rules.** One rule looks up a million addresses in one step, where a
///   packet would be compared with a million rules. What is to be done with each goes into a map: verdicts
///   ([`vmap`](crate::RuleBuilder::vmap)), marks, addresses to translate to, [named
///   counters](crate::object::ObjectOf).
/// - **Many chains, reached by a verdict map, instead of a long one.** A rule then costs a walk over a short
///   chain. But a rule that ends in a verdict or looks something up, and an element with a jump, also make the
///   kernel look for loops in all of the table that packets can reach. What changes often does not belong into
///   the table of a hundred thousand rules: the look ends at the table. A rule without verdict, and any
///   deletion, does without it.
/// - **Single values where they will do.** Intervals that come and go one by one are cheap in a small set: keep
///   addresses and networks in sets of their own, and change the large one in batches.
/// - **[`Set::size`](crate::Set::size)** for a large set of single values that is filled at once: a million
///   elements in one batch cost 0.7 s instead of 2.1 s. It is a bound, too: one element more is refused
///   (`ENFILE`).
/// - **A [`Loader`](crate::Loader)** for a set that is to be made anew as a whole: it needs no size and no
///   large send buffer, takes 0.7 s for a million single values, too, and packets see the old set until the new one
///   is complete. A million intervals take it 3.4 s, one batch 3.0 s; more with a small send buffer, since Linux 6.18
///   writes all intervals of a set anew for each batch.
/// - **Do not list to find.** Read what is known by its name or key: [`element`](crate::Conn::element),
///   [`object`](crate::Conn::object) and [`counter`](crate::Conn::counter), [`chain`](crate::Conn::chain). Keep
///   the handles of rules that are to be changed ([`commit_with_handles`](crate::Conn::commit_with_handles)).
///   Count with objects: to read a rule's counter the kernel walks over the chain.
/// - **Do not list to notice.** A [`Monitor`](crate::monitor::Monitor) tells what changes;
///   [`generation`](crate::Conn::generation) tells whether anything did, in 4 µs beside a million rules.
/// - **If it has to be listed**, list one chain instead of a table, and hold one message at a time:
///   `stream_rules` and `stream_elements` take no memory, `rules` 500 bytes a rule.
///   [`rule_heads`](crate::Conn::rule_heads) saves memory; the kernel's time is the same.
///
/// # What stops a batch
///
/// - **The send buffer.** A batch is one message to the kernel. [`commit`](crate::Conn::commit) raises the
///   buffer as it is needed: with `CAP_NET_ADMIN` over the machine up to 2 GiB. In a user namespace, as in most
///   containers, the kernel gives twice `net.core.wmem_max`: 425,984 bytes if nobody raised it, which is about
///   900 rules, or 26,000 addresses. What is larger is [`Error::TooLarge`](crate::Error::TooLarge), which says
///   how much it needs and how much there is; nothing was sent. `in_parts`, below, is an answer where each
///   thing may come by itself, the loader where it is one set.
/// - **Memory.** The program holds the batch (464 bytes for a rule on an address and a port, 16 for an
///   address), the kernel a copy of it while it is applied, and afterwards 500 to 1,100 bytes for the rule, 65 to 180
///   for the address. In a container the kernel's part counts, too.
/// - A rule has 128 expressions at most; a packet follows 15 jumps, one within another; an attribute has 65,535
///   bytes, which only a rule with very many long expressions could reach (lists of elements are divided as it
///   takes). All of these are errors that name the operation. Some kernels bound the jumps of a network
///   namespace (`net.netfilter.nf_tables_jumps_max_netns`).
#[doc = "```no_run"]
#[doc = include_str!("scale.rs")]
#[doc = "```"]
pub mod scale {}

/// Lists the words of nft, each with its Rust.
///
#[doc = include_str!("nft_to_nftlink.md")]
pub mod nft_to_nftlink {}
