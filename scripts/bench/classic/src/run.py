"""The run.py of the classic tutorial: one container a call, JSONL in, JSONL out."""

import argparse
import json


def main(args):
    with open(args.output_file, "w") as out:
        with open(args.input_file) as f:
            for line in f:
                data = json.loads(line)
                text = data["text"]
                reversed_text = text[::-1]
                out.write(json.dumps({"output": reversed_text}) + "\n")


if __name__ == "__main__":
    argp = argparse.ArgumentParser()
    argp.add_argument("--input-file", required=True)
    argp.add_argument("--output-file", required=True)
    main(argp.parse_args())
