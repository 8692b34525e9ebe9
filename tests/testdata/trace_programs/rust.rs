use anyhow::Context;
fn open() -> anyhow::Result<String> { std::fs::read_to_string("/nosuch").context("cannot open orders") }
fn eopen() -> eyre::Result<String> { use eyre::WrapErr; std::fs::read_to_string("/nosuch").wrap_err("cannot open orders").wrap_err("cannot load") }
fn main() -> anyhow::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    match what.as_str() {
        "index" => { let v: Vec<usize> = vec![1, 2, 3]; let i = std::env::args().count() + 5; println!("{}", v[i]); }
        "unwrap" => { std::fs::read("/nosuch").unwrap(); }
        "debug" => { let e: Result<(), _> = Err(vec![("a", 1), ("b", 2)]); if let Err(e) = e { panic!("bad cards: {e:#?}"); } }
        "assert" => { assert_eq!(1, what.len(), "the sizes differ"); }
        "multi" => panic!("first line\nsecond line\nthird line"),
        "thread" => { let _ = std::thread::Builder::new().name("worker".into()).spawn(|| { panic!("no card") }).unwrap().join(); println!("still serving"); }
        "overflow" => { fn f(n: u64) -> u64 { let a = [n; 1000]; f(n + 1) + a[(n % 7) as usize] } println!("{}", f(1)); }
        "oom" => { let v: Vec<u8> = Vec::with_capacity(1 << 60); println!("{}", v.len()); }
        "env" => { std::env::var("DATABASE_URL").unwrap(); }
        "envx" => { std::env::var("DATABASE_URL").expect("DATABASE_URL must be set"); }
        "port" => { let a = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); std::net::TcpListener::bind(a.local_addr().unwrap()).unwrap(); }
        "double" => { struct D; impl Drop for D { fn drop(&mut self) { panic!("second") } } let _d = D; panic!("first") }
        "anyhow" => { open().context("cannot load").context("cannot start")?; }
        "anyhow1" => { open()?; }
        "eyre" => { if let Err(e) = eopen() { eprintln!("Error: {e:?}"); std::process::exit(1) } }
        _ => {}
    }
    Ok(())
}
