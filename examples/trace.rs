//! Why a packet passes, or does not: its way through all chains, with the rules that it matched. See `--help`.

mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum};
use lab::{Answer, Client, Server};
use nftlink::datum::{CtState, L4Proto};
use nftlink::expr::{Limit, Verdict};
use nftlink::field::{ct, ip, ip6, meta, tcp, th, udp};
use nftlink::trace::{Arm, Armed, Interface, PacketTrace, PacketTracer, Traced, Tracer};
use nftlink::{Batch, Conn, Hook, Policy, Priority, Rule, Table};
use nix::net::if_::if_nameindex;

/// Traces packets: prints the way of each through all chains, with the rules that it matched.
///
/// Without --host it shows how, with real packets, in network namespaces of its own: it needs no privileges, and the
/// machine's firewall stays as it is. With --host it traces packets where it is run: it adds a table for that, which is
/// gone when it ends, however it does. It needs Linux 5.12.
#[derive(Parser)]
#[command(name = "trace")]
struct Cli {
    /// Traces packets here, until it is stopped; needs root
    #[arg(long)]
    host: bool,
    /// Only packets from this address
    #[arg(long, value_name = "ADDRESS")]
    saddr: Option<IpAddr>,
    /// Only packets to this address
    #[arg(long, value_name = "ADDRESS")]
    daddr: Option<IpAddr>,
    /// Only packets of this protocol; with a port and without this, of TCP and UDP
    #[arg(long)]
    protocol: Option<Protocol>,
    /// Only packets from this port
    #[arg(long, value_name = "PORT")]
    sport: Option<u16>,
    /// Only packets to this port
    #[arg(long, value_name = "PORT")]
    dport: Option<u16>,
    /// Ends after so many packets
    #[arg(long, value_name = "PACKETS")]
    count: Option<usize>,
    /// Traces at most so many packets a second, above which events may be lost
    #[arg(long, value_name = "PACKETS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
}

impl Cli {
    /// Whether the command line says which packets.
    fn selects(&self) -> bool {
        self.saddr.is_some() || self.daddr.is_some() || self.protocol.is_some() || self.has_port()
    }

    fn has_port(&self) -> bool {
        self.sport.is_some() || self.dport.is_some()
    }

