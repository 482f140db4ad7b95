//! Metrics over HTTP.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::http::{self, Method, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::runtime;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// What makes the text that is served, at each request anew.
pub(crate) type Scrape = fn() -> Result<String, Box<dyn Error + Send + Sync>>;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` for ever. Who has not asked and read the answer within `patience` is cut off.
pub(crate) fn serve(listener: TcpListener, patience: Duration, scrape: Scrape) -> io::Result<Infallible> {
    // One thread for all clients, another for the kernel, which works within the system call: many clients at once wait
    // for each other.
    let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // As when there are too many open files, which passes.
                    eprintln!("error: {error}");
                    sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let answer = service_fn(move |request| answer(request, scrape));
            // Prometheus comes back only after many seconds.
            let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer);
            // How a connection ends is the client's to notice.
            tokio::spawn(timeout(patience, connection));
        }
    })
}

async fn answer(request: Request<Incoming>, scrape: Scrape) -> Result<Response<String>, http::Error> {
    let refuse = |status, why: &str| {
        Response::builder().status(status).header(CONTENT_TYPE, "text/plain; charset=utf-8").body(format!("{why}\n"))
    };
    if request.uri().path() != "/metrics" {
        return refuse(StatusCode::NOT_FOUND, "the metrics are at /metrics");
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, "metrics are only read")?;
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(refusal);
    }
    match spawn_blocking(scrape).await.unwrap_or_else(|panic| Err(panic.into())) {
        Ok(text) => Response::builder().header(CONTENT_TYPE, OPENMETRICS).body(text),
        Err(error) => {
            eprintln!("error: {error}");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}
