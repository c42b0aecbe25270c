"""What becomes of the workers when the process that uses them ends, forks, is interrupted or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from repro.runtimes.base import Runtime
from tests.integration.hosts import Host, wait_for

INTERRUPTED_WITHIN_S = 2.0
ORPHANS_END_WITHIN_S = 10.0

LEFT_OPEN = "stream = model.stream([{'do': 'reverse'}] * 100); next(stream)"
CALL_IN_A_THREAD = (
    "threading.Thread(target=model.predict, args=({'do': 'hang'},), daemon=True).start(); time.sleep(0.3)"
)
CALL = "MisbehavingModel(**WHERE).predict_batch([{'do': 'hang', 'note': 'begun'}])"


def wait_for_no_worker(host: Host) -> None:
    wait_for(lambda: not host.workers(), ORPHANS_END_WITHIN_S, "no worker is left")


class TestOrderlyEnd:
    @pytest.mark.parametrize(
        ("runtime", "end"),
        [
            ("local", ""),
            ("local", "sys.exit(0)"),
            ("local", "del model"),
            ("local", "model.close()"),
            ("local", LEFT_OPEN),
            ("local", CALL_IN_A_THREAD),
            ("docker", ""),
            ("docker", LEFT_OPEN),
            ("docker", CALL_IN_A_THREAD),
        ],
        indirect=["runtime"],
    )
    def test_the_end_of_the_interpreter_leaves_nothing(self, host: Host, end: str) -> None:
        host.run(f"model = MisbehavingModel(**WHERE)\nmodel.predict({{'do': 'reverse', 'text': 'abc'}})\n{end}")

        assert host.workers() == []
        assert host.exchange_folders() == []

    def test_an_exception_that_ends_the_program_leaves_nothing(self, host: Host) -> None:
        process = host.start("MisbehavingModel(**WHERE).predict({'do': 'raise'})")

        _, said = process.communicate(timeout=60)

        assert process.returncode == 1
        assert "PredictionError: record 0: the model raised ValueError" in said
        assert host.workers() == []
        assert host.exchange_folders() == []

    def test_nothing_is_printed_that_the_program_does_not_print(self, host: Host) -> None:
        done = host.run("model = MisbehavingModel(**WHERE)\nprint(model.predict({'do': 'print'}))")

        assert done.stdout == "{'printed': True}\n"
        assert done.stderr == ""


class TestFork:
    PROGRAM = """
    MARK = "sys.seen = getattr(sys, 'seen', '') + {!r}; answer = sys.seen"
    model = MisbehavingModel(**WHERE)

    def mark(who):
        return model.predict({"do": "python", "code": MARK.format(who)})["value"]

    """

    def test_a_child_gets_a_worker_of_its_own_whoever_calls_first(self, host: Host) -> None:
        done = host.run(
            self.PROGRAM
            + """
    print(mark("p"))
    child = os.fork()
    if child == 0:
        print(mark("c"))
        print(mark("c"))
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(mark("p"))
    child = os.fork()
    if child == 0:
        time.sleep(1)
        print(mark("d"))
        sys.exit(0)
    print(mark("p"))
    assert os.waitpid(child, 0)[1] == 0
    print(mark("p"))
    print(model.session.starts)
    """
        )

        assert done.stdout.split() == ["p", "c", "cc", "pp", "ppp", "d", "pppp", "1"]
        assert host.workers() == []
        assert host.exchange_folders() == []

    @pytest.mark.parametrize(
        ("runtime", "end"),
        [
            ("local", "os._exit(0)"),
            ("local", "sys.exit(0)"),
            ("local", "os.kill(os.getpid(), 9)"),
            ("local", "model.close()"),
            ("docker", "sys.exit(0)"),
            ("docker", "model.close()"),
        ],
        indirect=["runtime"],
    )
    def test_a_child_that_ends_does_not_end_the_parents_worker(self, host: Host, end: str) -> None:
        done = host.run(
            self.PROGRAM
            + f"""
    print(mark("p"))
    child = os.fork()
    if child == 0:
        {end}
        os._exit(0)
    os.waitpid(child, 0)
    print(mark("p"), model.session.starts)
    """
        )

        assert done.stdout.split() == ["p", "pp", "1"]

    def test_a_child_may_be_forked_in_the_middle_of_a_stream(self, host: Host) -> None:
        done = host.run(
            """
    records = [{"do": "reverse", "text": str(n)} for n in range(100, 140)]
    found = []
    with MisbehavingModel(batch_size=4, **WHERE) as model:
        for number, answer in enumerate(model.stream(records)):
            found.append(answer["output"])
            if number == 10:
                child = os.fork()
                if child == 0:
                    assert model.predict({"do": "reverse", "text": "abc"}) == {"output": "cba"}
                    model.close()
                    os._exit(7)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print(found == [record["text"][::-1] for record in records], model.session.starts)
    """
        )

        assert done.stdout.split() == ["True", "1"]

    def test_processes_of_a_pool_each_have_their_own(self, host: Host) -> None:
        done = host.run(
            """
    import multiprocessing
    model = MisbehavingModel(**WHERE)
    model.predict({"do": "reverse", "text": "abc"})

    def call(text):
        return model.predict({"do": "reverse", "text": text})["output"]

    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(call, ["ab", "cd", "ef", "gh"]))
        pool.close()
        pool.join()
    print(call("xy"))
    """
        )

        assert done.stdout == "['ba', 'dc', 'fe', 'hg']\nyx\n"
        wait_for_no_worker(host)


def interrupt(process: subprocess.Popen[str]) -> tuple[float, str]:
    """Press Ctrl-C; returns the seconds until the process had ended, and what it had said."""
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, said = process.communicate(timeout=60)
    return time.monotonic() - began, said


class TestCtrlC:
    @pytest.mark.parametrize(
        "program",
        [
            CALL,
            "list(MisbehavingModel(**WHERE).stream([{'do': 'hang', 'note': 'begun'}] * 10))",
            "MisbehavingModel(**WHERE).predict({'do': 'c-call', 'note': 'begun'})",
            "MisbehavingModel(call_timeout_s=300, **WHERE).predict({'do': 'hang', 'note': 'begun'})",
            "ParallelModel(MisbehavingModel, 2, **WHERE).predict_batch([{'do': 'hang', 'note': 'begun'}] * 4)",
        ],
        ids=["predict_batch", "stream", "native code", "with a time limit", "parallel"],
    )
    def test_it_ends_a_call_at_once_and_leaves_nothing(self, host: Host, program: str) -> None:
        process = host.start(program)
        host.wait_for_note()

        took_s, said = interrupt(process)

        assert "KeyboardInterrupt" in said
        assert took_s < INTERRUPTED_WITHIN_S
        assert host.workers() == []
        assert host.exchange_folders() == []

    @pytest.mark.parametrize(
        "program",
        [
            "MisbehavingModel(seconds=300, **WHERE).predict({'do': 'reverse'})",
            "ParallelModel(MisbehavingModel, 2, seconds=300, **WHERE).predict_batch([{'do': 'reverse'}] * 4)",
        ],
        ids=["one", "parallel"],
    )
    def test_it_ends_a_start_at_once_and_leaves_nothing(self, host: Host, program: str) -> None:
        process = host.start(program)
        wait_for(host.workers, 60, "a worker starts")
        time.sleep(0.5)

        took_s, said = interrupt(process)

        assert "KeyboardInterrupt" in said
        assert took_s < INTERRUPTED_WITHIN_S
        assert host.workers() == []
        assert host.exchange_folders() == []

    def test_the_program_may_go_on_with_the_same_model(self, host: Host) -> None:
        process = host.start(
            """
    model = MisbehavingModel(**WHERE)
    try:
        model.predict({"do": "hang", "note": "begun"})
    except KeyboardInterrupt:
        print(model.predict({"do": "reverse", "text": "abc"}), flush=True)
    """
        )
        host.wait_for_note()

        os.killpg(process.pid, signal.SIGINT)

        assert process.communicate(timeout=60)[0] == "{'output': 'cba'}\n"
        assert host.workers() == []


class TestKilledHost:
    @pytest.mark.parametrize(
        "program",
        [
            CALL,
            "MisbehavingModel(**WHERE).predict({'do': 'c-call', 'note': 'begun'})",
            "MisbehavingModel(**WHERE).predict({'do': 'c-call-with-the-lock', 'note': 'begun'})",
            "MisbehavingModel(**WHERE).predict({'do': 'leave-a-child', 'note': 'begun'}); time.sleep(300)",
            "model = MisbehavingModel(**WHERE); model.predict({'do': 'reverse', 'note': 'begun'}); time.sleep(300)",
            f"{CALL[:-1]} * 2000)",
        ],
        ids=["computing", "native code", "native code that holds the lock", "a child of the model", "idle", "batches"],
    )
    def test_no_worker_outlives_it(self, host: Host, program: str) -> None:
        process = host.start(program)
        host.wait_for_note()
        assert host.workers()

        process.kill()
        process.wait()

        wait_for_no_worker(host)

    def test_no_worker_outlives_it_that_still_loads_its_model(self, host: Host) -> None:
        process = host.start("MisbehavingModel(seconds=300, **WHERE).predict({'do': 'reverse'})")
        wait_for(host.workers, 60, "a worker starts")
        time.sleep(0.5)

        process.kill()
        process.wait()

        wait_for_no_worker(host)

    @pytest.mark.parametrize("forked", ["before", "after"])
    def test_no_worker_outlives_it_though_a_child_that_it_forked_lives_on(self, host: Host, forked: str) -> None:
        fork = "child = os.fork()\nif child == 0: time.sleep(300)\n"
        call = "model = MisbehavingModel(**WHERE); model.predict({'do': 'reverse', 'note': 'begun'})\n"
        process = host.start((fork + call if forked == "before" else call + fork) + "print(child); time.sleep(300)")
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            process.kill()
            process.wait()

            wait_for_no_worker(host)
            os.kill(child, 0)  # it lives
        finally:
            os.kill(child, signal.SIGKILL)

    def test_no_worker_outlives_it_whenever_it_is_killed(self, host: Host) -> None:
        """From before the worker is created until after it has answered."""
        program = "MisbehavingModel(**WHERE).predict({'do': 'reverse', 'text': 'abc'})"
        began = time.monotonic()
        host.run(program)
        took_s = time.monotonic() - began

        for sixth in range(2, 7):
            process = host.start(program + "; time.sleep(300)")
            time.sleep(took_s * sixth / 6)
            process.kill()
            process.wait()

        wait_for_no_worker(host)

    def test_the_folder_that_it_leaves_is_found_to_be_nobodys(self, host: Host) -> None:
        process = host.start(CALL)
        host.wait_for_note()
        (folder,) = host.exchange_folders()
        an_hour_ago = time.time() - 3600

        os.utime(folder, (an_hour_ago, an_hour_ago))
        host.run("MisbehavingModel(**WHERE).predict({'do': 'reverse'})")
        kept = folder.exists()
        process.kill()
        process.wait()
        host.run("MisbehavingModel(**WHERE).predict({'do': 'reverse'})")

        assert kept
        assert not folder.exists()


class TestKilledHostOfAContainer:
    """The moments that only a container has."""

    @pytest.fixture
    def runtime(self, docker_runtime: Runtime) -> Runtime:
        return docker_runtime

    @pytest.mark.parametrize("moment", ["_attach", "_create"])
    def test_nothing_is_left_of_one_that_was_never_started(self, host: Host, moment: str) -> None:
        process = host.start(
            f"""
    import repro.runtimes.container as container
    real = container.{moment}

    def {moment}(*arguments):
        real(*arguments)
        print("now", flush=True)
        time.sleep(300)

    container.{moment} = {moment}
    MisbehavingModel(**WHERE).predict({{"do": "reverse"}})
    """
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        assert "Created" in str(host.workers())

        process.kill()
        process.wait()

        wait_for_no_worker(host)

    @pytest.mark.parametrize("forked", [False, True])
    def test_a_command_does_not_outlive_it(self, host: Host, forked: bool) -> None:
        process = host.start(
            f"""
    def call():
        with DockerContainer(WHERE["image"]) as container:
            container.run_command("echo begun > /repro/data/notes.txt; sleep 300")

    threading.Thread(target=call, daemon=True).start()
    while not list(Path(os.environ["TMPDIR"]).glob("**/notes.txt")):
        time.sleep(0.05)
    child = os.fork() if {forked} else os.getpid()
    if child == 0:
        time.sleep(300)
    print(child, flush=True)
    time.sleep(300)
    """
        )
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert host.workers()
        try:
            process.kill()
            process.wait()

            wait_for_no_worker(host)
        finally:
            if forked:
                os.kill(child, signal.SIGKILL)

    def test_ctrl_c_ends_a_command_at_once_and_leaves_nothing(self, host: Host) -> None:
        process = host.start(
            """
    with DockerContainer(WHERE["image"]) as container:
        container.run_command("echo begun > /repro/data/notes.txt; sleep 300")
    """
        )
        host.wait_for_note()

        took_s, said = interrupt(process)

        assert "KeyboardInterrupt" in said
        assert took_s < INTERRUPTED_WITHIN_S
        assert host.workers() == []
        assert host.exchange_folders() == []
