#!/usr/bin/python3
"""redis_py.py - python3-redis, as programs use it, against the server on 127.0.0.1:<port>.

Exit code 77: there is no python3-redis.  It is run by clients.sh.
"""
import sys

try:
    import redis
except ImportError:
    sys.exit(77)


def expect(got, wanted, what):
    if got != wanted:
        sys.exit("FAILED: %s: %r instead of %r" % (what, got, wanted))


def raises(kind, call, *args, **named):
    try:
        got = call(*args, **named)
    except kind as error:
        return str(error)
    sys.exit("FAILED: %s%r: %r instead of %s" % (call.__name__, args, got, kind.__name__))


def check_strings(client):
    expect(client.set("py:a", "ä"), True, "set")
    expect(client.get("py:a"), "ä", "get, decoded")
    expect(client.set("py:a", 1, nx=True), None, "set nx")
    expect(client.set("py:a", "x", xx=True), True, "set xx")
    expect(client.set("py:a", "y", get=True), "x", "set get")
    expect(client.setnx("py:a", "z"), False, "setnx")
    expect(client.getset("py:a", "b"), "y", "getset")
    expect(client.append("py:a", "cde"), 4, "append")
    expect(client.strlen("py:a"), 4, "strlen")
    expect(client.getrange("py:a", 1, -2), "cd", "getrange")
    expect(client.setrange("py:a", 6, "!"), 7, "setrange")
    expect(client.get("py:a"), "bcde\0\0!", "get with zeros")
    expect(client.getdel("py:a"), "bcde\0\0!", "getdel")
    expect(client.get("py:a"), None, "get of nothing")
    expect(client.type("py:a"), "none", "type")
    expect(client.exists("py:a", "py:b"), 0, "exists")


def check_many(client):
    expect(client.mset({"py:1": 1, "py:2": "two", "py:3": 3.5}), True, "mset")
    expect(client.mget("py:1", "py:none", "py:3"), ["1", None, "3.5"], "mget")
    expect(client.msetnx({"py:4": 4, "py:1": 0}), False, "msetnx")
    expect(client.get("py:4"), None, "msetnx set nothing")
    expect(client.msetnx({"py:4": 4}), True, "msetnx")
    expect(client.delete("py:1", "py:2", "py:2"), 2, "delete")
    expect(client.unlink("py:3", "py:4"), 2, "unlink")


def check_numbers(client):
    expect(client.incr("py:n"), 1, "incr")
    expect(client.incrby("py:n", 41), 42, "incrby")
    expect(client.decr("py:n", 2), 40, "decr")
    expect(client.incrbyfloat("py:n", 0.5), 40.5, "incrbyfloat")
    expect("integer" in raises(redis.ResponseError, client.incr, "py:n"), True, "incr of 40.5")
    client.delete("py:n")


def check_pipeline(client):
    pipe = client.pipeline(transaction=False)
    for i in range(1000):
        pipe.set("py:%d" % i, i).get("py:%d" % i).incr("py:%d" % i)
    expect(pipe.execute(), [item for i in range(1000) for item in (True, str(i), i + 1)], "pipeline")
    pipe.get("py:1").execute_command("NOSUCH").get("py:2")
    replies = pipe.execute(raise_on_error=False)
    expect([type(reply) for reply in replies], [str, redis.ResponseError, str], "errors in between")
    client.delete(*("py:%d" % i for i in range(1000)))


def check_connection(client, port):
    expect(client.ping(), True, "ping")
    expect(client.echo("x"), "x", "echo")
    expect(client.client_setname("py"), True, "client_setname")
    expect(client.client_getname(), "py", "client_getname")
    expect(client.client_id() > 0, True, "client_id")
    expect(client.client_info()["name"], "py", "client_info")
    expect([row["name"] for row in client.client_list() if row["name"]], ["py"], "client_list")
    expect(client.client_kill_filter(_id="999999"), 0, "client_kill_filter")
    expect(client.info()["redis_mode"], "standalone", "info")
    expect(client.info("keyspace") is not None, True, "info keyspace")
    expect(client.config_get("maxclients")["maxclients"], "10000", "config_get")
    expect(client.config_set("timeout", 0), True, "config_set")
    expect(client.config_resetstat(), True, "config_resetstat")
    expect(client.command_count() >= 30, True, "command_count")
    expect(client.command()["get"]["flags"], ["readonly", "fast"], "command")
    expect(client.command_getkeys("MSET", "a", 1, "b", 2), ["a", "b"], "command_getkeys")
    expect(len(client.time()), 2, "time")
    expect(client.dbsize() >= 0, True, "dbsize")
    raw = redis.Redis(port=port)
    raw.set(b"py:\0\xff", b"\xfe\r\n" * 100000)
    expect(raw.get(b"py:\0\xff"), b"\xfe\r\n" * 100000, "binary")
    expect(raw.delete(b"py:\0\xff"), 1, "delete of binary")


def main():
    port = int(sys.argv[1])
    client = redis.Redis(port=port, decode_responses=True, single_connection_client=True)
    check_connection(client, port)
    check_strings(client)
    check_many(client)
    check_numbers(client)
    check_pipeline(client)


main()
