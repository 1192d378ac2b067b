//! What reads of stock cost without hotrow: the same HTTP library, and a prepared SELECT for each of them.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use tokio::net::TcpListener;

use super::instance::{URL_VARIABLE, parent_gone};
use crate::outcome::Outcome;

/// As many as the plain subjects have.
const CONNECTIONS: u32 = 64;

/// Prints its address and serves until the harness has gone.
#[expect(clippy::print_stdout, reason = "the harness reads the address from there")]
pub(crate) async fn serve() -> Outcome<()> {
    let url = std::env::var(URL_VARIABLE)
        .map_err(|_| "this command is for the harness itself; use `run`")?;
    let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let accepting = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let pool = pool.clone();
            tokio::spawn(async move {
                let answering = service_fn(move |request| answer(pool.clone(), request));
                // The client's end of it is the end of it.
                let _ended =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answering).await;
            });
        }
    };
    tokio::select! {
        () = parent_gone() => Ok(()),
        failed = accepting => failed,
    }
}

async fn answer(
    pool: MySqlPool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let sku = request.uri().path().rsplit('/').next().unwrap_or_default();
    let mut response = match read(&pool, sku).await {
        Ok(json) => Response::new(Full::new(Bytes::from(json))),
        Err(error) => {
            let mut response = Response::new(Full::new(Bytes::from(error.to_string())));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    };
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

async fn read(pool: &MySqlPool, sku: &str) -> Result<String, sqlx::Error> {
    let (available, held, version): (i64, i64, u64) =
        sqlx::query_as("SELECT available, held, version FROM stock WHERE sku = ?")
            .bind(sku)
            .fetch_one(pool)
            .await?;
    Ok(format!(
        r#"{{"sku":"{sku}","available":{available},"held":{held},"version":{version},"source":"mysql"}}"#
    ))
}
