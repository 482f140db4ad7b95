//! Chains that a rule has to itself.

use std::net::Ipv4Addr;

use nftlink::expr::{Lookup, Reg, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{Batch, Chain, ChainFlags, ChainInfo, ChainRef, Conn, Errno, Hooked, Rule, RuleInfo};

use crate::{comments, commit, conn, fw, input, refused};

const NEAR: (Ipv4Addr, u8) = (Ipv4Addr::new(192, 168, 0, 0), 16);

/// A rule with a set and a chain of its own, whose rules have sets of their own.
fn ssh() -> Rule {
    let near = Rule::new().when(ip::saddr().in_prefix(NEAR.0, NEAR.1)).when(tcp::sport().one_of([1, 2])).counter();
    let rules = [near.accept(), Rule::new().when(tcp::sport().one_of([3, 4])).accept(), Rule::new().drop()];
    Rule::new().when(tcp::dport().one_of([22, 2222])).jump_rules(rules)
}

/// The chain that a rule's last expression leads to.
fn own_chain(conn: &mut Conn, rule: &RuleInfo) -> ChainInfo {
    let code = rule.bytecode().to_string();
    let (_, name) = code.trim_end().trim_end_matches(" ]").rsplit_once("-> ").expect("a verdict with a chain");
    conn.chain(ChainRef::new(rule.chain().table(), name)).unwrap()
}

pub(crate) fn they_come_and_go_with_their_rule() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let mut batch = Batch::new();
    batch.append(input(), ssh().comment("ssh"));
    let ssh_op = batch.last();
    batch.insert_before(input(), ssh_op, ssh().comment("before")).insert_after(input(), ssh_op, Rule::new().drop());
    let applied = conn.commit_with_handles(&batch).unwrap();
    assert_eq!(comments(&mut conn, &input()), ["before", "ssh", ""]);
    let rules = conn.rules(&input()).unwrap();
    assert_eq!(applied.rule(ssh_op), Some(rules[1].handle()));

    let own = own_chain(&mut conn, &rules[1]);
    assert_eq!(
        (own.flags(), own.hook(), own.uses()),
        (ChainFlags::BINDING, None, 3 + 2),
        "rules, the verdict, and the bond"
    );
    let inside = conn.rules(&own).unwrap();
    assert_eq!(inside.len(), 3);
    assert_eq!((conn.chains(&fw()).unwrap().len(), conn.sets(&fw()).unwrap().len()), (3, 6));
    // It is closed.
    let error = refused(&mut conn, |batch| batch.append(&own, Rule::new().drop()));
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{error}");

    commit(&mut conn, |batch| batch.delete(&rules[1]).delete(&rules[0]));
    assert_eq!((conn.chains(&fw()).unwrap().len(), conn.sets(&fw()).unwrap().len()), (1, 0));
}

pub(crate) fn rules_with_them_are_found_by_what_is_in_them() {
    let mut conn = conn();
    let other = || Rule::new().when(tcp::dport().one_of([22, 2222])).jump_rules([Rule::new().drop()]);
    let plain = fw().chain("plain");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&plain).append(input(), ssh().comment("ssh"));
        batch.append(input(), other().comment("other"));
        let jump = Rule::new().when(tcp::dport().one_of([22, 2222])).jump(&plain);
        batch.append(&plain, Rule::new().drop()).append(input(), jump.comment("by name"))
    });
    let rules = conn.rules(&input()).unwrap();
    for (rule, comment) in [(ssh(), "ssh"), (other(), "other")] {
        let found = conn.find_rules(input(), &rule).unwrap();
        assert_eq!(found.iter().map(|rule| rule.comment().unwrap()).collect::<Vec<_>>(), [comment]);
        assert_eq!(conn.normalized(&found[0]).unwrap(), rule.normalized(input()).unwrap());
    }
    assert_ne!(ssh().normalized(input()).unwrap(), other().normalized(input()).unwrap());
    assert_ne!(conn.normalized(&rules[1]).unwrap(), conn.normalized(&rules[2]).unwrap());
}

