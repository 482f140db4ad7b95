//! From a byte offset in a message to the attribute's name: `expressions[3].nat.family`.

use super::{NLA_HDRLEN, NLA_TYPE_MASK, Name, align, order};
use crate::error::AttrPath;

/// What the attributes of one message or nest are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema(pub(crate) &'static [AttrName]);

/// The name of one attribute, and what is inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttrName {
    number: u16,
    name: &'static str,
    inside: Inside,
}

#[derive(Debug, Clone, Copy)]
enum Inside {
    Value,
    Nest(&'static Schema),
    /// `NFTA_LIST_ELEM` each.
    List(&'static Schema),
    /// Plain values.
    Values,
    /// An expression.
    Expression(Lookup),
    /// A list of expressions.
    Expressions(Lookup),
}

/// Finds an expression's schema and its name in paths by the name that the message has.
pub(crate) type Lookup = fn(&[u8]) -> Option<(&'static str, &'static Schema)>;

#[cfg(test)]
impl Schema {
    /// Whether the attribute has a name.
    pub(crate) fn names(&self, number: u16) -> bool {
        self.0.iter().any(|attr| attr.number == number)
    }

    /// Returns the values among attributes, at any depth, each with its path.
    pub(crate) fn values(&self, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect::message(self, bytes, "", &mut found);
        found
    }

    /// Iterates over the names of the attributes.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|attr| attr.name)
    }
}

/// All values of a message, by their paths.
#[cfg(test)]
mod collect {
    use super::*;
    use crate::wire::AttrReader;
    use crate::wire::reader::Notes;

    type Found = Vec<(String, Vec<u8>)>;

    fn attrs(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let notes = Notes::default();
        AttrReader::new(bytes, &notes).map(Result::unwrap).map(|(n, v)| (n, v.bytes().to_vec())).collect()
    }

    pub(super) fn message(schema: &Schema, bytes: &[u8], above: &str, found: &mut Found) {
        for (number, value) in attrs(bytes) {
            let known = schema.0.iter().find(|attr| attr.number == number);
            let name = known.map_or(format!("#{number}"), |attr| attr.name.to_owned());
            let path = if above.is_empty() { name } else { format!("{above}.{name}") };
            let items = || attrs(&value).into_iter().enumerate().map(|(n, (_, item))| (format!("{path}[{n}]"), item));
            match known.map_or(Inside::Value, |attr| attr.inside) {
                Inside::Value => found.push((path, value)),
                Inside::Nest(schema) => message(schema, &value, &path, found),
                Inside::List(schema) => items().for_each(|(path, item)| message(schema, &item, &path, found)),
                Inside::Values => found.extend(items()),
                Inside::Expression(lookup) => expression(lookup, &value, &path, found),
                Inside::Expressions(lookup) => {
                    items().for_each(|(path, item)| expression(lookup, &item, &path, found));
                }
            }
        }
    }

    fn expression(lookup: Lookup, bytes: &[u8], above: &str, found: &mut Found) {
        let all = attrs(bytes);
        let name = all.iter().find(|(number, _)| *number == NFTA_EXPR_NAME).map(|(_, name)| name.clone()).unwrap();
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        let (name, schema) = lookup(name).unwrap_or_else(|| panic!("{name:?} has no schema"));
        found.push((format!("{above}.{name}"), Vec::new()));
        for (_, data) in all.iter().filter(|(number, _)| *number == NFTA_EXPR_DATA) {
            message(schema, data, &format!("{above}.{name}"), found);
        }
    }
}

impl AttrName {
    /// A plain value.
    pub(crate) const fn value(number: u16, name: &'static str) -> Self {
        Self { number, name, inside: Inside::Value }
    }

    /// A nest of attributes.
    pub(crate) const fn nest(number: u16, name: &'static str, schema: &'static Schema) -> Self {
        Self { number, name, inside: Inside::Nest(schema) }
    }

    /// A list of nests.
    pub(crate) const fn list(number: u16, name: &'static str, schema: &'static Schema) -> Self {
        Self { number, name, inside: Inside::List(schema) }
    }

    /// A list of plain values.
    pub(crate) const fn values(number: u16, name: &'static str) -> Self {
        Self { number, name, inside: Inside::Values }
    }

    /// One expression.
    pub(crate) const fn expression(number: u16, name: &'static str, lookup: Lookup) -> Self {
        Self { number, name, inside: Inside::Expression(lookup) }
    }