    fn arm(&self) -> Arm {
        let protocols: &[L4Proto] = match self.protocol {
            Some(Protocol::Tcp) => &[L4Proto::TCP],
            Some(Protocol::Udp) => &[L4Proto::UDP],
            Some(Protocol::Icmp) => &[L4Proto::ICMP],
            Some(Protocol::Icmpv6) => &[L4Proto::ICMPV6],
            None if self.has_port() => &[L4Proto::TCP, L4Proto::UDP],
            None => &[],
        };
        let from = self.saddr.map(is_from);
        let to = self.daddr.map(|address| match address {
            IpAddr::V4(address) => ip::daddr().eq(address),
            IpAddr::V6(address) => ip6::daddr().eq(address),
        });
        let arm = Arm::inet().when_all(from).when_all(to);
        let arm = if protocols.is_empty() { arm } else { arm.when(meta::l4proto().one_of(protocols.iter().copied())) };
        let ports = [self.sport.map(|port| th::sport().eq(port)), self.dport.map(|port| th::dport().eq(port))];
        arm.when_all(ports.into_iter().flatten()).limit(Limit::packets(self.limit, Limit::SECOND).burst(50))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.has_port() && matches!(cli.protocol, Some(Protocol::Icmp | Protocol::Icmpv6)) {
        let message = "packets of that protocol have no ports";
        Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    if cli.saddr.zip(cli.daddr).is_some_and(|(saddr, daddr)| saddr.is_ipv4() != daddr.is_ipv4()) {
        let message = "no packet has an address of IPv4 and one of IPv6";
        Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    show::exit(if cli.host { on_host(&cli) } else { demonstrate(&cli) })
}

fn on_host(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let mut tracer = Tracer::open()?.packets();
    let armed = tracer.arm(&cli.arm())?;
    let mut count = 0;
    while cli.count.is_none_or(|enough| count < enough) {
        match tracer.receive()? {
            Traced::Seen(packet) => print(&packet, &armed),
            _ => println!("events were lost"),
        }
        count += 1;
    }
    Ok(())
}

/// Prints a packet, and below it what happened to it, but for what happened in the table of this program.
fn print(packet: &PacketTrace, armed: &Armed) {
    let mut steps = packet.steps().iter().map(|step| step.event());
    let input = steps.find_map(|event| event.input()).map(|input| format!("from {} ", name(input)));
    let headers = packet.headers().map(|headers| headers.to_string());
    let lack = if packet.is_complete() { "" } else { " (not all of it is known)" };
    println!("packet {} {}{}{lack}", packet.id(), input.unwrap_or_default(), headers.unwrap_or_default());
    let mut chain = None;
    for step in packet.steps().iter().filter(|step| step.event().table() != armed.table()) {
        let event = step.event();
        if chain.replace(event.chain()) != Some(event.chain()) {
            println!("    {}", event.chain());
        }
        let verdict = event.verdict().map(Verdict::to_string).unwrap_or_default();
        match (event.rule(), event.policy(), step.rule()) {
            (_, Some(policy), _) => println!("        policy: {policy}"),
            (Some(handle), _, Some(rule)) => {
                let comment = rule.comment().map(|comment| format!(" {comment:?}")).unwrap_or_default();
                println!("        rule {handle}{comment}: {verdict}");
                rule.bytecode().to_string().lines().for_each(|line| println!("            {}", line.trim()));
            }
            (Some(handle), ..) => println!("        rule {handle}, which is gone: {verdict}"),
            (None, ..) => println!("        the end of the chain"),
        }
    }
    let is_dropped = packet.dropped_at().is_some();
    println!("    {}", if is_dropped { "It is dropped." } else { "It is not dropped by a rule." });
}

/// The name of an interface here.
fn name(interface: Interface) -> String {
    let number = interface.index.get();
    let names = if_nameindex().ok();
    let found = names.and_then(|names| {
        let mut names = names.iter();
        names.find(|known| known.index() == number).map(|known| known.name().to_string_lossy().into_owned())
    });
    found.unwrap_or_else(|| format!("interface {number}"))
}

/// A firewall that answers questions about names, and its administration by one address.
fn set_up(conn: &mut Conn, admin: Ipv4Addr) -> Result<(), nftlink::Error> {
    let table = Table::inet("demonstration");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let services = table.chain("services");
    let mut batch = Batch::new();
    batch.add(&table).add(&input).add(&services);
    let known = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
    batch.append(&input, Rule::new().when(known).accept().comment("answers"));
    batch.append(&input, Rule::new().when(meta::l4proto().eq(L4Proto::ICMPV6)).accept().comment("neighbours"));
    batch.append(&input, Rule::new().jump(&services));
    batch.append(&services, Rule::new().when(udp::dport().eq(53)).accept().comment("names"));
    let stranger = Rule::new().when(tcp::dport().eq(22)).when(ip::saddr().ne(admin));
    batch.append(&services, stranger.drop().comment("not the administrator"));
    conn.commit(&batch)
}

/// A client asks a server that has a firewall.
fn demonstrate(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let mut conn = Conn::open()?;
    set_up(&mut conn, Ipv4Addr::new(192, 0, 2, 99))?;
    println!("The server's firewall:");
    show::ruleset(&mut conn)?;

    let mut tracer = Tracer::open()?.packets().quiet(Duration::from_millis(50));
    let [client, client6] = stage.client_addresses;
    let arm = match cli.selects() {
        true => cli.arm(),
        // Without how the hosts find each other.
        false => Arm::inet().when(is_from(client)).or().when(is_from(client6)).when(meta::l4proto().eq(L4Proto::UDP)),
    };
    let armed = tracer.arm(&arm)?;
    let [server, server6] = stage.server_addresses;
    let _server = Server::udp(&stage.server, (server, 53))?;
    let _server6 = Server::udp(&stage.server, (server6, 53))?;
    let questions = [
        ("asks for a name", Client::udp(&stage.client, (client, 0))?, server, 53),
        ("asks for a name", Client::udp(&stage.client, (client6, 0))?, server6, 53),
        ("asks for the time", Client::udp(&stage.client, (client, 0))?, server, 123),
        ("wants to log in", Client::tcp(&stage.client, (client, 0)), server, 22),
    ];
    let mut dropped = 0;
    for (what, client, server, port) in questions {
        println!("The client {what}:");
        let answer = client.ask((server, port));
        show::packet(format_args!("{server} port {port}"), answer, answer.passed() == (port == 53))?;
        dropped += dropped_of(&mut tracer, &armed, answer)?;
    }
    // The last two; of TCP it may be several, since it asks again.
    if cli.selects() || dropped >= 2 { Ok(()) } else { Err(format!("{dropped} packets were dropped").into()) }
}

fn is_from(address: IpAddr) -> nftlink::field::Match {
    match address {
        IpAddr::V4(address) => ip::saddr().eq(address),
        IpAddr::V6(address) => ip6::saddr().eq(address),
    }
}

/// Prints the packets of a question, and tells how many were dropped.
fn dropped_of(tracer: &mut PacketTracer, armed: &Armed, answer: Answer) -> Result<usize, Box<dyn Error>> {
    let mut dropped = 0;
    while let Some(traced) = tracer.receive_timeout(Duration::from_millis(100))? {
        let packet = traced.seen().ok_or("events were lost")?;
        print(&packet, armed);
        let was_dropped = packet.dropped_at().is_some();
        dropped += usize::from(was_dropped);
        if was_dropped && answer.passed() {
            return Err("a packet was dropped that had an answer".into());
        }
    }
    Ok(dropped)
}
