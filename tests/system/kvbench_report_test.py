#!/usr/bin/env python3
"""Goal: what kvbench writes can be read by the programs that people will read it with.

Method: made-up measurements in every form (tests/tools/kvbench_sample.c), taken apart by Python's
own parsers of JSON, CSV and XML; the numbers in them must agree with each other and with the
percentiles that the buckets give.  A picture must have its lines within its frame."""

import csv
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

BIN = pathlib.Path(os.environ["KV_BIN"])
SVG = "{http://www.w3.org/2000/svg}"
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "p99.99": 99.99}


def width_of(low):
    """As RESULT.md says."""
    return 1 if low < 2048 else 2 ** (low.bit_length() - 11)


def check_latencies(operation):
    count, latency = operation["count"], operation["latency_ns"]
    assert sum(n for _, n in operation["histogram"]) == count
    middle = sum((low + width_of(low) / 2) * n for low, n in operation["histogram"]) / count
    assert abs(middle - latency["mean"]) < 0.001 * latency["mean"]
    for name, percent in PERCENTILES.items():
        seen, rank = 0, math.ceil(percent / 100 * count)
        for low, n in operation["histogram"]:
            seen += n
            if seen >= rank:
                break
        assert low <= latency[name] < low + width_of(low), name
    assert latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]


def check_json(folder, seconds, repeats):
    result = json.loads((folder / "sample.json").read_text())
    assert result["format"] == "kvbench-result" and result["version"] == 1
    assert result["settings"]["command"] == 'SET <key> "value" & ä'
    assert len(result["runs"]) == repeats
    for run in result["runs"]:
        assert run["duration_ns"] == seconds * 1e9
        assert len(run["stalls_us"]) == int(seconds)
        for operation in run["operations"]:
            check_latencies(operation)
            assert abs(operation["ops_per_s"] - operation["count"] / seconds) < 0.001
            assert len(operation["seconds"]) == int(seconds)
            assert sum(e["count"] for e in operation["error_texts"]) == operation["errors"]
    return result


def check_csv(folder, result):
    rows = list(csv.DictReader((folder / "sample.csv").open(newline="")))
    expected = [(run, operation) for run in result["runs"] for operation in run["operations"]]
    assert len(rows) == len(expected)
    for row, (run, operation) in zip(rows, expected):
        assert row["workload"] == run["workload"] and row["operation"] == operation["name"]
        assert int(row["count"]) == operation["count"] and int(row["errors"]) == operation["errors"]
        for name in list(PERCENTILES) + ["min", "mean", "max"]:
            assert abs(float(row[name + "_us"]) * 1000 - operation["latency_ns"][name]) < 0.6, name
        assert row["valid"] == "yes"


def check_seconds(folder, result):
    lines = [json.loads(line) for line in (folder / "sample.jsonl").read_text().splitlines()]
    expected = [
        (second + 1, operation["name"], operation["seconds"][second])
        for run in result["runs"]
        for second in range(len(run["stalls_us"]))
        for operation in run["operations"]
    ]
    assert len(lines) == len(expected)
    for line, (second, name, numbers) in zip(lines, expected):
        assert line["second"] == second and line["operation"] == name
        found = [line[k] for k in ("count", "errors", "p50_ns", "p99_ns", "max_ns")]
        assert found == numbers


def check_picture(folder, has_series, repeats):
    root = xml.parse(folder / "sample.svg").getroot()
    width, height = float(root.get("width")), float(root.get("height"))
    texts = [element.text for element in root.iter(SVG + "text")]
    assert "get" in texts and "Latency by percentile" in texts
    assert (texts.count("time, s") == 2 * min(repeats, 12)) == has_series, texts
    for path in root.iter(SVG + "path"):
        numbers = [float(n) for n in re.findall(r"-?[0-9.]+", path.get("d").replace("h0", ""))]
        assert numbers and "nan" not in path.get("d")
        for x, y in zip(numbers[::2], numbers[1::2]):
            assert 0 <= x <= width and 0 <= y <= height, path.get("d")
    for text in root.iter(SVG + "text"):
        assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height


def main():
    if not (BIN / "kvbench_sample").exists():
        print("no kvbench_sample")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="kv-report-") as name:
        folder = pathlib.Path(name)
        for seconds, repeats, slowness in ((30, 2, 1), (1, 1, 1), (0.25, 1, 1), (2000, 13, 500)):
            subprocess.run(
                [BIN / "kvbench_sample", folder, "5", str(seconds), str(repeats), str(slowness)],
                check=True,
            )
            result = check_json(folder, seconds, repeats)
            check_csv(folder, result)
            check_seconds(folder, result)
            if seconds < 300:
                check_picture(folder, seconds >= 1, repeats)
            else:
                texts = [t.text for t in xml.parse(folder / "sample.svg").iter(SVG + "text")]
                assert "time, min (a point is 3 s)" in texts and "1 more runs are not drawn." in texts
    print("reports: JSON, CSV, JSON lines and SVG are as documented")


main()
