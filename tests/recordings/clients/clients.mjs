// Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const CLOSED = 1;
const { POSTGRESQL, REDIS, HTTP } = process.env;

const FORMS = {
  pg_closed: () => new (require("pg").Client)({ host: "127.0.0.1", port: CLOSED, user: "shop" }).connect(),
  pg_localhost: () => new (require("pg").Pool)({ host: "localhost", port: CLOSED, user: "shop" }).query("SELECT 1"),
  pg_refused: () => new (require("pg").Client)(`postgresql://shop:wrong@127.0.0.1:${POSTGRESQL}/shop`).connect(),
  mysql2_closed: () => require("mysql2/promise").createConnection({ host: "127.0.0.1", port: CLOSED }),
  sequelize_closed: () =>
    new (require("sequelize").Sequelize)(`postgres://shop@127.0.0.1:${CLOSED}/shop`, { logging: false }).authenticate(),
  typeorm_closed: () =>
    new (require("typeorm").DataSource)({ type: "postgres", host: "127.0.0.1", port: CLOSED }).initialize(),
  knex_closed: () =>
    require("knex")({ client: "pg", connection: { host: "127.0.0.1", port: CLOSED, user: "shop" } }).raw("SELECT 1"),
  ioredis_closed: () => new (require("ioredis"))({ port: CLOSED, retryStrategy: null, maxRetriesPerRequest: 0 }).get("cart"),
  ioredis_retried: () => {
    const redis = new (require("ioredis"))({ port: CLOSED, maxRetriesPerRequest: 1 });
    return redis.get("cart");
  },
  ioredis_refused: () => new (require("ioredis"))({ port: REDIS }).get("cart"),
  redis_closed: () =>
    require("redis").createClient({ url: `redis://127.0.0.1:${CLOSED}`, socket: { reconnectStrategy: false } }).connect(),
  redis_without_listener: () => {
    require("redis").createClient({ url: `redis://127.0.0.1:${CLOSED}` }).connect();
  },
  mongodb_closed: () =>
    new (require("mongodb").MongoClient)(`mongodb://127.0.0.1:${CLOSED}`, { serverSelectionTimeoutMS: 300 }).connect(),
  mongoose_closed: () =>
    require("mongoose").connect(`mongodb://127.0.0.1:${CLOSED}/shop`, { serverSelectionTimeoutMS: 300 }),
  kafkajs_closed: () =>
    new (require("kafkajs").Kafka)({ brokers: [`127.0.0.1:${CLOSED}`], retry: { retries: 1 } }).producer().connect(),
  amqplib_closed: () => require("amqplib").connect(`amqp://127.0.0.1:${CLOSED}`),
  elasticsearch_closed: () =>
    new (require("@elastic/elasticsearch").Client)({ node: `http://127.0.0.1:${CLOSED}`, maxRetries: 0 }).info(),
  elasticsearch_refused: () =>
    new (require("@elastic/elasticsearch").Client)({ node: `http://127.0.0.1:${HTTP}`, maxRetries: 0 }).info(),
  grpc_closed: () => {
    const grpc = require("@grpc/grpc-js");
    const client = new grpc.Client(`127.0.0.1:${CLOSED}`, grpc.credentials.createInsecure());
    const same = (it) => it;
    client.makeUnaryRequest("/shop.Cart/Pay", same, same, Buffer.from(""), (error) => {
      throw error;
    });
  },
  fetch_closed: () => fetch(`http://127.0.0.1:${CLOSED + 1}/cart`),
  axios_closed: () => require("axios").get(`http://127.0.0.1:${CLOSED}/cart`),
  axios_refused: () => require("axios").get(`http://127.0.0.1:${HTTP}/cart`),
  got_closed: async () => (await import("got")).default(`http://127.0.0.1:${CLOSED}/cart`, { retry: { limit: 0 } }),
  s3_closed: () => {
    const { S3Client, ListBucketsCommand } = require("@aws-sdk/client-s3");
    const credentials = { accessKeyId: "key", secretAccessKey: "none" };
    const client = new S3Client({ region: "nyc3", endpoint: `http://127.0.0.1:${CLOSED}`, credentials, maxAttempts: 1 });
    return client.send(new ListBucketsCommand({}));
  },
  stripe_closed: () =>
    new (require("stripe"))("none", { host: "127.0.0.1", port: CLOSED, protocol: "http", maxNetworkRetries: 0 }).charges.list(),
  bullmq_closed: () => {
    const { Worker } = require("bullmq");
    const worker = new Worker("mail", async () => {}, { connection: { port: CLOSED } });
    setTimeout(() => process.exit(1), 500);
    return worker;
  },
  logged: async () => {
    try {
      await FORMS.pg_localhost();
    } catch (error) {
      console.error("cannot read the orders:", error);
      process.exit(1);
    }
  },
};
const form = process.argv[2];
if (form) await FORMS[form]();
else console.log(Object.keys(FORMS).join("\n"));
