"""commands.py - random commands, well and badly formed, and bytes that are none."""
from differential.rdb import rdb_string, sealed
from differential.servers import encode

DATABASES = 6  # how many of the databases the test uses

INTEGERS = [b"0", b"1", b"-1", b"10", b"-10", b"9223372036854775807", b"9223372036854775808",
            b"-9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"007",
            b"+5", b" 5", b"5 ", b"", b"abc", b"1.5", b"1e3", b"0x10", b"-0", b"-", b"5\0",
            b"99999999999999999999999999", b"4611686018427387904", b"-4611686018427387904"]
FLOATS = [b"0", b"1", b"-1", b"1.5", b"-0.1", b"0.1", b"1e10", b"1e17", b"1e-17", b"3.0e3", b"-0",
          b"-0.0", b"1e400", b"-1e400", b"1e-400", b"1e4931", b"1e4932", b"1e4933", b"-1e4932",
          b"1e-4950", b"1e-5000", b"nan", b"inf", b"-inf", b"+inf", b"Infinity", b"NaN", b"0x1p3",
          b"0x", b" 1", b"1 ", b"", b".5", b"5.", b".", b"1e", b"e1", b"+1", b"1.0000000000000001",
          b"1" * 200, b"1" * 300, b"0." + b"3" * 300, b"1" * 5119, b"1" * 5120, b"1,5", b"1\0",
          b"99999999999999999999.99999999999999999", b"0.00000000000000000049", b"nan(1)"]
# Deadlines are far away or long past, so that no reply depends on which server is quicker; and no
# two of them are near each other, for GT and LT.
BAD_TIMES = [b"0", b"-1", b"x", b"", b"1.5", b"9223372036854775807", b"9223372036854775808",
             b"-9223372036854775808", b"9223372036854775", b"9223372036854776", b"-9223372036854776",
             b"9223370000000000000"]
SET_WORDS = [b"NX", b"XX", b"GET", b"KEEPTTL", b"nx", b"xX", b"get", b"FOO", b"", b"NXX", b"N"]
# No command with a 0 behind it: Redis compares names up to that, if they hash into one bucket.
UNKNOWN = [b"FOO", b"foo bar", b"GETT", b"", b"\0", b"nosuch\0", b"\xff\xfe", b"x" * 200,
           b"a\r\nb", b"KV", b"%s%n", b"GE", b"set "]
CONFIG_NAMES = [b"save", b"appendonly", b"maxmemory", b"databases", b"timeout", b"tcp-keepalive",
                b"maxclients", b"PORT", b"replica-read-only", b"no-such-setting", b"proto-max-bulk-len"]
SHARED = [b"get", b"set", b"setnx", b"getset", b"getdel", b"mget", b"mset", b"msetnx", b"del",
          b"unlink", b"exists", b"strlen", b"append", b"getrange", b"setrange", b"incr", b"decr",
          b"incrby", b"decrby", b"incrbyfloat", b"type", b"ping", b"echo", b"select", b"quit",
          b"reset", b"time", b"auth", b"hello", b"client", b"command", b"config", b"keys", b"scan",
          b"randomkey", b"flushdb", b"flushall", b"setbit", b"getbit", b"bitcount", b"bitpos",
          b"bitop", b"rename", b"renamenx", b"copy", b"move", b"touch", b"substr",
          b"multi", b"exec", b"discard", b"watch", b"unwatch", b"lcs", b"dump", b"restore",
          b"bitfield", b"bitfield_ro", b"memory", b"acl", b"debug", b"memory|usage", b"acl|whoami",
          b"config|get", b"client|list", b"object|encoding",
          b"expire", b"pexpire", b"expireat", b"pexpireat", b"ttl", b"pttl", b"expiretime", b"pexpiretime",
          b"persist", b"setex", b"psetex", b"getex"]
BITS = [b"0", b"7", b"8", b"-1", b"4294967295", b"4294967296", b"536870912", b"4294967288", b"x", b"",
        b"9223372036854775807", b"#1", b"1.0"]
PATTERNS = [b"h*", b"cold:0001*", b"h?", b"[hn]1*", b"n*", b"h*[^a-z]", b"h[", b"h1", b"cold:00?5*",
            b"no such key", b"\\h*", b"[^c]1"]


FIELD_TYPES = [b"u1", b"u7", b"u8", b"i8", b"u16", b"i16", b"i5", b"u32", b"i32", b"u63", b"i64", b"i1"]
BAD_TYPES = [b"u64", b"i65", b"i0", b"8", b"", b"x8", b"I8", b"u08", b"u-1"]
# Commands for which any arguments do no harm: none that waits, makes what is huge with a small number
# (SETRANGE), or takes the one for a deadline that comes while the test runs.
ANY = (b"APPEND BITCOUNT BITFIELD_RO BITOP BITPOS COPY DBSIZE DECR DECRBY DEL DUMP ECHO EXISTS EXPIRE EXPIREAT "
       b"EXPIRETIME GET GETBIT GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT KEYS LASTSAVE MGET MOVE MSET "
       b"MSETNX OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PING PSETEX PTTL PUBLISH RANDOMKEY READONLY READWRITE "
       b"RENAME RENAMENX RESTORE ROLE SELECT SET SETEX SETNX SPUBLISH STRLEN SUBSTR TIME TOUCH TTL TYPE UNLINK "
       b"UNWATCH").split()
