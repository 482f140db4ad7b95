//! Address translation: clients share a router's address, and ports of the router lead to machines behind it.
//!
//! Without arguments it shows itself, in three network namespaces of its own, on real packets. With `--host` it
//! translates where it is run.

mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::{Client, Namespace, Server};
use nftlink::field::{meta, tcp};
use nftlink::{Batch, Chain, Conn, Hook, Hooked, Priority, Rule, RuleInfo, Table};

/// Translates addresses: forwards ports, and hides networks behind one address.
///
/// Without arguments it shows how, with real packets, in network namespaces of its own: it needs no privileges, and
/// the machine's firewall stays as it is. With --host a command acts on the firewall of the namespace it is run in.
#[derive(Parser)]
#[command(name = "nat")]
struct Cli {
    /// Acts on the firewall here; needs root
    #[arg(long, global = true)]
    host: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Sends TCP connections that come in for PORT to another machine
    Forward {
        /// The port of this machine
        port: u16,
        /// Where they go, as 10.0.0.2:80 or [fd00::2]:80
        #[arg(value_name = "ADDRESS:PORT")]
        to: SocketAddr,
        /// Only connections that come in by this device; else also those of the clients behind this router, to PORT
        /// of any machine
        #[arg(long, value_name = "DEVICE")]
        from: Option<String>,
    },
    /// Gives connections that go out by DEVICE the address of that device
    Masquerade {
        /// The device's name, as eth0
        device: String,
    },
    /// Prints the translations
    List,
    /// Removes all that these commands have set up
    Undo,
}

/// The table and chains that translate.
struct Nat {
    table: Table,
    prerouting: Chain<Hooked>,
    postrouting: Chain<Hooked>,
}

impl Nat {
    fn new() -> Self {
        let table = Table::inet("nftlink-nat").comment("made by nftlink's example nat");
        Self {
            prerouting: table.chain("prerouting").nat(Hook::PREROUTING, Priority::DSTNAT),
            postrouting: table.chain("postrouting").nat(Hook::POSTROUTING, Priority::SRCNAT),
            table,
        }
    }

    fn forward(&self, conn: &mut Conn, port: u16, to: SocketAddr, from: Option<&str>) -> Result<(), nftlink::Error> {
        let from = from.map(|device| meta::iifname().eq(device));
        // An IPv6 packet passes a rule that leads to an IPv4 address untouched, and the other way round.
        let rule = Rule::new().when_all(from).when(tcp::dport().eq(port)).dnat(to);
        let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
        self.put(conn, &self.prerouting, &format!("forward {family} port {port}"), rule)
    }

    fn masquerade(&self, conn: &mut Conn, device: &str) -> Result<(), nftlink::Error> {
        let rule = Rule::new().when(meta::oifname().eq(device)).masquerade();
        self.put(conn, &self.postrouting, &format!("masquerade {device}"), rule)
    }

