# Logs orders, each at its level, with the logger that is named; record.py runs it.
require "logger"
require "json"
require "time"

def orders(log)
  log.debug("order one")
  log.info("order two")
  log.warn("order three")
  log.error("order four")
  log.fatal("order five") if log.respond_to?(:fatal)
end

def with_formatter(formatter)
  log = Logger.new($stderr)
  log.formatter = formatter
  orders(log)
end

def logging(layout)
  require "logging"
  Logging.color_scheme("bright", levels: { info: :green, warn: :yellow, error: :red, fatal: [:white, :on_red] })
  log = Logging.logger["Shop::Cart"]
  log.add_appenders(Logging.appenders.stdout("out", layout: layout.call))
  log.level = :debug
  orders(log)
end

FORMS = {
  "logger" => -> { orders(Logger.new($stderr)) },
  "logger_named" => -> { orders(Logger.new($stderr, progname: "shop")) },
  "logger_json" => lambda do
    with_formatter(->(level, time, _, text) { "#{{ level: level, time: time, message: text }.to_json}\n" })
  end,
  "logger_tagged" => -> { with_formatter(->(level, time, _, text) { "[#{time.utc}] [9f1c-22] #{level} #{text}\n" }) },
  "rails_tagged" => lambda do
    require "active_support"
    require "active_support/tagged_logging"
    log = ActiveSupport::TaggedLogging.new(Logger.new($stderr, formatter: Logger::Formatter.new))
    log.tagged("9f1c-22", "shop") { orders(log) }
  end,
  "logging" => lambda do
    require "logging"
    orders(Logging.logger($stdout))
  end,
  "logging_pattern" => lambda do
    logging(-> { Logging.layouts.pattern(pattern: "[%d] %-5l %c: %m\n", color_scheme: "bright") })
  end,
  "logging_json" => -> { logging(-> { Logging.layouts.json }) },
  "webrick" => lambda do
    require "webrick"
    orders(WEBrick::Log.new($stderr, WEBrick::BasicLog::DEBUG))
  end,
  "letter_and_pipes" => lambda do
    with_formatter(->(level, time, name, text) { "#{level[0]} | #{time.utc.iso8601} | #{text}\n" })
  end,
  "sidekiq_pretty" => lambda do
    require "sidekiq"
    require "sidekiq/logger"
    log = Sidekiq::Logger.new($stdout, level: :debug)
    log.formatter = Sidekiq::Logger::Formatters::Pretty.new
    orders(log)
  end,
  "sidekiq_without_time" => lambda do
    require "sidekiq"
    require "sidekiq/logger"
    log = Sidekiq::Logger.new($stdout, level: :debug)
    log.formatter = Sidekiq::Logger::Formatters::WithoutTimestamp.new
    orders(log)
  end,
  "sidekiq_json" => lambda do
    require "sidekiq"
    require "sidekiq/logger"
    log = Sidekiq::Logger.new($stdout, level: :debug)
    log.formatter = Sidekiq::Logger::Formatters::JSON.new
    orders(log)
  end,
}
ARGV.empty? ? puts(FORMS.keys) : FORMS.fetch(ARGV[0]).call
