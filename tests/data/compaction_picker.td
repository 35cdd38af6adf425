# Plans of the compaction picker.  The commands are explained in tests/unit/compaction_picker_test.c.
# After a change: KV_REWRITE=1 build/asan/bin/compaction_picker_test, then read the diff.

# ==== Leveled: level 0 ====

# A new database: the first level used is the last one.
define
L0 4:[a..z] 64MB 3:[a..z] 64MB 2:[a..z] 64MB 1:[a..z] 64MB
----
ok

pick
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)

# Three tables are not enough, by count; with a smaller base they are, by bytes.
define
L0 3:[a..z] 60MB 2:[a..z] 60MB 1:[a..z] 60MB
----
ok

pick
----
nothing to do

pick base=128MB
----
merge L0: 3 2 1 -> L6 (level 0 is large, LZ4, bottommost)

# All overlapping tables of the base level come along, others don't.
define
L0 4:[c..k] 10MB 3:[d..l] 10MB 2:[c..e] 10MB 1:[e..m] 10MB
L6 10:[a..b] 64MB 11:[b1..d] 64MB 12:[f..g] 64MB 13:[n..z] 64MB
----
ok

pick
----
merge L0: 4 3 2 1 L6: 11 12 -> L6 (level 0 has many tables, LZ4, bottommost)

# Tables that overlap nothing, nor each other, move as they are.
define
L0 4:[p..q] 10MB 3:[n..o] 10MB 2:[k..l] 10MB 1:[h..i] 10MB
L6 10:[a..b] 64MB 11:[r..z] 64MB
----
ok

pick
----
move L0: 4 3 2 1 -> L6 (level 0 has many tables)

# ... but two that share one key are merged,
define
L0 4:[p..q] 10MB 3:[n..p] 10MB 2:[k..l] 10MB 1:[h..i] 10MB
L6 10:[a..b] 64MB 11:[r..z] 64MB
----
ok

pick
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)

# ... and a compression of its own for the last level means rewriting.
define
L0 4:[p..q] 10MB 3:[n..o] 10MB 2:[k..l] 10MB 1:[h..i] 10MB
L6 10:[a..b] 64MB 11:[r..z] 64MB
----
ok

pick bottom=zstd
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, ZSTD, bottommost)

# Level 0 without compression, the rest with: the same.
pick levels=kNoCompression:kLZ4Compression
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)

# A huge level 0: the oldest tables first, as many as a job may have.
define
L0 9:[a..z] 64MB 8:[a..z] 64MB 7:[a..z] 64MB 6:[a..z] 64MB 5:[a..z] 64MB 4:[a..z] 64MB 3:[a..z] 64MB 2:[a..z] 64MB 1:[a..z] 64MB
----
ok

pick job=256MB
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)

# The way down is busy: the newest tables become one; then there is nothing left to start.
all job=256MB
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)
merge L0: 9 8 7 6 -> L0 (level 0 has many tables and its way down is busy, LZ4) below a..z
nothing to do

# ... but not if it is free in a moment.
define
L0 9:[a..z] 64MB 8:[a..z] 64MB 7:[a..z] 64MB 6:[a..z] 64MB 5:[a..z] 64MB 4:[a..z] 64MB 3:[a..z] 64MB 2:[a..z] 64MB 1:[a..z] 64MB
----
ok

start job=256MB
----
merge L0: 4 3 2 1 -> L6 (level 0 has many tables, LZ4, bottommost)

pick job=256MB ending
----
nothing to do

pick job=256MB
----
merge L0: 9 8 7 6 -> L0 (level 0 has many tables and its way down is busy, LZ4) below a..z

# The base level is busy with its own way down.
define
L0 5:[a..z] 10MB 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 10MB 1:[a..z] 10MB
L5 20:[a..m] 800MB
L6 10:[a..f] 2GB 11:[g..z] 2GB
----
ok

all base=1GB
----
merge L5: 20 L6: 10 11 -> L6 (level above its target, LZ4, bottommost)
merge L0: 5 4 3 2 1 -> L0 (level 0 has many tables and its way down is busy, LZ4) below a..z
nothing to do

# Many tables in level 0 go first, though level 5 is five times as large as it should be.
define
L0 11:[a..z] 10MB 10:[a..z] 10MB 9:[a..z] 10MB 8:[a..z] 10MB 7:[a..z] 10MB 6:[a..z] 10MB 5:[a..z] 10MB 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 10MB 1:[a..z] 10MB
L5 20:[a..m] 2GB
L6 30:[a..f] 2GB 31:[g..z] 2GB
----
ok