ANY_WORDS = SET_WORDS + [b"XX", b"GT", b"LT", b"EX", b"PX", b"EXAT", b"PERSIST", b"REPLACE", b"DB", b"ABSTTL",
                         b"ENCODING", b"REFCOUNT", b"BIT", b"BYTE", b"AND", b"NOT", b"GET", b"u8", b"#1"]
# Packed and plain strings and numbers as an RDB has them, a list, and what is none.
PAYLOADS = [sealed(body) for body in (
    b"\0\xc3\x06\x0b\x01ab\xe0\0\x01", b"\0\xc3\x06\x0c\x01ab\xe0\0\x01", b"\0\xc3\x02\x02\x01ab",
    b"\0\xc0\x80", b"\0\xc1\x01\x80", b"\0\xc2\x01\0\0\x80", b"\0\x40\x03abc",
    b"\0\x80\0\0\0\x03abc", b"\0\x81\0\0\0\0\0\0\0\x03abc", b"\0\x04abcd", b"\0\x00", b"\0\x04abcdtail")]
PAYLOADS += [b"foo", b""]


class Generator:
    """Commands as lists of arguments.  All chance is in `random`, nothing depends on replies."""

    def __init__(self, rng, prefix=b"", cold_count=3000):
        self.random = rng
        self.prefix = prefix
        self.hot = [b"h%d" % i for i in range(30)] + [b"", b"\0", b"\xff\xff", b"a b", b"\r\n"]
        self.cold = [b"cold:%06d" % i for i in range(cold_count)]
        self.cold += [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60)))
                      for _ in range(200)]
        self.cold += [bytes([65 + i]) * (65536 - i - len(prefix)) for i in range(3)]
        self.numeric = [b"n%d" % i for i in range(12)]
        self.hot, self.cold, self.numeric = (
            [prefix + key for key in keys] for keys in (self.hot, self.cold, self.numeric))
        self.keys = self.hot + self.cold + self.numeric
        block = bytes(rng.randrange(256) for _ in range(4096))
        self.noise = block * 800  # values are cut out of it
        self.makers = [(weight, maker) for weight, maker in (
            (16, self.get), (16, self.set), (3, self.setnx), (3, self.getset), (3, self.getdel),
            (5, self.mget), (4, self.mset), (3, self.msetnx), (6, self.delete), (3, self.exists),
            (3, self.strlen), (6, self.append), (5, self.getrange), (5, self.setrange),
            (10, self.count), (5, self.count_float), (2, self.type), (2, self.ping),
            (1, self.select), (1, self.client), (1, self.command), (1, self.config),
            (5, self.bit), (3, self.bit_range), (3, self.bitop), (4, self.rename), (1, self.object),
            (1, self.hello), (1, self.unknown), (3, self.wrong_arity), (1, self.other),
            (1, self.subcommand), (1, self.walk), (4, self.bitfield), (3, self.lcs), (3, self.dump),
            (3, self.restore), (2, self.memory), (2, self.acl), (4, self.expire), (4, self.time_left),
            (2, self.set_for), (3, self.getex), (8, self.any), (1, self.waiting))]
        # What may stand between MULTI and EXEC and has a reply that both give byte for byte.
        self.queueable = [
            self.get, self.set, self.set, self.setnx, self.getset, self.getdel, self.mget, self.mset,
            self.msetnx, self.delete, self.exists, self.strlen, self.append, self.getrange,
            self.setrange, self.count, self.count, self.count_float, self.type, self.ping, self.bit,
            self.bit_range, self.bitop, self.rename, self.bitfield, self.lcs, self.dump, self.restore,
            self.expire, self.set_for, self.getex, self.any_exact]
        self.weights = [weight for weight, _ in self.makers]
        self.functions = [maker for _, maker in self.makers]
        # With one argument less SHUTDOWN and MONITOR do what they say.
        not_these = (self.client, self.command, self.config, self.other, self.waiting, self.subcommand, self.acl,
                     self.hello, self.unknown, self.walk, self.wrong_arity)
        self.arity_weights = [weight for weight, maker in self.makers if maker not in not_these]
        self.arity_functions = [maker for _, maker in self.makers if maker not in not_these]

    def make(self):
        args = self.random.choices(self.functions, self.weights)[0]()
        if self.random.random() < 0.1:
            args[0] = bytes(byte ^ 0x20 if self.random.random() < 0.5 and chr(byte).isalpha()
                            else byte for byte in args[0])
        return args

    def transaction(self):
        """Commands from WATCH or MULTI to EXEC or DISCARD, often on few keys; or some of that."""
        if self.random.random() < 0.1:
            return [self.pick([[b"EXEC"], [b"DISCARD"], [b"UNWATCH"], [b"WATCH"] + self.some_keys(),
                               [b"EXEC", b"x"], [b"MULTI", b"x"], [b"WATCH"]])]
        commands = []
        if self.random.random() < 0.3:
            commands.append([b"WATCH"] + self.some_keys())
            if self.random.random() < 0.5:
                commands.append(self.set())
        commands.append([b"MULTI"])
        for _ in range(self.random.randrange(12)):
            if self.random.random() < 0.04:
                commands.append(self.pick([
                    self.unknown, self.select, lambda: [b"GET"], lambda: [b"MULTI"],
                    lambda: [b"WATCH", self.key()], lambda: [b"UNWATCH"], lambda: [b"SHUTDOWN", b"ABORT"],
                    lambda: [b"EXEC", b"x"]])())
            else:
                commands.append(self.pick(self.queueable)())
        if self.random.random() < 0.5 and not self.prefix and self.random.random() < 0.01:
            commands.append([self.pick([b"FLUSHDB", b"FLUSHALL"])])
            commands.append(self.get())
        commands.append([b"EXEC"] if self.random.random() < 0.9 else [b"DISCARD"])
        return commands

    def key(self):
        kind = self.random.random()
        if kind < 0.5:
            return self.random.choice(self.hot)
        if kind < 0.93:
            return self.random.choice(self.cold)
        return self.random.choice(self.numeric)

    def value(self):
        kind = self.random.random()
        if kind < 0.08:
            return self.random.choice(INTEGERS)
        if kind < 0.11:
            return self.random.choice(FLOATS)
        if kind < 0.6:
            size = self.random.randrange(50)
        elif kind < 0.93:
            size = self.random.randrange(3000)
        elif kind < 0.999:
            size = self.random.randrange(30000)
        else:
            size = self.random.randrange(2000000)
        start = self.random.randrange(4096)
        return self.noise[start:start + size]

    def pick(self, choices):
        return self.random.choice(choices)

    def some_keys(self):
        count = 1 if self.random.random() < 0.3 else self.random.randrange(1, 12)
        if self.random.random() < 0.01:
            count = 150
        keys = [self.key() for _ in range(count)]
        if self.random.random() < 0.2:
            keys.append(keys[0])
        return keys

    def get(self):
        return [b"GET", self.key()]

    def set(self):
        words = []
        if self.random.random() < 0.4:
            words = self.random.choices(SET_WORDS[:4] if self.random.random() < 0.7 else SET_WORDS,
                                        k=self.random.randrange(1, 4))
        if self.random.random() < 0.25:
            words = words + self.deadline_words()
            if self.random.random() < 0.1:
                words += self.deadline_words()
        return [b"SET", self.key(), self.value()] + words

    def time(self, unit, is_relative):
        """`unit` per second."""
        kind = self.random.random()
        if kind < 0.12:
            return self.pick(BAD_TIMES)
        if kind < 0.3:
            return b"%d" % (-self.random.randrange(1, 10 ** 9) * unit if is_relative
                            else self.random.randrange(1, 10 ** 9) * unit)
        seconds = self.random.randrange(10 ** 8, 16 * 10 ** 8) + (0 if is_relative else 5 * 10 ** 9)
        return b"%d" % (seconds * unit)

    def deadline_words(self):
        word = self.pick([b"EX", b"PX", b"EXAT", b"PXAT", b"ex", b"pxAT"])
        return [word, self.time(1000 if word[:1] in b"Pp" else 1, word[-2:].upper() != b"AT")]

    def expire(self):
        if self.random.random() < 0.15:
            return [b"PERSIST", self.key()]
        name = self.pick([b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"])
        words = self.random.choices([b"NX", b"XX", b"GT", b"LT", b"gt", b"lt", b"FOO"], k=self.pick([0, 0, 1, 1, 2]))
        return [name, self.key(), self.time(1000 if name[:1] == b"P" else 1, name[-2:] != b"AT")] + words

    def time_left(self):
        return [self.pick([b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"]), self.key()]

    def set_for(self):
        name = self.pick([b"SETEX", b"PSETEX"])
        return [name, self.key(), self.time(1000 if name[:1] == b"P" else 1, True), self.value()]

    def getex(self):
        words = self.pick([[], [b"PERSIST"], self.deadline_words(), self.deadline_words(),
                           [b"PERSIST"] + self.deadline_words(), [b"FOO"], [b"EX"],
                           self.deadline_words() + self.deadline_words(), [b"KEEPTTL"], [b"NX"]])
        return [b"GETEX", self.key()] + words

    def setnx(self):
        return [b"SETNX", self.key(), self.value()]

    def getset(self):
        return [b"GETSET", self.key(), self.value()]

    def getdel(self):
        return [b"GETDEL", self.key()]

    def mget(self):
        return [b"MGET"] + self.some_keys()

    def pairs(self):
        args = []
        for key in self.some_keys():
            args += [key, self.value()]
        if self.random.random() < 0.05:
            args.append(b"odd")
        return args

    def mset(self):
        return [b"MSET"] + self.pairs()

    def msetnx(self):
        return [b"MSETNX"] + self.pairs()

    def delete(self):
        return [self.pick([b"DEL", b"UNLINK"])] + self.some_keys()

    def exists(self):
        return [b"EXISTS"] + self.some_keys()

    def strlen(self):
        return [b"STRLEN", self.key()]

    def append(self):
        return [b"APPEND", self.key(), self.value()[:20000]]

    def position(self):
        kind = self.random.random()
        if kind < 0.2:
            return self.pick(INTEGERS)
        if kind < 0.7:
            return b"%d" % self.random.randrange(-60, 60)
        return b"%d" % self.random.randrange(-40000, 40000)

    def getrange(self):
        return [b"GETRANGE", self.key(), self.position(), self.position()]

    def setrange(self):
        offset = self.position()
        if self.random.random() < 0.03:
            offset = self.pick([b"536870911", b"536870912", b"536870913", b"600000000",
                                b"9223372036854775800"])
            return [b"SETRANGE", self.key(), offset, b"0123456789"]
        return [b"SETRANGE", self.key(), offset, self.value()[:5000]]

    def bit_offset(self):
        return self.pick(BITS) if self.random.random() < 0.03 else b"%d" % self.random.randrange(9000)

    def bit(self):
        if self.random.random() < 0.5:
            return [b"GETBIT", self.key(), self.bit_offset()]
        offset = self.bit_offset()
        if offset in (b"4294967295", b"4294967288", b"536870912"):
            offset = b"4294967296"  # too much: they would make values of up to 512 MB
        return [b"SETBIT", self.key(), offset, self.pick([b"0", b"1", b"1", b"2", b"-1", b"x"])]

    def bit_range(self):
        ends = [self.position() for _ in range(self.random.randrange(4))]
        if len(ends) == 3 or self.random.random() < 0.1:
            ends = ends[:2] + [self.pick([b"BIT", b"byte", b"bytes", b""])]
        if self.random.random() < 0.5:
            return [b"BITCOUNT", self.key()] + ends
        return [b"BITPOS", self.key(), self.pick([b"0", b"1", b"1", b"0", b"2", b"x"])] + ends

    def bitop(self):
        return [b"BITOP", self.pick([b"AND", b"or", b"XOR", b"NOT", b"NAND"])] + self.some_keys() + \
            ([self.key()] if self.random.random() < 0.9 else [])

    def field_operation(self):
        """One operation of BITFIELD, now and then malformed."""
        kind = self.pick(self.random.choices(FIELD_TYPES, k=3) + ([self.pick(BAD_TYPES)]
                                                                  if self.random.random() < 0.05 else []))
        offset = self.pick([b"%d", b"#%d"]) % self.random.randrange(600)
        if self.random.random() < 0.05:
            offset = self.pick([b"-1", b"#-1", b"x", b"4294967296", b"#", b"", b"##1"])
        operand = b"%d" % self.random.randrange(-300, 300)
        if self.random.random() < 0.2:
            operand = self.pick(INTEGERS)
        name = self.pick([b"GET", b"get", b"SET", b"INCRBY", b"incrby", b"OVERFLOW"])
        if self.random.random() < 0.02:
            name = self.pick([b"", b"GETT", b"DECRBY"])
        if name == b"OVERFLOW":
            return [name, self.pick([b"WRAP", b"sat", b"SAT", b"FAIL", b"fail", b"fail", b"none"])]
        if name.upper() == b"GET":
            return [name, kind, offset]
        return [name, kind, offset, operand]

    def bitfield(self):
        words = []
        for _ in range(self.random.randrange(6)):
            words += self.field_operation()
        if words and self.random.random() < 0.03:
            words.pop()
        return [self.pick([b"BITFIELD", b"BITFIELD", b"BITFIELD", b"BITFIELD_RO"]), self.key()] + words

    def lcs(self):
        words = []
        for _ in range(self.random.randrange(4)):
            words += self.pick([[b"LEN"], [b"IDX"], [b"idx"], [b"WITHMATCHLEN"], [b"MINMATCHLEN", b"2"],
                                [b"MINMATCHLEN", self.pick(INTEGERS)], [b"MINMATCHLEN"], [b"FOO"]]
                               if self.random.random() < 0.2 else
                               [[b"IDX"], [b"WITHMATCHLEN"], [b"MINMATCHLEN", b"1"]])
        keys = [self.pick(self.numeric), self.pick(self.numeric)]
        if self.random.random() < 0.3:
            keys[1] = self.pick(self.hot)  # seldom long, so that the table stays small
        return [b"LCS"] + keys + words

    def dump(self):
        return [b"DUMP", self.key()]

    def restore(self):
        if self.random.random() < 0.5:
            payload = rdb_string(self.value()[:3000])
        else:
            payload = self.pick(PAYLOADS)
        if self.random.random() < 0.1:
            at = self.random.randrange(len(payload) + 1)
            payload = payload[:at] + b"x" + payload[at + 1:]
        words = []
        for _ in range(self.random.randrange(4)):
            words += self.pick([[b"REPLACE"], [b"replace"], [b"ABSTTL"], [b"IDLETIME", b"5"], [b"FREQ", b"5"],
                                [b"IDLETIME", self.pick(INTEGERS)], [b"FREQ", self.pick(INTEGERS)],
                                [b"FREQ", b"256"], [b"FOO"], [b"IDLETIME"]]
                               if self.random.random() < 0.3 else [[b"REPLACE"]])
        ttl = b"0" if self.random.random() < 0.95 else self.pick([b"-1", b"x", b"", b"00"])
        return [b"RESTORE", self.key(), ttl, payload] + words

    def memory(self):
        return self.pick([
            [b"MEMORY", b"USAGE", self.key()], [b"MEMORY", b"USAGE", self.key(), b"SAMPLES", b"0"],
            [b"MEMORY", b"USAGE", self.key(), b"samples", self.pick(INTEGERS)], [b"MEMORY", b"PURGE"],
            [b"MEMORY", b"USAGE", self.key(), b"SAMPLES"], [b"MEMORY", b"USAGE", self.key(), b"FOO", b"1"],
            [b"MEMORY", b"STATS"], [b"MEMORY", b"DOCTOR"], [b"MEMORY", b"MALLOC-STATS"], [b"MEMORY"],
            [b"MEMORY", b"FOO"], [b"MEMORY", b"USAGE"], [b"MEMORY", b"STATS", b"x"]])

    def acl(self):
        user = self.pick([b"default", b"default", b"nobody", b""])
        shared = [self.pick([self.get, self.set, self.mset, self.unknown, self.wrong_arity])() for _ in range(1)][0]
        return self.pick([
            [b"ACL", b"WHOAMI"], [b"ACL", b"USERS"], [b"ACL", b"LIST"], [b"ACL", b"GETUSER", user],
            [b"ACL", b"CAT"], [b"ACL", b"CAT", self.pick([b"nosuch", b"", b"@read"])], [b"ACL", b"CAT", b"a", b"b"],
            [b"ACL", b"DRYRUN", user] + [word[:100] for word in shared], [b"ACL", b"GENPASS", self.pick(INTEGERS)],
            [b"ACL", b"GENPASS"], [b"ACL", b"GENPASS", b"5"], [b"ACL", b"GENPASS", b"4097"],
            [b"ACL", b"LOG"], [b"ACL", b"LOG", b"RESET"], [b"ACL", b"LOG", self.pick(INTEGERS)],
            [b"ACL", b"DELUSER", self.pick([b"default", b"nobody"])], [b"ACL", b"FOO"], [b"ACL"],
            [b"ACL", b"GETUSER"], [b"ACL", b"WHOAMI", b"x"], [b"AUTH", user, b"x"],
            [b"DEBUG", b"SLEEP"], [b"DEBUG", b"SLEEP", self.pick([b"0", b"x", b"-1", b"0.001", b""])], [b"DEBUG"],
            [b"DEBUG", b"SLEEP", b"0", b"1"], [b"DEBUG", b"NOSUCH"], [b"DEBUG", b"HELP", b"x"]])

    def move_name(self):
        return [self.pick([b"RENAME", b"RENAMENX"]), self.key(), self.key()]

    def rename(self):
        kind = self.random.random()
        keys = [self.key(), self.key()]
        if self.random.random() < 0.1:
            keys[1] = keys[0]
        database = b"%d" % self.random.randrange(DATABASES)
        if self.random.random() < 0.1:
            database = self.pick([b"-1", b"16", b"x", b"99999999999"])
        if kind < 0.4:
            return self.move_name()
        if kind < 0.5:
            return [b"TOUCH"] + self.some_keys()
        if kind < 0.6:
            return [b"SUBSTR", self.key(), self.position(), self.position()]
        if kind < 0.7:
            return [b"MOVE", keys[0], database]
        words = self.pick([[], [], [b"REPLACE"], [b"DB", database], [b"db", database, b"replace"],
                           [b"DB"], [b"FOO"], [b"replace", b"REPLACE"]])
        return [b"COPY"] + keys + words

    def object(self):
        return self.pick([[b"OBJECT", b"ENCODING", self.key()], [b"OBJECT", b"REFCOUNT", self.key()],
                          [b"OBJECT", b"ENCODING"], [b"OBJECT", b"FOO", self.key()]])

    def number_key(self):
        return self.pick(self.numeric) if self.random.random() < 0.85 else self.key()

    def count(self):
        name = self.pick([b"INCR", b"DECR", b"INCRBY", b"DECRBY"])
        if name in (b"INCR", b"DECR"):
            return [name, self.number_key()]
        amount = b"%d" % self.random.randrange(-1000, 1000)
        if self.random.random() < 0.3:
            amount = self.pick(INTEGERS)
        return [name, self.number_key(), amount]

    def count_float(self):
        amount = b"%.*f" % (self.random.randrange(18), self.random.uniform(-1000, 1000))
        if self.random.random() < 0.4:
            amount = self.pick(FLOATS)
        key = self.number_key()
        if self.random.random() < 0.1:
            return [b"SET", key, self.pick(FLOATS)]
        return [b"INCRBYFLOAT", key, amount]

    def type(self):
        return [b"TYPE", self.key()]

    def ping(self):
        return self.pick([[b"PING"], [b"PING", self.value()], [b"ECHO", self.value()],
                          [b"PING", b"a", b"b"]])

    def select(self):
        number = b"%d" % self.random.randrange(DATABASES)
        if self.random.random() < 0.2:
            number = self.pick([b"-1", b"16", b"17", b"a", b"", b"1.0", b"99999999999", b" 0",
                                b"4294967296", b"2147483647", b"2147483648", b"-2147483649"])
        return [b"SELECT", number]

    def client(self):
        return self.pick([
            [b"CLIENT", b"ID"], [b"CLIENT", b"INFO"], [b"CLIENT", b"GETNAME"],
            [b"CLIENT", b"TRACKINGINFO"], [b"CLIENT", b"GETREDIR"], [b"CLIENT", b"CACHING", b"yes"],
            [b"CLIENT", b"TRACKING", self.pick([b"off", b"maybe"])], [b"CLIENT", b"UNBLOCK", b"999999999"],
            [b"CLIENT", b"PAUSE", self.pick([b"0", b"1", b"x", b"-1"]), self.pick([b"ALL", b"write", b"no"])],
            [b"CLIENT", b"UNPAUSE"], [b"PUBLISH", b"channel", b"message"], [b"SPUBLISH", b"channel", b""],
            [self.pick([b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"])],
            [b"PUBSUB", self.pick([b"NUMPAT", b"CHANNELS", b"SHARDCHANNELS", b"NUMSUB", b"x"])],
            [b"PUBSUB", self.pick([b"NUMSUB", b"SHARDNUMSUB", b"CHANNELS"]), b"channel"],
            [b"LATENCY", self.pick([b"LATEST", b"RESET", b"x"])], [b"LATENCY", b"HISTORY", b"command"],
            [b"CLIENT", b"SETNAME", self.pick([b"name", b"", b"a b", b"a\n", b"\x7f", b"n" * 60])],
            [b"CLIENT", b"NO-EVICT", self.pick([b"on", b"maybe"])],
            [b"CLIENT", b"REPLY", self.pick([b"ON", b"maybe"])],
            [b"CLIENT", b"KILL", self.pick([b"1.2.3.4:5", b"", b"ID", b"x y"])],
            [b"CLIENT", b"KILL", b"ID", self.pick([b"999999999", b"0", b"-1", b"x"])],
            [b"CLIENT", b"KILL", b"TYPE", self.pick([b"master", b"foo", b"pubsub"])],
            [b"CLIENT", b"KILL", b"ADDR", b"1.2.3.4:5", b"SKIPME", self.pick([b"yes", b"foo"])],
            [b"CLIENT", b"KILL", b"USER", b"nobody"],
            [b"CLIENT", b"LIST", b"TYPE", self.pick([b"master", b"replica", b"foo"])],
            [b"CLIENT", b"LIST", b"ID", self.pick([b"x", b"999999999", b""])],
            [b"CLIENT", b"LIST", self.pick([b"foo", b"ID", b"TYPE"])]])

    def command(self):
        shared = self.random.choices(SHARED, k=self.random.randrange(1, 4))
        return self.pick([
            [b"COMMAND", b"COUNT"], [b"COMMAND", b"LIST"],
            [b"COMMAND", b"LIST", b"FILTERBY", b"PATTERN", self.pick([b"*get*", b"x*", b"[", b""])],
            [b"COMMAND", b"LIST", b"FILTERBY", self.pick([b"MODULE", b"FOO", b"PATTERN"])],
            [b"COMMAND", b"LIST", b"FILTERBY", b"MODULE", b"none"],
            [b"COMMAND", b"INFO"] + shared + [b"nosuchcommand"],
            [b"COMMAND", self.pick([b"GETKEYS", b"GETKEYSANDFLAGS"])] + self.pick([
                self.get, self.mset, self.delete, self.setrange, self.ping, self.unknown, self.set,
                self.bitfield, self.bitop, self.lcs, self.rename, self.memory, self.object])(),
            [b"COMMAND", b"DOCS", b"nosuchcommand"]])

    def config(self):
        return self.pick([
            [b"CONFIG", b"GET", self.pick(CONFIG_NAMES)],
            [b"CONFIG", b"RESETSTAT"],
            [b"CONFIG", b"SET", self.pick([b"no-such-setting", b"save "]),
             b"-1"],
            [b"CONFIG", b"SET", b"timeout", b"0"],
            [b"CONFIG", b"SET", b"timeout", b"0", b"timeout", b"0"],
            [b"CONFIG", b"SET", b"timeout", b"0", b"tcp-keepalive", b"300"],
            [b"CONFIG", b"SET", b"timeout", b"0", b"tcp-keepalive"],
            [b"CONFIG", b"GET", b"timeout", b"save", b"timeout"], [b"CONFIG", b"REWRITE"],
            [b"CONFIG", b"SET", b"timeout"]])

    def hello(self):
        return self.pick([
            [b"HELLO"], [b"HELLO", b"2"], [b"HELLO", b"3"], [b"HELLO", b"4"], [b"HELLO", b"x"],
            [b"HELLO", b"1"], [b"HELLO", b"3", b"FOO"], [b"HELLO", b"3", b"SETNAME", b"hello"],
            [b"HELLO", b"3", b"SETNAME"], [b"HELLO", b"2", b"SETNAME", b"a b"],
            [b"HELLO", b"3", b"AUTH", b"default"], [b"HELLO", b""],
            [b"HELLO", b"3", b"AUTH", b"nobody", b"x"], [b"HELLO", b"99999999999999999999"]])

    def unknown(self):
        extra = [self.value()[:300] for _ in range(self.random.randrange(6))]
        return [self.pick(UNKNOWN)] + extra

    def any(self, names=ANY):
        """Whatever arguments; with keys of one's own they would reach others' keys."""
        if self.prefix:
            return self.get()
        makers = [self.key, self.key, self.key, lambda: self.pick(ANY_WORDS), lambda: self.pick(BAD_TIMES),
                  lambda: self.value()[:10]]
        return [self.pick(names)] + [self.pick(makers)() for _ in range(self.random.randrange(6))]

    def any_exact(self):
        """Without what tells a time, or is each server's own: replies inside of EXEC are compared as
        they are."""
        return self.any([name for name in ANY if name not in (
            b"DBSIZE", b"KEYS", b"LASTSAVE", b"OBJECT", b"RANDOMKEY", b"TIME", b"UNWATCH", b"PTTL", b"TTL",
            b"EXPIRETIME", b"PEXPIRETIME", b"PUBLISH", b"SPUBLISH")])

    def waiting(self):
        return self.pick([[b"WAIT", b"0", b"0"], [b"WAIT", b"0", b"100"], [b"WAIT", b"1", b"1"], [b"WAIT", b"x", b"0"],
                          [b"WAIT", b"0", b"-1"], [b"WAIT", b"0", b"x"], [b"WAIT"], [b"WAIT", b"-1", b"1"],
                          [b"LASTSAVE"], [b"LASTSAVE", b"x"], [b"BGSAVE", b"x"], [b"SAVE", b"x"], [b"BGSAVE", b"a", b"b"],
                          [b"MONITOR", b"x"], [b"SUBSCRIBE"], [b"PSUBSCRIBE"], [b"SSUBSCRIBE"]])

    def wrong_arity(self):
        args = self.random.choices(self.arity_functions, self.arity_weights)[0]()
        kind = self.random.random()
        if kind < 0.3:
            return args[:1]
        if kind < 0.6:
            return args[:-1] or args
        return args + [self.value()[:10]]

    def other(self):
        return self.pick([[b"RESET"], [b"TIME"], [b"AUTH", b"x"], [b"AUTH", b"default", b"x"],
                          [b"INFO"], [b"INFO", b"nosuch"], [b"INFO", b"server"], [b"DBSIZE"],
                          [b"INFO", b"clients", b"CPU"], [b"INFO", b"all"], [b"DBSIZE", b"x"],
                          [b"SHUTDOWN", b"ABORT"], [b"SHUTDOWN", b"FOO"],
                          [b"SHUTDOWN", b"SAVE", b"NOSAVE"], [b"SHUTDOWN", b"ABORT", b"NOW"],
                          [b"AUTH", b"nobody", b"x"], [b"AUTH", b"a", b"b", b"c"], [b"TIME", b"x"],
                          [b"ROLE"], [b"READONLY"], [b"READWRITE"], [b"CLUSTER", b"INFO"],
                          [b"MODULE", b"LIST"], [b"MODULE", b"FOO"], [b"MODULE"], [b"MODULE", b"LIST", b"x"], [b"ROLE", b"x"], [b"SLOWLOG", b"LEN"], [b"SLOWLOG", b"GET", b"0"],
                          [b"SLOWLOG", b"GET", b"-2"], [b"SLOWLOG", b"GET", b"x"],
                          [b"SLOWLOG", b"GET", b"1", b"2"], [b"SLOWLOG", b"RESET"],
                          [b"RESET", b"x"], [b"ECHO"], [b"SELECT"], [b"HELLO", b"3", b"2"]])

    def walk(self):
        if self.random.random() < 0.005:
            if not self.prefix:
                return self.pick([[b"FLUSHDB"], [b"FLUSHALL"], [b"FLUSHDB", b"ASYNC"],
                                  [b"FLUSHALL", b"sync"]])
        # Other connections' keys may be there or not at the moment.
        pattern = self.prefix + self.pick(PATTERNS)
        scan = [b"SCAN", b"0", b"COUNT", b"1000000"]
        return self.pick([[b"KEYS", pattern], scan + [b"MATCH", pattern], [b"RANDOMKEY"],
                          [b"SCAN", b"0", b"TYPE", b"set"],
                          scan + [b"type", b"STRING", b"match", pattern],
                          [b"SCAN", self.pick([b"x", b" 0", b"0x", b"18446744073709551616"])],
                          [b"SCAN", b"0", b"COUNT", self.pick([b"0", b"-1", b"x", b""])],
                          [b"SCAN", b"0", b"COUNT"], [b"SCAN", b"0", b"FOO", b"1"],
                          [b"FLUSHDB", b"NOW"], [b"FLUSHALL", b"SYNC", b"ASYNC"],
                          [b"RANDOMKEY", b"x"], [b"KEYS"]])

    def subcommand(self):
        name = self.pick([b"CLIENT", b"COMMAND", b"CONFIG", b"ACL", b"MEMORY"])
        return self.pick([[name], [name, b"FOO"], [name, b""], [name, b"HELP", b"x"],
                          [name, b"GETNAME", b"x"], [name, b"GET"], [name, b"SETNAME"],
                          [name, b"COUNT", b"x"], [name, b"foo\r\nbar"], [name, b"y" * 200],
                          [name, b"ID", b"x"], [name, b"KILL"], [name, b"GETKEYS"]])


INLINE_SAFE = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-")


def inline(rng, args):
    """The command as a line, quoted where it must be and sometimes where it need not; None: it
    has no such form."""
    if not args[0] or sum(len(arg) for arg in args) > 8000 or args[0][:1] == b"*":
        return None
    words = []
    for arg in args:
        is_safe = len(arg) > 0 and all(byte in INLINE_SAFE for byte in arg)
        if is_safe and rng.random() < 0.7:
            words.append(arg)
        elif rng.random() < 0.3 and not set(arg) & set(b"'\\\r\n\0"):
            words.append(b"'" + arg + b"'")
        else:
            words.append(b'"' + b"".join(
                bytes([byte]) if byte in INLINE_SAFE else b"\\x%02x" % byte for byte in arg) + b'"')
    return rng.choice([b" ", b"  ", b"\t"]).join(words) + rng.choice([b"\r\n", b"\n"])


# Each ends its connection, or not; both servers must do and say the same.
BROKEN = [
    b"*1\r\n$-1\r\n", b"*1\r\n$x\r\n", b"*x\r\n", b"*1\r\nPING\r\n", b"*1\r\n\r\n",
    b"*2147483648\r\n", b"*99999999999999999999\r\n", b"*1\r\n$536870913\r\n",
    b"*1\r\n$99999999999999999999\r\n", b"*1\r\n:4\r\nPING\r\n", b'GET "abc\r\n', b"GET 'abc\r\n",
    b'GET "a"b\r\n', b"*2\r\n$3\r\nGET\r\n$-5\r\n", b"*1\r\n$4 \r\nPING\r\n", b"*1 \r\n",
    b"* 1\r\n", b"*+1\r\n$4\r\nPING\r\n", b"*01\r\n$4\r\nPING\r\n", b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$1\r\nPING\r\n", b"*1\r\n-ERR\r\n", b"*1\r\n\xff\r\n",
]
# Lines without an end, sent alone: with something behind them it depends on how they arrive.
# What a browser can be made to send: the connection ends without a word.
FOREIGN = [b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           encode([b"hOsT:", b"x"]), encode([b"post"])]
ENDLESS = [b"*" + b"1" * 140000, b"x" * 140000, b"*1\r\n$" + b"1" * 140000, b"'" * 140000]
# Unusual, but not errors; a QUIT behind them ends the connection.
ODD = [
    b"\r\n", b"\n", b"*0\r\n", b"*-1\r\n", b"*-5\r\n", b"   \r\n", b"PING\n", b"ping\r\n",
    b"PING\r\n\r\n\r\nPING\r\n", b"  PING  \r\n", b'""\r\n', b'"PING"\r\n',
    b"ECHO \"\\x41\\n\\r\\t\\a\\b\\\\\\\"\\q\"\r\n", b"ECHO 'it\\'s'\r\n", b"ECHO a\"b\"\r\n",
    b"ECHO \"\\x4g\"\r\n", b"$4\r\nPING\r\n",
    b"*1\r\n$4\r\nPINGxx", b"*1\r\n$0\r\n\r\n", b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"\x01\x02\r\n",
    b"-ERR x\r\n", b"+OK\r\n", b":1\r\n", b"ECHO a\tb\r\n", b"ECHO a\x0bb\r\n", b"PING\r\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\nGET k\r\nDEL k\r\n",
]
