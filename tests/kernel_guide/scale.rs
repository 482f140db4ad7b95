//! Very many customers, each with an address of the host.

use std::net::Ipv4Addr;

use nftlink::{Batch, Conn, Rule, Table};

use crate::scale::{Customer, Hosting, in_parts};
use crate::support::lab::{self, Client, Namespace, Server};

fn customer(number: u32) -> Customer {
    Customer { number, address: Ipv4Addr::from_bits(0x0a00_0100 + number), ports: vec![7, 9] }
}

fn from(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

pub(crate) fn each_customer_has_rules_and_a_counter_of_its_own() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    client.address("eth0", from(1), 8).unwrap();
    client.address("eth0", from(3), 8).unwrap();
    let [first, last] = [customer(0), customer(999)];
    for customer in [&first, &last] {
        server.address("eth0", customer.address, 8).unwrap();
    }
    let services = [(&first, 7), (&first, 8), (&last, 9)];
    let services = services.map(|(of, port)| Server::udp(&server, (of.address, port)).unwrap());
    let [open, shut, other] = services.each_ref().map(Server::address);
    let [one, three] = [1, 3].map(|n| Client::udp(&client, (from(n), 0)).unwrap());

    let mut hosting = Hosting::open().unwrap();
    let customers: Vec<Customer> = (0..1_000).map(customer).collect();
    hosting.add(&customers).unwrap();
    assert!(one.ask(open).passed());
    assert!(one.ask(other).passed());
    assert!(!one.ask(shut).passed());
    assert_eq!(hosting.received(&first).unwrap().packets, 1);
    assert_eq!(hosting.received(&customers[500]).unwrap().packets, 0);

    // What is shut out does not reach the doors.
    hosting.block((0..5_000).map(|n| Ipv4Addr::from_bits(0x0b00_0000 + n)).chain([from(1)])).unwrap();
    assert!(hosting.is_blocked(from(1)).unwrap());
    assert!(!hosting.is_blocked(from(3)).unwrap());
    assert!(!one.ask(open).passed());
    assert!(three.ask(open).passed());
    assert_eq!(hosting.received(&first).unwrap().packets, 2);
    hosting.block([from(3)]).unwrap();
    assert!(one.ask(open).passed());
    assert!(!three.ask(open).passed());

    let closed = hosting.close().unwrap();
    assert!(!one.ask(open).passed());
    hosting.open_again(closed).unwrap();
    assert!(one.ask(open).passed());

    // Without a door the policy decides.
    hosting.remove(&first).unwrap();
    assert!(hosting.received(&first).unwrap_err().is_not_found());
    assert!(one.ask(shut).passed());
    assert!(hosting.remove(&first).unwrap_err().is_not_found());
    hosting.add(&[first]).unwrap();
    assert!(!one.ask(shut).passed());
}

pub(crate) fn what_one_batch_cannot_hold_comes_in_parts() {
    let (mut conn, table) = (Conn::open().unwrap(), Table::ip("t"));
    conn.commit(Batch::new().add(&table)).unwrap();
    // More than an ordinary user may send at once, on most machines; root sends it as one.
    let generation = conn.generation().unwrap().get();
    let numbers: Vec<u32> = (0..30_000).collect();
    let add = |n: &u32, batch: &mut Batch| {
        let chain = table.chain(format!("chain{n}")).userdata([0; 256]);
        batch.add(&chain).append(&chain, Rule::new());
    };
    in_parts(&mut conn, &numbers, &add).unwrap();
    let chains = conn.chains(&table).unwrap();
    assert_eq!(chains.len(), 30_000);
    assert!(chains.iter().all(|chain| chain.uses() == 1));
    let parts = conn.generation().unwrap().get() - generation;
    // Halves of halves.
    assert!(parts.is_power_of_two(), "{parts}");
    // What is refused is not tried again in parts.
    assert!(in_parts(&mut conn, &[1, 2], &|_, batch| _ = batch.create(&table)).unwrap_err().is_exists());
}