pick base=1GB
----
merge L5: 20 L6: 30 31 -> L6 (level above its target, LZ4, bottommost)

define
L0 12:[a..z] 10MB 11:[a..z] 10MB 10:[a..z] 10MB 9:[a..z] 10MB 8:[a..z] 10MB 7:[a..z] 10MB 6:[a..z] 10MB 5:[a..z] 10MB 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 10MB 1:[a..z] 10MB
L5 20:[a..m] 2GB
L6 30:[a..f] 2GB 31:[g..z] 2GB
----
ok

pick base=1GB
----
merge L0: 12 11 10 9 8 7 6 5 4 3 2 1 L5: 20 -> L5 (level 0 has many tables, LZ4) below a..f g..z

# Tables of growing size: a merge in level 0 stops where it would not pay.
define
L0 6:[a..z] 10MB 5:[a..z] 10MB 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 200MB 1:[a..z] 400MB
L5 20:[a..m] 800MB
L6 10:[a..f] 2GB 11:[g..z] 2GB
----
ok

all base=1GB
----
merge L5: 20 L6: 10 11 -> L6 (level above its target, LZ4, bottommost)
merge L0: 6 5 4 3 -> L0 (level 0 has many tables and its way down is busy, LZ4) below a..z
nothing to do

# ==== Leveled: the shape ====

define
L0 1:[a..z] 64MB
----
ok

shape
----
L0 1 tables 64.0MB target 0.0MB score 0.25
base L6 debt 0.0MB

define
L5 9:[a..c] 128MB
L6 10:[a..z] 1GB
----
ok

shape
----
L5 1 tables 128.0MB target 102.4MB score 1.25
L6 1 tables 1024.0MB target 1024.0MB score 0.00
base L5 debt 230.4MB

# 100 GiB: two levels more at the top.  Level 5 is too large.
define
L4 1:[a..z] 1GB
L5 2:[a..z] 15GB
L6 3:[a..z] 100GB
----
ok

shape
----
L3 0 tables 0.0MB target 102.4MB score 0.00
L4 1 tables 1024.0MB target 1024.0MB score 1.00
L5 1 tables 15360.0MB target 10240.0MB score 1.50
L6 1 tables 102400.0MB target 102400.0MB score 0.00
base L3 debt 39253.3MB

# The data shrank to where one level less would do, but not much: it stays.
define
L5 9:[a..c] 20MB
L6 10:[a..z] 200MB
----
ok

shape
----
L5 1 tables 20.0MB target 25.6MB score 0.78
L6 1 tables 200.0MB target 200.0MB score 0.00
base L5 debt 0.0MB

pick
----
nothing to do

# They shrank to less than half: level 5 should be empty.
define
L5 9:[a..c] 20MB
L6 10:[a..z] 100MB
----
ok

shape
----
L5 1 tables 20.0MB target 0.0MB score 1.71
L6 1 tables 100.0MB target 100.0MB score 0.00
base L5 debt 120.0MB

pick
----
merge L5: 9 L6: 10 -> L6 (level should be empty, LZ4, bottommost)

# A directory with static levels comes in: its last level goes down first, by moves.
define
L0 1:[a..z] 10MB
L1 2:[a..z] 100MB
L2 3:[a..m] 1GB 4:[n..z] 1GB
L3 5:[a..f] 5GB 6:[g..p] 5GB 7:[q..z] 5GB
----
ok

shape
----
L0 1 tables 10.0MB target 0.0MB score 0.25
L1 1 tables 100.0MB target 0.0MB score 1.14
L2 2 tables 2048.0MB target 0.0MB score 1.29
L3 3 tables 15360.0MB target 0.0MB score 1.43
L4 0 tables 0.0MB target 153.6MB score 0.00
L5 0 tables 0.0MB target 1536.0MB score 0.00
L6 0 tables 0.0MB target 15360.0MB score 0.00
base L1 debt 19656.0MB

all
----
move L3: 5 6 7 -> L4 (level should be empty)
merge L1: 2 L2: 3 4 -> L2 (level should be empty, LZ4) below a..f g..p q..z
nothing to do

# Level 0 does not jump over what is in the way: 7 should not be in level 2, but it is.
define
L0 5:[a..z] 10MB 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 10MB
L2 7:[c..d] 1MB
L6 8:[a..z] 100MB
----
ok

pick trigger=2
----
merge L0: 5 4 3 2 L2: 7 -> L2 (level 0 has many tables, LZ4) below a..z