    /// A list of expressions.
    pub(crate) const fn expressions(number: u16, name: &'static str, lookup: Lookup) -> Self {
        Self { number, name, inside: Inside::Expressions(lookup) }
    }
}

const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

/// Names the attribute whose header begins at `offset` of `bytes`, which are attributes that
/// begin at `base` of their message. `missing` is an attribute that ought to be in that nest.
/// An attribute without a name is told by its number, `#14`.
pub(crate) fn locate(
    bytes: &[u8],
    base: usize,
    offset: Option<usize>,
    missing: Option<u32>,
    schema: &Schema,
) -> Option<AttrPath> {
    let mut walk = Walk { path: AttrPath::default(), missing };
    let found = match offset {
        Some(offset) => walk.descend(bytes, base, offset, schema),
        None => {
            walk.miss(schema);
            missing.is_some()
        }
    };
    found.then_some(walk.path)
}

struct Walk {
    path: AttrPath,
    missing: Option<u32>,
}

impl Walk {
    fn descend(&mut self, bytes: &[u8], base: usize, offset: usize, schema: &Schema) -> bool {
        let Some((number, start, end)) = attr_around(bytes, base, offset) else { return false };
        let value = bytes.get(start - base + NLA_HDRLEN..end - base).unwrap_or_default();
        let known = schema.0.iter().find(|attr| attr.number == number);
        match known {
            Some(attr) => self.path.push(attr.name),
            None => self.path.push(&format!("#{number}")),
        }
        let here = offset == start;
        let inner = start + NLA_HDRLEN;
        match known.map_or(Inside::Value, |attr| attr.inside) {
            Inside::Value => {}
            Inside::Nest(schema) if here => self.miss(schema),
            Inside::Nest(schema) => {
                self.descend(value, inner, offset, schema);
            }
            Inside::Expression(lookup) => self.expression(value, inner, offset, here, lookup),
            Inside::List(_) | Inside::Values | Inside::Expressions(_) if here => {}
            Inside::Values => _ = self.item(value, inner, offset),
            Inside::List(schema) => {
                if let Some((item, at)) = self.item(value, inner, offset) {
                    if at == offset {
                        self.miss(schema);
                    } else {
                        self.descend(item, at + NLA_HDRLEN, offset, schema);
                    }
                }
            }
            Inside::Expressions(lookup) => {
                if let Some((item, at)) = self.item(value, inner, offset) {
                    self.expression(item, at + NLA_HDRLEN, offset, at == offset, lookup);
                }
            }
        }
        true
    }

    /// Descends into the list entry that holds `offset`, and returns it with where it begins.
    fn item<'a>(&mut self, list: &'a [u8], base: usize, offset: usize) -> Option<(&'a [u8], usize)> {
        let (_, start, end) = attr_around(list, base, offset)?;
        let mut index = 0;
        let mut at = base;
        while at < start {
            let (_, _, end) = attr_around(list, base, at)?;
            at = base + align(end - base);
            index += 1;
        }
        self.path.push_index(index);
        Some((list.get(start - base + NLA_HDRLEN..end - base)?, start))
    }

    fn expression(&mut self, bytes: &[u8], base: usize, offset: usize, here: bool, lookup: Lookup) {
        let mut at = base;
        let mut schema = None;
        while let Some((number, start, end)) = attr_around(bytes, base, at) {
            let value = bytes.get(start - base + NLA_HDRLEN..end - base).unwrap_or_default();
            if number == NFTA_EXPR_NAME {
                let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
                schema = lookup(name);
                match schema {
                    Some((name, _)) => self.path.push(name),
                    None => self.path.push(&Name::from(name).to_string()),
                }
                if here || start == offset {
                    return;
                }
            } else if number == NFTA_EXPR_DATA && (start..end).contains(&offset) {
                if let Some((_, schema)) = schema {
                    if start == offset {
                        self.miss(schema);
                    } else {
                        self.descend(value, start + NLA_HDRLEN, offset, schema);
                    }
                }
                return;
            }
            at = base + align(end - base);
        }
    }

    /// Appends the name of the attribute that the kernel misses.
    fn miss(&mut self, schema: &Schema) {
        if let Some(missing) = self.missing.take() {
            match schema.0.iter().find(|attr| u32::from(attr.number) == missing) {
                Some(attr) => self.path.push(attr.name),
                None => self.path.push(&format!("#{missing}")),
            }
        }
    }
}

