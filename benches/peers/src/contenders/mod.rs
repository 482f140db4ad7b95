//! The contenders: who does the work, and which of it.

pub mod floor;
pub mod nft;
pub mod nftlink;

use anyhow::{Context as _, Result};
use peers_work::{Report, Task, What};

use crate::programs::{Program, locked_version};

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the kernel alone takes.
    Floor,
    /// nftlink, each rule a tuple of the kernel's expressions.
    LowLevel,
    /// nftlink's typed language and sets; listings are owned.
    Typed,
    /// The same into a batch whose memory was used before, as programs have it that run for long.
    Kept,
    /// nftlink's listings as they come.
    Streaming,
    /// The same, with the answer to whether it was one state: for the elements of a set they are read a second time.
    Checked,
    /// A peer with a program of its own.
    Program(Program),
    /// The program nft, with a script.
    Nft,
    /// The crate nftables: JSON for nft.
    Json,
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
    contender("nftlink-kept", Kind::Kept),
    contender("nftlink-stream", Kind::Streaming),
    contender("nftlink-stream-checked", Kind::Checked),
    instead("nftlink-sized", Kind::Typed, What::Sized),
    instead("nftlink-split", Kind::Typed, What::Split),
    instead("nftlink-loader", Kind::Typed, What::Loaded),
    instead("nftlink-loader-sized", Kind::Typed, What::LoadedSized),
    contender("libnftnl", Kind::Program(Program::Libnftnl)),
    contender("nftnl", Kind::Program(Program::Nftnl)),
    contender("rustables", Kind::Program(Program::Rustables)),
    contender("google-nftables", Kind::Program(Program::Google)),
    contender("nft", Kind::Nft),
    contender("nftables-json", Kind::Json),
];

/// Only the library and the floor have to grow.
fn is_growth(what: What) -> bool {
    matches!(what, What::GrowRules | What::GrowElements)
}

fn is_paired(what: What) -> bool {
    matches!(what, What::Intervals | What::VerdictMap)
}

impl Contender {
    /// Makes ready what it needs, and returns its version.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn prepare(&self) -> Result<Option<String>> {
        match self.kind {
            Kind::Program(program) => {
                program.build().with_context(|| format!("needs {}", program.packages())).map(Some)
            }
            Kind::Nft => nft::version().context("needs nftables").map(Some),
            Kind::Json => {
                let nft = nft::version().context("needs nftables")?;
                Ok(Some(format!("{} with nft {nft}", locked_version("nftables")?)))
            }
            Kind::Typed if self.instead.is_none() => locked_version("nftlink").map(Some),
            _ => Ok(None),
        }
    }

    /// What it does where `task` is to be done, if it takes part.
    pub fn task(&self, task: Task) -> Option<Task> {
        if let Some(what) = self.instead {
            return (task.what == What::Elements).then_some(Task { what, ..task });
        }
        let takes_part = match self.kind {
            Kind::Floor | Kind::Typed => true,
            Kind::LowLevel => matches!(task.what, What::Rules | What::EncodeRules),
            Kind::Kept => matches!(
                task.what,
                What::Rules | What::Elements | What::Intervals | What::Concatenation | What::VerdictMap
            ),
            Kind::Streaming | Kind::Checked => task.what.is_listing(),
            Kind::Program(Program::Libnftnl) => !is_growth(task.what),
            _ if is_growth(task.what) || task.what == What::DecodeRules => false,
            // The crate has no intervals, no maps, no listings.
            Kind::Program(Program::Nftnl) => !task.what.is_listing() && !is_paired(task.what),
            Kind::Program(Program::Rustables) => !is_paired(task.what),
            Kind::Program(Program::Google) | Kind::Json => true,
            Kind::Nft => !task.what.is_in_memory(),
        };
        takes_part.then_some(task)
    }

    /// Whether it is the library that all is about, or the floor.
    pub fn is_own(&self) -> bool {
        !matches!(self.kind, Kind::Program(_) | Kind::Nft | Kind::Json)
    }

    /// Whether it takes part in each round: so do our own, but for a stream that is read twice.
    pub fn is_in_all_rounds(&self) -> bool {
        self.is_own() && self.kind != Kind::Checked
    }

    /// Does it, in a worker's own process and namespace.
    pub fn run(&self, task: Task) -> Result<Report> {
        match self.kind {
            Kind::Floor => floor::run(task),
            Kind::LowLevel => nftlink::run(task, nftlink::Api::LowLevel),
            Kind::Typed => nftlink::run(task, nftlink::Api::Typed),
            Kind::Kept => nftlink::run(task, nftlink::Api::Kept),
            Kind::Streaming => nftlink::run(task, nftlink::Api::Streaming),
            Kind::Checked => nftlink::run(task, nftlink::Api::Checked),
            Kind::Program(program) => program.run(task),
            Kind::Nft => nft::run(task),
            Kind::Json => nft::run_json(task),
        }
    }
}
