//! Which features the kernel has, and which refusals are due to those that it lacks.

use super::commit::{Fate, Options};
use super::link::io;
use super::{Link, Query, Transport};
use crate::batch::probe::{NAME, Probe};
use crate::batch::write_rule_chain;
use crate::error::{AttrPath, Errno, Error, Feature, Features, Rejection, Rejections};
use crate::hooks::{self, NFNL_MSG_HOOK_GET};
use crate::rule::{NFT_MSG_GETRULE_RESET, NFT_MSG_NEWRULE};
use crate::set::{NFT_MSG_GETSETELEM_RESET, NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_ELEMENTS, SetRef};
use crate::table::Table;
use crate::wire::Family;

impl<T: Transport> Link<T> {
    /// Returns those of the features that the kernel has. Each is asked for once.
    pub(crate) fn features(&mut self, wanted: Features) -> Result<Features, Error> {
        let has = match self.transport().features() {
            Some(has) => has,
            None => {
                self.ask(wanted.without(self.asked))?;
                self.has
            }
        };
        Ok(wanted.iter().filter(|&feature| has.has(feature)).collect())
    }

    fn ask(&mut self, features: Features) -> Result<(), Error> {
        if features.is_empty() {
            return Ok(());
        }
        let mut has = features;
        for feature in features.iter() {
            let kind = match feature {
                Feature::HookList => NFNL_MSG_HOOK_GET,
                Feature::RuleReset => NFT_MSG_GETRULE_RESET,
                Feature::ElementReset => NFT_MSG_GETSETELEM_RESET,
                _ => continue,
            };
            if !self.knows(kind, feature)? {
                has = has.without(feature.into());
            }
        }
        let probe = Probe::new(features);
        if !probe.batch.is_empty() {
            match self.exchange(&probe.batch, Options::dry_run())? {
                Fate::Valid => {}
                Fate::Rejected(rejections) if rejections.truncated => return Err(io(PROBING, Errno::ENOBUFS)),
                Fate::Rejected(mut rejections) => {
                    for at in 0..rejections.list.len() {
                        match probe.answer(&rejections.list[at]) {
                            Ok(None) => {}
                            Ok(Some(feature)) => has = has.without(feature.into()),
                            Err(()) => {
                                rejections.list = vec![rejections.list.swap_remove(at)];
                                return Err(Error::Rejected(Box::new(rejections)));
                            }
                        }
                    }
                }
                Fate::Refused(error) => return Err(Error::Commit(error)),
                Fate::Unknown(reason) => return Err(io(PROBING, reason)),
                Fate::Applied(_) | Fate::Ambiguous { .. } | Fate::Stale => return Err(io(PROBING, Errno::EIO)),
            }
        }
        self.asked.extend(features.iter());
        self.has.extend(has.iter());
        Ok(())
    }

    /// Whether the kernel knows a kind of question: what is asked for does not exist, but for hooks.
    fn knows(&mut self, kind: u16, feature: Feature) -> Result<bool, Error> {
        let query = match feature {
            Feature::HookList => Query::new(kind, kind, Family::IP, true, |w| hooks::write(0, None, w)),
            Feature::ElementReset => Query::new(kind, NFT_MSG_NEWSETELEM, Family::INET, false, |w| {
                SetRef::new(Table::inet(NAME), NAME).write(w);
                w.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |_| {});
            }),
            _ => Query::new(kind, NFT_MSG_NEWRULE, Family::INET, false, |w| {
                write_rule_chain(Table::inet(NAME).chain(NAME).at(), w);
            }),
        };
        match self.one(&query, &|| feature.to_string(), &mut |_, _| Ok(())) {
            Err(Error::Query(error)) => match error.errno {
                // nfnetlink's word for messages that it does not know.
                Errno::EINVAL => Ok(false),
                Errno::ENOENT | Errno::EOPNOTSUPP => Ok(true),
                _ => Err(Error::Query(error)),
            },
            other => other.map(|()| true),
        }
    }

    /// Says what the refusal of a question means that only kernels with a feature know.
    pub(crate) fn refused(&mut self, error: Error, feature: Feature) -> Error {
        // nfnetlink's word for messages that it does not know, and not for those alone.
        match &error {
            Error::Query(refused) if refused.errno == Errno::EINVAL => match self.features(feature.into()) {
                Ok(has) if !has.has(feature) => Error::unsupported(feature),
                _ => error,
            },
            _ => error,
        }
    }

    /// Says what refusals mean: whether they are due to what the kernel lacks is asked if they may be.
    pub(super) fn rejected(&mut self, mut rejections: Rejections) -> Error {
        let mut suspects = Features::new();
        rejections.iter().for_each(|refused| suspects.extend(refused.suspects.iter()));
        // If it cannot be found out, nothing is said.
        let has = if suspects.is_empty() { Ok(suspects) } else { self.features(suspects) };
        let Ok(has) = has else { return Error::Rejected(Box::new(rejections)) };
        for refused in &mut rejections.list {
            refused.unsupported = refused.suspects.without(has).iter().next_back();
        }
        let newest = rejections.iter().filter_map(Rejection::unsupported).max();
        match newest {
            Some(feature)
                if !rejections.truncated
                    && rejections.iter().all(|it| it.unsupported.is_some() || follows(it, &rejections)) =>
            {
                Error::Unsupported { feature, since: feature.since(), rejections: Some(Box::new(rejections)) }
            }
            _ => Error::Rejected(Box::new(rejections)),
        }
    }
}

const PROBING: &str = "asking for the kernel's features";

/// Whether an operation was refused for want of what an earlier one was to make, which the kernel cannot make.
fn follows(refused: &Rejection, all: &Rejections) -> bool {
    let Some(at) = refused.path().map(AttrPath::as_str) else { return false };
    let of_rule = matches!(at, "position_id" | "id");
    let named = of_rule
        || matches!(at, "table" | "chain" | "set")
        || [".lookup", ".dynset", ".objref", ".immediate", ".flow_offload"].iter().any(|end| at.ends_with(end));
    let makes = |earlier: &Rejection| {
        earlier.op < refused.op && earlier.unsupported.is_some() && earlier.is_of_rule() == of_rule
    };
    refused.errno == Errno::ENOENT && named && all.iter().any(makes)
}
