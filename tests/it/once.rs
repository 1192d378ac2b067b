//! One order id takes stock once, whatever is sent again, to whichever process.

use hotrow::embedded::Flavor;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::support::books::Step;
use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::history::{Answer, Lines};
use crate::support::shop::Shop;

const SEED: u64 = 12;

/// What has to be equal in the answers to the same order: all of it, except whether it was the
/// first.
fn essence(answer: &Answer) -> (bool, String) {
    let Answer::Http { status, body } = answer else { panic!("{answer:?}") };
    (matches!(status, 200 | 201), body.get("created_at").or(body.get("type")).unwrap().to_string())
}

/// Every id three times at once over two processes; stock for about half of them.
async fn three_times_over_two_processes(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (one, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let clients = [shop.client(&one), shop.client(&other)];
    for sku in ["x", "y"] {
        clients[0].put_stock(sku, 600).await;
    }

    let mut senders = JoinSet::new();
    for sender in 0..16 {
        let clients = clients.clone();
        senders.spawn(async move {
            let mut rng = StdRng::seed_from_u64(SEED + sender);
            for n in 0..50 {
                let id = format!("o-{sender}-{n}");
                let lines = match rng.random_range(0..3) {
                    0 => lines(&[("x", 2)]),
                    1 => lines(&[("y", 2)]),
                    _ => lines(&[("x", 1), ("y", 1)]),
                };
                let first: usize = rng.random_range(0..2);
                let (a, b, c) = tokio::join!(
                    clients[first].order(&id, &lines),
                    clients[1 - first].order(&id, &lines),
                    clients[first].order(&id, &lines),
                );
                // Without restocks, what does not fit once never will.
                assert!(
                    essence(&a) == essence(&b) && essence(&b) == essence(&c),
                    "{a:?} {b:?} {c:?}"
                );
            }
        });
    }
    senders.join_all().await;

    mismatches(&clients, &shop).await;
    shop.close(&["order 201", "order 200", "order insufficient-stock", "order order-mismatch"])
        .await;
}

/// The same ids with other content, to both processes.
async fn mismatches(clients: &[Client; 2], shop: &Shop) {
    let books = shop.database.books().await;
    let taken = books.movements.iter().filter(|row| row.step == Step::Take);
    for (n, row) in taken.step_by(10).enumerate() {
        for other in [lines(&[("x", 999)]), lines(&[("x", 1)]), lines(&[("x", 1), ("y", 2)])] {
            let answer = clients[n % 2].order(&row.order_id, &other).await;
            assert_eq!(answer.problem(), Some("order-mismatch"), "{answer:?}");
        }
    }
    let unchanged = shop.database.books().await;
    assert_eq!(books.movements.len(), unchanged.movements.len());
}

/// Both contents at once, each from another process: one is taken, the other is told so.
async fn two_contents_race(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (one, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let clients = [shop.client(&one), shop.client(&other)];
    for sku in ["x", "y"] {
        clients[0].put_stock(sku, 100_000).await;
    }
    let contents: [Lines; 2] = [lines(&[("x", 1)]), lines(&[("y", 2)])];
    for n in 0..200 {
        let id = format!("o-{n}");
        let (a, b) =
            tokio::join!(clients[0].order(&id, &contents[0]), clients[1].order(&id, &contents[1]));
        let mut kinds = [a.kind(), b.kind()];
        kinds.sort();
        assert_eq!(kinds, ["201", "order-mismatch"], "{a:?} {b:?}");
    }
    shop.close(&["order 201", "order order-mismatch"]).await;
}

both_flavors!(three_times_over_two_processes, two_contents_race);
