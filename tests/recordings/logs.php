<?php
// Logs orders, each at its level, with the logger or formatter that is named; record.py runs it.
function orders($log, string ...$levels): void {
    foreach (["one", "two", "three", "four", "five"] as $at => $word) {
        if ($level = $levels[$at] ?? null) $log->$level("order $word", $word == "one" ? ["id" => 12] : []);
    }
}

function monolog(callable $formatter): void {
    require_once "Monolog/autoload.php";
    $handler = new Monolog\Handler\StreamHandler("php://stderr", Monolog\Logger::DEBUG);
    $handler->setFormatter($formatter());
    orders(new Monolog\Logger("shop", [$handler]), "debug", "info", "warning", "error", "critical");
}

$forms = [
    "line" => fn() => monolog(fn() => new Monolog\Formatter\LineFormatter()),
    "json" => fn() => monolog(fn() => new Monolog\Formatter\JsonFormatter()),
    "logstash" => fn() => monolog(fn() => new Monolog\Formatter\LogstashFormatter("shop")),
    "google_cloud" => fn() => monolog(fn() => new Monolog\Formatter\GoogleCloudLoggingFormatter()),
    "laravel" => fn() => monolog(fn() => new Monolog\Formatter\LineFormatter(null, "Y-m-d H:i:s", true, true)),
    "symfony_logger" => function () {
        require_once "Symfony/Component/HttpKernel/autoload.php";
        orders(new Symfony\Component\HttpKernel\Log\Logger("debug", "php://stderr"), "debug", "info", "warning", "error", "critical");
    },
    "symfony_console" => function () {
        require_once "Symfony/Component/Console/autoload.php";
        $output = new Symfony\Component\Console\Output\ConsoleOutput(256, false);
        orders(new Symfony\Component\Console\Logger\ConsoleLogger($output), "debug", "info", "warning", "error", "critical");
    },
    "klogger" => function () {
        require_once "Katzgrau/KLogger/autoload.php";
        $log = new Katzgrau\KLogger\Logger("php://stdout", Psr\Log\LogLevel::DEBUG);
        orders($log, "debug", "info", "warning", "error", "critical");
    },
];
if ($argc == 1) {
    echo implode("\n", array_keys($forms)), "\n";
} else {
    $forms[$argv[1]]();
}
