//! The devices whose frames a chain or a flowtable sees.

use std::fmt;

use super::{NFTA_HOOK_DEV, NFTA_HOOK_DEVS, NFTA_HOOK_PRIORITY};
use crate::datum::{Datum, IfName};
use crate::error::DecodeError;
use crate::wire::{Attr, AttrWriter};

const NFTA_DEVICE_NAME: u16 = 1;
const NFTA_DEVICE_PREFIX: u16 = 2;

/// The devices that a flowtable has, or a chain at [`Hook::INGRESS`](crate::Hook::INGRESS) or
/// [`Hook::EGRESS`](crate::Hook::EGRESS): one by its name, or all whose names begin alike.
///
/// Text is a name: a `*` at its end is part of it, unlike in nft's language.
///
/// ```
/// use nftlink::Device;
/// assert_eq!(Device::from("eth0").to_string(), "eth0");
/// assert_eq!(Device::prefix("eth").to_string(), "eth*");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The device of this name.
    Name(IfName),
    /// All devices whose names begin so, those to come included (Linux 6.17). nft 1.0.6 lists no
    /// chain that has one.
    Prefix(IfName),
}

impl Device {
    /// Names all devices whose names begin so (Linux 6.17).
    pub fn prefix(beginning: impl AsRef<[u8]>) -> Self {
        Self::Prefix(IfName::new(beginning))
    }

    pub(crate) fn is_prefix(&self) -> bool {
        matches!(self, Self::Prefix(_))
    }
}

impl From<IfName> for Device {
    fn from(name: IfName) -> Self {
        Self::Name(name)
    }
}

impl From<&str> for Device {
    fn from(name: &str) -> Self {
        Self::Name(IfName::new(name))
    }
}

impl From<String> for Device {
    fn from(name: String) -> Self {
        Self::Name(IfName::new(name))
    }
}

impl From<&String> for Device {
    fn from(name: &String) -> Self {
        Self::Name(IfName::new(name))
    }
}

impl From<&Device> for Device {
    fn from(device: &Device) -> Self {
        *device
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Prefix(beginning) => write!(f, "{beginning}*"),
        }
    }
}

/// Writes devices as attributes of a hook: one name as nft does, which older kernels take, too.
pub(super) fn write(devices: &[Device], w: &mut AttrWriter) {
    match devices {
        [] => {}
        [Device::Name(name)] => {
            w.check(name.to_data().map(drop));
            w.string(NFTA_HOOK_DEV, name.as_bytes());
        }
        devices => write_list(NFTA_HOOK_DEVS, devices, w),
    }
}

/// Writes devices as a list.
pub(crate) fn write_list(attr: u16, devices: &[Device], w: &mut AttrWriter) {
    /// One less than `NFT_NETDEVICE_MAX`: Linux 6.18 refuses as many as that (`EFBIG`).
    const MOST: u64 = 255;
    w.in_range("a number of devices", devices.len() as u64, 0..=MOST);
    w.nest(attr, |w| {
        for device in devices {
            let (Device::Name(name) | Device::Prefix(name)) = device;
            w.check(name.to_data().map(drop));
            w.string(if device.is_prefix() { NFTA_DEVICE_PREFIX } else { NFTA_DEVICE_NAME }, name.as_bytes());
        }
    });
}

/// Reads a list of devices.
pub(crate) fn read_list(list: Attr<'_>) -> Result<Vec<Device>, DecodeError> {
    let mut devices = Vec::new();
    let attrs = list.nested()?;
    for attr in attrs.clone() {
        match attr? {
            (NFTA_DEVICE_NAME, v) => devices.push(Device::Name(IfName::new(v.str_bytes()))),
            (NFTA_DEVICE_PREFIX, v) => devices.push(Device::prefix(v.str_bytes())),
            (other, _) => attrs.note_unknown(other),
        }
    }
    Ok(devices)
}

/// The devices that a hook names; none, if they make no sense.
pub(crate) fn devices(hook: Attr<'_>) -> Vec<Device> {
    read(hook).unwrap_or_default()
}

/// Reads the devices of a hook. The kernel tells of a single one twice.
pub(super) fn read(hook: Attr<'_>) -> Result<Vec<Device>, DecodeError> {
    let (mut one, mut list) = (None, None);
    for attr in hook.nested()? {
        match attr? {
            (NFTA_HOOK_DEV, v) => one = Some(Device::Name(IfName::new(v.str_bytes()))),
            (NFTA_HOOK_DEVS, v) => list = Some(read_list(v)?),
            _ => {}
        }
    }
    Ok(list.unwrap_or_else(|| one.into_iter().collect()))
}

/// The devices of a hook that only names those to add or delete: it has no priority.
pub(crate) fn changed_devices(hook: Attr<'_>) -> Option<Vec<Device>> {
    let mut attrs = hook.nested().ok()?.map_while(Result::ok);
    let is_place = attrs.any(|(number, _)| number == NFTA_HOOK_PRIORITY);
    if is_place { None } else { read(hook).ok() }
}
