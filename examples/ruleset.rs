//! The whole ruleset: shown, kept in a file, put back, and written anew.
//!
//! Without arguments it shows itself in a network namespace of its own. A command acts on the network namespace in
//! which it is run.

#[path = "ruleset/file.rs"]
mod file;
mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::io::{Write as _, stdout};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use file::Machine;
use nftlink::datum::{CtState, DataType};
use nftlink::expr::{Dup, Expr, FibFlags, FibResult, MetaKey, SocketKey};
use nftlink::field::{ct, ip, tcp};
use nftlink::object::Counter;
use nftlink::ruleset::TableContents;
use nftlink::{Batch, Conn, Element, Hook, Interval, Policy, Priority, Rule, Ruleset, Set, Table, TableFlags};

/// Shows the whole ruleset, keeps it in a file, puts it back, and writes it anew.
///
/// Without arguments it shows how, in a network namespace of its own: it needs no privileges, and the machine's
/// firewall stays as it is. A command acts on the network namespace in which it is run.
#[derive(Parser)]
#[command(name = "ruleset")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Prints sets, elements and rules, as `nft --debug=netlink list ruleset` does
    Show {
        /// Writes as libnftnl 1.3 does, with data in the order of its bytes
        #[arg(long = "libnftnl-1.3")]
        newer: bool,
    },
    /// Keeps the ruleset in a file, with counters, used quotas, and what is left of timeouts
    Backup {
        /// The file; one that is there is replaced
        file: PathBuf,
    },
    /// Replaces the ruleset by that of a file, in one step
    Restore {
        /// The file
        file: PathBuf,
        /// Has the kernel check it, and changes nothing
        #[arg(long)]
        check: bool,
    },
    /// Reads the ruleset, deletes it and writes it again, in one step
    Rewrite,
}

/// How often the ruleset may be changed by others while it is rewritten.
const ATTEMPTS: usize = 10;

fn main() -> ExitCode {
    show::exit(match Cli::parse().command {
        None => demonstrate(),
        Some(command) => Conn::open().map_err(Into::into).and_then(|mut conn| run(&mut conn, &command)),
    })
}

fn run(conn: &mut Conn, command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Show { newer } => {
            let ruleset = conn.ruleset(..)?;
            // Unlike `print!` it does not panic when its reader, as `head`, goes away.
            let text = if *newer { format!("{:#}", ruleset.bytecode()) } else { ruleset.bytecode().to_string() };
            Ok(stdout().write_all(text.as_bytes())?)
        }
        Command::Backup { file } => backup(conn, file),
        Command::Restore { file, check } => restore(conn, file, *check),
        Command::Rewrite => rewrite(conn),
    }
}

fn backup(conn: &mut Conn, path: &Path) -> Result<(), Box<dyn Error>> {
    let ruleset = conn.ruleset(..)?;
    fragile(&ruleset).iter().for_each(|warning| eprintln!("warning: {warning}"));
    file::write(path, &ruleset).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{} is kept in {}", describe(&ruleset), path.display());
    Ok(())
}

fn restore(conn: &mut Conn, path: &Path, check: bool) -> Result<(), Box<dyn Error>> {
    let backup = file::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut ruleset = backup.ruleset;
    let age = backup.written.elapsed().unwrap_or_default().as_secs();
    println!(
        "{} was written {} ago, under Linux {}",
        path.display(),
        show::duration(Duration::from_secs(age)),
        backup.kernel.escape_debug()
    );
    if backup.machine != Machine::this() {
        return Err(format!("it was made on a machine of {}, this one has {}", backup.machine, Machine::this()).into());
    }
    fragile(&ruleset).iter().for_each(|warning| eprintln!("warning: {warning}"));
    leave_owned(&mut ruleset);
    let mut batch = Batch::new();
    batch.flush_ruleset().add_ruleset(&ruleset);
    if check {
        conn.check(&batch)?;
        println!("{} would be put back", describe(&ruleset));
    } else {
        conn.commit(&batch)?;
        println!("{} is put back", describe(&ruleset));
    }
    Ok(())
}

fn rewrite(conn: &mut Conn) -> Result<(), Box<dyn Error>> {
    for _ in 0..ATTEMPTS {
        let mut ruleset = conn.ruleset(..)?;
        leave_owned(&mut ruleset);
        let mut batch = Batch::new();
        batch.flush_ruleset().add_ruleset(&ruleset);
        match conn.commit_at(ruleset.generation(), &batch) {
            // Somebody changed it meanwhile.
            Err(error) if error.is_stale() => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {
                println!("{} is written anew", describe(&ruleset));
                return Ok(());
            }
        }
    }
    Err("others change the ruleset all the time".into())
}

