<?php
// Logs orders, each at its level, with the formatter that is named; record.py runs it.
require "Monolog/autoload.php";

use Monolog\Formatter;
use Monolog\Handler\StreamHandler;
use Monolog\Logger;

$forms = [
    "line" => fn() => new Formatter\LineFormatter(),
    "json" => fn() => new Formatter\JsonFormatter(),
    "logstash" => fn() => new Formatter\LogstashFormatter("shop"),
];
if ($argc == 1) {
    echo implode("\n", array_keys($forms)), "\n";
} else {
    $handler = new StreamHandler("php://stderr", Logger::DEBUG);
    $handler->setFormatter($forms[$argv[1]]());
    $log = new Logger("shop", [$handler]);
    $log->debug("order one", ["id" => 12]);
    $log->info("order two");
    $log->warning("order three");
    $log->error("order four");
    $log->critical("order five");
}
