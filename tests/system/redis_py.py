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


def check_bitmaps(client):
    expect(client.setbit("py:bits", 7, 1), 0, "setbit")
    expect(client.getbit("py:bits", 7), 1, "getbit")
    expect(client.bitcount("py:bits"), 1, "bitcount")
    expect(client.bitcount("py:bits", 0, -1), 1, "bitcount of a range")
    expect(client.bitpos("py:bits", 1), 7, "bitpos")
    client.set("py:more", "a")
    expect(client.bitop("OR", "py:or", "py:bits", "py:more"), 1, "bitop")
    expect(client.get("py:or"), "a", "bitop's result")
    field = client.bitfield("py:field")
    field.set("u8", 0, 255).get("u8", "#0").incrby("u8", 0, 10, "SAT").overflow("FAIL").incrby("u8", 0, 1)
    expect(field.execute(), [0, 255, 255, None], "bitfield")
    expect(client.execute_command("BITFIELD_RO", "py:field", "GET", "u4", 4), [15], "bitfield_ro")
    client.delete("py:bits", "py:more", "py:or", "py:field")


def check_lcs_and_dump(client, port):
    client.mset({"py:one": "ohmytext", "py:two": "mynewtext"})
    expect(client.execute_command("LCS", "py:one", "py:two"), "mytext", "lcs")
    expect(client.execute_command("LCS", "py:one", "py:two", "LEN"), 6, "lcs len")
    expect(client.execute_command("LCS", "py:one", "py:two", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN"),
           ["matches", [[[4, 7], [5, 8], 4]], "len", 6], "lcs idx")
    raw = redis.Redis(port=port)
    payload = raw.dump("py:one")
    expect(raw.restore("py:three", 0, payload), b"OK", "restore")
    expect("BUSYKEY" in raises(redis.ResponseError, raw.restore, "py:three", 0, payload), True, "restore again")
    expect(raw.restore("py:three", 0, payload, replace=True), b"OK", "restore replace")
    expect(client.get("py:three"), "ohmytext", "what was restored")
    client.delete("py:one", "py:two", "py:three")


def check_scans(client):
    client.mset({"py:scan:%04d" % i: i for i in range(1000)})
    found = list(client.scan_iter("py:scan:*", count=100))
    expect(sorted(found), ["py:scan:%04d" % i for i in range(1000)], "scan_iter")
    expect(len(set(client.scan_iter(match="py:scan:00*", _type="string"))), 100, "scan_iter of a type")
    expect(list(client.scan_iter("py:none:*")), [], "scan_iter of nothing")
    expect(len(client.keys("py:scan:*")), 1000, "keys")
    expect(client.randomkey() is not None, True, "randomkey")
    client.rename("py:scan:0000", "py:renamed")
    expect(client.renamenx("py:scan:0001", "py:renamed"), False, "renamenx")
    expect(client.copy("py:renamed", "py:copied"), True, "copy")
    expect(client.touch("py:renamed", "py:copied", "py:none"), 2, "touch")
    client.delete("py:renamed", "py:copied", *found)


def check_transactions(client, port):
    other = redis.Redis(port=port)
    with client.pipeline() as pipe:
        pipe.set("py:t", 1).incr("py:t").get("py:t")
        expect(pipe.execute(), [True, 2, "2"], "a transaction")
        pipe.watch("py:t")
        pipe.multi()
        pipe.incr("py:t")
        other.set("py:t", 10)
        raises(redis.WatchError, pipe.execute)

    def add(pipe):
        value = int(pipe.get("py:t"))
        if value < 20:
            other.set("py:t", value + 5)  # in between, until it is enough
        pipe.multi()
        pipe.set("py:t", value + 1)

    expect(client.transaction(add, "py:t"), [True], "transaction() tries again")
    expect(client.get("py:t"), "21", "after transaction()")
    client.delete("py:t")


def check_server(client):
    expect(client.memory_usage("py:none"), None, "memory_usage of nothing")
    client.set("py:m", "x" * 100)
    expect(client.memory_usage("py:m") > 100, True, "memory_usage")
    expect("total.allocated" in client.memory_stats(), True, "memory_stats")
    expect(client.memory_purge(), True, "memory_purge")
    expect(client.acl_whoami(), "default", "acl_whoami")
    expect(client.acl_users(), ["default"], "acl_users")
    expect(client.acl_list(), ["user default on nopass ~* &* +@all"], "acl_list")
    expect("string" in client.acl_cat(), True, "acl_cat")
    expect(len(client.acl_genpass()), 64, "acl_genpass")
    expect("everything" in raises(redis.ResponseError, client.acl_setuser, "x"), True, "acl_setuser")
    client.delete("py:m")


def main():
    port = int(sys.argv[1])
    client = redis.Redis(port=port, decode_responses=True, single_connection_client=True)
    check_connection(client, port)
    check_strings(client)
    check_many(client)
    check_numbers(client)
    check_pipeline(client)
    check_bitmaps(client)
    check_lcs_and_dump(client, port)
    check_scans(client)
    check_transactions(client, port)
    check_server(client)


main()
