// Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

async fn postgres(port: &str) -> Result<(), tokio_postgres::Error> {
    let url = format!("postgresql://shop:wrong@127.0.0.1:{port}/shop");
    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.map(|_| ())
}

async fn reqwest(port: &str) -> Result<(), reqwest::Error> {
    reqwest::get(format!("http://127.0.0.1:{port}/cart")).await?.error_for_status().map(|_| ())
}

fn ureq(port: &str) -> Result<(), ureq::Error> {
    ureq::get(&format!("http://127.0.0.1:{port}/cart")).call().map(|_| ())
}

async fn with_anyhow() -> anyhow::Result<()> {
    use anyhow::Context;
    postgres("1").await.context("cannot read the orders")
}

async fn hyper() -> Result<(), hyper::Error> {
    hyper::Client::new().get("http://127.0.0.1:1/cart".parse().unwrap()).await.map(|_| ())
}

const FORMS: [&str; 11] = [
    "anyhow_closed", "eyre_closed", "hyper_closed", "postgres_closed", "postgres_panics", "postgres_refused",
    "reqwest_closed", "reqwest_panics", "reqwest_refused", "ureq_closed", "ureq_refused",
];

#[tokio::main]
async fn main() -> Outcome {
    let Some(form) = std::env::args().nth(1) else {
        println!("{}", FORMS.join("\n"));
        return Ok(());
    };
    let port = |name: &str| std::env::var(name).unwrap_or("1".into());
    match form.as_str() {
        "postgres_closed" => postgres("1").await?,
        "postgres_panics" => postgres("1").await.unwrap(),
        "postgres_refused" => postgres(&port("POSTGRESQL")).await?,
        "reqwest_closed" => reqwest("1").await?,
        "reqwest_panics" => reqwest("1").await.expect("the shop is there"),
        "reqwest_refused" => reqwest(&port("HTTP")).await?,
        "ureq_closed" => ureq("1")?,
        "ureq_refused" => ureq(&port("HTTP"))?,
        "hyper_closed" => hyper().await?,
        "anyhow_closed" => {
            if let Err(error) = with_anyhow().await {
                eprintln!("Error: {error:?}");
                std::process::exit(1);
            }
        }
        "eyre_closed" => {
            let error = eyre::Report::new(postgres("1").await.unwrap_err()).wrap_err("cannot read the orders");
            eprintln!("Error: {error:?}");
            std::process::exit(1);
        }
        other => panic!("no form {other}"),
    }
    Ok(())
}
