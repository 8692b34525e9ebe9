# Logs orders, each at its level, with the logger that is named; record.py runs it.
require "logger"
require "json"

def orders(log)
  log.debug("order one")
  log.info("order two")
  log.warn("order three")
  log.error("order four")
  log.fatal("order five")
end

FORMS = {
  "logger" => -> { orders(Logger.new($stderr)) },
  "logger_named" => -> { orders(Logger.new($stderr, progname: "shop")) },
  "logger_json" => lambda do
    log = Logger.new($stderr)
    log.formatter = ->(level, time, _, text) { "#{{ level: level, time: time, message: text }.to_json}\n" }
    orders(log)
  end,
  "logger_tagged" => lambda do
    log = Logger.new($stderr)
    log.formatter = ->(level, time, _, text) { "[#{time.utc}] [9f1c-22] #{level} #{text}\n" }
    orders(log)
  end,
}
ARGV.empty? ? puts(FORMS.keys) : FORMS.fetch(ARGV[0]).call
