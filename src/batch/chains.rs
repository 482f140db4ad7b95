//! Verbs for chains that are there: another name, other devices. And other devices of flowtables.

use super::Batch;
use crate::chain::{Chain, ChainHandle, ChainInfo, ChainRef, Device, NFT_MSG_DELCHAIN, NFT_MSG_NEWCHAIN};
use crate::flowtable::{Flowtable, FlowtableInfo, FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_NEWFLOWTABLE};
use crate::table::TableRef;
use crate::wire::{AttrWriter, Name};

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

/// What [`Batch::add_devices`] and [`delete_devices`](Batch::delete_devices) take: whatever names a chain or a
/// flowtable.
pub trait HasDevices {
    #[doc(hidden)]
    fn device_table(&self) -> &TableRef;

    /// The messages that add devices, and that delete them, and whether kernels that do not know the second take
    /// it for something else.
    #[doc(hidden)]
    fn device_messages(&self) -> (u16, u16, bool);

    #[doc(hidden)]
    fn write_devices(&self, devices: &[Device], w: &mut AttrWriter);
}

macro_rules! has_devices {
    ($([$($generics:tt)*] $type:ty as $reference:ty, $add:ident, $delete:ident, $guarded:literal;)*) => {$(
        impl<$($generics)*> HasDevices for $type {
            fn device_table(&self) -> &TableRef {
                AsRef::<$reference>::as_ref(self).table()
            }

            fn device_messages(&self) -> (u16, u16, bool) {
                ($add, $delete, $guarded)
            }

            fn write_devices(&self, devices: &[Device], w: &mut AttrWriter) {
                AsRef::<$reference>::as_ref(self).write_devices(devices, w);
            }
        }
    )*};
}

has_devices! {
    [] ChainRef as ChainRef, NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, true;
    [S] Chain<S> as ChainRef, NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, true;
    [] ChainInfo as ChainRef, NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, true;
    [] FlowtableRef as FlowtableRef, NFT_MSG_NEWFLOWTABLE, NFT_MSG_DELFLOWTABLE, false;
    [] Flowtable as FlowtableRef, NFT_MSG_NEWFLOWTABLE, NFT_MSG_DELFLOWTABLE, false;
    [] FlowtableInfo as FlowtableRef, NFT_MSG_NEWFLOWTABLE, NFT_MSG_DELFLOWTABLE, false;
}

impl<T: HasDevices + ?Sized> HasDevices for &T {
    fn device_table(&self) -> &TableRef {
        (**self).device_table()
    }

    fn device_messages(&self) -> (u16, u16, bool) {
        (**self).device_messages()
    }

    fn write_devices(&self, devices: &[Device], w: &mut AttrWriter) {
        (**self).write_devices(devices, w);
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

    /// Has a chain see the frames of more devices (Linux 6.4), or a flowtable have them; those that it has
    /// already stay. The commit fails if the chain is at no hook, or if a device is given twice (`EEXIST`), or a
    /// prefix beside a name that it covers.
    ///
    /// ```
    /// # use nftlink::{Batch, ChainInfo, Table};
    /// # let mut batch = Batch::new();
    /// let ingress = Table::netdev("fw").chain("ingress");
    /// batch.add_devices(&ingress, ["eth1", "eth2"]).delete_devices(&ingress, ["eth0"]);
    /// ```
    pub fn add_devices(
        &mut self,
        of: impl HasDevices,
        devices: impl IntoIterator<Item = impl Into<Device>>,
    ) -> &mut Self {
        let devices: Vec<Device> = devices.into_iter().map(Into::into).collect();
        self.op(0, |batch| batch.devices(&of, of.device_messages().0, &devices))
    }

    /// Has a chain no longer see the frames of devices (Linux 6.4), or a flowtable lose them; it stays, and so do
    /// the chain's rules, even without any device. The commit fails if it does not have one of them (`ENOENT`).
    pub fn delete_devices(
        &mut self,
        of: impl HasDevices,
        devices: impl IntoIterator<Item = impl Into<Device>>,
    ) -> &mut Self {
        let devices: Vec<Device> = devices.into_iter().map(Into::into).collect();
        let (add, delete, guarded) = of.device_messages();
        if !guarded {
            return self.op(0, |batch| batch.devices(&of, delete, &devices));
        }
        self.op(GUARDED, |batch| {
            // Older kernels, and newer ones where the chain cannot have devices, would overlook the
            // list, and delete the chain. They refuse to add them; where the devices are there,
            // which is needed to delete them, adding changes nothing.
            batch.devices(&of, add, &devices);
            batch.devices(&of, delete, &devices);
        })
    }

    fn devices(&mut self, of: &impl HasDevices, kind: u16, devices: &[Device]) {
        // Without devices there is nothing to do, and older kernels would not agree.
        if !devices.is_empty() {
            self.message(kind, 0, of.device_table().family, |w| of.write_devices(devices, w));
        }
    }
}
