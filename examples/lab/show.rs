//! What the example programs share beside the laboratory: their command line's frame, and what they print.

#![allow(dead_code, reason = "each example uses only a part")]
#![allow(unreachable_pub, reason = "a module of programs, written as the small library it is")]

use std::error::Error;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind;
use nftlink::datum::{IfName, L4Proto, Mark, Port};
use nftlink::object::{Counter, ObjectInfo};
use nftlink::{ChainInfo, Conn, ElementInfo, Family, Interval, Key, RuleInfo, SetFlags, SetInfo, TableInfo};

use crate::lab::{self, Answer, LabError, Namespace};

/// The command to be run on the host, or `None` for the demonstration. Neither goes without saying: a command takes
/// `--host`, and `--host` a command; else the program ends here.
pub fn command<P: CommandFactory, C>(host: bool, command: Option<C>) -> Option<C> {
    let (kind, message) = match (host, &command) {
        (true, Some(_)) | (false, None) => return command,
        (true, None) => (ErrorKind::MissingSubcommand, "--host goes with a command"),
        (false, Some(_)) => (
            ErrorKind::MissingRequiredArgument,
            "this command acts on the firewall of the namespace it is run in: say --host if you mean it",
        ),
    };
    P::command().error(kind, message).exit()
}

/// Ends a program: an error becomes one line on standard error, and exit status 1.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where a demonstration takes place: a client and a server, joined by a cable, with IPv4 and IPv6 each. This process
/// is in the server's namespace.
pub struct Stage {
    pub client: Namespace,
    pub server: Namespace,
    pub client_addresses: [IpAddr; 2],
    pub server_addresses: [IpAddr; 2],
}

/// Sets the stage. To be called first in a program; see [`lab::enter`].
pub fn stage() -> Result<Stage, LabError> {
    lab::enter()?;
    let addresses = |host: u8| [[192, 0, 2, host].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()].into()];
    let stage = Stage {
        client: Namespace::new()?,
        server: Namespace::current()?,
        client_addresses: addresses(1),
        server_addresses: addresses(2),
    };
    lab::veth((&stage.server, "eth0"), (&stage.client, "eth0"))?;
    for (namespace, [ipv4, ipv6]) in [(&stage.client, stage.client_addresses), (&stage.server, stage.server_addresses)]
    {
        namespace.address("eth0", ipv4, 24)?;
        namespace.address("eth0", ipv6, 64)?;
    }
    Ok(stage)
}

/// Prints what became of a question, or fails if that is not what the program promises.
pub fn packet(question: impl Display, answer: Answer, as_promised: bool) -> Result<(), String> {
    let question = question.to_string();
    println!("    {question:<40} {answer}");
    if as_promised { Ok(()) } else { Err(format!("{question}: {answer}, which is not as it should be")) }
}

/// Prints all tables of the namespace, as they are read back from the kernel.
pub fn ruleset(conn: &mut Conn) -> Result<(), nftlink::Error> {
    for info in conn.tables(..)? {
        table(conn, &info)?;
    }
    Ok(())
}

/// Prints a table: its objects, its sets with their elements, its chains with their rules.
pub fn table(conn: &mut Conn, table: &TableInfo) -> Result<(), nftlink::Error> {
    println!("    table {}{}", table.at(), quoted(table.comment()));
    for object in conn.objects(table)? {
        println!("        {} {}{}: {}", object.kind(), object.name(), quoted(object.comment()), content(&object)?);
    }
    for set in conn.sets(table)? {
        println!("        set {} of {}{}", set.name(), kind_of(&set), quoted(set.comment()));
        for element in elements(conn, &set)? {
            println!("            {element}");
        }
    }
    let rules = conn.rules(table)?;
    for chain in conn.chains(table)? {
        println!("        chain {}{}{}", chain.name(), place(&chain), quoted(chain.comment()));
        for rule in rules.iter().filter(|rule| rule.chain() == chain.at()) {
            show_rule(rule);
        }
    }
    Ok(())
}

