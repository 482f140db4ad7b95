//! Listing what is attached to the hooks of netfilter.

use std::ops::RangeFull;

use super::Conn;
use crate::datum::{Datum as _, IfName};
use crate::engine::{ATTEMPTS, Link, Query, Transport};
use crate::error::{Errno, Error, Feature, QueryError};
use crate::hooks::{self, HookInfo, NFNL_MSG_HOOK_GET};
use crate::wire::Family;

/// Which hooks a query asks for: `..` for those of ip, ip6, arp and bridge, those of a [`Family`], or by its name (an
/// [`IfName`] or a string) those of a device.
#[derive(Debug, Clone, Copy)]
pub struct HookScope(Scope);

#[derive(Debug, Clone, Copy)]
enum Scope {
    Family(Family),
    Device(IfName),
}

impl From<RangeFull> for HookScope {
    fn from(_: RangeFull) -> Self {
        Self(Scope::Family(Family::UNSPEC))
    }
}

impl From<Family> for HookScope {
    fn from(family: Family) -> Self {
        Self(Scope::Family(family))
    }
}

impl From<IfName> for HookScope {
    fn from(device: IfName) -> Self {
        Self(Scope::Device(device))
    }
}

impl From<&str> for HookScope {
    fn from(device: &str) -> Self {
        IfName::new(device).into()
    }
}

impl Scope {
    /// What the kernel is asked for, hook by hook.
    fn families(&self) -> &[Family] {
        match self {
            Self::Family(Family::UNSPEC) => &[Family::IP, Family::IP6, Family::ARP, Family::BRIDGE],
            // The kernel hides that there is such a family: what is of it is at the hooks of both.
            Self::Family(Family::INET) => &[Family::IP, Family::IP6],
            Self::Family(family) => std::slice::from_ref(family),
            Self::Device(_) => &[Family::NETDEV],
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Family(Family::UNSPEC) => "hooks".to_owned(),
            Self::Family(Family::NETDEV) => "hooks of family netdev, which are asked for by device".to_owned(),
            Self::Family(family) => format!("hooks of family {family}"),
            Self::Device(device) => format!("hooks of device {device}"),
        }
    }

    /// Refuses what the kernel has no answer to.
    fn check(&self) -> Result<(), Errno> {
        match self {
            Self::Family(Family::NETDEV) => Err(Errno::ENODEV),
            Self::Device(device) => device.to_data().map(drop).map_err(|_| Errno::ENODEV),
            Self::Family(_) if self.families().iter().all(|&family| hooks::count(family) == 0) => {
                Err(Errno::EPROTONOSUPPORT)
            }
            Self::Family(_) => Ok(()),
        }
    }
}

impl Conn {
    /// Lists what is attached to the hooks of netfilter, by other parts of the kernel as well, in the order in which
    /// packets meet it (Linux 5.14, where it was built with `NETFILTER_NETLINK_HOOK`).
    ///
    /// What is of family inet is told twice, at the hooks of ip and of ip6. The ingress and egress of devices are
    /// asked for by the name of each.
    ///
    /// What is at one hook is told as it was at one moment; commits that come between two hooks show.
    ///
    /// ```no_run
    /// use nftlink::{Conn, Family};
    ///
    /// let mut conn = Conn::open()?;
    /// let mut hooks = conn.hooks(Family::INET)?;
    /// hooks.extend(conn.hooks("eth0")?);
    /// let others = hooks.iter().filter(|entry| entry.chain().is_none());
    /// others.for_each(|entry| println!("{} {}: {entry}", entry.family(), entry.hook()));
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the kernel cannot tell, and for a [`Recording`](crate::Recording);
    /// [`Error::Query`] for want of privileges (`is_permission_denied`), for a device that is not there and for family
    /// netdev without a device (`ENODEV`), and for families without hooks (`EPROTONOSUPPORT`);
    /// [`Error::Inconsistent`] if what is at a hook changes during each of many attempts.
    #[doc(alias = "nfnetlink_hook")]
    pub fn hooks(&mut self, scope: impl Into<HookScope>) -> Result<Vec<HookInfo>, Error> {
        let HookScope(scope) = scope.into();
        let refused = |errno| Error::Query(Box::new(QueryError { what: scope.describe().into(), errno }));
        scope.check().map_err(refused)?;
        let device = match scope {
            Scope::Device(device) => Some(device),
            Scope::Family(_) => None,
        };
        let mut found = Vec::new();
        for &family in scope.families() {
            for number in 0..hooks::count(family) {
                match hooks_at(&mut self.link, family, number, device, &scope) {
                    Ok(mut here) => found.append(&mut here),
                    // Ingress is there, egress since Linux 5.16, where it was built with it.
                    Err(Error::Query(error))
                        if number > 0 && matches!(error.errno, Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) => {}
                    Err(error) => return Err(self.link.refused(error, Feature::HookList)),
                }
            }
        }
        Ok(found)
    }
}

