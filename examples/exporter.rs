//! An exporter for Prometheus: what the ruleset counts, as OpenMetrics over HTTP.
//!
//! Without arguments it shows itself, in a network namespace of its own, on real packets. With `--host` it serves what
//! the firewall counts where it is run. It only reads, for which it needs `CAP_NET_ADMIN` and nothing else: under
//! systemd `DynamicUser=yes` with `AmbientCapabilities=CAP_NET_ADMIN`.

#[path = "exporter/metrics.rs"]
mod metrics;
#[path = "exporter/serve.rs"]
mod serve;

mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use lab::{Client, Server};
use nftlink::field::{ip, tcp, udp};
use nftlink::object::{Counter, Named, Quota};
use nftlink::{Batch, Conn, Hook, Interval, Priority, Rule, Set, Table};

/// Serves named counters, quotas, the sizes of sets, and the counters of rules that have a comment, to Prometheus.
///
/// Without arguments it shows how, with real packets, in a network namespace of its own: it needs no privileges, and
/// the machine's firewall stays as it is. With --host it serves what the firewall of the namespace counts in which it
/// is run, until it is stopped; it changes nothing.
#[derive(Parser)]
#[command(name = "exporter")]
struct Cli {
    /// Reads the firewall here; needs CAP_NET_ADMIN
    #[arg(long)]
    host: bool,
    /// Where it serves /metrics; whoever reaches that may read them
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9630", requires = "host")]
    listen: SocketAddr,
}

/// How long a client may take: as long as Prometheus waits, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(if cli.host { on_host(cli.listen) } else { demonstrate() })
}

fn on_host(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
    println!("serving http://{}/metrics", listener.local_addr()?);
    match serve::serve(listener, PATIENCE, metrics::scrape)? {}
}

/// A client asks a server, which counts the questions; then Prometheus asks what has been counted.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let mut conn = Conn::open()?;
    set_up(&mut conn)?;

    println!("Questions over UDP to port 53 are counted as `dns`, packets over TCP to port 80 by rules and a quota.");
    for (client, server) in stage.client_addresses.into_iter().zip(stage.server_addresses) {
        let (dns, web) = (Server::udp(&stage.server, (server, 53))?, Server::tcp(&stage.server, (server, 80))?);
        let answer = Client::udp(&stage.client, (client, 0))?.ask(dns.address());
        show::packet(format_args!("UDP to {}", dns.address()), answer, answer.passed())?;
        let answer = Client::tcp(&stage.client, (client, 0)).ask(web.address());
        show::packet(format_args!("TCP to {}", web.address()), answer, answer.passed())?;
    }

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || serve::serve(listener, PATIENCE, metrics::scrape));
    println!("What http://{address}/metrics tells:");
    let answer = get(address, "/metrics")?;
    answer.lines().for_each(|line| println!("    {line}"));

    let counted = r#"nftables_counter_packets_total{family="inet",table="fw",name="dns"} 2"#;
    let right = answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.lines().any(|line| line == counted);
    if right { Ok(()) } else { Err(format!("there should be {counted}").into()) }
}

fn set_up(conn: &mut Conn) -> Result<(), nftlink::Error> {
    let fw = Table::inet("fw").comment("made by nftlink's example exporter");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").size(1000);
    let (dns, web) = (Counter::named(&fw, "dns"), Named::new(&fw, "web", Quota::new(1_000_000)));
    let mut batch = Batch::new();
    batch.add(&fw).add(&blocked).add(&dns).add(&web).add(&input);
    batch.add_elements(&blocked, [Interval::prefix(Ipv4Addr::new(198, 51, 100, 0), 24)]);
    batch.append(&input, Rule::new().when(ip::saddr().in_set(&blocked)).counter().drop().comment("blocked"));
    batch.append(&input, Rule::new().when(udp::dport().eq(53)).object(&dns).accept());
    batch.append(&input, Rule::new().when(tcp::dport().eq(80)).counter().object(&web).accept().comment("web"));
    conn.commit(&batch)
}

/// Asks an HTTP server, and returns all that it answers.
fn get(server: SocketAddr, path: &str) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