/// A rule is bytecode to the kernel: one expression per line.
fn show_rule(rule: &RuleInfo) {
    println!("            rule {}{}", rule.handle(), quoted(rule.comment()));
    for expression in rule.bytecode().to_string().lines() {
        println!("                {}", expression.trim());
    }
}

/// Where packets meet a chain: `: filter, hook input, priority 0, policy accept`.
fn place(chain: &ChainInfo) -> String {
    let Some(((kind, hook), priority)) = chain.kind().zip(chain.hook()).zip(chain.priority()) else {
        return String::new();
    };
    let policy = chain.policy().map(|policy| format!(", policy {policy}")).unwrap_or_default();
    format!(": {kind}, hook {hook}, priority {priority}{policy}")
}

fn content(object: &ObjectInfo) -> Result<String, nftlink::Error> {
    Ok(object.value::<Counter>()?.as_ref().map_or_else(|| "not a counter".to_owned(), counter))
}

/// `3 packets, 93 bytes`
pub fn counter(counter: &Counter) -> String {
    let packets = if counter.packets == 1 { "packet" } else { "packets" };
    format!("{} {packets}, {} bytes", counter.packets, counter.bytes)
}

fn kind_of(set: &SetInfo) -> String {
    let mut kind = set.key_type().to_string();
    if set.flags().contains(SetFlags::INTERVAL) {
        kind += ", intervals";
    }
    if set.flags().contains(SetFlags::TIMEOUT) {
        kind += ", timeouts";
    }
    kind
}

/// The elements of any set, as text: with the Rust type of the set's keys, if that is found here.
fn elements(conn: &mut Conn, set: &SetInfo) -> Result<Vec<String>, nftlink::Error> {
    fn of<K: Key + Display>(conn: &mut Conn, set: &SetInfo) -> Option<Result<Vec<String>, nftlink::Error>> {
        let set = set.typed::<K>()?;
        Some(conn.elements(&set).map(|elements| elements.iter().map(element).collect()))
    }
    let types = [
        of::<Ipv4Addr>,
        of::<Interval<Ipv4Addr>>,
        of::<Ipv6Addr>,
        of::<Interval<Ipv6Addr>>,
        of::<Port>,
        of::<Interval<Port>>,
        of::<Mark>,
        of::<L4Proto>,
        of::<IfName>,
    ];
    types.iter().find_map(|of| of(conn, set)).unwrap_or_else(|| {
        let count = conn.elements(set)?.len();
        Ok(vec![format!("{count} entries")])
    })
}

/// `10.0.0.0/8 "why", 9m 58s of 10m left`
pub fn element<K: Display>(element: &ElementInfo<K>) -> String {
    let left = match (element.expires(), element.timeout()) {
        (Some(left), Some(all)) => format!(", {} of {} left", duration(left), duration(all)),
        (Some(left), None) => format!(", {} left", duration(left)),
        _ => String::new(),
    };
    let key = element.key().map_or("*".to_owned(), K::to_string);
    format!("{key}{}{left}", quoted(element.comment()))
}

/// `1h 30m`; of a few seconds also the milliseconds.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 10 {
        let millis = format!("{:03}", duration.subsec_millis());
        let millis = millis.trim_end_matches('0');
        return if millis.is_empty() { format!("{seconds}s") } else { format!("{seconds}.{millis}s") };
    }
    let parts = [(seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// Reads a duration: a number of seconds, or with a unit as in `10m`, `12h`, `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err("the unit is none of s, m, h, d".to_owned()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&s| s > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "it has to be a number above zero".to_owned())
}

/// Reads a family by nft's word.
pub fn parse_family(text: &str) -> Result<Family, String> {
    let families = [Family::INET, Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV];
    let found = families.into_iter().find(|family| family.to_string() == text);
    found.ok_or_else(|| "the family is none of inet, ip, ip6, arp, bridge, netdev".to_owned())
}

fn quoted(comment: Option<&str>) -> String {
    comment.map(|comment| format!(" {comment:?}")).unwrap_or_default()
}
