"""A run.py that keeps the contract by hand, and breaks it as its options say. Standard library alone, no guest."""

import json
import os
import sys
import time

RECORDS = "records"


def arguments():
    words = sys.argv[2:] if sys.argv[1:2] == ["serve"] else sys.argv[1:]
    return dict(zip(words[::2], words[1::2]))


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def answer(number, **rest):
    say(json.dumps(dict({"repro": 1, "id": number}, **rest), separators=(",", ":")) + "\n")


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


class Serve:
    """Each method answers one request, well or badly."""

    def __init__(self, output_dir):
        self.output_dir = output_dir

    def right(self, number, records):
        answer(number, results=[{"output": record["text"][::-1]} for record in records])

    def garbage(self, number, records):
        sys.stdout.buffer.write(b"\x00\xff not a message\n{\n" + b"\n" * 3 + b'{"repro":\n{"repro":1,"id":999}\n')
        self.right(number, records)

    def too_few(self, number, records):
        answer(number, results=[{}] * (len(records) - 1))

    def too_many(self, number, records):
        answer(number, results=[{}] * (len(records) + 1))

    def no_objects(self, number, records):
        answer(number, results=[1] * len(records))

    def no_list(self, number, records):
        answer(number, results="all went well")

    def nothing_in_it(self, number, records):
        answer(number)

    def error_is_text(self, number, records):
        answer(number, error="it went wrong")

    def half_a_line(self, number, records):
        say('{"repro":1,"id":%d,"results":[{"out' % number)
        sys.exit(0)

    def half_a_line_in_a_file(self, number, records):
        write(self.output_dir, "%d.jsonl" % number, '{"output":1}\n' * (len(records) - 1) + '{"outp')
        answer(number, output="%d.jsonl" % number)

    def too_few_in_a_file(self, number, records):
        write(self.output_dir, "%d.jsonl" % number, '{"output":1}\n' * (len(records) - 1))
        answer(number, output="%d.jsonl" % number)

    def garbage_in_a_file(self, number, records):
        write(self.output_dir, "%d.jsonl" % number, "garbage\n" * len(records))
        answer(number, output="%d.jsonl" % number)

    def no_file(self, number, records):
        answer(number, output="%d.jsonl" % number)

    def file_elsewhere(self, number, records):
        answer(number, output="../in/secret.jsonl")

    def link(self, number, records):
        os.symlink("/etc/passwd", os.path.join(self.output_dir, "%d.jsonl" % number))
        answer(number, output="%d.jsonl" % number)

    def pipe(self, number, records):
        os.mkfifo(os.path.join(self.output_dir, "%d.jsonl" % number))
        answer(number, output="%d.jsonl" % number)

    def array_elsewhere(self, number, records):
        line = '{"x":{"$npy":"../../../../../../etc/passwd","start":0,"shape":[1]}}\n'
        write(self.output_dir, "%d.jsonl" % number, line * len(records))
        answer(number, output="%d.jsonl" % number)

    def odd_number(self, number, records):
        say('{"repro":1,"id":[%d],"results":[]}\n' % number)
        self.right(number, records)

    def ready_again(self, number, records):
        say('{"repro":1,"ready":true}\n')
        self.right(number, records)

    def twice(self, number, records):
        self.right(number, records)
        self.right(number, records)

    def no_json(self, number, records):
        say('{"repro":1,"id":%d,"results":[{"output":NA}]}\n' % number)

    def nested_too_deeply(self, number, records):
        say('{"repro":1,"id":%d,"results":%s}\n' % (number, "[" * 100000 + "]" * 100000))

    def nested_too_deeply_in_a_file(self, number, records):
        row = '{"output":%s}\n' % ("[" * 100000 + "]" * 100000)
        write(self.output_dir, "%d.jsonl" % number, row * len(records))
        answer(number, output="%d.jsonl" % number)

    def folder(self, number, records):
        os.mkdir(os.path.join(self.output_dir, "%d.jsonl" % number))
        answer(number, output="%d.jsonl" % number)

    def folder_then_death(self, number, records):
        os.mkdir(os.path.join(self.output_dir, "%d.things" % number))
        sys.exit(3)

    def name_of_no_file(self, number, records):
        answer(number, output="a\0b")

    def lets_go_of_stdout(self, number, records):
        os.close(1)
        time.sleep(3600)

    def line_without_end(self, number, records):
        for _ in range(100):
            os.write(1, b"x" * (1 << 20))
        say("\n")
        self.right(number, records)

    def deep_folders(self, number, records):
        inner = os.open(self.output_dir, os.O_RDONLY)
        for _ in range(2500):
            os.mkdir("deeper", dir_fd=inner)
            outer, inner = inner, os.open("deeper", os.O_RDONLY, dir_fd=inner)
            os.close(outer)
        os.close(inner)
        self.right(number, records)

    def exit0(self, number, records):
        sys.exit(0)

    def hang(self, number, records):
        time.sleep(3600)


def serve(behaviour, given):
    if behaviour == "exit0_at_once":
        sys.exit(0)
    if behaviour == "never_ready":
        time.sleep(3600)
    if behaviour == "garbage_for_ready":
        say("Traceback (most recent call last):\n")
        sys.exit(3)
    say('{"repro":1,"ready":true}\n')
    handler = getattr(Serve(given["--output-dir"]), behaviour)
    for line in sys.stdin:
        request = json.loads(line)
        if "input" in request:
            with open(os.path.join(given["--input-dir"], request["input"])) as file:
                records = [json.loads(row) for row in file]
        else:
            records = request[RECORDS]
        handler(request["id"], records)


def predict(behaviour, given):
    """The classic form: one file in, one file out."""
    with open(given["--input-file"]) as file:
        records = [json.loads(row) for row in file]
    rows = [json.dumps({"output": record["text"][::-1]}) + "\n" for record in records]
    text = {
        "right": "".join(rows),
        "garbage": "garbage\n",
        "too_few": "".join(rows[:-1]),
        "too_many": "".join([*rows, rows[-1]]),
        "half_a_line": "".join(rows)[:-5],
        "exit0": None,
        "not_utf8": None,
        "exit3": None,
    }[behaviour]
    if behaviour == "not_utf8":
        with open(given["--output-file"], "wb") as out:
            out.write(b'{"output": "\xff\xfe"}\n')
    if text is not None:
        with open(given["--output-file"], "w") as out:
            out.write(text)
    if behaviour == "exit3":
        print("the model is out of luck", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    given = arguments()
    if sys.argv[1:2] == ["serve"]:
        serve(json.loads(given["--options"])["behaviour"], given)
    else:
        predict(given["--behaviour"], given)
