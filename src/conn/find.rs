//! Finding rules by what they do.

use std::collections::HashMap;

use super::Conn;
use crate::chain::{ChainFlags, ChainRef};
use crate::error::{BuildError, Error, Op};
use crate::rule::{NormalizedRule, Rule, RuleBuilder, RuleInfo};
use crate::set::{Contents, SetFlags, SetRef};

/// What [`Conn::find_rules`] looks for: a [`Rule`], or one that could still grow.
pub trait RuleLike {
    #[doc(hidden)]
    fn builder(&self) -> &RuleBuilder;
}

impl RuleLike for Rule {
    fn builder(&self) -> &RuleBuilder {
        self.as_builder()
    }
}

impl RuleLike for RuleBuilder {
    fn builder(&self) -> &RuleBuilder {
        self
    }
}

/// # Finding rules
impl Conn {
    /// Finds the rules of a chain that do what `rule` does, in their order. Comments and owners are
    /// not compared.
    ///
    /// To add a rule only if it is missing, ask for the [generation](Self::generation) before, and
    /// [commit at it](Self::commit_at).
    ///
    /// ```no_run
    /// use nftlink::field::tcp;
    /// use nftlink::{Batch, Conn, Rule, Table};
    ///
    /// let mut conn = Conn::open()?;
    /// let input = Table::inet("filter").chain("input");
    /// let rule = Rule::new().when(tcp::dport().eq(51820)).accept();
    /// loop {
    ///     let generation = conn.generation()?;
    ///     if !conn.find_rules(&input, &rule)?.is_empty() {
    ///         break;
    ///     }
    ///     let mut batch = Batch::new();
    ///     batch.insert(&input, &rule);
    ///     match conn.commit_at(generation, &batch) {
    ///         Err(error) if error.is_stale() => {} // Somebody was faster: look again.
    ///         done => break done?,
    ///     }
    /// }
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if the rule cannot be expressed, and see [Reading](#reading).
    pub fn find_rules(&mut self, chain: impl AsRef<ChainRef>, rule: &impl RuleLike) -> Result<Vec<RuleInfo>, Error> {
        let chain = chain.as_ref();
        let wanted = rule.builder().normalized(chain).map_err(|kind| {
            // No batch has it: it would be the first operation of one.
            let operation = format!("find rule {chain}").into();
            Error::Build(Box::new(BuildError { op: Op(0), operation, kind }))
        })?;
        let rules = self.rules(chain)?;
        let mut found = Vec::new();
        for rule in rules {
            // A rule whose bytes make no sense is not the one.
            let Ok(mut normalized) = rule.normalized() else { continue };
            // Sets are read only where all depends on what is in them.
            if !normalized.is_like(&wanted) {
                continue;
            }
            match resolve(self, &rule, &mut normalized, 0) {
                // The rule went away meanwhile, and its sets with it.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
                Ok(()) if normalized == wanted => found.push(rule),
                Ok(()) => {}
            }
        }
        Ok(found)
    }

    /// Returns a rule that was read in a form in which it can be compared with one that was sent:
    /// the sets and the chain that it has to itself are read, too.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading); `is_not_found` if the rule is gone, and its sets with it.
    pub fn normalized(&mut self, rule: &RuleInfo) -> Result<NormalizedRule, Error> {
        let mut normalized = rule.normalized().map_err(Error::Decode)?;
        resolve(self, rule, &mut normalized, 0)?;
        Ok(normalized)
    }
}

/// How deep chains of rules' own could be in each other (`NFT_JUMP_STACK_SIZE`), on kernels that took them so.
const LEVELS: usize = 16;

/// Reads what is in the sets and chains that a rule has to itself.
fn resolve(conn: &mut Conn, rule: &RuleInfo, normalized: &mut NormalizedRule, level: usize) -> Result<(), Error> {
    let mut contents = HashMap::new();
    for name in normalized.lookups() {
        let info = conn.set(SetRef::new(rule.chain().table(), name))?;
        if info.flags().contains(SetFlags::ANONYMOUS) {
            contents.insert(name.clone(), Contents::of(&info, conn.elements(&info)?));
        }
    }
    normalized.resolve(|name| contents.remove(name));
    let mut rules = HashMap::new();
    // What the kernel says of other chains ends somewhere, whatever it says.
    for name in normalized.destinations().filter(|_| level < LEVELS) {
        let at = ChainRef::new(rule.chain().table(), name);
        if conn.chain(&at)?.flags().contains(ChainFlags::BINDING) {
            let mut own = Vec::new();
            for rule in conn.rules(&at)? {
                let mut normalized = rule.normalized().map_err(Error::Decode)?;
                resolve(conn, &rule, &mut normalized, level + 1)?;
                own.push(normalized);
            }
            rules.insert(name.clone(), own);
        }
    }
    normalized.resolve_chains(|name| rules.remove(name));
    Ok(())
}