all
----
move L2: 7 -> L3 (level should be empty)
merge L0: 5 4 3 2 -> L0 (level 0 has many tables and its way down is busy, LZ4) below a..z
nothing to do

# ==== Leveled: which table ====

# The least overlap: 21 has 64 MB under 64, 20 twice as much, 22 none and moves.
define
L5 20:[a..d] 64MB 21:[e..f] 64MB 22:[h..i] 64MB
L6 10:[a..b] 64MB 11:[c..d] 64MB 12:[e..f] 64MB 13:[j..z] 1.5GB
----
ok

all
----
move L5: 22 -> L6 (level above its target)
nothing to do

# Of two alike the older one.
define
L5 21:[a..b] 200MB 20:[c..d] 200MB
L6 10:[a..b] 64MB 11:[c..d] 64MB 13:[j..z] 1.5GB
----
ok

pick deletions=0
----
merge L5: 20 L6: 11 -> L6 (level above its target, LZ4, bottommost)

# Deletions count: 21 frees more than it costs.
define
L5 20:[a..b] 100MB 21:[c..d] 100MB del=40
L6 10:[a..b] 64MB 11:[c..d] 80MB 13:[j..z] 1.5GB
----
ok

pick
----
merge L5: 21 L6: 11 -> L6 (level above its target, LZ4, bottommost)

