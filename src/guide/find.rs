use nftlink::field::udp;
use nftlink::{Batch, ChainRef, Conn, Error, Rule, RuleInfo};

/// The name under which this program keeps rules in the tables of others.
pub const OWNER: &str = "vpnd";

/// A rule that lets the peers of a VPN in. The comment is for people: nft shows it. The owner is for this program.
pub fn rule(port: u16) -> Rule {
    Rule::new().when(udp::dport().eq(port)).accept().comment("peers of the VPN").owner(OWNER)
}

/// Makes sure that a chain of somebody else's has the rule, before all others. Returns whether it was missing.
///
/// A rule is found by what it does: also one that the administrator wrote by hand, whatever its comment.
pub fn ensure(conn: &mut Conn, chain: &ChainRef, rule: &Rule) -> Result<bool, Error> {
    let mut batch = Batch::new();
    batch.insert(chain, rule);
    loop {
        let generation = conn.generation()?;
        if !conn.find_rules(chain, rule)?.is_empty() {
            return Ok(false);
        }
        // Only if nothing has changed since: two programs that look at the same time do not both add it.
        match conn.commit_at(generation, &batch) {
            Err(error) if error.is_stale() => continue,
            done => return done.map(|()| true),
        }
    }
}

/// Deletes all rules of this program's from the ruleset, whatever they do, and nobody else's. Returns how many.
pub fn remove(conn: &mut Conn) -> Result<usize, Error> {
    loop {
        let generation = conn.generation()?;
        let rules: Vec<RuleInfo> = conn.rules(..)?;
        let mine = || rules.iter().filter(|rule| rule.owner() == Some(OWNER));
        let mut batch = Batch::new();
        mine().for_each(|rule| _ = batch.delete(rule));
        match conn.commit_at(generation, &batch) {
            Err(error) if error.is_stale() => continue,
            done => return done.map(|()| mine().count()),
        }
    }
}
