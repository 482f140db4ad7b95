use super::*;
use crate::Interval;
use crate::datum::{IfName, Integer8};
use crate::expr::Counter;

type Keys = Interval<Integer8>;
type Small = Element<Keys>;

fn element(start: u8, end: u8) -> Small {
    Element::of(Interval::range(start..=end))
}

/// `1-5`, with what is left of its time in seconds, and its comment.
fn show(element: &Small) -> String {
    let Some((start, end)) = element.entry(true).unwrap().key else { return "*".to_owned() };
    let lasts = match remaining(element, None) {
        Duration::MAX => String::new(),
        left => format!(" {}s", left.as_secs()),
    };
    format!("{}-{}{lasts}", start.as_bytes()[0], end.as_bytes()[0])
}

fn shown(elements: &[Small]) -> Vec<String> {
    let mut shown: Vec<_> = elements.iter().map(|element| (bounds(element), show(element))).collect();
    shown.sort();
    shown.into_iter().map(|(_, text)| text).collect()
}

fn bounds(element: &Small) -> (u8, u8) {
    let (start, end) = element.entry(true).unwrap().key.unwrap();
    (start.as_bytes()[0], end.as_bytes()[0])
}

const SECOND: Duration = Duration::from_secs(1);

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// An element: some at the ends, many that touch.
    fn element(&mut self, read: bool) -> Small {
        let span = [4, 12, 256][self.below(3) as usize];
        let start = self.below(span) as u8 + if self.below(4) == 0 { (256 - span) as u8 } else { 0 };
        let end = start.saturating_add([0, 1, 5, 255][self.below(4) as usize]);
        let mut element = element(start, end);
        match self.below(4) {
            0 => element = element.timeout(SECOND * (1 + self.below(3) as u32)),
            1 => element = element.timeout(Duration::ZERO),
            _ => {}
        }
        if read && self.below(3) == 0 {
            let timeout = element.timeout.unwrap_or(5 * SECOND);
            element = element.expires(timeout.saturating_sub(Duration::from_millis(self.below(2000))));
        }
        match self.below(4) {
            0 => element.comment("a"),
            1 => element.stateful(Counter::new(self.below(2), 0)),
            _ => element,
        }
    }

    fn elements(&mut self, read: bool) -> Vec<Small> {
        (0..self.below(6)).map(|_| self.element(read)).collect()
    }

    /// Elements as a set can have them: they do not overlap.
    fn set(&mut self) -> Vec<Small> {
        let mut set: Vec<Small> = Vec::new();
        for element in self.elements(true) {
            let (start, end) = bounds(&element);
            if set.iter().map(bounds).all(|(first, last)| end < first || last < start) {
                set.push(element);
            }
        }
        set
    }
}

/// For each key how long it is among the elements.
fn lasting<'a>(elements: impl IntoIterator<Item = &'a Small>, lasts: Option<Duration>) -> [Option<Duration>; 256] {
    let mut model = [None; 256];
    for element in elements {
        let (start, end) = bounds(element);
        for key in start..=end {
            let key = &mut model[usize::from(key)];
            *key = (*key).max(Some(remaining(element, lasts)));
        }
    }
    model
}

#[track_caller]
fn assert_apart(elements: &[Small], what: &dyn Fn() -> String) {
    let mut all: Vec<_> = elements.iter().map(bounds).collect();
    all.sort();
    assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0), "{all:?} of {}", what());
}

/// The set after the changes, which must be some that the kernel takes: what is deleted is there as
/// it is, and nothing overlaps.
#[track_caller]
fn after(old: &[Small], changes: &Changes<Keys>, what: &dyn Fn() -> String) -> Vec<Small> {
    let mut set = old.to_vec();
    for element in &changes.deleted {
        let at = set.iter().position(|there| bounds(there) == bounds(element));
        set.remove(at.unwrap_or_else(|| panic!("{element:?} of {}", what())));
    }
    set.extend(changes.added.iter().cloned());
    assert_apart(&set, what);
    let copy = Changes { deleted: changes.deleted.clone(), added: changes.added.clone() };
    assert_eq!(copy.applied_to(old.to_vec()), set, "{}", what());
    set
}

