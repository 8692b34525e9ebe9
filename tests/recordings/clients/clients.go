// Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"
	"sort"
	"time"

	"github.com/Shopify/sarama"
	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/s3"
	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/segmentio/kafka-go"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"google.golang.org/grpc"
	"gopkg.in/redis.v5"
)

const closed = "127.0.0.1:1"

func ping(driver, source string) error {
	pool, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	return pool.Ping()
}

func withPgx(port string) error {
	_, err := pgx.Connect(context.Background(), "postgres://shop:wrong@127.0.0.1:"+port+"/shop")
	return err
}

func get(address string) error {
	answer, err := http.Get("http://" + address + "/cart")
	if err == nil {
		err = fmt.Errorf("GET %s/cart: %s", address, answer.Status)
	}
	return err
}

var failures = map[string]func() error{
	"pq_closed":       func() error { return ping("postgres", "postgres://shop@127.0.0.1:1/shop?sslmode=disable") },
	"pq_refused":      func() error { return ping("postgres", "postgres://shop:wrong@127.0.0.1:"+os.Getenv("POSTGRESQL")+"/shop?sslmode=disable") },
	"pgx_closed":      func() error { return withPgx("1") },
	"pgx_refused":     func() error { return withPgx(os.Getenv("POSTGRESQL")) },
	"mysql_closed":    func() error { return ping("mysql", "shop@tcp("+closed+")/shop") },
	"redis_closed":    func() error { return redis.NewClient(&redis.Options{Addr: closed}).Ping().Err() },
	"redis_refused":   func() error { return redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Getenv("REDIS")}).Ping().Err() },
	"http_closed":     func() error { return get(closed) },
	"http_refused":    func() error { return get("127.0.0.1:" + os.Getenv("HTTP")) },
	"amqp_closed":     func() error { _, err := amqp.Dial("amqp://guest:guest@" + closed); return err },
	"sarama_closed":   func() error { _, err := sarama.NewClient([]string{closed}, sarama.NewConfig()); return err },
	"kafka_go_closed": func() error { _, err := kafka.DialLeader(context.Background(), "tcp", closed, "orders", 0); return err },
	"mongo_closed": func() error {
		patience := options.Client().ApplyURI("mongodb://" + closed).SetServerSelectionTimeout(300 * time.Millisecond)
		client, err := mongo.Connect(context.Background(), patience)
		if err != nil {
			return err
		}
		return client.Database("shop").Collection("orders").FindOne(context.Background(), bson.M{}).Err()
	},
	"s3_closed": func() error {
		settings := aws.NewConfig().WithRegion("nyc3").WithEndpoint("http://" + closed).WithMaxRetries(0)
		settings = settings.WithCredentials(credentials.NewStaticCredentials("key", "none", ""))
		_, err := s3.New(session.Must(session.NewSession(settings))).ListBuckets(nil)
		return err
	},
	"grpc_closed": func() error {
		connection, err := grpc.Dial(closed, grpc.WithInsecure())
		if err != nil {
			return err
		}
		return connection.Invoke(context.Background(), "/shop.Cart/Pay", nil, nil)
	},
	"context_deadline": func() error {
		short, stop := context.WithTimeout(context.Background(), time.Nanosecond)
		defer stop()
		request, _ := http.NewRequestWithContext(short, "GET", "http://"+closed+"/cart", nil)
		_, err := http.DefaultClient.Do(request)
		return err
	},
}

func main() {
	forms := map[string]func(){}
	for name, failure := range failures {
		failure := failure
		forms[name] = func() { log.Fatalf("cannot read the orders: %v", failure()) }
	}
	forms["pq_panics"] = func() { panic(failures["pq_closed"]()) }
	forms["redis_panics"] = func() { panic(fmt.Errorf("cart: %w", failures["redis_closed"]())) }
	if len(os.Args) > 1 {
		forms[os.Args[1]]()
		return
	}
	var names []string
	for name := range forms {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name)
	}
}
