from repro_guest import Runner


class Reverse(Runner):
    def load(self, options):
        pass

    def predict(self, records):
        for record in records:
            yield {"output": record["text"][::-1]}


if __name__ == "__main__":
    Reverse.main()
