//! Redis as it is used for flash sales: a Lua script checks and decrements, a key for each order makes
//! it idempotent. The client pipelines; it is blocking, on threads of its own.

use std::sync::Arc;
use std::time::Instant;

use redis::{Connection, Script, ScriptInvocation};

use super::{Stage, join_clients};
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::servers::redis_server::{Fsync, RedisServer};
use crate::settings::RunSettings;
use crate::turn::{Tally, Turn, Window};

/// 1: taken; 2: an earlier try had taken it; 0: too little. Two writes on the usual way.
const TAKE: &str = "
if not redis.call('SET', KEYS[2], ARGV[1], 'NX') then return 2 end
if redis.call('DECRBY', KEYS[1], ARGV[1]) >= 0 then return 1 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 0";

pub(super) async fn play(stage: &Stage<'_>, fsync: Fsync) -> Outcome<Window> {
    let server = Arc::new(ready(stage.settings, fsync).await?);
    let orders = &stage.orders;
    if orders.picks(0).as_slice().len() != 1 {
        return Err("the Redis subjects take one SKU an order".into());
    }
    open(&mut server.connect()?, orders)?;

    let share = (stage.settings.outstanding / stage.settings.redis_connections).max(1);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..stage.settings.redis_connections {
        let (mut connection, orders) = (server.connect()?, orders.clone());
        let turn = Arc::clone(&stage.turn);
        clients.spawn_blocking(move || send(client, &mut connection, &orders, share, &turn));
    }
    let watch = CpuWatch { database: server.pid(), service: None };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    clients?;
    audit(&mut server.connect()?, orders, stage.turn.tally())?;
    server.clear()?;
    window
}

/// The Redis of one run: the one that is given, else a new one.
pub(crate) async fn ready(settings: &RunSettings, fsync: Fsync) -> Outcome<RedisServer> {
    let (url, out) = (settings.redis_url.clone(), std::path::absolute(&settings.out)?);
    let server = tokio::task::spawn_blocking(move || match url {
        Some(url) => RedisServer::given(&url, fsync),
        None => RedisServer::start(&out, fsync),
    });
    server.await?
}

fn open(connection: &mut Connection, orders: &Orders) -> Outcome<()> {
    let mut pipeline = redis::pipe();
    for sku in orders.workload.skus.iter() {
        pipeline.set(stock_key(sku.as_str()), orders.workload.available).ignore();
    }
    pipeline.query::<()>(connection)?;
    Script::new(TAKE).load(connection)?;
    Ok(())
}

fn stock_key(sku: &str) -> String {
    format!("stock:{sku}")
}

fn send(
    client: usize,
    connection: &mut Connection,
    orders: &Orders,
    share: usize,
    turn: &Turn,
) -> Outcome<()> {
    let script = Script::new(TAKE);
    while turn.running() {
        let mut pipeline = redis::pipe();
        for number in orders.take(share) {
            for sku in orders.skus(number) {
                let mut call: ScriptInvocation<'_> = script.key(stock_key(sku.as_str()));
                call.key(orders.id(number)).arg(1);
                pipeline.invoke_script(&call);
            }
        }
        let sent = Instant::now();
        let answers: Vec<u8> = pipeline.query(connection)?;
        let count = |wanted: u8| answers.iter().filter(|answer| **answer == wanted).count() as u64;
        turn.accepted(client, sent, count(1));
        turn.refused(count(0));
        if count(1) + count(0) != share as u64 {
            return Err("Redis answered otherwise than the script can".into());
        }
    }
    Ok(())
}

/// What is gone from the counters and the keys of the orders must be what was accepted.
fn audit(connection: &mut Connection, orders: &Orders, tally: Tally) -> Outcome<()> {
    let skus = &orders.workload.skus;
    let keys: Vec<String> = skus.iter().map(|sku| stock_key(sku.as_str())).collect();
    let left: Vec<i64> = redis::cmd("MGET").arg(keys).query(connection)?;
    let opened = orders.workload.available * skus.len() as i64;
    let taken = opened - left.iter().sum::<i64>();
    let all: u64 = redis::cmd("DBSIZE").query(connection)?;
    let order_keys = all - skus.len() as u64;
    if taken != tally.accepted as i64 || order_keys != tally.accepted {
        return Err(format!(
            "the books of Redis do not balance: {} accepted, {taken} taken, {order_keys} order keys",
            tally.accepted
        )
        .into());
    }
    Ok(())
}
