//! A kernel that lacks some features, whose answers get lost: what it is said to have it has, and nothing else.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::faults::{Faulty, each_plan};
use super::*;
use crate::batch::probe::Probe;
use crate::error::Feature;
use crate::hooks::NFNL_MSG_HOOK_GET;
use crate::rule::NFT_MSG_GETRULE_RESET;
use crate::wire::message::{Content, Messages, NLM_F_ACK, forge};

const PORT: u32 = 4242;

/// A kernel that knows nothing but whether it has what a [`Probe`] asks for.
struct Kernel {
    lacks: Features,
    queue: VecDeque<Vec<u8>>,
}

impl Kernel {
    fn batch(&mut self, datagram: &[u8]) {
        let probe = Probe::new(Features::all());
        // It had modules to load, the last for the last operation, and acks that first.
        let last = Messages::new(datagram).map(Result::unwrap).last().filter(|last| last.flags & NLM_F_ACK != 0);
        self.queue.extend(last.map(|last| forge::ack(last.sequence, PORT, 0, None)));
        for message in Messages::new(datagram).map(Result::unwrap).filter(|message| !message.is_batch_begin()) {
            let errno = match probe.batch.op_of(message.sequence).and_then(|op| probe.asked_by(op)) {
                Some((feature, true)) if self.lacks.has(feature) => Errno::EOPNOTSUPP,
                Some((feature, false)) if self.lacks.has(feature) => Errno::ENOENT,
                // Something else is wrong with it.
                Some((_, false)) => Errno::EINVAL,
                _ if message.flags & NLM_F_ACK != 0 => Errno::from_raw(0),
                _ => continue,
            };
            self.queue.push_back(forge::ack(message.sequence, PORT, errno.get(), None));
        }
    }
}

impl Transport for Kernel {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let first = Messages::new(&datagram).next().unwrap().unwrap();
        if first.is_batch_begin() {
            self.batch(&datagram);
            return Ok(());
        }
        let Ok(Content::Nft { kind, .. }) = first.content() else { panic!("{first:?}") };
        let feature = match kind {
            NFNL_MSG_HOOK_GET => Feature::HookList,
            NFT_MSG_GETRULE_RESET => Feature::RuleReset,
            _ => Feature::ElementReset,
        };
        let errno = if self.lacks.has(feature) { Errno::EINVAL } else { Errno::ENOENT };
        self.queue.push_back(forge::ack(first.sequence, PORT, errno.get(), None));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let datagram = self.queue.pop_front().ok_or(Errno::EAGAIN)?;
        Ok(Received::copy(&datagram, buffer))
    }

    fn port(&self) -> u32 {
        PORT
    }
}

#[test]
fn features_are_told_truly_under_every_fault() {
    let few = [Feature::Queue, Feature::Destroy, Feature::RuleReset, Feature::CatchAll, Feature::HookList];
    let few: Features = few.into_iter().collect();
    for lacks in [Features::new(), few, Features::all()] {
        let mut failures = 0;
        each_plan(3, |plan, case| {
            let mut link = Link::new(Faulty::new(Kernel { lacks, queue: VecDeque::new() }, plan));
            let has = Features::all().without(lacks);
            match link.features(Features::all()) {
                Ok(told) => assert_eq!(told, has, "{case}"),
                Err(_) => failures += 1,
            }
            let calls = plan.is_over();
            // What was not answered is asked again, and what was is not.
            assert_eq!(link.features(Features::all()).unwrap(), has, "{case}: then");
            let again = plan.is_over();
            assert_eq!(link.features(few).unwrap(), few.without(lacks), "{case}");
            assert_eq!(plan.is_over(), again, "{case}: it is known");
            calls
        });
        assert!(failures > 0, "no fault was told");
    }
}