/// The attribute of `bytes` that holds `offset`: number, begin and end, counted like `base`.
fn attr_around(bytes: &[u8], base: usize, offset: usize) -> Option<(u16, usize, usize)> {
    let mut at = 0;
    loop {
        let head: [u8; NLA_HDRLEN] = *bytes.get(at..)?.first_chunk()?;
        let len = usize::from(order::from_host_u16([head[0], head[1]]));
        if len < NLA_HDRLEN || bytes.len() < at + len {
            return None;
        }
        if (base + at..base + at + align(len)).contains(&offset) {
            let number = order::from_host_u16([head[2], head[3]]) & NLA_TYPE_MASK;
            return Some((number, base + at, base + at + len));
        }
        at += align(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::AttrWriter;

    const NAT: Schema = Schema(&[AttrName::value(1, "type"), AttrName::value(2, "family")]);
    const KEY: Schema = Schema(&[AttrName::value(1, "value")]);
    const ELEM: Schema = Schema(&[AttrName::nest(1, "key", &KEY)]);
    const RULE: Schema = Schema(&[
        AttrName::value(1, "table"),
        AttrName::expressions(4, "expressions", |name| (name == b"nat").then_some(("nat", &NAT))),
        AttrName::list(3, "elements", &ELEM),
        AttrName::values(5, "devs"),
    ]);

    /// The offset of the `n`th attribute header that `mark` notes while writing.
    fn written() -> (Vec<u8>, Vec<usize>) {
        let mut w = AttrWriter::new();
        let mut marks = Vec::new();
        w.string(1, b"fw");
        w.nest(4, |w| {
            for name in [&b"meta"[..], b"nat"] {
                marks.push(w.len());
                w.nest(1, |w| {
                    marks.push(w.len());
                    w.string(1, name);
                    w.nest(2, |w| {
                        w.u32(1, 1);
                        marks.push(w.len());
                        w.u32(2, 9);
                    });
                });
            }
        });
        w.nest(3, |w| {
            for key in 0..2 {
                marks.push(w.len());
                w.nest(1, |w| w.nest(1, |w| w.u32(1, key)));
            }
        });
        w.nest(5, |w| {
            for name in [&b"eth0"[..], b"lo"] {
                marks.push(w.len());
                w.string(1, name);
            }
        });
        (w.bytes_written().to_vec(), marks)
    }

    #[test]
    fn offsets_become_names() {
        let (bytes, marks) = written();
        let at = |offset: usize| locate(&bytes, 20, Some(offset + 20), None, &RULE).map(|path| path.to_string());
        assert_eq!(at(0).as_deref(), Some("table"));
        assert_eq!(at(8).as_deref(), Some("expressions"));
        assert_eq!(at(marks[0]).as_deref(), Some("expressions[0].meta"));
        assert_eq!(at(marks[3]).as_deref(), Some("expressions[1].nat"));
        assert_eq!(at(marks[4]).as_deref(), Some("expressions[1].nat"));
        assert_eq!(at(marks[5]).as_deref(), Some("expressions[1].nat.family"));
        assert_eq!(at(marks[7]).as_deref(), Some("elements[1]"));
        assert_eq!(at(marks[7] + 4).as_deref(), Some("elements[1].key"));
        assert_eq!(at(marks[7] + 8).as_deref(), Some("elements[1].key.value"));
        assert_eq!(at(marks[8] - 4).as_deref(), Some("devs"));
        assert_eq!(at(marks[8]).as_deref(), Some("devs[0]"));
        assert_eq!(at(marks[9]).as_deref(), Some("devs[1]"));
        assert_eq!(at(bytes.len()), None);
        let path = locate(&bytes, 20, Some(marks[5] + 20), None, &RULE).unwrap();
        assert_eq!((path.expression(), path.element()), (Some(1), None));
        let path = locate(&bytes, 20, Some(marks[7] + 20), None, &RULE).unwrap();
        assert_eq!((path.expression(), path.element()), (None, Some(1)));
    }

    #[test]
    fn unknown_expressions_are_named_safely_for_a_terminal() {
        let mut w = AttrWriter::new();
        w.nest(4, |w| w.nest(1, |w| w.string(1, b"\x1b[2J")));
        let path = locate(w.bytes_written(), 20, Some(24), None, &RULE).unwrap();
        assert_eq!(path.to_string(), r"expressions[0].\u{1b}[2J");
    }

    #[test]
    fn a_missing_attribute_is_named_in_its_nest() {
        let (bytes, marks) = written();
        let missing = |offset, n| locate(&bytes, 20, offset, Some(n), &RULE).map(|path| path.to_string());
        assert_eq!(missing(Some(marks[7] + 20), 1).as_deref(), Some("elements[1].key"));
        assert_eq!(missing(None, 1).as_deref(), Some("table"));
        assert_eq!(missing(None, 99).as_deref(), Some("#99"));
    }

    #[test]
    fn any_bytes_and_offsets_are_survived() {
        let (bytes, _) = written();
        for cut in 0..bytes.len() {
            for offset in 0..bytes.len() + 8 {
                locate(&bytes[..cut], 20, Some(offset + 20), Some(1), &RULE);
                locate(&bytes[cut..], 20, Some(offset), None, &RULE);
            }
        }
    }
}
