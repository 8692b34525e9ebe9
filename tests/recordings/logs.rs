// Logs orders, each at its level, with the logger that is named; record.py runs it.
use slog::Drain;
use std::io::Write;

fn orders() {
    log::debug!("order one");
    log::info!("order two, id={}", 12);
    log::warn!("order three");
    log::error!("order four");
}

fn traced() {
    let span = tracing::info_span!("request", method = "GET", path = "/cart");
    let _entered = span.enter();
    tracing::debug!("order one");
    tracing::info!(id = 12, "order two");
    tracing::warn!("order three");
    tracing::error!(error = "no card", "order four");
}

fn with_slog<D: Drain + Send + 'static>(drain: D)
where
    D::Err: std::fmt::Debug,
    D: std::panic::UnwindSafe,
{
    let log = slog::Logger::root(std::sync::Mutex::new(drain).fuse(), slog::o!("version" => "0.5"));
    slog::debug!(log, "order one");
    slog::info!(log, "order two"; "id" => 12);
    slog::warn!(log, "order three");
    slog::error!(log, "order four");
    slog::crit!(log, "order five");
}

const FORMS: [&str; 18] = [
    "env_logger", "env_logger_coloured", "env_logger_custom", "fern", "fern_brackets", "fmt",
    "fmt_compact", "fmt_coloured", "fmt_json", "fmt_pretty", "fmt_without_time", 
    "pretty_env_logger", "simple_logger", "simplelog", "slog_compact", "slog_full", "stderrlog", "fmt_line",
];

fn main() {
    let debug = log::LevelFilter::Debug;
    let Some(form) = std::env::args().nth(1) else {
        return println!("{}", FORMS.join("\n"));
    };
    let fmt = || tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG);
    match form.as_str() {
        "env_logger" => {
            env_logger::Builder::new().filter_level(debug).init();
            orders();
        }
        "env_logger_coloured" => {
            let style = env_logger::WriteStyle::Always;
            env_logger::Builder::new().filter_level(debug).write_style(style).init();
            orders();
        }
        "env_logger_custom" => {
            env_logger::Builder::new()
                .filter_level(debug)
                .format(|out, record| writeln!(out, "{}: {}", record.level(), record.args()))
                .init();
            orders();
        }
        "fern" => {
            fern::Dispatch::new()
                .format(|out, message, record| {
                    out.finish(format_args!(
                        "[2026-11-01T00:00:00Z {} {}] {}", record.level(), record.target(), message
                    ))
                })
                .level(debug)
                .chain(std::io::stdout())
                .apply()
                .unwrap();
            orders();
        }
        "fern_brackets" => {
            fern::Dispatch::new()
                .format(|out, message, record| {
                    out.finish(format_args!(
                        "[2026-11-01][00:00:00][{}][{}] {}", record.target(), record.level(), message
                    ))
                })
                .level(debug)
                .chain(std::io::stdout())
                .apply()
                .unwrap();
            orders();
        }
        "fmt" => {
            fmt().with_ansi(false).init();
            traced();
        }
        "fmt_coloured" => {
            fmt().with_ansi(true).init();
            traced();
        }
        "fmt_compact" => {
            fmt().with_ansi(false).compact().init();
            traced();
        }
        "fmt_pretty" => {
            fmt().with_ansi(true).pretty().init();
            traced();
        }
        "fmt_json" => {
            fmt().json().init();
            traced();
        }
        "fmt_without_time" => {
            fmt().with_ansi(false).without_time().with_target(false).init();
            traced();
        }
        "fmt_line" => {
            fmt().with_ansi(false).with_file(true).with_line_number(true).with_thread_ids(true).init();
            traced();
        }
        "pretty_env_logger" => {
            pretty_env_logger::formatted_timed_builder().filter_level(debug).init();
            orders();
        }
        "simple_logger" => {
            simple_logger::SimpleLogger::new().with_level(debug).init().unwrap();
            orders();
        }
        "simplelog" => {
            simplelog::SimpleLogger::init(debug, simplelog::Config::default()).unwrap();
            orders();
        }
        "slog_compact" => {
            let plain = slog_term::PlainSyncDecorator::new(std::io::stdout());
            with_slog(slog_term::CompactFormat::new(plain).build());
        }
        "slog_full" => {
            let plain = slog_term::PlainSyncDecorator::new(std::io::stdout());
            with_slog(slog_term::FullFormat::new(plain).build());
        }
        "stderrlog" => {
            stderrlog::new().verbosity(3).timestamp(stderrlog::Timestamp::Second).init().unwrap();
            orders();
        }
        other => panic!("no form {other}"),
    }
    
}