# Clean cuts: e goes on from 20 to 21 and on to 22; in level 6 from 12 to 13.
define
L5 20:[a..e#50] 100MB 21:[e#40..e#30] 100MB 22:[e#20..f] 100MB 23:[g..h] 1MB
L6 12:[a..f#9] 64MB 13:[f#8..k] 64MB 14:[l..z] 1.5GB
----
ok

pick
----
merge L5: 20 21 22 23 L6: 12 13 -> L6 (level above its target, LZ4, bottommost)

# The end of a range tombstone is not a version of its key: 20 and 21 may part.
define
L5 20:[a..e!] 150MB 21:[e..f] 150MB
L6 12:[a..b] 64MB 13:[f..k] 640MB 14:[l..z] 1.5GB
----
ok

pick
----
merge L5: 20 L6: 12 -> L6 (level above its target, LZ4, bottommost)

# What comes along for nothing: 21 lies within what 12 spans.
define
L5 20:[c..d] 150MB 21:[e..f] 150MB 22:[z..zz] 1MB
L6 12:[a..k] 64MB 14:[l..z] 1.5GB
----
ok

pick
----
merge L5: 20 21 L6: 12 -> L6 (level above its target, LZ4, bottommost)

# Busy tables: the next best; then the levels in turn until nothing is left.
define
L5 20:[a..b] 100MB 21:[c..d] 100MB 22:[e..f] 100MB
L6 10:[a..b] 64MB 11:[b1..c] 64MB 12:[c1..d] 64MB 13:[e..f] 64MB 14:[l..z] 1.5GB
----
ok

all
----
merge L5: 20 L6: 10 -> L6 (level above its target, LZ4, bottommost)
merge L5: 22 L6: 13 -> L6 (level above its target, LZ4, bottommost)
nothing to do

# Too much of level 6 under 20 to move it to level 5: it is cut at borders of level 6 instead.
define
L4 20:[a..z] 164MB 21:[za..zb] 164MB 22:[zc..zd] 164MB
L5 30:[zz..zzz] 1GB
L6 10:[a..f] 10GB 11:[g..p] 10GB 12:[q..z] 10GB
----
ok

pick
----
merge L4: 20 -> L5 (level above its target, LZ4) below a..f g..p q..z

# Moves go together, until the level is no more above its target.
define
L5 20:[a..b] 64MB 21:[c..d] 64MB 22:[e..f] 64MB 23:[g..h] 64MB 24:[i..j] 64MB 25:[k..l] 64MB
L6 14:[l1..z] 1.5GB
----
ok

pick
----
move L5: 20 21 22 23 -> L6 (level above its target)

# ==== Leveled: what is due ====

# Every second entry a deletion.
define
L5 20:[a..b] 10MB del=50 21:[c..d] 10MB
L6 10:[a..z] 300MB
----
ok

pick
----
merge L5: 20 21 L6: 10 -> L6 (many deletions, LZ4, bottommost)

pick deletions=60
----
nothing to do

# A snapshot still needs what they delete: not before it is gone.
pick snapshot=10
----
nothing to do

# RocksDB doesn't count in the manifest.
define
L5 20:[a..b] 10MB del=50 uncounted
L6 10:[a..z] 300MB
----
ok

pick
----
nothing to do

# Only deletions, and nothing below them: rewritten, that is dropped, not moved.
define
L5 20:[a..b] 10MB del=100
L6 10:[c..z] 300MB
----
ok

pick
----
merge L5: 20 -> L6 (many deletions, LZ4, bottommost)

# In the last level by itself, with its neighbour that has the rest of a key.
define
L6 10:[a..f#9] 64MB 11:[f#8..k] 64MB del=20 age=60 12:[l..z] 64MB del=3 age=60 13:[za..zb] 64MB del=99 age=59
----
ok

pick
----
merge L6: 10 11 -> L6 (many deletions, LZ4, bottommost)

# In level 0 only after a minute; under load it is sooner there.
define
L0 3:[a..b] 1MB del=100 age=5
L6 10:[a..z] 300MB
----
ok

pick
----
nothing to do

define
L0 3:[a..b] 1MB del=100 age=60
L6 10:[a..z] 300MB
----
ok

pick
----
move L0: 3 -> L5 (many deletions)

# Marked in the manifest; in level 0 with what is older.
define
L0 3:[a..b] 1MB 2:[c..d] 1MB marked 1:[e..f] 1MB
L6 10:[a..z] 300MB
----
ok

pick
----
move L0: 2 1 -> L5 (marked in the manifest)

define
L6 10:[a..f] 64MB 11:[g..k] 64MB marked
----
ok

pick
----
merge L6: 11 -> L6 (marked in the manifest, LZ4, bottommost)

# ... but not as long as a snapshot needs what it was marked for,
define
L6 10:[a..f] 64MB 11:[g..k] 64MB marked seq=5-20
----
ok

pick snapshot=19
----
nothing to do

pick snapshot=20
----
merge L6: 11 -> L6 (marked in the manifest, LZ4, bottommost)

# ... and where it overlaps nothing below, a move would not do.
define
L5 10:[a..f] 1MB 11:[g..k] 1MB marked seq=5-20
L6 1:[l..z] 300MB
----
ok

pick snapshot=20
----
merge L5: 11 -> L6 (marked in the manifest, LZ4, bottommost)

# Thirty days, but not in the last level.
define
L5 20:[a..b] 10MB age=2592000 21:[c..d] 10MB age=2591999
L6 10:[a..z] 300MB age=9999999
----
ok

pick
----
merge L5: 20 21 L6: 10 -> L6 (older than ttl, LZ4, bottommost)

pick ttl=0
----
nothing to do

pick ttl=0 period=3000000
----
merge L6: 10 -> L6 (periodic, LZ4, bottommost)

# ==== Universal ====

define
L0 4:[a..z] 10MB 3:[a..z] 10MB 2:[a..z] 10MB
L6 1:[a..z] 200MB
----
ok

# Four runs; the new ones alike.
pick style=universal
----
merge L0: 4 3 2 -> L5 (runs of like size, LZ4) below a..z

pick style=universal trigger=5
----
nothing to do

pick style=universal width_min=4
----
nothing to do

# The newer ones have a fifth of the oldest: all become one.
pick style=universal amp=15
----
merge L0: 4 3 2 L6: 1 -> L6 (space amplification, LZ4, bottommost)

# Runs too unlike, and one too many: the newest.
define
L0 5:[a..z] 10MB 4:[a..z] 30MB 3:[a..z] 100MB
L5 2:[a..z] 300MB
L6 1:[a..z] 1000MB
----
ok

pick style=universal
----
merge L0: 5 4 -> L0 (too many runs, LZ4) below a..z

pick style=universal trigger=3
----
merge L0: 5 4 3 -> L4 (too many runs, LZ4) below a..z

# As deep as the next older run lets it: level 5 is free.
define
L0 5:[a..z] 10MB 4:[a..z] 10MB
L4 3:[a..m] 5MB 2:[n..z] 5MB
L6 1:[a..z] 1000MB
----
ok

pick style=universal trigger=2
----
merge L0: 5 4 L4: 3 2 -> L5 (runs of like size, LZ4) below a..z

# Right above level 1 is level 0.
define
L0 5:[a..z] 10MB 4:[a..z] 10MB
L1 3:[a..m] 50MB 2:[n..z] 50MB
----
ok

pick style=universal trigger=2
----
merge L0: 5 4 -> L0 (runs of like size, LZ4) below a..m n..z

# A job runs on the older half; the newer half stays in level 0.
define
L0 6:[a..z] 10MB 5:[a..z] 10MB 4:[a..z] 100MB 3:[a..z] 100MB
L6 1:[a..z] 1000MB
----
ok

all style=universal trigger=2
----
merge L0: 6 5 -> L0 (runs of like size, LZ4) below a..z
merge L0: 4 3 -> L5 (runs of like size, LZ4) below a..z
nothing to do

# Old data: all are rewritten.
define
L0 6:[a..z] 10MB
L6 1:[a..z] 1000MB age=100
----
ok

pick style=universal
----
nothing to do

pick style=universal period=100
----
merge L0: 6 L6: 1 -> L6 (periodic, LZ4, bottommost)

# ==== FIFO ====

define
L0 4:[a..z] 10MB age=10 3:[a..z] 10MB age=20 2:[a..z] 10MB age=30 1:[a..z] 10MB age=40
----
ok

pick style=fifo
----
nothing to do

pick style=fifo fifo=40MB
----
nothing to do

pick style=fifo fifo=25MB
----
drop L0: 2 1 (more bytes than fifo keeps)

pick style=fifo ttl=30
----
drop L0: 2 1 (older than fifo keeps)

pick style=fifo ttl=41
----
nothing to do

# Was leveled once: the last level goes first, or what it holds would come back.
define
L0 4:[a..z] 10MB age=90 3:[a..z] 10MB age=90
L5 7:[a..m] 10MB age=10
L6 5:[a..m] 10MB age=90 6:[n..z] 10MB age=90
----
ok

pick style=fifo fifo=35MB
----
drop L6: 5 6 (more bytes than fifo keeps)

pick style=fifo ttl=60
----
drop L6: 5 6 (older than fifo keeps)

# ==== Not asked ====

define
L0 4:[a..z] 64MB 3:[a..z] 64MB 2:[a..z] 64MB 1:[a..z] 64MB
----
ok

pick off
----
nothing to do

pick style=none
----
nothing to do

# ==== By hand ====

# Level by level; nothing starts in one before those above are done.
define
L0 30:[c..d] 10MB
L5 20:[a..b] 10MB 21:[c..f] 10MB
L6 10:[a..z] 300MB seq=0-0
----
ok

manual
----
merge L0: 30 L5: 21 -> L5 (manual, LZ4) below a..z

manual
----
wait

# Only what is asked for.
define
L5 20:[a..b] 10MB 21:[c..f] 10MB
L6 10:[a..b] 300MB seq=0-0 11:[b1..z] 300MB seq=0-0
----
ok

manual [d..g]
----
merge L5: 21 L6: 11 -> L6 (manual, LZ4, bottommost)

manual [d..g]
----
wait

manual [h..z]
----
done

# The last level: what has sequence numbers, unless a snapshot needs them all, or everything.
define
L6 10:[a..b] 300MB seq=0-0 11:[c..d] 300MB seq=0-9 12:[e..f] 300MB seq=20-30
----
ok

manual snapshot=15
----
merge L6: 11 -> L6 (manual, LZ4, bottommost)

manual snapshot=15
----
wait

manual snapshot=15 forced
----
merge L6: 10 -> L6 (manual, LZ4, bottommost)

# ... and not again what was written since.
define
L6 10:[a..b] 300MB seq=0-9 11:[c..d] 300MB seq=0-9
----
ok

manual next=10
----
done

manual next=11
----
merge L6: 10 -> L6 (manual, LZ4, bottommost)

# Writes that go on are left out: 30 is newer than the request.
define
L0 30:[c..d] 10MB seq=100-200 29:[c..d] 10MB seq=50-60
L6 10:[a..z] 300MB seq=0-0
----
ok

manual seq=99
----
move L0: 29 -> L5 (manual)

define
L0 30:[c..d] 10MB seq=100-200
L6 10:[a..z] 300MB seq=0-0
----
ok

manual seq=99
----
done

# Nothing below: a move as far as it goes.
define
L4 20:[a..b] 10MB
L5 21:[c..d] 10MB
L6 22:[e..f] 300MB seq=0-0
----
ok

manual
----
move L4: 20 -> L5 (manual)

# All runs become one.
define
L0 30:[c..d] 10MB 29:[c..d] 10MB
L5 20:[a..b] 10MB
L6 10:[a..z] 300MB seq=0-0
----
ok

manual style=universal
----
merge L0: 30 29 L5: 20 L6: 10 -> L6 (manual, LZ4, bottommost)

manual style=universal
----
wait

manual style=fifo
----
done

# ==== Jobs ====

define
L0 4:[a..z] 10MB 3:[b..y] 10MB 2:[a..z] 10MB 1:[a..x] 10MB
L6 10:[a..b] 64MB 11:[c..d] 64MB 12:[e..f] 64MB 13:[g..h] 64MB 14:[i..j] 64MB 15:[k..z] 64MB
----
ok

cut jobs=3
----
merge L0: 4 3 2 1 -> L5 (level 0 has many tables, LZ4) below a..b c..d e..f g..h i..j k..z
3 jobs: e h

cut jobs=6
----
merge L0: 4 3 2 1 -> L5 (level 0 has many tables, LZ4) below a..b c..d e..f g..h i..j k..z
6 jobs: c d f h j

cut jobs=4 min=200MB
----
merge L0: 4 3 2 1 -> L5 (level 0 has many tables, LZ4) below a..b c..d e..f g..h i..j k..z
1 jobs:

cut jobs=1
----
merge L0: 4 3 2 1 -> L5 (level 0 has many tables, LZ4) below a..b c..d e..f g..h i..j k..z
1 jobs:

# The base level as a guide to level 0, where most is in a..b.
define
L0 4:[a..z] 100MB 3:[a..z] 100MB 2:[a..z] 100MB 1:[a..z] 100MB
L6 10:[a..a3] 64MB 11:[a4..a6] 64MB 12:[a7..b] 64MB 13:[c..z] 50MB
----
ok

cut jobs=4
----
merge L0: 4 3 2 1 L6: 10 11 12 13 -> L6 (level 0 has many tables, LZ4, bottommost)
4 jobs: a3 a6 b

# One table holds nearly all: there is nowhere to cut.
define
L0 4:[a..z] 1MB 3:[a..z] 1MB 2:[a..z] 1MB 1:[a..z] 1MB
L6 10:[a..b] 1MB 11:[c..y] 1GB 12:[z..z] 1MB
----
ok

cut jobs=4 min=16MB
----
merge L0: 4 3 2 1 -> L5 (level 0 has many tables, LZ4) below a..b c..y z..z
1 jobs:

# ==== Deadlines ====

# Half of a table is dead: it is rewritten in the last level, though nothing else presses.
define
L6 10:[a..f] 64MB dies=80:-5:60 11:[g..p] 64MB dies=80:5:60 12:[q..z] 64MB
----
ok

pick
----
merge L6: 10 -> L6 (deadlines have passed, LZ4, bottommost)

# ... or on its way down; in level 0 only when it has rested for a while.
define
L0 4:[a..f] 10MB dies=80:-5:60
L5 9:[a..f] 1MB dies=80:-5:60
L6 10:[a..f] 64MB
----
ok

all
----
merge L5: 9 L6: 10 -> L6 (level should be empty, LZ4, bottommost)
nothing to do

define
L0 4:[a..f] 10MB dies=80:-5:60 age=60
L6 10:[a..f] 64MB
----
ok

pick
----
merge L0: 4 L6: 10 -> L6 (deadlines have passed, LZ4, bottommost)

# All of it is dead and nothing older lies below: it goes unread, with its neighbours.
define
L5 8:[a..b] 10MB dies=100:-9:-5 9:[c..d] 10MB dies=90:-9:-5 del=10 10:[e..f] 10MB dies=99:-9:-5
L6 11:[k..m] 64MB
----
ok

pick
----
drop L5: 8 9 (deadlines have passed)

# What lies below is older, so first that goes, and then what hides it.
define
L0 4:[a..z] 10MB dies=100:-9:-5
L6 10:[a..f] 64MB dies=100:-9:-5
----
ok

start
----
drop L6: 10 (deadlines have passed)

pick
----
nothing to do

define
L0 4:[a..z] 10MB dies=100:-9:-5
L6 10:[a..f] 64MB
----
ok

pick
----
nothing to do

# An older table of level 0 is below, too; a key that goes on in a neighbour stays whole.
define
L0 4:[a..c] 10MB dies=100:-9:-5 3:[b..d] 10MB 2:[p..q] 10MB dies=100:-9:-5
L6 10:[f..g#9] 1MB dies=100:-9:-5 11:[g#8..h] 1MB
----
ok

all
----
drop L0: 2 (deadlines have passed)
merge L6: 10 11 -> L6 (deadlines have passed, LZ4, bottommost)
nothing to do

# A snapshot that is older than all of a table does not keep it; one that sees any of it does.
define
L6 10:[a..f] 64MB seq=20-30 dies=100:-9:-5
----
ok

pick snapshot=19
----
drop L6: 10 (deadlines have passed)

pick snapshot=20
----
nothing to do

# The styles that never rewrite for it drop what is all dead as well.
define
L0 4:[a..f] 10MB dies=100:-9:-5
----
ok

pick style=universal
----
drop L0: 4 (deadlines have passed)

pick style=fifo
----
drop L0: 4 (deadlines have passed)

# ==== Under range tombstones ====

# A deletion of everything, in the newest table: all that is older goes, but for what runs.
define
L0 9:[y..z] 10MB seq=990-999 8:[a..zz!] 1KB seq=900-950 hides=a..zz#950 7:[a..z] 64MB seq=800-850 6:[c..d] 64MB seq=700-750
L4 20:[a..f] 64MB 21:[g..p] 64MB
L6 30:[a..k] 1GB 31:[l..z] 1GB
----
ok

bury
----
drop L0: 7 6 L4: 20 21 L6: 30 31 (under newer range tombstones)

bury
----
none

# The plan that a job's bytes cut short isn't needed for that.
define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..z] 64MB seq=800-850 3:[a..z] 64MB seq=700-750 2:[a..z] 64MB seq=600-650 1:[a..z] 64MB seq=500-550
L6 30:[a..z] 110MB
----
ok

start job=128MB
----
merge L0: 2 1 L6: 30 -> L6 (level 0 has many tables, LZ4, bottommost)

bury
----
drop L0: 4 3 (under newer range tombstones)

# A snapshot in between keeps what it sees; one that is older than all of a table, or younger than
# the deletion, does not.
define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..z] 64MB seq=800-850
L6 30:[a..k] 110MB seq=1-20 31:[l..z] 110MB seq=500-550
----
ok

bury snapshot=950
----
drop L0: 4 L6: 30 31 (under newer range tombstones)

define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..z] 64MB seq=800-850
L6 30:[a..k] 110MB seq=1-20 31:[l..z] 110MB seq=500-550
----
ok

bury snapshot=300
----
drop L0: 4 L6: 31 (under newer range tombstones)

bury snapshot=949
----
none

# What a deletion is too new for is not asked about table by table.
define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950
L6 30:[a..b] 64MB seq=1-20 31:[c..d] 64MB seq=1-20 32:[e..f] 64MB seq=800-820 33:[g..h] 64MB seq=1-20 34:[i..j] 64MB seq=800-820 35:[k..l] 64MB seq=1-20
----
ok

bury snapshot=700
----
drop L6: 32 34 (under newer range tombstones)

questions
----
3

# ... unless it sees an older deletion too.
define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..zz!] 1KB seq=600-700 hides=a..zz#650
L6 31:[l..z] 110MB seq=500-550
----
ok

