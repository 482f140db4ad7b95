//! Listing what is attached to the hooks of netfilter.

use std::ops::RangeFull;

use super::Conn;
use crate::datum::{Datum as _, IfName};
use crate::engine::{ATTEMPTS, Query};
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
                match self.hooks_at(family, number, device, &scope, &mut found) {
                    // Ingress is there, egress since Linux 5.16, where it was built with it.
                    Err(Error::Query(error))
                        if number > 0 && matches!(error.errno, Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) => {}
                    result => result.map_err(|error| self.link.refused(error, Feature::HookList))?,
                }
            }
        }
        Ok(found)
    }

    /// Adds what is at one hook to what was found.
    fn hooks_at(
        &mut self,
        family: Family,
        number: u32,
        device: Option<IfName>,
        scope: &Scope,
        found: &mut Vec<HookInfo>,
    ) -> Result<(), Error> {
        let query = Query::new(NFNL_MSG_HOOK_GET, NFNL_MSG_HOOK_GET, family, true, |w| {
            hooks::write(number, device, w);
        });
        let mut before = None;
        for _ in 0..ATTEMPTS {
            let mut here = Vec::new();
            let whole = self.link.query(&query, &|| scope.describe(), &mut |family, attrs| {
                here.push(HookInfo::decode(family, device, attrs)?);
                Ok(())
            })?;
            // Between two datagrams the kernel counts on among what is left. What two readings agree on was not moved.
            if whole && (!self.link.may_have_moved() || before.as_ref() == Some(&here)) {
                found.append(&mut here);
                return Ok(());
            }
            before = whole.then_some(here);
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }
}
