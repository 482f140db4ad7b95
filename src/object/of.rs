//! Objects as the values of maps.

use std::fmt;
use std::marker::PhantomData;

use super::{Named, Object};
use crate::table::TableRef;
use crate::wire::Name;

/// The name of an object of kind `T`: what the elements of an object map have for values.
///
/// ```
/// use nftlink::datum::Port;
/// use nftlink::field::tcp;
/// use nftlink::object::{self, ObjectOf};
/// use nftlink::{Batch, Hook, Map, Priority, Rule, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
/// let web = object::Counter::named(&fw, "web");
/// let by_port = Map::<Port, ObjectOf<object::Counter>>::new(&fw, "by_port");
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&input).add(&web).add(&by_port);
/// batch.add_elements(&by_port, [(80, &web), (443, &web)]);
/// batch.append(&input, Rule::new().object_map(tcp::dport(), &by_port));
/// ```
pub struct ObjectOf<T> {
    name: Name,
    /// Where the object is, if that is known: a map's elements are objects of its own table.
    table: Option<TableRef>,
    of: PhantomData<fn() -> T>,
}

impl<T: Object> ObjectOf<T> {
    /// The object of that name.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), table: None, of: PhantomData }
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn table(&self) -> Option<&TableRef> {
        self.table.as_ref()
    }
}

impl<T: Object> From<&Named<T>> for ObjectOf<T> {
    fn from(object: &Named<T>) -> Self {
        Self { table: Some(object.at().table.clone()), ..Self::new(&object.at().name) }
    }
}

impl<T> Clone for ObjectOf<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), table: self.table.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for ObjectOf<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<T> Eq for ObjectOf<T> {}

impl<T> fmt::Debug for ObjectOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectOf").field(&self.name).finish()
    }
}

impl<T> fmt::Display for ObjectOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