bury snapshot=660
----
drop L6: 31 (under newer range tombstones)

# Part of a tree: tables that reach out of the range stay, and so do those that are not older.
define
L0 5:[c..h!] 1KB seq=900-950 hides=c..h#950
L5 20:[a..c] 64MB 21:[d..e] 64MB 22:[f..g] 64MB seq=940-951 23:[g1..h!] 64MB 24:[h..i] 64MB
L6 30:[b..c] 64MB 31:[c1..h] 64MB
----
ok

bury
----
drop L5: 21 23 (under newer range tombstones)

# Two deletions side by side do as one, in a table and over its end; a gap does not.
define
L5 20:[a..f!] 1MB seq=900-950 hides=a..c#950 hides=c..f#940 21:[f..p!] 1MB seq=900-950 hides=f..k#930 hides=m..p#930
L6 30:[a..b] 64MB 31:[b1..e] 64MB 32:[e1..h] 64MB 33:[h1..l] 64MB 34:[m..o] 64MB 35:[o1..p] 64MB
----
ok

bury
----
drop L6: 30 31 32 34 (under newer range tombstones)

# What lies above a deletion, or beside it in its level, is no concern of it.
define
L0 5:[a..d] 10MB seq=10-20
L5 20:[a..f!] 1MB seq=900-950 hides=a..f#950 21:[f..h] 1MB
----
ok

