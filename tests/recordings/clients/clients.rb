# Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
CLOSED = 1
POSTGRESQL, REDIS, HTTP = %w[POSTGRESQL REDIS HTTP].map { |name| ENV.fetch(name, "1").to_i }

def redis(port)
  require "redis"
  Redis.new(host: "127.0.0.1", port: port, reconnect_attempts: 0).get("cart")
end

def elasticsearch(port)
  require "elasticsearch"
  Elasticsearch::Client.new(url: "http://127.0.0.1:#{port}", retry_on_failure: false).info
end

def pg(port)
  require "pg"
  PG.connect(host: "127.0.0.1", port: port, user: "shop", password: "wrong", dbname: "shop")
end

FORMS = {
  "pg_closed" => -> { pg(CLOSED) },
  "pg_refused" => -> { pg(POSTGRESQL) },
  "active_record_closed" => lambda do
    require "active_record"
    ActiveRecord::Base.establish_connection(adapter: "postgresql", host: "127.0.0.1", port: CLOSED)
    ActiveRecord::Base.connection
  end,
  "active_record_refused" => lambda do
    require "active_record"
    ActiveRecord::Base.establish_connection(
      adapter: "postgresql", host: "127.0.0.1", port: POSTGRESQL, username: "shop", password: "wrong", database: "shop",
    )
    ActiveRecord::Base.connection
  end,
  "mysql2_closed" => lambda do
    require "mysql2"
    Mysql2::Client.new(host: "127.0.0.1", port: CLOSED)
  end,
  "redis_closed" => -> { redis(CLOSED) },
  "redis_refused" => -> { redis(REDIS) },
  "mongo_closed" => lambda do
    require "mongo"
    Mongo::Logger.logger.level = Logger::WARN
    Mongo::Client.new(["127.0.0.1:#{CLOSED}"], server_selection_timeout: 0.3)[:orders].find.first
  end,
  "bunny_closed" => lambda do
    require "bunny"
    Bunny.new(host: "127.0.0.1", port: CLOSED, recovery_attempts: 0).start
  end,
  "elasticsearch_closed" => -> { elasticsearch(CLOSED) },
  "elasticsearch_refused" => -> { elasticsearch(HTTP) },
  "faraday_closed" => lambda do
    require "faraday"
    Faraday.get("http://127.0.0.1:#{CLOSED}/cart")
  end,
  "net_http_closed" => lambda do
    require "net/http"
    Net::HTTP.get(URI("http://127.0.0.1:#{CLOSED}/cart"))
  end,
  "open_uri_refused" => lambda do
    require "open-uri"
    URI.open("http://127.0.0.1:#{HTTP}/cart")
  end,
  "grpc_closed" => lambda do
    require "grpc"
    stub = GRPC::ClientStub.new("127.0.0.1:#{CLOSED}", :this_channel_is_insecure)
    stub.request_response("/shop.Cart/Pay", "", ->(it) { it }, ->(it) { it })
  end,
}
ARGV.empty? ? puts(FORMS.keys) : FORMS.fetch(ARGV[0]).call
