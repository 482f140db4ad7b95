//! Fields and types: sets of a field's values, and a field's values as a type of one's own.

use std::marker::PhantomData;

use super::{Choice, Field};
use crate::datum::{ByteOrder, Datum, swaps};
use crate::expr::Verdict;
use crate::object::{Object, ObjectOf};
use crate::set::{Key, Map, MapValue, Set, TypeofField};
use crate::table::TableRef;
use crate::wire::Name;

impl<V: Datum, A> Field<V, A> {
    /// The same field with another type for its values: a [data type of one's own](Datum), or another of nft's, where
    /// a field of one type is to be set to one of another.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::datum::Mark;
    /// use nftlink::field::meta;
    ///
    /// let rule = Rule::new().set(meta::mark(), meta::priority().typed::<Mark>());
    /// ```
    ///
    /// A type whose values are of another length or byte order does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use nftlink::datum::Port;
    /// # use nftlink::field::meta;
    /// let port = meta::mark().typed::<Port>();
    /// ```
    pub fn typed<T: Datum>(self) -> Field<T, A> {
        const {
            assert!(T::LEN == V::LEN, "the field's values have another length");
            let same = matches!(
                (T::ORDER, V::ORDER),
                (ByteOrder::Host, ByteOrder::Host)
                    | (ByteOrder::Network, ByteOrder::Network)
                    | (ByteOrder::None, ByteOrder::None)
            );
            assert!(same, "the field's values have another byte order");
        }
        let mut source = self.source;
        (source.kind, source.swaps) = (T::TYPE, swaps::<T>());
        Field { source, of: PhantomData }
    }
}

/// Sets and maps that are said by fields, as nft's `typeof` does: their types are those of the fields.
impl<K: Key> Set<K> {
    /// A set of values of a field, or of fields taken [together](super::concat)
    /// (`set blocked { typeof ip saddr; }`).
    ///
    /// ```
    /// use nftlink::field::{concat, ip, tcp};
    /// use nftlink::{Rule, Set, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let blocked = Set::of(&fw, "blocked", ip::saddr());
    /// let allowed = Set::of(&fw, "allowed", concat((ip::saddr(), tcp::dport())));
    /// let rule = Rule::new().when(ip::saddr().in_set(&blocked)).drop();
    /// ```
    pub fn of<A>(table: impl AsRef<TableRef>, name: impl Into<Name>, field: Field<K, A>) -> Self {
        Self::new(table, name).typeof_fields(field.typeof_field())
    }

    /// A set of intervals of values of a field: ranges, prefixes, single values; of fields taken
    /// [together](super::concat) of an interval for each
    /// (`set blocked { typeof ip saddr; flags interval; }`).
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::field::{concat, ip, tcp};
    /// use nftlink::{Batch, Interval, Set, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let blocked = Set::intervals_of(&fw, "blocked", ip::saddr()).auto_merge();
    /// let allowed = Set::intervals_of(&fw, "allowed", concat((ip::saddr(), tcp::dport())));
    /// let mut batch = Batch::new();
    /// batch.add_elements(&allowed, [(Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8), 8000..=8080)]);
    /// ```
    pub fn intervals_of<V: Choice<Key = K>, A>(
        table: impl AsRef<TableRef>,
        name: impl Into<Name>,
        field: Field<V, A>,
    ) -> Self {
        Self::new(table, name).typeof_fields(field.typeof_field())
    }

    /// Makes it a map to values of a field, or of fields taken [together](super::concat)
    /// (`map owners { typeof ip saddr : meta mark; }`). A map does not [merge](Self::auto_merge).
    ///
    /// ```
    /// use nftlink::field::{concat, ip, meta, tcp};
    /// use nftlink::{Map, Rule, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let owners = Map::of(&fw, "owners", ip::saddr()).to(meta::mark());
    /// let rule = Rule::new().set(meta::mark(), ip::saddr().map(&owners));
    /// // By interface and port: an address and a port.
    /// let services = Map::of(&fw, "services", concat((meta::iifname(), tcp::dport())))
    ///     .to(concat((ip::daddr(), tcp::dport())));
    /// let rule = Rule::new().dnat(concat((meta::iifname(), tcp::dport())).map(&services));
    /// ```
    pub fn to<V: MapValue, A>(self, field: Field<V, A>) -> Map<K, V> {
        self.mapped(Some(field.typeof_field()))
    }

    /// Makes it a map to intervals of values of a field, from which [`dnat`](crate::RuleBuilder::dnat) chooses
    /// (`map pools { typeof ip daddr : interval ip daddr; }`).
    ///
    /// ```
    /// use nftlink::field::ip;
    /// use nftlink::{Map, NatTarget, Rule, Table};
    ///
    /// let fw = Table::ip("fw");
    /// let networks = Map::intervals_of(&fw, "networks", ip::daddr()).to_intervals_of(ip::daddr());
    /// let rule = Rule::new().dnat(NatTarget::prefix(ip::daddr().map(&networks)));
    /// ```
    pub fn to_intervals_of<V: Choice<Key: MapValue>, A>(self, field: Field<V, A>) -> Map<K, V::Key> {
        self.mapped(Some(field.typeof_field()))
    }

    /// Makes it a map to verdicts (`map doors { typeof tcp dport : verdict; }`).
    ///
    /// ```
    /// use nftlink::expr::Verdict;
    /// use nftlink::field::tcp;
    /// use nftlink::{Batch, Map, Rule, Table};
    ///
    /// let doors = Map::of(Table::inet("fw"), "doors", tcp::dport()).to_verdicts();
    /// let mut batch = Batch::new();
    /// batch.add(&doors).add_elements(&doors, [(22, Verdict::ACCEPT)]);
    /// let rule = Rule::new().vmap(tcp::dport(), &doors);
    /// ```
    pub fn to_verdicts(self) -> Map<K, Verdict> {
        self.mapped(None)
    }

    /// Makes it a map to objects of some kind (`map accounts { typeof ip saddr : counter; }`).
    ///
    /// ```
    /// use nftlink::field::ip;
    /// use nftlink::{Map, Rule, Table, object};
    ///
    /// let accounts = Map::of(Table::ip("fw"), "accounts", ip::saddr()).to_objects::<object::Counter>();
    /// let rule = Rule::new().object_map(ip::saddr(), &accounts);
    /// ```
    pub fn to_objects<T: Object>(self) -> Map<K, ObjectOf<T>> {
        self.mapped(None)
    }
}
