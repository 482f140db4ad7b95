//! Those who have a table to themselves: what it has is known at any time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use nftlink::datum::Mark;
use nftlink::field::{meta, tcp};
use nftlink::{
    Batch, Chain, Conn, Element, Error, Hook, Hooked, Interval, Loader, Pending, Priority, Rule, RuleBuilder,
    RuleHandle, Set, Table, Writer,
};

use crate::support::random::Random;
use crate::{Kind, Load, conn, undisturbed};

/// How many pairs of rules there are at most, and elements.
const PAIRS: usize = 40;
const MARKS: usize = 1000;
/// How long what does not stay stays.
const BRIEF: Duration = Duration::from_millis(300);

pub(crate) fn table(n: u32) -> Table {
    Table::inet(format!("own{n}"))
}

/// Each commit leaves it with rules in pairs: two of one comment, one after the other.
pub(crate) fn chain(n: u32) -> Chain<Hooked> {
    table(n).chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn marks(n: u32) -> Set<Mark> {
    Set::new(table(n), "marks")
}

fn brief(n: u32) -> Set<Mark> {
    Set::new(table(n), "brief").timeouts()
}

/// A table, its rules and elements, and what they should be.
pub(crate) struct Own {
    n: u32,
    conn: Conn,
    random: Random,
    batch: Batch,
    /// The comments of pairs, in their order, with their handles.
    pairs: Vec<(String, [RuleHandle; 2])>,
    marks: BTreeSet<u32>,
    /// No number is given twice.
    next: u32,
}

fn rule(comment: &str) -> RuleBuilder {
    Rule::new().when(tcp::dport().eq(22)).counter().comment(comment)
}

impl Own {
    pub(crate) fn new(n: u32, random: Random) -> Self {
        let mut own =
            Self { n, conn: conn(), random, batch: Batch::new(), pairs: Vec::new(), marks: BTreeSet::new(), next: 0 };
        own.begin();
        own.conn.commit(&own.batch).unwrap();
        own
    }

    /// Fills the batch with what there is first.
    fn begin(&mut self) {
        self.batch.clear();
        self.batch.reset(&table(self.n)).add(&chain(self.n)).add(&marks(self.n)).add(&brief(self.n));
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn commit(&mut self, load: &Load) {
        self.conn.commit(&self.batch).unwrap();
        load.committed(&self.conn);
    }

    pub(crate) fn go_on(&mut self, load: &Load) {
        self.batch.clear();
        match self.random.below(12) {
            0 | 1 if self.pairs.len() < PAIRS => self.add_pair(load),
            0..=2 => self.delete_pair(load),
            3 | 4 => self.add_marks(load),
            5 => self.delete_marks(load),
            6 => {
                let new: Vec<_> = (0..5).map(|_| Element::new(Mark::from(self.number())).timeout(BRIEF)).collect();
                self.batch.add_elements(&brief(self.n), new);
                self.commit(load);
            }
            // The kernel takes its time to refuse something, and lets nobody else commit meanwhile.
            7 if self.random.one_in(4) => self.check(load),
            8 => self.commit_at(load),
            9 if self.random.one_in(20) => {
                self.begin();
                self.commit(load);
                self.pairs.clear();
                self.marks.clear();
            }
            _ => self.compare(load),
        }
    }

    fn add_pair(&mut self, load: &Load) {
        let comment = self.number().to_string();
        let at = self.random.below(self.pairs.len() as u32 + 1) as usize;
        let place = chain(self.n);
        let mut ops = Vec::new();
        for _ in 0..2 {
            match self.pairs.get(at) {
                Some((_, [before, _])) => self.batch.insert_before(&place, *before, rule(&comment)),
                None => self.batch.append(&place, rule(&comment)),
            };
            ops.push(self.batch.last());
        }
        let applied = self.conn.commit_with_handles(&self.batch).unwrap();
        load.committed(&self.conn);
        self.pairs.insert(at, (comment, [0, 1].map(|n| applied.rule(ops[n]).unwrap())));
    }

    fn delete_pair(&mut self, load: &Load) {
        if self.pairs.is_empty() {
            return;
        }
        let at = self.random.below(self.pairs.len() as u32) as usize;
        let (_, handles) = self.pairs.remove(at);
        handles.into_iter().for_each(|handle| _ = self.batch.delete_rule(chain(self.n), handle));
        self.commit(load);
    }

    fn add_marks(&mut self, load: &Load) {
        if self.marks.len() >= MARKS {
            self.batch.flush(&marks(self.n));
            self.marks.clear();
            return self.commit(load);
        }
        let new: Vec<u32> = (0..1 + self.random.below(100)).map(|_| self.number()).collect();
        self.batch.create_elements(&marks(self.n), new.iter().copied());
        self.commit(load);
        self.marks.extend(new);
    }

    fn delete_marks(&mut self, load: &Load) {
        let gone: Vec<u32> = self.marks.iter().copied().take(self.random.below(50) as usize).collect();
        if gone.is_empty() {
            return;
        }
        self.batch.delete_elements(&marks(self.n), gone.iter().copied());
        self.commit(load);
        gone.iter().for_each(|gone| _ = self.marks.remove(gone));
    }

    /// What is checked changes nothing, and what is refused neither.
    fn check(&mut self, load: &Load) {
        self.batch.flush(&chain(self.n)).flush(&marks(self.n));
        self.conn.check(&self.batch).unwrap();
        self.batch.delete(&table(self.n).chain("absent"));
        let error = match self.random.one_in(2) {
            true => self.conn.check(&self.batch),
            false => self.conn.commit(&self.batch),
        };
        let error = error.unwrap_err();
        assert!(error.is_not_found() && error.rejections().len() == 1, "{error:?}");
        load.checks.fetch_add(2, Ordering::Relaxed);
    }

    fn commit_at(&mut self, load: &Load) {
        let Some(generation) = undisturbed(load, Kind::Generation, self.conn.generation()) else { return };
        let new = self.number();
        self.batch.create_elements(&marks(self.n), [new]);
        match self.conn.commit_at(generation, &self.batch) {
            Ok(()) => {
                load.committed(&self.conn);
                load.done(Kind::CommitAt);
                self.marks.insert(new);
            }
            Err(error) if error.is_stale() => load.overtaken(Kind::CommitAt),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn compare(&mut self, load: &Load) {
        let Some(rules) = undisturbed(load, Kind::Rules, self.conn.rules(&chain(self.n))) else { return };
        let comments = rules.iter().map(|rule| rule.comment().unwrap());
        assert!(comments.eq(self.pairs.iter().flat_map(|(comment, _)| [&**comment; 2])), "of table {}", self.n);
        let Some(elements) = undisturbed(load, Kind::Elements, self.conn.elements(&marks(self.n))) else { return };
        let found: BTreeSet<u32> = elements.iter().map(|element| element.key().unwrap().get()).collect();
        assert!(found == self.marks && found.len() == elements.len(), "of table {}", self.n);
        load.listings.fetch_add(2, Ordering::Relaxed);
    }

    pub(crate) fn finish(mut self) {
        let quiet = Load::default();
        self.compare(&quiet);
        assert_eq!(quiet.listings.into_inner(), 2, "nobody disturbs it");
        // Nobody deletes what is brief.
        let begin = Instant::now();
        while !self.conn.elements(&brief(self.n)).unwrap().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60), "its time is up");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Where the events of a writer run.
struct Where {
    /// The thread that hands them over.
    home: ThreadId,
    elsewhere: AtomicBool,
}

impl Where {
    fn note(&self) {
        if thread::current().id() != self.home {
            self.elsewhere.store(true, Ordering::Relaxed);
        }
    }
}

/// A table that a writer and a loader fill.
pub(crate) struct Written {
    writer: Option<Writer>,
    /// Known when there is a thread; each event has it.
    place: Option<Arc<Where>>,
    conn: Conn,
    random: Random,
    there: BTreeSet<u32>,
    loaded: Option<(Set<Interval<Mark>>, u32)>,
}

/// What it is called.
const WRITTEN: u32 = 3;

fn loaded() -> Set<Interval<Mark>> {
    Set::new(table(WRITTEN), "loaded")
}

impl Written {
    pub(crate) fn new(random: Random) -> Self {
        let mut conn = conn();
        let mut batch = Batch::new();
        conn.commit(batch.reset(&table(WRITTEN)).add(&chain(WRITTEN)).add(&marks(WRITTEN))).unwrap();
        let writer = Some(Writer::start(crate::conn()).unwrap());
        Self { writer, place: None, conn, random, there: BTreeSet::new(), loaded: None }
    }

    /// Returns whether this thread has done all of it itself.
    pub(crate) fn go_on(&mut self, load: &Load) -> bool {
        if self.random.one_in(12) {
            self.load(load);
            return true;
        }
        let home = || Arc::new(Where { home: thread::current().id(), elsewhere: AtomicBool::new(false) });
        let place = self.place.get_or_insert_with(home).clone();
        place.elsewhere.store(false, Ordering::Relaxed);
        let handle = self.writer.as_ref().unwrap().handle();
        // Where the last is waited for, this thread commits all of them, unless the writer's is awake before.
        let (count, waits) = if self.random.one_in(3) { (50, false) } else { (1 + self.random.below(50), true) };
        let mut events = Vec::new();
        for _ in 0..count {
            let mark = self.random.below(500);
            // Few that fail: each costs commits of its own.
            let (fits, was_there) = (!self.random.one_in(100), self.there.contains(&mark));
            let creates = was_there != fits;
            match (fits, creates) {
                (true, true) => _ = self.there.insert(mark),
                (true, false) => _ = self.there.remove(&mark),
                (false, _) => {}
            }
            let place = place.clone();
            let event = move |batch: &mut Batch| {
                place.note();
                match creates {
                    true => _ = batch.create_elements(&marks(WRITTEN), [mark]),
                    false => _ = batch.delete_elements(&marks(WRITTEN), [mark]),
                }
            };
            events.push((fits, event));
        }
        let last = if waits { events.pop() } else { None };
        let pending: Vec<(bool, Pending)> =
            events.into_iter().map(|(fits, event)| (fits, handle.submit(event))).collect();
        let last = last.map(|(fits, event)| (fits, handle.submit_and_wait(event)));
        for (fits, outcome) in pending.into_iter().map(|(fits, pending)| (fits, pending.wait())).chain(last) {
            assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
        }
        load.commits.fetch_add(1, Ordering::Relaxed);
        let here = !place.elsewhere.load(Ordering::Relaxed);
        match here {
            true => load.done(Kind::Events),
            false if waits => load.overtaken(Kind::Events),
            false => {}
        }
        here
    }

    fn load(&mut self, load: &Load) {
        let count = 1 + self.random.below(3000);
        match Loader::new(&loaded()).load(&mut self.conn, (0..count).map(|n| Interval::value(Mark::from(n * 2)))) {
            Ok(live) => {
                let first = self.loaded.is_none();
                if first {
                    let mut batch = Batch::new();
                    batch.append(
                        chain(WRITTEN),
                        Rule::new().when(meta::mark().in_set(&live)).comment("looks up").drop(),
                    );
                    self.conn.commit(&batch).unwrap();
                }
                self.loaded = Some((live, count));
                load.done(Kind::Load);
            }
            // Nothing has changed.
            Err(Error::Inconsistent { .. }) => load.overtaken(Kind::Load),
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(crate) fn finish(mut self) {
        drop(self.writer.take().map(Writer::finish));
        assert!(self.place.is_none_or(|place| Arc::strong_count(&place) == 1), "all that the events had is dropped");
        let found = self.conn.elements(&marks(WRITTEN)).unwrap();
        assert_eq!(found.iter().map(|mark| mark.key().unwrap().get()).collect::<BTreeSet<_>>(), self.there);
        if let Some((live, count)) = self.loaded {
            assert_eq!(self.conn.elements(&live).unwrap().len(), count as usize);
            let sets = self.conn.sets(&table(WRITTEN)).unwrap();
            assert_eq!(sets.len(), 2, "{sets:?}");
            assert!(self.conn.objects(&table(WRITTEN)).unwrap().is_empty());
            let rules = self.conn.rules(&chain(WRITTEN)).unwrap();
            assert!(rules[0].bytecode().to_string().contains(&format!("set {} ", live.at().name())));
        }
    }
}
