//! Sets and their entries in libnftnl's notation.

use std::fmt::{self, Write as _};

use super::*;
use crate::expr::{Data, Value};
use crate::wire::name::escape;
use crate::wire::order;

impl SetInfo {
    /// Returns the set in libnftnl's notation: name, table, flags and what else it has.
    pub fn bytecode(&self) -> impl fmt::Display + '_ {
        OfSet(self)
    }
}

impl ElementInfo {
    /// Returns the entry in libnftnl's notation, as `nft --debug=netlink list ruleset` does: `{}` as
    /// libnftnl 1.2.4 writes it, `{:#}` as 1.3.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// # let (mut conn, table) = (nftlink::Conn::open()?, nftlink::Table::inet("fw"));
    /// for set in conn.sets(&table)? {
    ///     println!("{}", set.bytecode());
    ///     conn.elements(&set)?.iter().for_each(|entry| println!("\t{}", entry.bytecode()));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn bytecode(&self) -> impl fmt::Display + '_ {
        OfEntry(self)
    }
}

struct OfSet<'a>(&'a SetInfo);

impl fmt::Display for OfSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0;
        write!(f, "{} {} {:x}", set.name(), set.table().name(), set.flags().bits())?;
        if let Some(timeout) = set.timeout() {
            write!(f, " timeout {}ms", timeout.as_millis())?;
        }
        if let Some(interval) = set.gc_interval() {
            write!(f, " gc_interval {}ms", interval.as_millis())?;
        }
        if set.policy() != SetPolicy::PERFORMANCE {
            write!(f, " policy {}", set.policy().get())?;
        }
        if let Some(size) = set.size() {
            write!(f, " size {size}")?;
        }
        if let Some(backend) = set.set_type() {
            f.write_str(" backend ")?;
            escape(backend.as_bytes(), f)?;
        }
        if let Some(count) = set.count().filter(|&count| count > 0) {
            write!(f, " count {count}")?;
        }
        Ok(())
    }
}

struct OfEntry<'a>(&'a ElementInfo);

impl fmt::Display for OfEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        f.write_str("element ")?;
        if let Some(key) = entry.key() {
            show_data(key, f)?;
        }
        if let Some(end) = entry.key_end() {
            f.write_str(" - ")?;
            show_data(end, f)?;
        }
        if !f.alternate() || entry.data().is_some() {
            f.write_str(" : ")?;
        }
        match entry.data() {
            Some(Value::Data(data)) => show_data(data, f)?,
            Some(Value::Verdict(verdict)) if f.alternate() => write!(f, "{verdict}")?,
            Some(Value::Verdict(verdict)) => write!(f, "{verdict} ")?,
            None => {}
        }
        if let Some(object) = entry.object().filter(|_| f.alternate()) {
            write!(f, " : {object}")?;
        }
        if !f.alternate() {
            write!(f, "{} [end]", entry.flags().bits())?;
        } else if !entry.flags().is_empty() {
            write!(f, " flags {}", entry.flags().bits())?;
        }
        show_userdata(entry.userdata(), f)
    }
}

/// The words of a register; each ends with a space in the older notation.
fn show_data(data: &Data, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, word) in data.as_bytes().chunks(4).enumerate() {
        if f.alternate() {
            let space = if n == 0 { "" } else { " " };
            f.write_str(space)?;
            word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        } else {
            let mut bytes = [0; 4];
            bytes.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
            write!(f, "{:08x} ", order::from_host_u32(bytes))?;
        }
    }
    Ok(())
}

pub(crate) fn show_userdata(userdata: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if userdata.is_empty() {
        return Ok(());
    }
    if f.alternate() {
        let sum: u32 = userdata.iter().map(|&byte| u32::from(byte)).sum();
        return write!(f, "  userdata len {} sum 0x{sum:x}", userdata.len());
    }
    f.write_str("  userdata = { ")?;
    for &byte in userdata {
        match byte {
            b' '..=b'~' => f.write_char(byte.into())?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_str(" }")
}