#[test]
fn each_key_of_merged_elements_lasts_as_long_as_the_longest_that_holds_it() {
    let mut numbers = Numbers(1);
    for _ in 0..5_000 {
        let elements = numbers.elements(false);
        let lasts = [None, Some(2 * SECOND)][numbers.below(2) as usize];
        let merged = merge(elements.clone(), lasts);
        let what = || format!("{elements:?}");
        assert_apart(&merged, &what);
        assert_eq!(lasting(&merged, lasts), lasting(&elements, lasts), "{}", what());
        // Like ones that touch are one, however many there were.
        let mut sorted = merged.clone();
        sorted.sort_by_key(bounds);
        let touch = |pair: &[Small]| bounds(&pair[0]).1 + 1 == bounds(&pair[1]).0 && pair[0].is_like(&pair[1]);
        assert!(!sorted.windows(2).any(touch), "{merged:?} of {}", what());
        assert_eq!(shown(&merge(merged.clone(), lasts)), shown(&merged));
    }
}

#[test]
fn each_key_of_a_set_that_elements_are_merged_into_lasts_as_long_as_the_longest_that_holds_it() {
    let mut numbers = Numbers(2);
    let mut untouched = 0;
    for _ in 0..5_000 {
        let (old, new) = (numbers.set(), numbers.elements(false));
        let lasts = [None, Some(2 * SECOND)][numbers.below(2) as usize];
        let changes = merge_into(old.clone(), new.clone(), lasts);
        let what = || format!("{old:?} and {new:?}: {changes:?}");
        let set = after(&old, &changes, &what);
        assert_eq!(lasting(&set, lasts), lasting(old.iter().chain(&new), lasts), "{}", what());
        // Nothing is deleted only to be added again.
        let again =
            |added: &Small| changes.deleted.iter().any(|old| bounds(old) == bounds(added) && old.is_like(added));
        assert!(!changes.added.iter().any(again), "{}", what());
        // What nothing new comes near stays as it is, and all does where the new is there already.
        let near = |old: &Small, new: &Small| {
            let ((start, end), (first, last)) = (bounds(old), bounds(new));
            end.saturating_add(1) >= first && last.saturating_add(1) >= start
        };
        assert!(changes.deleted.iter().all(|old| new.iter().any(|new| near(old, new))), "{}", what());
        let holds = |old: &Small, new: &Small| {
            let ((start, end), (first, last)) = (bounds(old), bounds(new));
            start <= first && last <= end && remaining(old, lasts) >= remaining(new, lasts)
        };
        if new.iter().all(|new| old.iter().any(|old| holds(old, new))) {
            assert!(changes.deleted.is_empty() && changes.added.is_empty(), "{}", what());
            untouched += usize::from(!new.is_empty());
        }
        // One new element that holds all that are near leaves one, if it lasts as long.
        if let [one] = &*new {
            let all = old.iter().filter(|old| near(old, one)).all(|old| holds(one, old) && bounds(old) != bounds(one));
            assert!(!all || shown(&changes.added) == [show(one)], "{}", what());
        }
    }
    assert!(untouched > 100, "{untouched}");
}

#[test]
fn what_is_cut_out_is_gone_and_the_rest_is_as_it_was() {
    let mut numbers = Numbers(3);
    for _ in 0..5_000 {
        let (old, keys) = (numbers.set(), numbers.elements(false));
        let changes = cut_out(old.clone(), keys.clone());
        let what = || format!("{old:?} without {keys:?}: {changes:?}");
        let set = after(&old, &changes, &what);
        let gone = lasting(&keys, None);
        let mut expected = lasting(&old, None);
        for (key, gone) in expected.iter_mut().zip(gone) {
            *key = key.filter(|_| gone.is_none());
        }
        assert_eq!(lasting(&set, None), expected, "{}", what());
        // Each part is like the element that it is of.
        let of = |part: &Small| {
            let ((start, end), like) = (bounds(part), |old: &&Small| old.is_like(part));
            old.iter().filter(like).map(bounds).any(|(first, last)| first <= start && end <= last)
        };
        assert!(changes.added.iter().all(of), "{}", what());
        let hit = |old: &Small| (bounds(old).0..=bounds(old).1).any(|key| gone[usize::from(key)].is_some());
        assert!(changes.deleted.iter().all(hit), "{}", what());
    }
}

