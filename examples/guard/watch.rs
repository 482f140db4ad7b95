//! The guard: hears of changes, looks what differs, and puts it back.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use nftlink::monitor::{Commit, EventFilter, Monitor, Notice};
use nftlink::{Conn, Generation, Name, TableRef};

use super::kept::{Kept, Reading};

/// How often a table is looked at of which nothing is heard: the kernel does not tell all.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

/// How often others may change the ruleset between a look and its commit, before the guard puts the table back
/// nevertheless.
const ATTEMPTS: usize = 10;

/// How soon the guard reads what others have put into sets of theirs: it is what is put back.
const SOON: Duration = Duration::from_secs(1);

/// How many of those who did something are named.
const MOST: usize = 1000;

/// How long the guard waits where others do not let it read, and listens where they do not stop.
const MOMENT: Duration = Duration::from_millis(100);

/// Keeps a table as it was when the guard began.
#[derive(Debug)]
pub(crate) struct Guard {
    conn: Conn,
    monitor: Monitor,
    kept: Kept,
    every: Duration,
    patience: Patience,
    /// When to look next.
    next_look: Instant,
    /// Whether it was said that the next look is later than it might be.
    is_waiting: bool,
    /// Who may have changed something since the last look.
    suspects: Vec<Suspect>,
    /// Whether there may be others.
    has_lost: bool,
    /// The generation of the last look: what was done up to there is known.
    looked: Generation,
}

/// Who committed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) generation: Generation,
    pub(crate) pid: Option<u32>,
    pub(crate) name: Option<Name>,
}

/// What became of the table.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is as it was.
    PutBack,
    /// It is not: the kernel refuses what would put it back.
    Refused(nftlink::Error),
    /// Others change the ruleset all the time: it cannot be read.
    Busy,
    /// It has been changed again and again: the guard looks at it after a while.
    Later(Duration),
}

/// What the guard has noticed, and what it has done.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) by: Vec<Suspect>,
    /// Whether there may be others: the kernel had no room to tell all, or too many did something.
    pub(crate) has_lost: bool,
    pub(crate) differences: Vec<String>,
    pub(crate) outcome: Outcome,
}

impl Guard {
    /// Guards a table as it is now, but for the elements of sets that are `theirs`, and of those that packets fill.
    pub(crate) fn open(
        table: impl AsRef<TableRef>,
        theirs: impl IntoIterator<Item = Name>,
    ) -> Result<Self, Box<dyn Error>> {
        Self::with(Conn::open()?, Monitor::open()?, table, theirs)
    }

    /// The same with a connection and a monitor that are there.
    pub(crate) fn with(
        mut conn: Conn,
        monitor: Monitor,
        table: impl AsRef<TableRef>,
        theirs: impl IntoIterator<Item = Name>,
    ) -> Result<Self, Box<dyn Error>> {
        let table = table.as_ref();
        let mut monitor = monitor.filter(EventFilter::new().table(table));
        let at = Instant::now();
        let (ruleset, looked) =
            monitor.resync(&mut conn, |conn| conn.ruleset(table)).map_err(|error| match error.is_not_found() {
                true => format!("there is no table {table}").into(),
                false => Box::<dyn Error>::from(error),
            })?;
        let contents = ruleset.table(table).ok_or("the kernel has read another table")?.clone();
        if contents.info().owner().is_some() {
            return Err(format!("table {table} belongs to a program that runs: nobody else can change it").into());
        }
        let theirs: Vec<Name> = theirs.into_iter().collect();
        if let Some(absent) = theirs.iter().find(|name| !contents.sets().iter().any(|set| set.info().name() == *name)) {
            return Err(format!("table {table} has no set {absent}").into());
        }
        let kept = Kept::new(Reading { contents, at }, theirs);
        Ok(Self {
            conn,
            monitor,
            kept,
            every: EVERY,
            patience: Patience::default(),
            next_look: at + EVERY,
            is_waiting: false,
            suspects: Vec::new(),
            has_lost: false,
            looked,
        })
    }

    /// Looks that often at a table of which nothing is heard.
    pub(crate) fn every(mut self, every: Duration) -> Self {
        (self.every, self.next_look) = (every, Instant::now() + every);
        self
    }