pub(crate) fn refusals_in_them_name_the_operation_and_the_step() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let inner = Rule::new().counter().expr(Lookup::new("absent", Reg::R1)).expr(Verdict::DROP);
    let rule = Rule::new().counter().when(tcp::dport().eq(22)).jump_rules([Rule::from(inner)]);
    let error = refused(&mut conn, |batch| batch.append(input(), Rule::new().drop()).append(input(), &rule));
    let rejection = error.rejections().next().unwrap();
    assert_eq!(rejection.op().index(), 1);
    assert_eq!(rejection.path().unwrap().to_string(), "expressions[1].lookup");
    assert_eq!(rejection.step(), Some(2), "where the rule leads to them");
    let mistake = Rule::new().jump_rules([Rule::new().when(ip::saddr().in_prefix(NEAR.0, 33)).drop()]);
    let error = refused(&mut conn, |batch| batch.append(input(), &mistake));
    assert!(error.to_string().starts_with("operation 0 (add rule inet fw input): a prefix length"), "{error}");
    assert!(mistake.exprs(input()).is_err());
    let nested = Rule::new().jump_rules([ssh()]);
    let error = refused(&mut conn, |batch| batch.append(input(), &nested));
    let text = "operation 0 (add rule inet fw input): a rule in a chain of a rule's own has none itself: the kernel takes no \
                such chain in another";
    assert_eq!(error.to_string(), text);
    assert!(nested.exprs(input()).is_err());
}

pub(crate) fn rule_that_was_read_is_made_again_with_one() {
    let mut conn = conn();
    let own_rules = || [Rule::new().when(tcp::sport().eq(1)).drop().comment("one"), Rule::new().accept()];
    let rule = || Rule::new().when(tcp::dport().eq(22)).counter().goto_rules(own_rules()).comment("ssh");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).append(input(), rule()).append(input(), Rule::new().drop())
    });
    let read = conn.rules(&input()).unwrap();
    let own = own_chain(&mut conn, &read[0]);
    let inside: Vec<Rule> = conn.rules(&own).unwrap().iter().map(|rule| rule.to_rule().unwrap()).collect();
    let again = read[0].with_own_rules(inside).unwrap();
    commit(&mut conn, |batch| batch.delete(&read[0]).insert(input(), &again));
    let found = conn.find_rules(input(), &rule()).unwrap();
    assert_eq!(found.iter().map(|rule| rule.comment()).collect::<Vec<_>>(), [Some("ssh")]);
    let made = own_chain(&mut conn, &found[0]);
    assert_ne!(made.name(), own.name());
    assert_eq!(conn.rules(&made).unwrap()[0].comment(), Some("one"));
    assert_eq!(conn.chains(&fw()).unwrap().len(), 2);
    let error = read[1].with_own_rules(own_rules()).unwrap_err();
    assert!(error.to_string().contains("it leads to no chain"), "{error}");
}

/// The whole of a ruleset may be written back by names: that of such a chain, too.
pub(crate) fn one_that_was_read_is_put_back_under_its_name() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), ssh()));
    let rules = conn.rules(&input()).unwrap();
    let own = own_chain(&mut conn, &rules[0]);
    let inside = conn.rules(&own).unwrap();

    let spec: Chain<Option<Hooked>> = (&own).into();
    let mut batch = Batch::new();
    batch.delete(&rules[0]).create(&spec).append(&own, &inside[2]).append(input(), Rule::new().jump(own.at()));
    conn.commit(&batch).unwrap();
    let again = conn.rules(&input()).unwrap();
    let put_back = own_chain(&mut conn, &again[0]);
    assert_eq!((put_back.flags(), put_back.name()), (ChainFlags::BINDING, own.name()));
    commit(&mut conn, |batch| batch.delete(&again[0]));
    assert_eq!(conn.chains(&fw()).unwrap().len(), 1);
    // Without a rule that leads there the commit fails.
    let error = refused(&mut conn, |batch| batch.create(&own));
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
}