bury
----
none

# A table's largest key itself may be under its last tombstone.
define
L0 5:[a..k] 1MB seq=900-950 hides=a..z#950
L6 30:[a..k] 64MB 31:[l..m] 64MB
----
ok

bury
----
drop L6: 30 (under newer range tombstones)

# Nobody has opened it yet; what can be told without it is not held up.
define
L0 5:[a..d] 1KB seq=900-950 closed hides=a..d#950 4:[m..p] 1KB seq=800-850 hides=m..p#850
L6 30:[a..b] 64MB 31:[n..o] 64MB
----
ok

bury
----
drop L6: 31 (under newer range tombstones)

bury
----
not known

# Tables of somebody else's: in level 0 they are looked at.
define
L0 5:[a..d] 1KB seq=900-950 closed uncounted hides=a..d#950
L6 30:[a..b] 64MB
----
ok

bury
----
not known

define
L5 5:[a..d] 1KB seq=900-950 closed uncounted hides=a..d#950
L6 30:[a..b] 64MB
----
ok

bury
----
none

# The other styles: the same.
define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..z] 64MB seq=800-850 3:[a..z] 64MB seq=700-750
L6 30:[a..z] 110MB
----
ok

bury style=universal
----
drop L0: 4 3 L6: 30 (under newer range tombstones)

