"""Dies of a client's error, of the client that is named; ``record.py`` runs it.

Nobody listens on the port ``CLOSED``; ``POSTGRESQL``, ``REDIS`` and ``HTTP`` are servers that
refuse: the first two whoever comes without the password, the last answers 503 to everything.
"""

import os
import sys
from collections.abc import Callable

CLOSED, HTTP = 1, os.environ.get("HTTP", "1")
POSTGRESQL, REDIS = os.environ.get("POSTGRESQL", "1"), os.environ.get("REDIS", "1")
FORMS: dict[str, Callable[[], object]] = {}


def form(function: Callable[[], object]) -> Callable[[], object]:
    FORMS[function.__name__] = function
    return function


@form
def psycopg_closed():
    import psycopg

    psycopg.connect(f"postgresql://shop@127.0.0.1:{CLOSED}/shop")


@form
def psycopg_refused():
    import psycopg

    psycopg.connect(f"postgresql://shop:wrong@127.0.0.1:{POSTGRESQL}/shop")


@form
def sqlalchemy_closed():
    import sqlalchemy

    sqlalchemy.create_engine(f"postgresql+psycopg://shop@127.0.0.1:{CLOSED}/shop").connect()


@form
def asyncpg_closed():
    import asyncio

    import asyncpg

    asyncio.run(asyncpg.connect(host="127.0.0.1", port=CLOSED, user="shop", database="shop"))


@form
def asyncpg_refused():
    import asyncio

    import asyncpg

    asyncio.run(asyncpg.connect(f"postgresql://shop:wrong@127.0.0.1:{POSTGRESQL}/shop"))


@form
def pymysql_closed():
    import pymysql

    pymysql.connect(host="127.0.0.1", port=CLOSED)


@form
def redis_closed():
    import redis

    redis.Redis(port=CLOSED).get("cart")


@form
def redis_refused():
    import redis

    redis.Redis(port=int(REDIS)).get("cart")


@form
def pymongo_closed():
    import pymongo

    pymongo.MongoClient(port=CLOSED, serverSelectionTimeoutMS=300).shop.orders.find_one()


@form
def kafka_closed():
    import kafka

    kafka.KafkaProducer(bootstrap_servers=f"127.0.0.1:{CLOSED}")


@form
def pika_closed():
    import pika

    pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", CLOSED))


@form
def elasticsearch_closed():
    import elasticsearch

    elasticsearch.Elasticsearch(f"http://127.0.0.1:{CLOSED}", max_retries=0).info()


@form
def elasticsearch_refused():
    import elasticsearch

    elasticsearch.Elasticsearch(f"http://127.0.0.1:{HTTP}", max_retries=0).info()


@form
def grpc_closed():
    import grpc

    channel = grpc.insecure_channel(f"127.0.0.1:{CLOSED}")
    channel.unary_unary("/shop.Cart/Pay", lambda _: b"", lambda _: None)(b"")


@form
def requests_closed():
    import requests

    requests.get(f"http://127.0.0.1:{CLOSED}/cart", timeout=1)


@form
def requests_refused():
    import requests

    requests.get(f"http://127.0.0.1:{HTTP}/cart", timeout=1).raise_for_status()


@form
def httpx_closed():
    import httpx

    httpx.get(f"http://127.0.0.1:{CLOSED}/cart")


@form
def aiohttp_closed():
    import asyncio

    import aiohttp

    async def get() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://127.0.0.1:{CLOSED}/cart")

    asyncio.run(get())


@form
def urllib_refused():
    import urllib.request

    urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/cart")


@form
def boto3_without_credentials():
    import boto3

    boto3.client("s3", region_name="nyc3").list_buckets()


@form
def boto3_closed():
    import boto3

    boto3.client(
        "s3",
        region_name="nyc3",
        endpoint_url=f"http://127.0.0.1:{CLOSED}",
        aws_access_key_id="key",
        aws_secret_access_key="none",
    ).list_buckets()


@form
def stripe_closed():
    import stripe

    stripe.api_key, stripe.api_base = "none", f"http://127.0.0.1:{CLOSED}"
    stripe.Charge.list()


@form
def celery_closed():
    import celery

    shop = celery.Celery("shop", broker=f"amqp://127.0.0.1:{CLOSED}//")
    shop.conf.broker_connection_retry_on_startup = False
    shop.send_task("shop.pay", retry=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FORMS[sys.argv[1]]()
    else:
        print("\n".join(FORMS))
