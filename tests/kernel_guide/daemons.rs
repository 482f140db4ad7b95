//! A daemon that changes one element per event.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use nftlink::Conn;

use crate::daemons::{self, Gate};
use crate::support::lab::{self, Client, Namespace, Server};

fn host(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

fn admitted() -> HashSet<Ipv4Addr> {
    let elements = Conn::open().unwrap().elements(&daemons::admitted()).unwrap();
    elements.iter().map(|element| *element.key().unwrap()).collect()
}

pub(crate) fn gate_lets_in_whom_it_admits() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    client.address("eth0", host(1), 8).unwrap();
    client.address("eth0", host(3), 8).unwrap();
    server.address("eth0", host(2), 8).unwrap();
    let service = Server::udp(&server, (host(2), 7)).unwrap();
    let [one, three] = [1, 3].map(|n| Client::udp(&client, (host(n), 0)).unwrap());
    let mut gate = Gate::open().unwrap();
    assert!(!one.ask(service.address()).passed());
    gate.admit(host(1)).unwrap();
    assert!(one.ask(service.address()).passed());
    assert!(!three.ask(service.address()).passed());
    gate.admit(host(1)).unwrap();
    gate.admit(host(3)).unwrap();
    gate.expel(host(1)).unwrap();
    assert!(!one.ask(service.address()).passed());
    assert!(three.ask(service.address()).passed());
    assert!(gate.expel(host(1)).unwrap_err().is_not_found());
    // The next run finds whom this one has let in.
    drop(gate);
    Gate::open().unwrap();
    assert!(three.ask(service.address()).passed());
}

pub(crate) fn gate_is_made_what_it_should_be() {
    let mut gate = Gate::open().unwrap();
    for wanted in [vec![1, 2, 3], vec![2, 4], vec![2, 4], vec![]] {
        let wanted = wanted.into_iter().map(host).collect();
        gate.make_it(&wanted).unwrap();
        assert_eq!(admitted(), wanted);
    }
}

/// Says a line, and returns the answer.
fn ask(client: &mut BufReader<TcpStream>, line: &str) -> String {
    client.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_line(&mut answer).unwrap();
    answer
}

pub(crate) fn clients_of_the_service_each_hear_what_became_of_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    // It ends with the program.
    thread::spawn(move || daemons::serve(listener, Conn::open().unwrap()));
    thread::scope(|scope| {
        for client in 0..8u8 {
            scope.spawn(move || {
                let mut service = BufReader::new(TcpStream::connect(address).unwrap());
                for n in 0..50 {
                    let who = Ipv4Addr::new(10, 0, client, n);
                    assert_eq!(ask(&mut service, &format!("admit {who}")), "done\n");
                    if n % 2 == 0 {
                        assert_eq!(ask(&mut service, &format!("expel {who}")), "done\n");
                        assert_eq!(ask(&mut service, &format!("expel {who}")), "not there\n");
                    }
                }
                assert_eq!(ask(&mut service, "let me in"), "admit ADDRESS, or expel ADDRESS\n");
            });
        }
    });
    let odd = |client| (1..50).step_by(2).map(move |n| Ipv4Addr::new(10, 0, client, n));
    assert_eq!(admitted(), (0..8).flat_map(odd).collect());
}
