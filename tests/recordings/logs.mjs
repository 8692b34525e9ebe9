// Logs five orders, each at its level, with the logger that is named; record.py runs it.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const LEVELS = ["debug", "info", "warn", "error", "fatal"];
const WORDS = ["one", "two", "three", "four", "five"];
function orders(log, levels = LEVELS) {
  levels.forEach((level, at) => level && log[level](`order ${WORDS[at]}`));
}
const winston = (format) => {
  const { createLogger, transports } = require("winston");
  orders(createLogger({ level: "debug", format, transports: [new transports.Console()] }), LEVELS.slice(0, 4));
};
const FORMS = {
  pino: () => orders(require("pino")({ level: "debug" })),
  pino_pretty: () => {
    const pretty = require("pino-pretty")({ sync: true, colorize: false });
    orders(require("pino")({ level: "debug" }, pretty));
  },
  pino_pretty_coloured: () => {
    const pretty = require("pino-pretty")({ sync: true, colorize: true });
    orders(require("pino")({ level: "debug" }, pretty));
  },
  pino_words: () =>
    orders(require("pino")({ level: "debug", formatters: { level: (label) => ({ level: label }) } })),
  ecs_pino: () => orders(require("pino")({ level: "debug", ...require("@elastic/ecs-pino-format").ecsFormat() })),
  bunyan: () => orders(require("bunyan").createLogger({ name: "shop", level: "debug" })),
  winston_json: () => winston(require("winston").format.json()),
  winston_simple: () => winston(require("winston").format.simple()),
  winston_cli: () => winston(require("winston").format.cli()),
  winston_logstash: () => winston(require("winston").format.logstash()),
  winston_pretty: () => winston(require("winston").format.prettyPrint()),
  winston_dated: () => {
    const { combine, timestamp, printf } = require("winston").format;
    winston(combine(timestamp(), printf((it) => `${it.timestamp} ${it.level}: ${it.message}`)));
  },
  winston_bracketed: () => {
    const { combine, timestamp, printf, label } = require("winston").format;
    winston(
      combine(label({ label: "shop" }), timestamp(), printf((it) => `${it.timestamp} [${it.label}] ${it.level}: ${it.message}`)),
    );
  },
  log4js: () => {
    const log4js = require("log4js");
    const log = log4js.getLogger("cart");
    log.level = "debug";
    orders(log);
  },
  log4js_basic: () => {
    const log4js = require("log4js");
    log4js.configure({
      appenders: { out: { type: "stdout", layout: { type: "basic" } } },
      categories: { default: { appenders: ["out"], level: "debug" } },
    });
    orders(log4js.getLogger("cart"));
  },
  signale: () => orders(new (require("signale").Signale)({ scope: "cart" })),
  consola: () => {
    const { createConsola } = require("consola");
    orders(createConsola({ level: 5, fancy: false }));
  },
  consola_fancy: () => {
    const { createConsola } = require("consola");
    orders(createConsola({ level: 5, fancy: true }));
  },
  tslog: () => orders(new (require("tslog").Logger)({ stylePrettyLogs: false })),
  tslog_coloured: () => orders(new (require("tslog").Logger)({ stylePrettyLogs: true })),
  tslog_json: () => orders(new (require("tslog").Logger)({ type: "json" })),
  roarr: () => {
    process.env.ROARR_LOG = "true";
    const { Roarr } = require("roarr");
    orders(Roarr);
  },
  nest: () => {
    const { ConsoleLogger } = require("@nestjs/common");
    orders(new ConsoleLogger("Cart", { colors: false }), ["debug", "log", "warn", "error", "fatal"]);
  },
  nest_coloured: () => {
    const { ConsoleLogger } = require("@nestjs/common");
    orders(new ConsoleLogger("Cart", { colors: true }), ["debug", "log", "warn", "error", "fatal"]);
  },
  nest_json: () => {
    const { ConsoleLogger } = require("@nestjs/common");
    orders(new ConsoleLogger("Cart", { json: true, colors: false }), ["debug", "log", "warn", "error", "fatal"]);
  },
  fastify: () => orders(require("fastify")({ logger: { level: "debug" } }).log),
  npmlog: () => {
    const log = require("npmlog");
    log.level = "silly";
    log.info("cart", "order two");
    log.warn("cart", "order three");
    log.error("cart", "order four");
  },
  lambda_log: () => {
    const log = require("lambda-log");
    log.options.debug = true;
    orders(log, ["debug", "info", "warn", "error"]);
  },
  tracer: () => orders(require("tracer").console()),
  loglevel_prefixed: () => {
    const log = require("loglevel");
    const prefix = require("loglevel-plugin-prefix");
    prefix.reg(log);
    prefix.apply(log, { template: "[%t] %l (%n):" });
    log.setLevel("debug");
    orders(log.getLogger("shop"), ["debug", "info", "warn", "error"]);
  },
  ecs_winston: () => winston(require("@elastic/ecs-winston-format").ecsFormat()),
  nest_winston: () => {
    const { utilities } = require("nest-winston");
    const { format } = require("winston");
    winston(format.combine(format.timestamp(), utilities.format.nestLike("Shop", { colors: false, prettyPrint: true })));
  },
  winston_aligned: () => {
    const { combine, colorize, align, timestamp, printf } = require("winston").format;
    winston(combine(colorize({ all: true }), timestamp(), align(), printf((it) => `[${it.timestamp}] ${it.level}: ${it.message}`)));
  },
  winston_padded: () => {
    const { combine, padLevels, simple } = require("winston").format;
    winston(combine(padLevels(), simple()));
  },
  moleculer: () => {
    const { ServiceBroker } = require("moleculer");
    const broker = new ServiceBroker({ nodeID: "web-0", logger: { type: "Console", options: { level: "debug" } } });
    orders(broker.getLogger("shop"));
  },
  captains_log: () => orders(require("captains-log")({ level: "silly" }), ["debug", "info", "warn", "error"]),
  egg_logger: () => {
    const { EggLogger } = require("egg-logger");
    const log = new EggLogger({ file: "/dev/null", consoleLevel: "DEBUG", level: "NONE" });
    orders(log, ["debug", "info", "warn", "error"]);
  },
  logtape: async () => {
    const { configure, getConsoleSink, getLogger, ansiColorFormatter } = await import("@logtape/logtape");
    await configure({
      sinks: { console: getConsoleSink({ formatter: ansiColorFormatter }) },
      loggers: [{ category: "shop", lowestLevel: "debug", sinks: ["console"] }],
    });
    orders(getLogger("shop"));
  },
  logtape_json: async () => {
    const { configure, getConsoleSink, getLogger, jsonLinesFormatter } = await import("@logtape/logtape");
    await configure({
      sinks: { console: getConsoleSink({ formatter: jsonLinesFormatter }) },
      loggers: [{ category: "shop", lowestLevel: "debug", sinks: ["console"] }],
    });
    orders(getLogger("shop"));
  },
};
const form = process.argv[2];
setTimeout(() => process.exit(), 2000).unref(); // of loggers that keep a timer
if (form) FORMS[form]();
else console.log(Object.keys(FORMS).join("\n"));