define
L0 5:[a..zz!] 1KB seq=900-950 hides=a..zz#950 4:[a..z] 64MB seq=800-850 3:[a..z] 64MB seq=700-750
----
ok

bury style=fifo
----
drop L0: 4 3 (under newer range tombstones)

# Few tombstones, far apart.
define
L0 5:[a..z!] 1KB seq=900-950 hides=a..b#950 hides=y..z#950
L6 30:[a..a5] 1MB 31:[b..b9] 1MB 32:[c..d] 1MB 33:[e..f] 1MB 34:[g..y5] 1MB 35:[y6..y9] 1MB
----
ok

bury
----
drop L6: 30 35 (under newer range tombstones)

# ==== Little space ====

# Level 0 overlaps the whole last level, for which there is no space: its oldest tables go to the
# level above, with nothing of what is below it;
define
L0 4:[a..z] 20MB 3:[a..z] 20MB 2:[a..z] 20MB 1:[a..z] 20MB
L6 10:[a..m] 50MB 11:[n..z] 50MB
----
ok

pick within=50MB
----
merge L0: 2 1 -> L5 (little space for level 0, LZ4) below a..m n..z

# ... and from there in small parts,
define
L0 4:[a..z] 20MB 3:[a..z] 20MB
L5 20:[a..c] 5MB 21:[d..f] 5MB 22:[g..m] 5MB 23:[n..z] 5MB
L6 10:[a..b] 10MB 11:[c..d] 10MB 12:[e..h] 10MB 13:[i..m] 10MB 14:[n..s] 10MB 15:[t..z] 10MB
----
ok

