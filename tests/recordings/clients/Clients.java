// Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.DriverManager;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;

class Clients {
    static final int CLOSED = 1;

    /** Ends the program behind its stack trace, though clients keep threads. */
    static void end() {
        try {
            Thread.sleep(1000);
        } catch (InterruptedException unexpected) {
            throw new IllegalStateException(unexpected);
        }
        Runtime.getRuntime().halt(1);
    }

    static Object jdbc(String url) throws Exception {
        return DriverManager.getConnection(url, "shop", "wrong");
    }

    static Object hikari(String url) {
        var settings = new com.zaxxer.hikari.HikariConfig();
        settings.setJdbcUrl(url);
        settings.setUsername("shop");
        settings.setConnectionTimeout(300);
        return new com.zaxxer.hikari.HikariDataSource(settings);
    }

    public static void main(String[] arguments) throws Exception {
        var postgresql = System.getenv("POSTGRESQL");
        Map<String, Callable<Object>> forms = new TreeMap<>();
        forms.put("postgresql_closed", () -> jdbc("jdbc:postgresql://127.0.0.1:" + CLOSED + "/shop"));
        forms.put("postgresql_refused", () -> jdbc("jdbc:postgresql://127.0.0.1:" + postgresql + "/shop"));
        forms.put("mariadb_closed", () -> jdbc("jdbc:mariadb://127.0.0.1:" + CLOSED + "/shop"));
        forms.put("without_driver", () -> jdbc("jdbc:oracle://127.0.0.1:" + CLOSED + "/shop"));
        forms.put("hikari_closed", () -> hikari("jdbc:postgresql://127.0.0.1:" + CLOSED + "/shop"));
        forms.put("spring_jdbc_closed", () -> new org.springframework.jdbc.core.JdbcTemplate(
            new org.springframework.jdbc.datasource.DriverManagerDataSource("jdbc:postgresql://127.0.0.1:" + CLOSED + "/shop")
        ).queryForList("SELECT 1"));
        forms.put("mongodb_closed", () -> {
            var patience = com.mongodb.MongoClientOptions.builder().serverSelectionTimeout(300).build();
            return new com.mongodb.MongoClient(new com.mongodb.ServerAddress("127.0.0.1", CLOSED), patience)
                .getDatabase("shop").getCollection("orders").find().first();
        });
        forms.put("rabbitmq_closed", () -> {
            var factory = new com.rabbitmq.client.ConnectionFactory();
            factory.setHost("127.0.0.1");
            factory.setPort(CLOSED);
            return factory.newConnection();
        });
        forms.put("http_closed", () -> HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + CLOSED + "/cart")).build(), HttpResponse.BodyHandlers.ofString()));
        forms.put("url_refused", () -> URI.create("http://127.0.0.1:" + System.getenv("HTTP") + "/cart").toURL().openStream());
        forms.put("apache_closed", () -> org.apache.http.impl.client.HttpClients.createDefault()
            .execute(new org.apache.http.client.methods.HttpGet("http://127.0.0.1:" + CLOSED + "/cart")));
        forms.put("okhttp_closed", () -> new okhttp3.OkHttpClient().newCall(
            new okhttp3.Request.Builder().url("http://127.0.0.1:" + CLOSED + "/cart").build()).execute());
        if (arguments.length == 0) {
            forms.keySet().forEach(System.out::println);
        } else {
            try {
                forms.get(arguments[0]).call();
            } finally {
                new Thread(Clients::end).start();
            }
        }
    }
}