    /// Puts a rule in the place of the one that has the same comment, or at the end of the chain.
    fn put(&self, conn: &mut Conn, chain: &Chain<Hooked>, comment: &str, rule: Rule) -> Result<(), nftlink::Error> {
        let rule = rule.comment(comment);
        loop {
            let generation = conn.generation()?;
            let rules = match conn.rules(chain) {
                Err(error) if error.is_not_found() => Vec::new(),
                rules => rules?,
            };
            let mut batch = Batch::new();
            batch.add(&self.table).add(&self.prerouting).add(&self.postrouting);
            match rules.iter().find(|rule| rule.comment() == Some(comment)).map(RuleInfo::handle) {
                Some(handle) => batch.replace(chain, handle, &rule),
                None => batch.append(chain, &rule),
            };
            // Only if the rules are still those that were read: two programs at once don't add it twice.
            match conn.commit_at(generation, &batch) {
                Err(error) if error.is_stale() => {}
                result => return result,
            }
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(match show::command::<Cli, _>(cli.host, cli.command) {
        Some(command) => on_host(&command),
        None => demonstrate(),
    })
}

fn on_host(command: &Command) -> Result<(), Box<dyn Error>> {
    let (mut conn, nat) = (Conn::open()?, Nat::new());
    let done = match command {
        Command::Forward { port, to, from } => nat.forward(&mut conn, *port, *to, from.as_deref()),
        Command::Masquerade { device } => nat.masquerade(&mut conn, device),
        Command::List => conn.table(&nat.table).and_then(|table| show::table(&mut conn, &table)),
        Command::Undo => conn.commit(Batch::new().delete(&nat.table)),
    };
    if matches!(command, Command::List | Command::Undo) {
        return done
            .map_err(|error| if error.is_not_found() { "nothing is translated here".into() } else { error.into() });
    }
    done?;
    let forwards = |setting| fs::read_to_string(setting).is_ok_and(|value| value.trim() == "1");
    let ipv6 = matches!(command, Command::Forward { to: SocketAddr::V6(_), .. });
    let setting = if ipv6 { "net/ipv6/conf/all/forwarding" } else { "net/ipv4/ip_forward" };
    if !forwards(format!("/proc/sys/{setting}")) {
        eprintln!("note: this machine does not forward packets; sysctl -w {}=1 lets it", setting.replace('/', "."));
    }
    Ok(())
}

/// A client behind a router, and a server that knows nothing of the client's network.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    lab::enter()?;
    let (router, client, server) = (Namespace::current()?, Namespace::new()?, Namespace::new()?);
    lab::veth((&router, "lan"), (&client, "eth0"))?;
    lab::veth((&router, "wan"), (&server, "eth0"))?;
    router.forwarding()?;
    println!("client 10.0.0.2, fd00::2 -- router -- 192.0.2.2, 2001:db8::2 server");
    let ipv4 = ["10.0.0.1", "10.0.0.2", "192.0.2.1", "192.0.2.2"];
    let ipv6 = ["fd00::1", "fd00::2", "2001:db8::1", "2001:db8::2"];
    let networks = [ipv4, ipv6].map(|network| network.map(|address| address.parse::<IpAddr>().expect("an address")));
    let mut services = Vec::new();
    for [inside, client_address, outside, server_address] in networks {
        let prefix_len = if inside.is_ipv4() { 24 } else { 64 };
        router.address("lan", inside, prefix_len)?;
        client.address("eth0", client_address, prefix_len)?;
        client.default_route(inside)?;
        router.address("wan", outside, prefix_len)?;
        server.address("eth0", server_address, prefix_len)?;
        services.push(Server::tcp(&client, (client_address, 80))?);
        services.push(Server::tcp(&server, (server_address, 80))?);
    }
    // The client asks the server, which sees `seen`, or has no way to answer.
    let ask_server = |seen: [Option<IpAddr>; 2]| {
        networks.into_iter().zip(seen).try_for_each(|([_, client_address, _, server_address], seen)| {
            let (from, to) = (SocketAddr::new(client_address, 0), SocketAddr::new(server_address, 80));
            let answer = Client::tcp(&client, from).ask(to);
            show::packet(format_args!("client asks {to}"), answer, answer.client().map(|seen| seen.ip()) == seen)
        })
    };
    // The server asks port 8080 of the router, and reaches the client's service, or nobody.
    let ask_router = |forwarded: bool| {
        networks.into_iter().try_for_each(|[_, client_address, outside, server_address]| {
            let (from, to) = (SocketAddr::new(server_address, 0), SocketAddr::new(outside, 8080));
            let answer = Client::tcp(&server, from).ask(to);
            let reached = forwarded.then_some(SocketAddr::new(client_address, 80));
            show::packet(format_args!("server asks {to}"), answer, answer.server() == reached)
        })
    };

    let (mut conn, nat) = (Conn::open()?, Nat::new());
    println!("Nothing is translated: the server has no route to the client, the router no service.");
    ask_server([None, None])?;
    ask_router(false)?;

    println!("The router masquerades: the server sees the router's address.");
    nat.masquerade(&mut conn, "wan")?;
    ask_server(networks.map(|[_, _, outside, _]| Some(outside)))?;

    println!("The router forwards its port 8080 to port 80 of the client.");
    for [_, client_address, ..] in networks {
        nat.forward(&mut conn, 8080, SocketAddr::new(client_address, 80), Some("wan"))?;
    }
    ask_router(true)?;

    println!("The ruleset that did it:");
    Ok(show::ruleset(&mut conn)?)
}