/// Lists what is at one hook.
fn hooks_at<T: Transport>(
    link: &mut Link<T>,
    family: Family,
    number: u32,
    device: Option<IfName>,
    scope: &Scope,
) -> Result<Vec<HookInfo>, Error> {
    let query = Query::new(NFNL_MSG_HOOK_GET, NFNL_MSG_HOOK_GET, family, true, |w| {
        hooks::write(number, device, w);
    });
    let mut before = None;
    for _ in 0..ATTEMPTS {
        let mut here = Vec::new();
        let whole = link.query(&query, &|| scope.describe(), &mut |family, attrs| {
            here.push(HookInfo::decode(family, device, attrs)?);
            Ok(())
        })?;
        // Between two datagrams the kernel counts on among what is left. What two readings agree on was not moved.
        if whole && (!link.may_have_moved() || before.as_ref() == Some(&here)) {
            return Ok(here);
        }
        before = whole.then_some(here);
    }
    Err(Error::Inconsistent { attempts: ATTEMPTS })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::IoSlice;

    use super::*;
    use crate::engine::Received;
    use crate::hooks::NFNLA_HOOK_PRIORITY;
    use crate::wire::AttrWriter;
    use crate::wire::message::{Messages, forge};

    /// Tells what each dump has, datagram by datagram, by priorities.
    struct Kernel {
        dumps: VecDeque<&'static [&'static [u32]]>,
        queue: VecDeque<Vec<u8>>,
    }

    impl Transport for Kernel {
        fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
            let asked: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let sequence = Messages::new(&asked).next().unwrap().unwrap().sequence;
            for told in self.dumps.pop_front().unwrap() {
                let entry = |priority: &u32| {
                    let mut w = AttrWriter::new();
                    w.u32(NFNLA_HOOK_PRIORITY, *priority);
                    let payload = [&[Family::IP.get(), 0, 0, 0], w.bytes_written()].concat();
                    forge::raw(NFNL_MSG_HOOK_GET, 2, sequence, 0, &payload)
                };
                self.queue.push_back(told.iter().flat_map(entry).collect());
            }
            self.queue.back_mut().unwrap().extend(forge::done(sequence, 1, 0, 0));
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
            let datagram = self.queue.pop_front().ok_or(Errno::EAGAIN)?;
            Ok(Received::copy(&datagram, buffer))
        }

        fn port(&self) -> u32 {
            1
        }
    }

    /// The priorities that are told in the end, and how many dumps were not asked for.
    fn read(dumps: &[&'static [&'static [u32]]]) -> (Result<Vec<i32>, Error>, usize) {
        let mut link = Link::new(Kernel { dumps: dumps.iter().copied().collect(), queue: VecDeque::new() });
        let told = hooks_at(&mut link, Family::IP, 0, None, &Scope::Family(Family::IP));
        (told.map(|told| told.iter().map(HookInfo::priority).collect()), link.transport().dumps.len())
    }

    #[test]
    fn what_is_told_at_once_is_read_once() {
        assert_eq!(read(&[&[&[1, 2, 3]], &[&[]]]).0.unwrap(), [1, 2, 3]);
        assert_eq!(read(&[&[&[1, 2, 3]], &[&[]]]).1, 1);
    }

    #[test]
    fn what_several_datagrams_tell_is_read_until_two_readings_agree() {
        // Between the first two datagrams somebody deleted the first entry: the third one was passed over.
        let (told, left) = read(&[&[&[1, 2], &[4]], &[&[2, 3], &[4]], &[&[2, 3], &[4]], &[&[]]]);
        assert_eq!((told.unwrap(), left), (vec![2, 3, 4], 1));
    }

    #[test]
    fn what_changes_all_the_time_is_not_told() {
        let changing: [&[&[u32]]; 2] = [&[&[1], &[2]], &[&[1], &[3]]];
        let dumps: Vec<_> = changing.into_iter().cycle().take(ATTEMPTS as usize).collect();
        assert!(matches!(read(&dumps).0, Err(Error::Inconsistent { attempts: ATTEMPTS })));
    }
}
