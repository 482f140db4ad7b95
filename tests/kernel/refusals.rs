//! What a refusal tells: to a program, and to a person.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{CtState, Port};
use nftlink::field::{ct, ip, ip6, tcp};
use nftlink::{Batch, Conn, Errno, Error, Hook, Priority, Rule, Set, Table, object};

use crate::{append, commit, conn, fw, input, refused, rule};

pub(crate) fn two_bad_rules_of_a_hundred_are_both_named() {
    let mut conn = conn();
    let (there, absent) = (Set::<Ipv4Addr>::new(fw(), "there"), Set::<Ipv4Addr>::new(fw(), "absent"));
    let mut bad = Vec::new();
    let error = refused(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&there);
        for n in 0..100 {
            let set = if [57, 80].contains(&n) { &absent } else { &there };
            batch.append(input(), Rule::new().when(tcp::dport().eq(22)).when(ip::saddr().in_set(set)).drop());
            if [57, 80].contains(&n) {
                bad.push(batch.last());
            }
        }
        batch
    });
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.rejections().map(|rejection| rejection.op()).collect::<Vec<_>>(), bad);
    for rejection in error.rejections() {
        assert_eq!(rejection.errno(), Errno::ENOENT);
        assert_eq!(rejection.operation(), "add rule inet fw input");
        let path = rejection.path().unwrap();
        assert_eq!(path.as_str(), "expressions[7].lookup");
        assert_eq!(path.expression(), Some(7));
        assert_eq!(rejection.part(), Some("[ lookup reg 1 set absent 0x0 ]"));
        assert_eq!(rejection.step(), Some(1), "the second call on the rule");
    }
}

pub(crate) fn what_a_set_or_a_family_lacks_is_guessed() {
    let mut conn = conn();
    let devices = Table::netdev("devices");
    let ingress = devices.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("lo");
    let seen = Set::<Ipv4Addr>::new(fw(), "seen").dynamic();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&seen).add(&devices).add(&ingress));
    let hint = |error: &Error| error.rejections().next().and_then(|rejection| rejection.hint()).map(str::to_owned);
    let error =
        refused(&mut conn, |batch| batch.append(&ingress, Rule::new().when(ct::state().has(CtState::NEW)).drop()));
    assert!(hint(&error).is_some_and(|hint| hint.contains("connection tracking")), "{error}");
    assert!(error.to_string().contains("protocol error"), "{error}");
    let error = refused(&mut conn, |batch| {
        batch.append(input(), Rule::new().add_to(&seen, ip::saddr().timeout(Duration::from_secs(1))))
    });
    assert!(hint(&error).is_some_and(|hint| hint.contains("`timeouts`")), "{error}");
}

pub(crate) fn absent_table_chain_set_and_object_are_named() {
    let mut conn = conn();
    let there = Table::ip("there");
    let set = Set::<Port>::new(&there, "absent");
    let counter = object::Counter::named(&there, "absent");
    commit(&mut conn, |batch| batch.add(&there).add(&there.chain("c")));
    let error = refused(&mut conn, |batch| {
        batch.delete(&fw()).flush(&fw()).add(&input()).delete(&input());
        batch.append(there.chain("absent"), rule("a")).flush(&there.chain("absent")).delete(&there.chain("absent"));
        batch.add_elements(&set, [80]).delete_elements(&set, [80]).flush(&set).delete(&set).delete(&counter);
        batch.append(there.chain("c"), Rule::new().object(&counter));
        batch.append(there.chain("c"), Rule::new().jump(there.chain("absent")))
    });
    let operations: Vec<_> =
        error.rejections().map(|rejection| (rejection.op().index(), rejection.operation())).collect();
    let commands = [
        "delete table inet fw",
        "flush table inet fw",
        "add chain inet fw input",
        "delete chain inet fw input",
        "add rule ip there absent",
        "flush chain ip there absent",
        "delete chain ip there absent",
        "add element ip there absent",
        "delete element ip there absent",
        "flush set ip there absent",
        "delete set ip there absent",
        "delete counter ip there absent",
        "add rule ip there c",
        "add rule ip there c",
    ];
    assert_eq!(operations, commands.into_iter().enumerate().collect::<Vec<_>>());
    assert!(error.is_not_found(), "{error}");
}

/// The refusal of a batch, as a person sees it.
#[track_caller]
fn text(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) -> String {
    refused(conn, fill).to_string()
}

pub(crate) fn refusals_read_well() {
    let mut conn = conn();
    let absent = Set::<Ipv4Addr>::new(fw(), "absent");
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &["a"]));

    let error = text(&mut conn, |batch| batch.create(&fw()));
    assert_eq!(error, "operation 0 (create table inet fw): file exists at name");

    let error = text(&mut conn, |batch| batch.add(&Table::ip("x")).delete(&fw().chain("absent")).delete(&absent));
    assert_eq!(
        error,
        "2 operations refused:\n  \
         operation 1 (delete chain inet fw absent): no such file or directory at name\n  \
         operation 2 (delete set inet fw absent): no such file or directory at name"
    );

    let bad = Rule::new().counter().when(ip::saddr().in_set(&absent)).drop();
    let error = text(&mut conn, |batch| batch.append(input(), &bad));
    assert_eq!(
        error,
        "operation 0 (add rule inet fw input): no such file or directory at expressions[4].lookup: \
         [ lookup reg 1 set absent 0x0 ] in step 1 of the rule"
    );

    let error = text(&mut conn, |batch| (0..12).fold(batch, |batch, _| batch.delete(&Table::ip("absent"))));
    assert_eq!(error.matches("\n  operation ").count(), 10);
    assert!(error.starts_with("12 operations refused:") && error.ends_with("\n  and 2 more"), "{error}");

    let error = conn.rules(&fw().chain("absent")).unwrap_err().to_string();
    assert_eq!(error, "chain inet fw absent: no such file or directory");
}

pub(crate) fn mistakes_read_well() {
    let mut conn = conn();
    let error = text(&mut conn, |batch| batch.add(&fw()).add(&Table::inet("")));
    assert_eq!(error, "operation 1 (add table inet ): the table name must not be empty");

    let error = text(&mut conn, |batch| batch.add(&fw().chain("x".repeat(256))));
    assert!(error.ends_with("xxx): the chain name may have 255 bytes, not 256"), "{error}");

    let rule = Rule::new().when(ip6::saddr().eq(Ipv6Addr::LOCALHOST)).accept();
    let error = text(&mut conn, |batch| batch.append(Table::ip("fw").chain("input"), &rule));
    assert_eq!(error, "operation 0 (add rule ip fw input): ip6 saddr does not exist in family ip");

    let (from, to) = (20, 10);
    let rule = Rule::new().when(tcp::dport().in_range(from..=to)).accept();
    let error = text(&mut conn, |batch| batch.append(input(), &rule));
    assert_eq!(error, "operation 0 (add rule inet fw input): the range 20-10 ends before it starts");
}