/// Leaves out tables that belong to a program: nobody else can delete them, and whoever makes one owns it until it
/// ends.
fn leave_owned(ruleset: &mut Ruleset) {
    ruleset.retain(|table| {
        let owned = table.info().flags().contains(TableFlags::OWNER);
        if owned {
            eprintln!("warning: table {} belongs to a program that runs: it is left as it is", table.info().at());
        }
        !owned
    });
}

fn describe(ruleset: &Ruleset) -> String {
    let count = |of: fn(&TableContents) -> usize| ruleset.tables().iter().map(of).sum::<usize>();
    let rules = count(|table| table.rules().len());
    let elements = count(|table| table.sets().iter().map(|set| set.entries().len()).sum());
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (tables, rules) = (count(ruleset.tables().len(), "table"), count(rules, "rule"));
    format!("a ruleset of {tables}, {rules} and {elements} entries of sets")
}

/// What means something else after a reboot, or on another machine: numbers of interfaces and of control groups.
fn fragile(ruleset: &Ruleset) -> Vec<String> {
    let mut found = Vec::new();
    for table in ruleset.tables() {
        for rule in table.rules() {
            let mut tell = |what| found.push(format!("rule {} {} {what}", rule.chain(), rule.handle()));
            for expr in rule.exprs().filter_map(Result::ok) {
                match expr.get() {
                    Expr::Meta(meta) if [MetaKey::IIF, MetaKey::OIF, MetaKey::SDIF].contains(&meta.key) => {
                        tell("compares the number of an interface, which may be another's later");
                    }
                    Expr::Fib(fib) if fib.result == FibResult::OIF && !fib.flags.contains(FibFlags::PRESENT) => {
                        tell("looks for the number of an interface, which may be another's later");
                    }
                    Expr::Dup(Dup { dev: Some(_), .. }) | Expr::Fwd(_) => {
                        tell("sends to an interface by a number that may be another's later")
                    }
                    Expr::Socket(socket) if socket.key == SocketKey::CGROUPV2 => {
                        tell("compares the number of a control group, which may be another's later");
                    }
                    _ => {}
                }
            }
        }
        for set in table.sets().iter().map(|set| set.info()) {
            let types = [Some(set.key_type()), set.data_type()].into_iter().flatten();
            for part in types.flat_map(|of| of.parts()) {
                let what = match part {
                    DataType::IFACE_INDEX => "numbers of interfaces",
                    DataType::CGROUPSV2 => "numbers of control groups",
                    _ => continue,
                };
                found.push(format!("set {} has {what}, which may be others' later", set.at()));
            }
        }
    }
    found
}

/// A firewall is kept in a file, lost, and put back.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    lab::enter()?;
    let mut conn = Conn::open()?;
    let fw = Table::inet("fw").comment("made by nftlink's example ruleset");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeouts();
    let web = Counter::named(&fw, "web");
    let mut batch = Batch::new();
    batch.add(&fw).add(&blocked).add(&web).add(&input);
    let ban = Element::new(Interval::prefix(Ipv4Addr::new(198, 51, 100, 0), 24)).timeout(Duration::from_secs(3600));
    batch.add_elements(&blocked, [ban]);
    batch.append(&input, Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept());
    batch.append(&input, Rule::new().when(ip::saddr().in_set(&blocked)).counter().drop());
    batch.append(&input, Rule::new().when(tcp::dport().one_of([80, 443])).object(&web).accept());
    conn.commit(&batch)?;

    println!("A firewall, as the kernel has it:");
    let before = conn.ruleset(..)?;
    print!("{}", before.bytecode());
    let path = std::env::temp_dir().join(format!("nftlink-ruleset-{}", std::process::id()));
    backup(&mut conn, &path)?;
    conn.commit(Batch::new().flush_ruleset())?;
    println!("Now everything is deleted: {} tables are left.", conn.tables(..)?.len());
    restore(&mut conn, &path, false)?;
    rewrite(&mut conn)?;
    let after = conn.ruleset(..)?;
    std::fs::remove_file(path)?;
    let same = numbers_apart(&before) == numbers_apart(&after);
    println!("Put back, and written anew: {}.", if same { "all is as it was" } else { "something differs" });
    if same { Ok(()) } else { Err(format!("before:\n{}after:\n{}", before.bytecode(), after.bytecode()).into()) }
}

/// The listing without the numbers of rules, which are new when a rule is, and with the elements of each set sorted:
/// the kernel lists a hash table in a random order.
fn numbers_apart(ruleset: &Ruleset) -> Vec<String> {
    let text = ruleset.bytecode().to_string();
    let line = |line: &str| match line.starts_with(|c: char| c.is_whitespace()) {
        true => line.to_owned(),
        false => line.split(' ').take(3).collect::<Vec<_>>().join(" "),
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    lines.chunk_by_mut(|a, b| a.starts_with('\t') && b.starts_with('\t')).for_each(<[String]>::sort);
    lines
}
