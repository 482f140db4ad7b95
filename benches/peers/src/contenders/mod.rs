//! The contenders: who does the work, and which of it.

pub mod floor;
pub mod nftlink;

use anyhow::Result;
use peers_work::{Report, Task, What};

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the kernel alone takes.
    Floor,
    /// nftlink, each rule a tuple of the kernel's expressions.
    LowLevel,
    /// nftlink's typed language and sets; listings are owned.
    Typed,
    /// nftlink's listings as they come.
    Streaming,
}

/// One contender.
#[derive(Debug, PartialEq, Eq)]
pub struct Contender {
    /// What `--contender` takes, and the table shows.
    pub name: &'static str,
    pub kind: Kind,
    /// Does only this, in place of [`What::Elements`].
    pub instead: Option<What>,
}

const fn contender(name: &'static str, kind: Kind) -> Contender {
    Contender { name, kind, instead: None }
}

const fn instead(name: &'static str, kind: Kind, what: What) -> Contender {
    Contender { name, kind, instead: Some(what) }
}

pub const ALL: &[Contender] = &[
    contender("floor", Kind::Floor),
    instead("floor-sized", Kind::Floor, What::Sized),
    instead("floor-split", Kind::Floor, What::Split),
    contender("nftlink", Kind::Typed),
    contender("nftlink-low-level", Kind::LowLevel),
    contender("nftlink-stream", Kind::Streaming),
    instead("nftlink-sized", Kind::Typed, What::Sized),
    instead("nftlink-split", Kind::Typed, What::Split),
];

impl Contender {
    /// What it does where `task` is to be done, if it takes part.
    pub fn task(&self, task: Task) -> Option<Task> {
        if let Some(what) = self.instead {
            return (task.what == What::Elements).then_some(Task { what, ..task });
        }
        let takes_part = match self.kind {
            Kind::Floor | Kind::Typed => true,
            Kind::LowLevel => task.what.is_of_rules() && task.what != What::ListRules,
            Kind::Streaming => task.what.is_listing(),
        };
        takes_part.then_some(task)
    }

    /// Whether it is the library that all is about, or the floor: these take part in each round.
    pub fn is_own(&self) -> bool {
        matches!(self.kind, Kind::Floor | Kind::LowLevel | Kind::Typed | Kind::Streaming)
    }

    /// Does it, in a worker's own process and namespace.
    pub fn run(&self, task: Task) -> Result<Report> {
        match self.kind {
            Kind::Floor => floor::run(task),
            Kind::LowLevel => nftlink::run(task, nftlink::Api::LowLevel),
            Kind::Typed => nftlink::run(task, nftlink::Api::Typed),
            Kind::Streaming => nftlink::run(task, nftlink::Api::Streaming),
        }
    }
}
