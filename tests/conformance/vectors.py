"""The vectors of proto/vectors/, read and checked."""

import fnmatch
import json
import pathlib

from . import notation

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "proto" / "vectors"
SIDES = ("client", "worker", "server")
LEVELS = ("must", "should")
STEPS = ("send", "expect", "tell", "outcome", "end", "gone")


class Vector:
    """One thing that is proved: `steps` are what happens, in order, as the kit sees it."""

    def __init__(self, side, given):
        self.side = side
        self.name = given["name"]
        self.section = given["section"]
        self.level = given["level"]
        self.about = given["about"]
        self.steps = given["steps"]
        self.given = given


class Book:
    """The vectors of one side, and what holds for all of them (`common`: hello, ...)."""

    def __init__(self, side, folder=FOLDER):
        given = json.loads((folder / f"{side}.json").read_text())
        self.common = given
        self.vectors = [Vector(side, vector) for vector in given["vectors"]]


def chosen(vectors, pattern):
    """Those whose name has the pattern in it, or fits it."""
    if pattern is None:
        return vectors
    wild = pattern if set("*?[") & set(pattern) else f"*{pattern}*"
    return [vector for vector in vectors if fnmatch.fnmatchcase(vector.name, wild)]


def said_and_meant(given):
    """All pairs of bytes and what stands beside them for people, anywhere in a file of vectors."""
    if isinstance(given, list):
        for item in given:
            yield from said_and_meant(item)
    elif isinstance(given, dict):
        for key in ("send", "expect"):
            if key in given:
                yield given[key], given.get("reads")
        for item in given.values():
            yield from said_and_meant(item)


def wrong_in(book):
    """What is wrong with the vectors themselves."""
    wrong, names = [], set()
    for vector in book.vectors:
        where = f"{vector.side}: {vector.name}"
        if vector.name in names:
            wrong.append(f"{where}: the name is there already")
        names.add(vector.name)
        if vector.level not in LEVELS:
            wrong.append(f"{where}: level {vector.level}")
        for step in vector.steps:
            if sum(kind in step for kind in STEPS) != 1:
                wrong.append(f"{where}: a step is one of {', '.join(STEPS)}: {step}")
        for text, beside in said_and_meant(vector.given):
            meant = notation.reads(text)
            if meant is not None and meant != beside:
                wrong.append(f"{where}: {text} reads {meant}, not {beside}")
    return wrong