    /// Guards until there is something to tell, or until then.
    pub(crate) fn next(&mut self, until: Option<Instant>) -> Result<Option<Report>, Box<dyn Error>> {
        loop {
            // All that is told already may be mended in one step. Others may do more all the time, though, and faster
            // than it can be heard.
            let enough = Instant::now() + MOMENT;
            while Instant::now() < enough {
                let Some(notice) = self.monitor.try_receive()? else { break };
                if let Some(report) = self.hear(&notice) {
                    return Ok(Some(report));
                }
            }
            if Instant::now() >= self.next_look {
                if let Some(report) = self.look()? {
                    return Ok(Some(report));
                }
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return Ok(None);
            }
            let wake = until.map_or(self.next_look, |until| until.min(self.next_look));
            let wait = wake.saturating_duration_since(now);
            if let Some(report) = self.monitor.receive_timeout(wait)?.and_then(|notice| self.hear(&notice)) {
                return Ok(Some(report));
            }
        }
    }

    /// Takes note of who did something, and of when to look.
    fn hear(&mut self, notice: &Notice) -> Option<Report> {
        let now = Instant::now();
        match notice {
            Notice::Commit(commit) if self.is_known(commit) => return None,
            Notice::Commit(commit) => {
                self.suspect(commit);
                if commit.is_complete() && !self.kept.is_touched_by(commit) {
                    self.next_look = self.next_look.min(now + SOON);
                    return None;
                }
            }
            // What was lost may have been about the table.
            Notice::Overrun(_) => self.has_lost = true,
            _ => return None,
        }
        let due = self.patience.due(now);
        self.next_look = self.next_look.min(due);
        if due <= now || self.is_waiting {
            return None;
        }
        self.is_waiting = true;
        let (by, has_lost, outcome) = (self.suspects.clone(), self.has_lost, Outcome::Later(due - now));
        Some(Report { by, has_lost, differences: Vec::new(), outcome })
    }

    /// Takes note of who did something to what is kept.
    fn suspect(&mut self, commit: &Commit) {
        let is_touched = self.kept.is_touched_by(commit);
        if is_touched && self.suspects.len() < MOST {
            let (generation, pid, name) = (commit.generation(), commit.pid(), commit.process_name().cloned());
            self.suspects.push(Suspect { generation, pid, name });
        } else {
            self.has_lost |= is_touched;
        }
        self.has_lost |= !commit.is_complete();
    }

    /// Whether it is the guard's own, or was there at the last look: the kernel tells of it a moment after others see
    /// it.
    fn is_known(&self, commit: &Commit) -> bool {
        commit.port_id() == self.conn.port_id() || !commit.generation().is_after(self.looked)
    }

    /// Looks whether all is as it should be, and mends what is not.
    fn look(&mut self) -> Result<Option<Report>, Box<dyn Error>> {
        self.is_waiting = false;
        self.next_look = Instant::now() + self.every;
        let mut attempts = 0;
        loop {
            let (generation, now) = match self.read() {
                Err(nftlink::Error::Inconsistent { .. }) => {
                    self.next_look = Instant::now() + MOMENT;
                    let (by, has_lost) = (self.suspects.clone(), self.has_lost);
                    return Ok(Some(Report { by, has_lost, differences: Vec::new(), outcome: Outcome::Busy }));
                }
                read => read?,
            };
            self.looked = generation;
            let differences = self.kept.differences(now.as_ref())?;
            if differences.is_empty() {
                // Whatever they did, it is undone, or makes no difference.
                (self.suspects, self.has_lost) = (Vec::new(), false);
                now.into_iter().for_each(|now| self.kept.remember(now));
                return Ok(None);
            }
            let batch = self.kept.put_back(now.as_ref())?;
            attempts += 1;
            let done = match self.conn.commit_at(generation, &batch) {
                // Somebody has changed something meanwhile, here or elsewhere: what is there now?
                Err(error) if error.is_stale() && attempts < ATTEMPTS => continue,
                // Others change other tables all the time. What they may do to this one until then is undone, too, but
                // for elements of theirs, which may be those of a moment ago.
                Err(error) if error.is_stale() => self.conn.commit(&batch),
                done => done,
            };
            self.patience.note(Instant::now());
            return self.report(differences, done.map_or_else(Outcome::Refused, |()| Outcome::PutBack)).map(Some);
        }
    }

