//! One who reads all there is, by every way there is.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use nftlink::{Conn, Consistency, RuleInfo};

use crate::support::random::Random;
use crate::{Kind, Load, conn, own, shared, undisturbed, unless_disturbed};

pub(crate) struct Reader {
    conn: Conn,
    random: Random,
}

/// Makes sure that the rules are in pairs, as each commit leaves them.
#[track_caller]
fn in_pairs<'a>(rules: impl Iterator<Item = &'a RuleInfo>) {
    let comments: Vec<_> = rules.map(|rule| rule.comment().unwrap()).collect();
    assert!(comments.chunks(2).all(|pair| pair.len() == 2 && pair[0] == pair[1]), "{comments:?}");
    assert_eq!(comments.iter().collect::<BTreeSet<_>>().len() * 2, comments.len(), "{comments:?}");
}

impl Reader {
    pub(crate) fn new(random: Random) -> Self {
        Self { conn: conn(), random }
    }

    pub(crate) fn go_on(&mut self, load: &Load) {
        let n = 1 + self.random.below(2);
        match self.random.below(10) {
            0 => {
                if let Some(ruleset) = undisturbed(load, Kind::Ruleset, self.conn.ruleset(..)) {
                    assert_eq!(ruleset.tables().len(), 5);
                    for n in [1, 2] {
                        in_pairs(ruleset.table(own::table(n)).unwrap().rules_of(own::chain(n)));
                    }
                }
            }
            1 => {
                _ = undisturbed(load, Kind::Rules, self.conn.rules(&own::chain(n)))
                    .inspect(|rules| in_pairs(rules.iter()))
            }
            2 => {
                _ = undisturbed(load, Kind::Elements, self.conn.elements(&shared::both())).inspect(|keys| {
                    let found: BTreeSet<_> = keys.iter().map(|key| key.key().unwrap().get()).collect();
                    assert!(found.len() == keys.len() && found.iter().all(|key| *key < shared::KEYS), "{found:?}");
                })
            }
            3 => {
                let both = self.conn.snapshot(|conn| Ok((conn.rules(&own::chain(1))?, conn.rules(&own::chain(2))?)));
                if let Some(((one, other), _)) = undisturbed(load, Kind::Snapshot, both) {
                    in_pairs(one.iter());
                    in_pairs(other.iter());
                }
            }
            4 => match self.conn.element(&shared::both(), self.random.below(shared::KEYS)) {
                Err(error) if error.is_not_found() => load.done(Kind::Element),
                found => _ = undisturbed(load, Kind::Element, found),
            },
            5 => {
                _ = undisturbed(load, Kind::Plural, self.conn.sets(..));
                _ = undisturbed(load, Kind::Plural, self.conn.chains(..));
                _ = undisturbed(load, Kind::Plural, self.conn.objects(..));
            }
            _ => return self.stream(load, n),
        }
        load.listings.fetch_add(1, Ordering::Relaxed);
    }

    /// Streams rules or elements, to the end or not.
    fn stream(&mut self, load: &Load, n: u32) {
        let most = [usize::MAX, usize::MAX, 1, 10][self.random.below(4) as usize];
        let (kind, consistency) = match self.random.one_in(2) {
            true => {
                let kind = if most == usize::MAX { Kind::RuleStream } else { Kind::FirstRules };
                let stream = self.conn.stream_rules(&own::chain(n));
                let Some(mut stream) = unless_disturbed(load, kind, stream) else { return };
                let rules: Result<Vec<_>, _> = stream.by_ref().take(most).collect();
                let Some(rules) = unless_disturbed(load, kind, rules) else { return };
                let consistency = stream.consistency();
                if let Ok(Consistency::Same(_)) = consistency {
                    in_pairs(rules.iter().take(rules.len() / 2 * 2));
                }
                (kind, consistency)
            }
            false => {
                let kind = if most == usize::MAX { Kind::ElementStream } else { Kind::FirstElements };
                let stream = self.conn.stream_elements(&shared::merged());
                let Some(mut stream) = unless_disturbed(load, kind, stream) else { return };
                let intervals: Result<Vec<_>, _> = stream.by_ref().take(most).collect();
                let Some(intervals) = unless_disturbed(load, kind, intervals) else { return };
                let consistency = stream.consistency();
                if let Ok(Consistency::Same(_)) = consistency {
                    let starts: BTreeSet<_> = intervals.iter().map(|one| one.key().unwrap().start().get()).collect();
                    assert_eq!(starts.len(), intervals.len(), "one is told twice");
                }
                (kind, consistency)
            }
        };
        load.streams.fetch_add(1, Ordering::Relaxed);
        match unless_disturbed(load, kind, consistency) {
            Some(Consistency::Same(_)) => load.done(kind),
            Some(Consistency::Torn) => load.overtaken(kind),
            None => {}
        }
    }
}