all within=30MB
----
merge L5: 20 L6: 10 11 -> L6 (level should be empty, LZ4, bottommost)
merge L5: 22 L6: 12 13 -> L6 (level should be empty, LZ4, bottommost)
merge L5: 23 L6: 14 15 -> L6 (level should be empty, LZ4, bottommost)
nothing to do

# ... before more of level 0 comes down.
define
L0 4:[a..z] 20MB 3:[a..z] 20MB
L5 23:[n..z] 5MB
L6 14:[n..s] 30MB 15:[t..z] 30MB
----
ok

pick within=50MB trigger=2
----
merge L0: 4 3 -> L4 (little space for level 0, LZ4) below n..z

pick within=19MB trigger=2
----
nothing to do

# Nothing is wanted, or no table has space.
pick within=50MB
----
nothing to do

pick within=4MB trigger=1
----
nothing to do

pick within=7
----
nothing to do

# Universal: as many neighbours as have space, with the fewest bytes.
define
L0 9:[a..z] 5MB 8:[a..z] 6MB 7:[a..z] 2MB 6:[a..z] 3MB 5:[a..z] 1MB
L6 1:[a..z] 500MB
----
ok

pick style=universal within=6.5MB
----
merge L0: 7 6 5 -> L5 (little space for runs, LZ4) below a..z

pick style=universal within=10MB
----
merge L0: 7 6 5 -> L5 (little space for runs, LZ4) below a..z

pick style=universal within=3MB
----
nothing to do

# Its old runs have names further down.
define
L0 9:[a..z] 50MB
L4 8:[a..z] 20MB
L5 7:[a..z] 15MB
L6 1:[a..z] 500MB
----
ok

pick style=universal within=40MB
----
merge L4: 8 L5: 7 -> L5 (little space for runs, LZ4) below a..z

# Other styles have no such plans.
pick style=fifo within=400MB
----
nothing to do

pick style=none within=400MB
----
nothing to do

