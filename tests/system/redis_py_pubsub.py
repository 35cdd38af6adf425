#!/usr/bin/python3
"""redis_py_pubsub.py - python3-redis's pubsub, as programs use it, against the server on <port>.

Exit code 77: there is no python3-redis.  It is run by pubsub_test.py.
"""
import sys
import threading

try:
    import redis
except ImportError:
    sys.exit(77)


def expect(condition, told):
    if not condition:
        sys.exit("FAILED: %r" % (told,))


def soon(condition, told):
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    sys.exit("FAILED: " + told)


def main():
    client = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
    pubsub = client.pubsub()
    pubsub.subscribe("one")
    pubsub.psubscribe("t*")
    seen = []
    pubsub.subscribe(**{"handled": lambda message: seen.append(message["data"])})
    for _ in range(3):
        expect(pubsub.get_message(timeout=5)["type"].endswith("subscribe"), "confirmed")
    expect(client.publish("one", "1") == 1 and client.publish("two", "2") == 1, "received")
    expect(client.publish("handled", "3") == 1, "received")
    expect(pubsub.get_message(timeout=5)["data"] == "1", "a message")
    got = pubsub.get_message(timeout=5)
    expect((got["type"], got["pattern"], got["channel"]) == ("pmessage", "t*", "two"), got)
    expect(pubsub.get_message(timeout=5) is None and seen == ["3"], "handled")
    pubsub.ping()
    expect(pubsub.get_message(timeout=5)["type"] == "pong", "pong")
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("listened")
    soon(lambda: client.publish("listened", "first") == 1, "subscribed")
    for message in listener.listen():
        expect(message["data"] == "first", message)
        break
    threaded, got = client.pubsub(), []
    threaded.subscribe(**{"in-thread": lambda message: got.append(message["data"])})
    thread = threaded.run_in_thread(sleep_time=0.01)
    soon(lambda: client.publish("in-thread", "x") == 1 and got, "in a thread")
    thread.stop()
    thread.join()
    with client.pipeline() as pipe:
        pipe.set("k", "v")
        pipe.publish("one", "from a pipeline")
        expect(pipe.execute() == [True, 1], "a pipeline")
    expect(pubsub.get_message(timeout=5)["data"] == "from a pipeline", "from a pipeline")
    pubsub.close()


if __name__ == "__main__":
    main()
