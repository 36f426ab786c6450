"""Reads the logs that Weights & Biases keeps offline, for tests."""

import json
import struct


def log_of(file):
    """Yield the records of a log of Weights & Biases: pieces with a head of checksum, length and kind, in blocks."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = file.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while at < len(data):
        if 32768 - at % 32768 < 7:  # what is left of a block has no room for a head
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:  # whole, or the last piece
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def kept_by_wandb(folder):
    """Return the runs in a folder by name: their folder, configuration and rows."""
    runs = {}
    for place in (folder / "wandb").glob("offline-run-*"):
        records = list(log_of(next(place.glob("*.wandb"))))
        run = next(each.run for each in records if each.WhichOneof("record_type") == "run")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        rows = [
            {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in each.history.item}
            for each in records
            if each.WhichOneof("record_type") == "history"
        ]
        assert run.display_name not in runs
        runs[run.display_name] = (place, config, rows)
    return runs
