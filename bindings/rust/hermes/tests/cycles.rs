//! A hundred clusters leave no descriptor, and no memory to speak of, behind. Alone in its
//! process, for others open descriptors too.

mod support;

use std::time::{Duration, Instant};

use hermes::Node;
use support::{Cluster, PATIENCE};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    // SAFETY: asks for a number.
    pages * (unsafe { libc::sysconf(libc::_SC_PAGESIZE) } / 1024)
}

fn cycle() {
    let c = Cluster::start();
    let _node = Node::new("n", Some(&c.receiver), Some(&c.publisher)).unwrap();
    c.receiver.fd().unwrap();
    let data = "x".repeat(100_000);
    for _ in 0..10 {
        c.publisher.publish("t", &data).unwrap();
    }
    for _ in 0..5 {
        let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!(envelope.data::<String>().unwrap(), data);
    }
    assert!(!c.receiver.recv_batch_timeout(10, PATIENCE).unwrap().is_empty());
    assert!(c.receiver.stats().unwrap().is_object());
    assert!(c.receiver.next_event(Some(PATIENCE)).unwrap().is_some());
}

#[test]
fn a_hundred_clusters_leave_nothing_behind() {
    for _ in 0..20 {
        cycle();
    }
    let (open, memory) = (descriptors(), resident_kib());
    for _ in 0..100 {
        cycle();
    }
    let deadline = Instant::now() + PATIENCE;
    while descriptors() > open {
        assert!(Instant::now() < deadline, "{} descriptors, not {open}", descriptors());
        std::thread::sleep(Duration::from_millis(20));
    }
    // Each cycle moves a megabyte: a tenth of it kept would be ten.
    let grown = resident_kib() - memory;
    assert!(grown < 50_000, "{grown} KiB more resident");
}
