from flywheel.cluster.deaths import reason

PROCESS = """The actor died unexpectedly before finishing this task.
\tclass_name: _Collector
\tactor_id: 55d6c81ab2541c559f87b3b001000000
\tpid: 31441
\tname: some
\tnamespace: e1da2649-858a-4289-b0ed-54bd064c1932
\tip: 127.0.0.3
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker \
unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was killed \
by the OOM killer due to high memory usage."""
MACHINE = """The actor died unexpectedly before finishing this task.
\tclass_name: _Collector
The actor died because its node has died. Node Id: a1159e308a11feb9d955039cd4ce3f9901f0919b17ae1492d9b79c90
\tthe actor's node was terminated unexpectedly: health check failed due to missing too many heartbeats"""


def test_of_a_process_the_way_it_ended_is_told():
    assert reason(Exception(PROCESS)) == (
        "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: "
        "Worker unexpectedly exits with a connection error code 2. End of file."
    )


def test_of_a_machine_why_it_counts_as_dead():
    assert reason(Exception(MACHINE)).endswith("health check failed due to missing too many heartbeats")


def test_where_nothing_more_is_known_the_general_is_told():
    assert reason(Exception("The actor died unexpectedly before finishing this task.")).startswith("The actor died")
    assert reason(ValueError()) == "ValueError"