    fn report(&mut self, differences: Vec<String>, outcome: Outcome) -> Result<Report, Box<dyn Error>> {
        self.hear_culprits(matches!(outcome, Outcome::PutBack))?;
        let (by, has_lost) = (std::mem::take(&mut self.suspects), std::mem::take(&mut self.has_lost));
        Ok(Report { by, has_lost, differences, outcome })
    }

    /// Reads the table, if it is there.
    fn read(&mut self) -> Result<(Generation, Option<Reading>), nftlink::Error> {
        let (at, table) = (Instant::now(), self.kept.table());
        let (ruleset, generation) = self.conn.snapshot(|conn| match conn.ruleset(table) {
            Err(error) if error.is_not_found() => Ok(None),
            read => read.map(Some),
        })?;
        let contents = ruleset.and_then(|ruleset| ruleset.table(table).cloned());
        Ok((generation, contents.map(|contents| Reading { contents, at })))
    }

    /// Hears who else has changed what was looked at. The kernel tells in the order of commits: when one is done, or is
    /// refused, all before it are told. What comes after it is heard later.
    fn hear_culprits(&mut self, is_put_back: bool) -> Result<(), nftlink::Error> {
        let last = self.conn.generation()?;
        while let Some(notice) = self.monitor.try_receive()? {
            match &notice {
                Notice::Commit(commit) if commit.port_id() == self.conn.port_id() => return Ok(()),
                // What came after the look the guard's own commit has undone, too; without one it is to be looked at.
                Notice::Commit(commit) => {
                    self.suspect(commit);
                    if !is_put_back && commit.generation().is_after(self.looked) {
                        self.next_look = self.next_look.min(self.patience.due(Instant::now()));
                    }
                    if !last.is_after(commit.generation()) {
                        return Ok(());
                    }
                }
                Notice::Overrun(_) => self.has_lost = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// So that two programs which want a table to be different do not fight as fast as they can.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// How often the table was put back, without a longer pause.
    count: u32,
    last: Option<Instant>,
}

impl Patience {
    /// How often the table is put back at once.
    const FREE: u32 = 5;
    /// How long the guard waits at most.
    const LONGEST: Duration = Duration::from_secs(60);
    /// How long the table has to be left alone, for all to be forgotten.
    const PAUSE: Duration = Duration::from_secs(300);

    /// Notes that the table is put back.
    pub(crate) fn note(&mut self, now: Instant) {
        let goes_on = self.last.is_some_and(|last| now.saturating_duration_since(last) < Self::PAUSE);
        self.count = if goes_on { self.count.saturating_add(1) } else { 1 };
        self.last = Some(now);
    }

    /// When it may be put back again.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let wait = match (self.last, self.count.checked_sub(Self::FREE)) {
            (Some(last), Some(n)) => last + Duration::from_secs(1 << n.min(10)).min(Self::LONGEST),
            _ => now,
        };
        wait.max(now)
    }
}

// ---- what is told ----

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.name) {
            (Some(pid), Some(name)) => write!(f, "process {pid} ({name})"),
            (Some(pid), None) => write!(f, "process {pid}"),
            _ => f.write_str("a process that the kernel does not name"),
        }?;
        write!(f, " made generation {}", self.generation)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.by.iter().try_for_each(|suspect| writeln!(f, "{suspect}"))?;
        match (self.has_lost, &*self.by) {
            (true, []) => writeln!(f, "events were lost: it is not known who did it")?,
            (true, _) => writeln!(f, "events were lost: others may have done more")?,
            (false, []) => writeln!(f, "the kernel has not told who did it")?,
            (false, _) => {}
        }
        self.differences.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        match &self.outcome {
            Outcome::PutBack => f.write_str("it is put back"),
            Outcome::Refused(error) => write!(f, "it cannot be put back: {error}"),
            Outcome::Busy => f.write_str("others change the ruleset all the time: it cannot be read"),
            Outcome::Later(wait) => {
                write!(f, "it is changed again and again: looking in {} s", wait.as_secs() + 1)
            }
        }
    }
}