#[test]
fn what_is_there_keeps_its_comment_and_its_counter() {
    let counted = |start, end| element(start, end).comment("old").stateful(Counter::new(7, 70));
    // Inside, across, and beside: only the rest is new.
    for (new, added) in [((3, 4), None), ((1, 9), None), ((5, 20), Some("10-20")), ((10, 20), Some("10-20"))] {
        let changes = merge_into(vec![counted(1, 9)], vec![element(new.0, new.1)], None);
        assert_eq!((shown(&changes.deleted), shown(&changes.added)), (vec![], Vec::from_iter(added.map(String::from))));
    }
    // What holds it whole replaces it; what is inside and lasts longer cuts it.
    let changes = merge_into(vec![counted(1, 9)], vec![element(0, 9)], None);
    assert_eq!((shown(&changes.deleted), shown(&changes.added)), (vec!["1-9".into()], vec!["0-9".into()]));
    let changes = merge_into(vec![counted(1, 9).timeout(SECOND)], vec![element(4, 5).timeout(2 * SECOND)], None);
    assert_eq!(shown(&changes.added), ["1-3 1s", "4-5 2s", "6-9 1s"]);
    assert!(changes.added.iter().filter(|part| part.is_like(&counted(0, 0).timeout(SECOND))).count() == 2);
}

#[test]
fn the_catch_all_element_is_replaced_by_one_that_lasts_longer() {
    let all = |seconds| Small::catch_all().timeout(SECOND * seconds);
    let changes = merge_into(vec![all(5)], vec![all(4)], None);
    assert_eq!((changes.deleted.len(), changes.added.len()), (0, 0));
    let changes = merge_into(vec![all(5)], vec![all(6)], None);
    assert_eq!((changes.deleted.len(), changes.added.len()), (1, 1));
    let changes = merge_into(vec![element(0, 255)], vec![all(6)], None);
    assert_eq!((changes.deleted.len(), changes.added.len()), (0, 1));
    assert_eq!(cut_out(vec![element(0, 255)], vec![all(6)]).deleted.len(), 0);
    assert_eq!(cut_out(vec![element(0, 255), all(1)], vec![all(6)]).deleted, [Small::catch_all()]);
}

#[test]
fn bounds_that_make_no_sense_are_left_for_the_batch_to_tell() {
    let reversed = || Element::of(Interval::range(std::ops::RangeInclusive::new(9, 1)));
    let changes = merge_into(vec![element(0, 20)], vec![reversed(), element(3, 4)], None);
    assert_eq!((changes.deleted.len(), changes.added), (0, vec![reversed()]));
    let changes = cut_out(vec![element(0, 20)], vec![reversed()]);
    assert_eq!((changes.deleted, changes.added.len()), (vec![reversed()], 0));
}

#[test]
fn names_that_begin_alike_are_one_but_neighbours_are_not() {
    let of = |text: &str| match text.strip_suffix('*') {
        Some(beginning) => Element::<Interval<IfName>>::of(Interval::starting_with(beginning)),
        None => Element::of(Interval::value(text)),
    };
    let merged = |texts: &[&str]| {
        let mut texts: Vec<_> = merge(texts.iter().map(|text| of(text)).collect(), None)
            .into_iter()
            .map(|element| element.key.unwrap().to_string())
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(merged(&["eth0", "eth*", "eth12", "lo", "lo"]), ["\"eth*\"", "\"lo\""]);
    // In bytes the one begins where the other ends, and no name is between.
    assert_eq!(merged(&["a*", "b*"]), ["\"a*\"", "\"b*\""]);
    let longer = merge(vec![of("eth*").timeout(SECOND), of("eth*").timeout(2 * SECOND)], None);
    assert_eq!(longer, [of("eth*").timeout(2 * SECOND)]);
}
