//! An `nft monitor` that listens beside ours.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::support::nft_command;

pub(super) struct NftMonitor {
    child: Child,
    lines: Receiver<String>,
}

impl NftMonitor {
    /// Starts it, and waits until it listens to a multicast group.
    pub(super) fn start(arguments: &[&str], group: u32) -> Self {
        let listeners = || {
            // The fourth column has the groups that a socket listens to, those up to the 32nd.
            let table = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
            let groups = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(3));
            groups.filter(|groups| u32::from_str_radix(groups, 16).unwrap() & 1 << (group - 1) != 0).count()
        };
        let before = listeners();
        let mut child = nft_command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().try_for_each(|line| sender.send(line.unwrap())));
        let monitor = Self { child, lines };
        let begin = Instant::now();
        while listeners() == before {
            assert!(begin.elapsed() < PATIENCE, "nft does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        monitor
    }

    /// The lines that it prints up to the first in which there is `last`, that one included.
    pub(super) fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(last)) {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line.trim_end().to_owned()),
                Err(RecvTimeoutError::Disconnected) => panic!("nft ended after {lines:#?}"),
                Err(RecvTimeoutError::Timeout) => panic!("nft is silent after {lines:#?}"),
            }
        }
        lines
    }
}

impl Drop for NftMonitor {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
