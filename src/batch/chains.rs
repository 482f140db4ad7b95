//! Verbs for chains that are there: another name, other devices.

use super::Batch;
use crate::chain::{ChainHandle, ChainInfo, ChainRef, Device, NFT_MSG_DELCHAIN, NFT_MSG_NEWCHAIN};
use crate::table::TableRef;
use crate::wire::Name;

/// Marks that the first message of an operation only makes sure that the second does what it says.
pub(super) const GUARDED: u32 = 1;

/// What [`Batch::rename`] takes: a chain that was read, or a chain and its handle.
pub trait Rename {
    #[doc(hidden)]
    fn table(&self) -> &TableRef;

    #[doc(hidden)]
    fn handle(&self) -> ChainHandle;
}

impl Rename for &ChainInfo {
    fn table(&self) -> &TableRef {
        ChainInfo::table(self)
    }

    fn handle(&self) -> ChainHandle {
        ChainInfo::handle(self)
    }
}

impl<C: AsRef<ChainRef>> Rename for (C, ChainHandle) {
    fn table(&self) -> &TableRef {
        self.0.as_ref().table()
    }

    fn handle(&self) -> ChainHandle {
        self.1
    }
}

impl Batch {
    /// Gives a chain that the kernel has another name. Rules and maps that lead to it still do, under
    /// the new name. The commit fails if there is no chain of that handle (`ENOENT`), or one of the
    /// new name (`EEXIST`), be it the same.
    ///
    /// The chain has its new name when all of the batch is applied: other operations of the batch go
    /// by the old one. Do not add a chain of the new name in the same batch: the kernel would have
    /// two. Sets cannot be renamed.
    ///
    /// ```
    /// # use nftlink::{Batch, ChainHandle, ChainInfo, Table};
    /// # fn rename(info: &ChainInfo, batch: &mut Batch) {
    /// batch.rename(info, "ssh");
    /// let stored = ChainHandle::from_raw(7);
    /// batch.rename((Table::inet("fw").chain("web"), stored), "http");
    /// # }
    /// ```
    pub fn rename(&mut self, chain: impl Rename, new: impl Into<Name>) -> &mut Self {
        let (table, new) = (chain.table(), new.into());
        self.op(0, |batch| {
            batch.message(NFT_MSG_NEWCHAIN, 0, table.family, |w| {
                ChainRef::write_rename(table, chain.handle(), &new, w);
            });
        })
    }

    /// Has a chain see the frames of more devices (Linux 6.4); those that it sees already stay. The
    /// commit fails if the chain is at no hook, or if a device is given twice (`EEXIST`), or a prefix
    /// beside a name that it covers.
    ///
    /// ```
    /// # use nftlink::{Batch, ChainInfo, Table};
    /// # let mut batch = Batch::new();
    /// let ingress = Table::netdev("fw").chain("ingress");
    /// batch.add_devices(&ingress, ["eth1", "eth2"]).delete_devices(&ingress, ["eth0"]);
    /// ```
    pub fn add_devices(
        &mut self,
        chain: impl AsRef<ChainRef>,
        devices: impl IntoIterator<Item = impl Into<Device>>,
    ) -> &mut Self {
        let devices: Vec<Device> = devices.into_iter().map(Into::into).collect();
        self.op(0, |batch| batch.devices(chain.as_ref(), NFT_MSG_NEWCHAIN, &devices))
    }

    /// Has a chain no longer see the frames of devices (Linux 6.4); it stays, with its rules, even
    /// without any device. The commit fails if it does not have one of them (`ENOENT`).
    pub fn delete_devices(
        &mut self,
        chain: impl AsRef<ChainRef>,
        devices: impl IntoIterator<Item = impl Into<Device>>,
    ) -> &mut Self {
        let (chain, devices) = (chain.as_ref(), devices.into_iter().map(Into::into).collect::<Vec<_>>());
        self.op(GUARDED, |batch| {
            // Older kernels, and newer ones where the chain cannot have devices, would overlook the
            // list, and delete the chain. They refuse to add them; where the devices are there,
            // which is needed to delete them, adding changes nothing.
            batch.devices(chain, NFT_MSG_NEWCHAIN, &devices);
            batch.devices(chain, NFT_MSG_DELCHAIN, &devices);
        })
    }

    fn devices(&mut self, chain: &ChainRef, kind: u16, devices: &[Device]) {
        // Without devices there is nothing to do, and older kernels would not agree.
        if !devices.is_empty() {
            self.message(kind, 0, chain.table.family, |w| chain.write_devices(devices, w));
        }
    }
}
