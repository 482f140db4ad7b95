//! Data types of the user's own: one impl makes a type of the program's one that fields, sets and maps have.

use std::net::Ipv4Addr;

use nftlink::datum::{ByteOrder, DataType, Datum, IntoKey, IntoValue, Mark, Ordered, Port};
use nftlink::error::BuildErrorKind;
use nftlink::expr::Data;
use nftlink::field::{concat, ct, ip, meta, tcp};
use nftlink::{Batch, Conn, Element, Hook, Interval, IntoElement, Map, Priority, Rule, Set, Table};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Whose traffic it is, kept in marks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tenant(u32);

impl Datum for Tenant {
    const TYPE: DataType = DataType::MARK;
    const LEN: usize = 4;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        match self.0 {
            0 => Err(BuildErrorKind::BadValue { what: "tenant", value: "0".into(), reason: "they count from 1" }),
            number => Ok(Data::from(number.to_ne_bytes())),
        }
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u32::from_ne_bytes).map(Self)
    }
}

impl Ordered for Tenant {}

/// What else stands for one, in comparisons, keys and elements.
impl IntoValue<Tenant> for u32 {
    fn into_value(self) -> Tenant {
        Tenant(self)
    }
}

impl IntoKey<Tenant> for u32 {
    fn into_key(self) -> Tenant {
        Tenant(self)
    }
}

impl IntoElement<Tenant> for u32 {
    fn into_element(self) -> Element<Tenant> {
        Element::of(Tenant(self))
    }
}

pub(crate) fn are_keys_values_and_what_fields_have() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("t");
    let chain = table.chain("c").filter(Hook::INPUT, Priority::FILTER);
    let tenant = || meta::mark().typed::<Tenant>();
    let known = Set::of(&table, "known", tenant());
    let spans = Set::intervals_of(&table, "spans", tenant());
    let homes = Map::of(&table, "homes", concat((ip::saddr(), tcp::dport()))).to(tenant());
    let pairs = Set::<(Interval<Tenant>, Port)>::new(&table, "pairs");
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).add(&known).add(&spans).add(&homes).add(&pairs);
    batch.add_elements(&known, [1, 2]).add_elements(&known, [Tenant(3)]);
    batch.add_elements(&spans, [Interval::range(Tenant(1)..=Tenant(300))]);
    batch.add_elements(&homes, [((A, 80), Tenant(7))]).add_elements(&homes, [((A, 81), 8)]);
    batch.add_elements(&pairs, [(Tenant(5)..=Tenant(6), 80)]);
    let rules = [
        Rule::new().when(tenant().eq(7)),
        Rule::new().when(tenant().in_range(Tenant(1)..=Tenant(300))),
        Rule::new().when(tenant().in_set(&known)),
        Rule::new().when(tenant().in_set(&spans)),
        Rule::new().when(tenant().one_of([Tenant(1), Tenant(9)])),
        Rule::new().when(concat((tenant(), tcp::dport())).in_set(&pairs)),
        Rule::new().set(tenant(), Tenant(7)),
        Rule::new().set(tenant(), concat((ip::saddr(), tcp::dport())).map(&homes)),
        Rule::new().set(tenant(), ip::saddr().map([(A, Tenant(7))])),
        Rule::new().set(ct::mark().typed::<Tenant>(), tenant()),
    ];
    // The same rules with nft's own type.
    let marks = Map::<(Ipv4Addr, Port), Mark>::new(&table, "homes");
    let same = [
        Rule::new().when(meta::mark().eq(7)),
        Rule::new().when(meta::mark().in_range(1..=300)),
        Rule::new().when(meta::mark().in_set(&Set::<Mark>::new(&table, "known"))),
        Rule::new().when(meta::mark().in_set(&Set::<Interval<Mark>>::new(&table, "spans"))),
        Rule::new().when(meta::mark().one_of([1, 9])),
        Rule::new()
            .when(concat((meta::mark(), tcp::dport())).in_set(&Set::<(Interval<Mark>, Port)>::new(&table, "pairs"))),
        Rule::new().set(meta::mark(), 7),
        Rule::new().set(meta::mark(), concat((ip::saddr(), tcp::dport())).map(&marks)),
        Rule::new().set(meta::mark(), ip::saddr().map([(A, 7)])),
        Rule::new().set(ct::mark(), meta::mark()),
    ];
    for (ours, theirs) in rules.iter().zip(&same) {
        assert_eq!(ours.normalized(&chain).unwrap(), theirs.normalized(&chain).unwrap());
    }
    for rule in &rules {
        batch.append(&chain, rule);
    }
    conn.commit(&batch).unwrap();

    let mut keys: Vec<Tenant> = conn.elements(&known).unwrap().iter().filter_map(|e| e.key().copied()).collect();
    keys.sort_by_key(|tenant| tenant.0);
    assert_eq!(keys, [1, 2, 3].map(Tenant));
    let span = conn.elements(&spans).unwrap();
    assert_eq!(span[0].key(), Some(&Interval::range(Tenant(1)..=Tenant(300))));
    let mut homes: Vec<Tenant> = conn.elements(&homes).unwrap().iter().map(|e| *e.value()).collect();
    homes.sort_by_key(|tenant| tenant.0);
    assert_eq!(homes, [7, 8].map(Tenant));
}

pub(crate) fn tell_what_they_cannot_be() {
    let table = Table::inet("t");
    let mut batch = Batch::new();
    batch.append(table.chain("c"), Rule::new().when(meta::mark().typed::<Tenant>().eq(0)));
    let said = batch.mistake().unwrap().to_string();
    assert_eq!(said, "operation 0 (add rule inet t c): \"0\" is no tenant: they count from 1");
}
