<?php
// Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
const CLOSED = 1;
$postgresql = getenv("POSTGRESQL");
$redis = getenv("REDIS");
$http = getenv("HTTP");
$forms = [
    "pdo_pgsql_closed" => fn() => new PDO("pgsql:host=127.0.0.1;port=" . CLOSED, "shop"),
    "pdo_pgsql_refused" => fn() => new PDO("pgsql:host=127.0.0.1;dbname=shop;port=$postgresql", "shop", "wrong"),
    "pdo_mysql_closed" => fn() => new PDO("mysql:host=127.0.0.1;port=" . CLOSED, "shop"),
    "mysqli_closed" => fn() => new mysqli("127.0.0.1", "shop", "", "shop", CLOSED),
    "pg_connect_closed" => fn() => pg_query(pg_connect("host=127.0.0.1 port=" . CLOSED), "SELECT 1"),
    "redis_closed" => fn() => (new Redis())->connect("127.0.0.1", CLOSED),
    "redis_refused" => function () use ($redis) {
        $client = new Redis();
        $client->connect("127.0.0.1", (int) $redis);
        $client->get("cart");
    },
    "predis_closed" => function () {
        require_once "Predis/autoload.php";
        (new Predis\Client(["host" => "127.0.0.1", "port" => CLOSED]))->get("cart");
    },
    "predis_refused" => function () use ($redis) {
        require_once "Predis/autoload.php";
        (new Predis\Client(["host" => "127.0.0.1", "port" => $redis]))->get("cart");
    },
    "mongodb_closed" => fn() => (new MongoDB\Driver\Manager("mongodb://127.0.0.1:" . CLOSED))
        ->executeCommand("shop", new MongoDB\Driver\Command(["ping" => 1])),
    "amqp_closed" => fn() => (new AMQPConnection(["host" => "127.0.0.1", "port" => CLOSED]))->connect(),
    "amqplib_closed" => function () {
        require_once "PhpAmqpLib/autoload.php";
        new PhpAmqpLib\Connection\AMQPStreamConnection("127.0.0.1", CLOSED, "guest", "guest");
    },
    "guzzle_closed" => function () {
        require_once "GuzzleHttp/autoload.php";
        (new GuzzleHttp\Client())->get("http://127.0.0.1:" . CLOSED . "/cart");
    },
    "guzzle_refused" => function () use ($http) {
        require_once "GuzzleHttp/autoload.php";
        (new GuzzleHttp\Client())->get("http://127.0.0.1:$http/cart");
    },
    "file_get_contents_closed" => fn() => file_get_contents("http://127.0.0.1:" . CLOSED . "/cart") ?: exit(1),
    "laravel_database_closed" => function () {
        require_once "Illuminate/Database/autoload.php";
        $manager = new Illuminate\Database\Capsule\Manager();
        $manager->addConnection(["driver" => "pgsql", "host" => "127.0.0.1", "port" => CLOSED, "database" => "shop", "username" => "shop", "password" => "", "charset" => "utf8"]);
        $manager->getConnection()->select("select * from orders");
    },
    "symfony_http_closed" => function () {
        require_once "Symfony/Component/HttpClient/autoload.php";
        Symfony\Component\HttpClient\HttpClient::create()->request("GET", "http://127.0.0.1:" . CLOSED . "/cart")->getContent();
    },
];
if ($argc == 1) {
    echo implode("\n", array_keys($forms)), "\n";
} else {
    $forms[$argv[1]]();
}
